# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures the collection beside its peers and writes docs/benchmarks.md: `make benchmark`.

    python3 -m benchmarks [--runs 7] [PART ...]

Needs root, for network namespaces: 169.254.169.254 is only asked in those.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import typing as t

from benchmarks import _page, inventory, peers
from checks import namespaces, programs
from checks.fleet import PROGRAMS
from environments import ROOT, SIMULATOR, EnvironmentFailed, bin_folder

INSIDE = ("facts", "lookups", "limit", "fleet")
SIZES = (1_000, 10_000)
PARTS = (*INSIDE, "peers", "inventory")


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="benchmarks", description="Measure, and write docs/benchmarks.md."
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    unknown = sorted(set(options.parts) - set(PARTS))
    if unknown:
        parser.error(f"there is no part {', '.join(unknown)}; there are: {', '.join(PARTS)}")
    try:
        namespaces.check_root()
        programs.require(PROGRAMS)
        for part in options.parts or PARTS:
            measure(part, options.runs)
    except EnvironmentFailed as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1
    return 0


def measure(part: str, runs: int) -> None:
    if part == "inventory":
        for size in SIZES:
            inventory.measure(size, runs)
        return
    if part == "peers":
        _page.keep(part, runs, peers.rows(runs))
    else:
        _page.keep(part, runs, inside(part, runs))
    # After each part, so that one that fails costs only itself.
    _page.write()


def inside(part: str, runs: int) -> list[dict[str, t.Any]]:
    """A part that needs namespaces of its own, by the programs of the environment that has everything."""
    python = str(bin_folder("fleet") / "python")
    done = subprocess.run(
        [*namespaces.prefix(), python, "-m", "benchmarks._inside", part, str(runs)],
        cwd=ROOT / "tests",
        env={**os.environ, "PYTHONPATH": str(SIMULATOR)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        check=False,
    )
    if done.returncode:
        raise EnvironmentFailed(f"{part} could not be measured, as said above")
    rows: list[dict[str, t.Any]] = json.loads(done.stdout)
    return rows


if __name__ == "__main__":
    sys.exit(main())
