# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The unit tests, with plain pytest, on two ansible-cores."""

from __future__ import annotations

import functools
import pathlib
import typing as t
from xml.etree import ElementTree

from checks import report
from environments import ROOT, bin_folder

# 2.16 runs the integration tests only: what differs between the lines shows there.
CORES = ("core-2.19", "core-newest")


def units(cores: t.Sequence[str], arguments: t.Sequence[str]) -> report.Outcome:
    return report.side_by_side(
        functools.partial(unit_tests, core, arguments) for core in cores or CORES
    )


def unit_tests(core: str, arguments: t.Sequence[str]) -> report.Outcome:
    name = f"units {core}"
    results = report.LOGS / f"units-{core}.xml"
    results.unlink(missing_ok=True)
    python = bin_folder(core) / "python"
    command = [str(python), "-m", "pytest", "--quiet", f"--junit-xml={results}", *arguments]
    answer = report.run(name, command, ROOT)
    outcome = outcome_of(answer, results)
    report.say(name, answer, str(outcome))
    return outcome


def outcome_of(answer: report.Answer, results: pathlib.Path) -> report.Outcome:
    outcome = read_results(results)
    if answer.status and not outcome.failed:
        outcome += report.Outcome(
            failed=1
        )  # pytest itself: no tests found, a broken conftest.py, a crash
    return outcome


def read_results(file: pathlib.Path) -> report.Outcome:
    """What pytest wrote in JUnit's form; a skipped test is neither passed nor failed."""
    if not file.exists():
        return report.Outcome()
    outcome = report.Outcome()
    for suite in ElementTree.parse(file).getroot().iter("testsuite"):
        total, skipped, *bad = (
            int(suite.get(key, 0)) for key in ("tests", "skipped", "failures", "errors")
        )
        outcome += report.Outcome(total - skipped - sum(bad), sum(bad))
    return outcome
