# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a small fleet until it is ended. The test then checks what is left: `python -m fleet REPORT`."""

from __future__ import annotations

import pathlib
import signal
import sys

from fleet.fleet import Fleet
from fleet.machines import FLEET
from fleet.network import own_namespaces


def main(report: str) -> None:
    fleet = Fleet(FLEET[:1])
    try:
        pathlib.Path(report).write_text("\n".join(sorted(own_namespaces())), encoding="utf-8")
        print("up", flush=True)
        signal.pause()
    finally:
        fleet.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
