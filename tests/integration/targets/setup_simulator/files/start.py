# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts the simulator in the background. When it answers, the program prints its process ID and its endpoints as JSON.

start.py FOLDER_OF_THE_PACKAGE FOLDER_FOR_ITS_FILES [OPTION...]
"""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import time

PATIENCE = 30


def main(package: str, output: str, *options: str) -> None:
    endpoints = pathlib.Path(output, "endpoints.json")
    log = pathlib.Path(output, "simulator.txt")
    process = start(package, log, "--port=0", "--quiet", f"--endpoints={endpoints}", *options)
    deadline = time.monotonic() + PATIENCE
    while not endpoints.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            sys.exit(
                f"the simulator doesn't answer; what it said: {log.read_text(encoding='utf-8')}"
            )
        time.sleep(0.02)
    print(
        json.dumps(
            {"pid": process.pid, "endpoints": json.loads(endpoints.read_text(encoding="utf-8"))}
        )
    )


def start(package: str, log: pathlib.Path, *options: str) -> subprocess.Popen[bytes]:
    with log.open("wb") as file:
        return subprocess.Popen(
            [sys.executable, "-m", "imds_simulator", *options],
            cwd=package,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


main(*sys.argv[1:])
