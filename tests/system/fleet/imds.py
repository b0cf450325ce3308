# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Serves the IMDS of each machine in the namespace of this machine: `python -m fleet.imds PLAN.json`.

PLAN.json has a list of [namespace, arguments of the simulator]. Each entry has a process. It is forked from a process
that has already imported the simulator, because this import is slow.
"""

from __future__ import annotations

import ctypes
import json
import os
import pathlib
import sys

from imds_simulator.__main__ import main as simulate

CLONE_NEWNET = 0x40000000


def enter(namespace: str) -> None:
    """Enters a namespace. os.setns exists only since Python 3.12."""
    libc = ctypes.CDLL(None, use_errno=True)
    with open(f"/run/netns/{namespace}", "rb") as file:
        if libc.setns(file.fileno(), CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), f"{namespace} can't be entered")


def main(plan: str) -> None:
    for namespace, arguments in json.loads(pathlib.Path(plan).read_text(encoding="utf-8")):
        if os.fork() == 0:
            enter(namespace)
            sys.exit(simulate(arguments))
    while True:
        try:
            os.wait()
        except ChildProcessError:
            return


if __name__ == "__main__":
    main(*sys.argv[1:])
