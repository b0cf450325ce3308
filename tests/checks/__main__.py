# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line: the parts that were named, then the sum of them all on a line of its own."""

from __future__ import annotations

import argparse
import functools
import shlex
import sys
import typing as t

from checks.browser import browser
from checks.certificates import certificates
from checks.diagnose import diagnose
from checks.docs import docs
from checks.eda import eda
from checks.fleet import fleet
from checks.fuzz import fuzz
from checks.integration import integration
from checks.lint import lint
from checks.package import package
from checks.peers import peers
from checks.pythons import pythons
from checks.report import Outcome, side_by_side
from checks.sanity import sanity
from checks.simulator import simulator
from checks.units import units
from environments import ENVIRONMENTS, LINES, EnvironmentFailed, matrix

Part = t.Callable[[t.Sequence[str], t.Sequence[str]], Outcome]
PARTS: dict[str, Part] = {
    "lint": lint,
    "certificates": certificates,
    "units": units,
    "integration": integration,
    "pythons": pythons,
    "package": package,
    "eda": eda,
    "sanity": sanity,
    "fleet": fleet,
    "diagnose": diagnose,
    "docs": docs,
    "browser": browser,
    "peers": peers,
    "simulator": simulator,
    "fuzz": fuzz,
}
# These run no tests, so it's no wonder when they count none.
WITHOUT_TESTS = {"lint", "certificates", "docs", "sanity"}


def main(arguments: t.Sequence[str] | None = None) -> int:
    options = parse(arguments)
    if options.matrix:
        options.cores = matrix(options.cores or LINES)
    outcome = side_by_side(functools.partial(run, name, options) for name in options.parts)
    return conclude(options.parts, outcome)


def run(part: str, options: argparse.Namespace) -> Outcome:
    try:
        return PARTS[part](options.cores, options.arguments)
    except EnvironmentFailed as failure:
        print(f"{part}: {failure}\n", end="", flush=True)
        return Outcome(failed=1)


def conclude(parts: t.Sequence[str], outcome: Outcome) -> int:
    """The last line, and the exit status: not a single test that passed is no success."""
    testing = bool(set(parts) - WITHOUT_TESTS)
    if testing:
        print(outcome, flush=True)
    return 1 if outcome.failed or (testing and not outcome.passed) else 0


def parse(arguments: t.Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="checks", description="Run parts of the tests.")
    parser.add_argument("parts", nargs="+", choices=PARTS, metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--cores", type=core_names, default=(), help="for example '2.16 newest'")
    parser.add_argument(
        "--matrix", action="store_true", help="all of these cores, each with all of its Pythons"
    )
    parser.add_argument(
        "--arguments", type=shlex.split, default=(), help="for pytest, or targets for ansible-test"
    )
    return parser.parse_args(arguments)


def core_names(text: str) -> list[str]:
    """'2.16 newest 2.19-py3.12' as the names of environments."""
    names = [f"core-{name.removeprefix('core-')}" for name in text.split()]
    unknown = [name for name in names if name not in ENVIRONMENTS]
    if unknown:
        raise argparse.ArgumentTypeError(
            f"no such core: {', '.join(unknown)}; there are: {', '.join(LINES)}, "
            "and each with one of its Pythons, as core-2.19-py3.12"
        )
    return names


if __name__ == "__main__":
    sys.exit(main())
