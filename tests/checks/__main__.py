# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: the parts that were named, then the sum of them all on a line of its own."""

from __future__ import annotations

import argparse
import shlex
import sys
import typing as t

from checks.browser import browser
from checks.certificates import certificates
from checks.diagnose import diagnose
from checks.eda import eda
from checks.fleet import fleet
from checks.fuzz import fuzz
from checks.integration import integration
from checks.lint import lint
from checks.report import Outcome
from checks.sanity import sanity
from checks.units import units
from environments import CORES, EnvironmentFailed

Part = t.Callable[[t.Sequence[str], t.Sequence[str]], Outcome]
PARTS: dict[str, Part] = {
    "lint": lint,
    "certificates": certificates,
    "units": units,
    "integration": integration,
    "eda": eda,
    "sanity": sanity,
    "fleet": fleet,
    "diagnose": diagnose,
    "browser": browser,
    "fuzz": fuzz,
}
# The parts that run tests, so that it's wrong when they ran none.
TESTING = {"units", "integration", "fleet", "eda", "diagnose", "browser", "fuzz"}


def main(arguments: t.Sequence[str] | None = None) -> int:
    options = parse(arguments)
    outcome = Outcome()
    for name in options.parts:
        try:
            outcome += PARTS[name](options.cores, options.arguments)
        except EnvironmentFailed as failure:
            print(f"{name}: {failure}", flush=True)
            outcome += Outcome(failed=1)
    return conclude(options.parts, outcome)


def conclude(parts: t.Sequence[str], outcome: Outcome) -> int:
    """The last line, and the exit status: not a single test that passed is no success."""
    testing = bool(TESTING.intersection(parts))
    if testing:
        print(outcome, flush=True)
    return 1 if outcome.failed or (testing and not outcome.passed) else 0


def parse(arguments: t.Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="checks", description="Run parts of the tests.")
    parser.add_argument("parts", nargs="+", choices=PARTS, metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--cores", type=core_names, default=(), help="for example '2.16 newest'")
    parser.add_argument(
        "--arguments", type=shlex.split, default=(), help="for pytest, or targets for ansible-test"
    )
    return parser.parse_args(arguments)


def core_names(text: str) -> list[str]:
    """'2.16 newest' as the names of environments."""
    names = [name if name in CORES else f"core-{name}" for name in text.split()]
    unknown = [name for name in names if name not in CORES]
    if unknown:
        raise argparse.ArgumentTypeError(
            f"no such core: {', '.join(unknown)}; there are: {', '.join(CORES)}"
        )
    return names


if __name__ == "__main__":
    sys.exit(main())
