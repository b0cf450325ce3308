# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Serves each machine's IMDS in the namespace of that machine: `python -m fleet.imds PLAN.json`.

PLAN.json has a list of [namespace, arguments of the simulator]. One process for each, forked from one that has the
simulator imported already, as that is what takes its time.
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
    """os.setns is there from Python 3.12 on only."""
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
