# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running pytest in an environment, and reading what it wrote in JUnit's form."""

from __future__ import annotations

import os
import pathlib
import typing as t
from xml.etree import ElementTree

from checks import report
from environments import ROOT

# What the system tests import besides their own folder.
SHARED = (ROOT / "tests", ROOT / "tests" / "system")


def run(
    name: str,
    programs: pathlib.Path,
    arguments: t.Sequence[str],
    env: t.Mapping[str, str] | None = None,
    *,
    inside: t.Sequence[str] = (),
    cwd: pathlib.Path = ROOT,
) -> report.Outcome:
    """``programs`` is the environment's bin folder; ``inside`` goes before the command, as namespaces do."""
    results = report.LOGS / f"{name.replace(' ', '-')}.xml"
    results.unlink(missing_ok=True)
    pytest = (str(programs / "python"), "-m", "pytest", "--quiet", f"--junit-xml={results}")
    env = {**(os.environ if env is None else env), "PYTHONPATH": os.pathsep.join(map(str, SHARED))}
    answer = report.run(name, [*inside, *pytest, *arguments], cwd, env)
    outcome = outcome_of(answer, results)
    report.say(name, answer, str(outcome))
    return outcome


def outcome_of(answer: report.Answer, results: pathlib.Path) -> report.Outcome:
    outcome = read_results(results)
    if answer.status and not outcome.failed:
        # pytest itself: no tests found, a broken conftest.py, a crash
        outcome += report.Outcome(failed=1)
    return outcome


def read_results(file: pathlib.Path) -> report.Outcome:
    """A skipped test is neither passed nor failed."""
    if not file.exists():
        return report.Outcome()
    outcome = report.Outcome()
    for suite in ElementTree.parse(file).getroot().iter("testsuite"):
        total, skipped, *bad = (
            int(suite.get(key, 0)) for key in ("tests", "skipped", "failures", "errors")
        )
        outcome += report.Outcome(total - skipped - sum(bad), sum(bad))
    return outcome
