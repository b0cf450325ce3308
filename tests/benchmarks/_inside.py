# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One part of the benchmark, within the namespaces that benchmarks/__main__.py makes: `_inside.py PART RUNS` prints JSON."""

from __future__ import annotations

import dataclasses
import importlib
import json
import sys


def main(part: str, runs: str) -> None:
    rows = importlib.import_module(f"benchmarks._{part}").measure(int(runs))
    print(json.dumps([dataclasses.asdict(row) for row in rows]))


if __name__ == "__main__":
    main(*sys.argv[1:])
