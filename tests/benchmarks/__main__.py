# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures the collection and similar tools, and prints the tables of docs/benchmarks.md: `make benchmark`.

    python -m benchmarks [--runs 7] [--sizes 1000 10000] [PART ...]

Needs root, because each part runs in its own namespaces. Only there, requests go to 169.254.169.254.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib
import subprocess
import sys
import typing as t

from benchmarks import _tables
from peers import root
from project import ROOT
from tools import isolation

PARTS = ("facts", "lookups", "limit", "fleet", "peers", "inventory")
INSIDE = "--inside"


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="benchmarks", description="Measure, and print the tables of docs/benchmarks.md."
    )
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000])
    parser.add_argument(INSIDE, action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    unknown = sorted(set(options.parts) - set(PARTS))
    if unknown:
        parser.error(f"there is no part {', '.join(unknown)}; there are: {', '.join(PARTS)}")
    if options.inside:
        measure(options.parts[0], options.runs, options.sizes)
        return 0
    return max(in_namespaces(part, options) for part in options.parts or PARTS)


def in_namespaces(part: str, options: argparse.Namespace) -> int:
    if part == "peers":
        root.make()
    sizes = ("--sizes", *map(str, options.sizes))
    command = (sys.executable, "-m", "benchmarks", part, INSIDE, f"--runs={options.runs}", *sizes)
    prefix = isolation.root_prefix()
    return subprocess.run([*prefix, *command], cwd=ROOT / "tests", check=False).returncode


def measure(part: str, runs: int, sizes: t.Sequence[int]) -> None:
    module = importlib.import_module(f"benchmarks._{part}")
    rows = module.measure(runs, sizes) if part == "inventory" else module.measure(runs)
    print(f"\n## {part}: {runs} runs on {_tables.machine()}\n")
    print(_tables.TABLES[part]([dataclasses.asdict(row) for row in rows]), flush=True)


if __name__ == "__main__":
    sys.exit(main())
