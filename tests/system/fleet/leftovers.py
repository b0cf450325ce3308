# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks from outside that a fleet has left nothing behind: `python -m fleet.leftovers REPORT`.

REPORT has the namespaces that the test recorded.
"""

from __future__ import annotations

import pathlib
import sys
import time

from fleet.network import mounts, users


def main(report: str) -> None:
    # The kernel reuses the numbers of removed namespaces. So processes that begin from now on do not count.
    now = time.time()
    if not pathlib.Path(report).exists():
        sys.exit("the test of the fleet did not say which namespaces it was in")
    names = set(pathlib.Path(report).read_text(encoding="utf-8").split())
    left = [*users(names, now), *mounts(names)]
    if left:
        sys.exit("\n".join(("the test of the fleet left this behind:", *left)))


if __name__ == "__main__":
    main(*sys.argv[1:])
