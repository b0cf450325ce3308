# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests that a fleet leaves nothing behind, however it ends. leftovers.py checks the whole run in the same way."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys

import pytest

from fleet.network import mounts, until, users
from tools.isolation import root_prefix

SYSTEM = pathlib.Path(__file__).resolve().parents[1]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_end_leaves_nothing(tmp_path: pathlib.Path, number: signal.Signals) -> None:
    report = tmp_path / "report"
    before = mounts()
    # A shell that runs the tests in the background makes them ignore SIGINT, and a new process inherits that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [*root_prefix(), sys.executable, "-m", "fleet", str(report)],
        cwd=SYSTEM,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stdout
    with process.stdout:
        assert process.stdout.readline() == b"up\n"
        namespaces = set(report.read_text(encoding="utf-8").split())
        assert len(users(namespaces)) > 3
        end = os.kill if number == signal.SIGKILL else os.killpg
        end(process.pid, number)
        process.wait(20)
    until(lambda: not users(namespaces), "all processes to end")
    assert mounts(namespaces) == before
