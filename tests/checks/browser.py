# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real browser looks at the map of the fleet, which its role makes, and at the documentation site."""

from __future__ import annotations

import typing as t

from checks import isolation, programs, report, units, worktree
from checks.docs import SITE
from environments import ROOT, VENVS, bin_folder

PROGRAMS = {"chromium": "chromium", "chromedriver": "chromium-driver"}
SCREENSHOTS = VENVS / "screenshots"


def browser(_cores: t.Sequence[str], arguments: t.Sequence[str]) -> report.Outcome:
    programs.require(PROGRAMS)
    results = report.LOGS / "browser.xml"
    results.unlink(missing_ok=True)
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    programs_folder = bin_folder("browser")
    pytest = (str(programs_folder / "python"), "-m", "pytest", "--quiet", "tests/browser")
    command = [*isolation.prefix(), *pytest, f"--junit-xml={results}", *arguments]
    with worktree.copy("browser") as tree:
        env = {
            **report.with_programs(programs_folder),
            "ANSIBLE_COLLECTIONS_PATH": str(tree.parents[2]),
            "ANSIBLE_HOME": str(VENVS / "home"),
            "IMDS_SCREENSHOTS": str(SCREENSHOTS),
            "IMDS_SITE": str(SITE),
        }
        answer = report.run("browser", command, ROOT, env)
    outcome = units.outcome_of(answer, results)
    report.say("browser", answer, str(outcome))
    return outcome
