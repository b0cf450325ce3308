# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real browser looks at the map of the fleet, which its role makes, and at the documentation site."""

from __future__ import annotations

import typing as t

from checks import isolation, programs, pytests, report, worktree
from checks.docs import SITE, docs
from environments import VENVS, bin_folder

PROGRAMS = {"chromium": "chromium", "chromedriver": "chromium-driver"}
SCREENSHOTS = VENVS / "screenshots"


def browser(cores: t.Sequence[str], arguments: t.Sequence[str]) -> report.Outcome:
    programs.require(PROGRAMS)
    built = docs(cores, ())
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    found = bin_folder("browser")
    with worktree.copy("browser") as tree:
        env = {
            **report.with_programs(found),
            "ANSIBLE_COLLECTIONS_PATH": str(tree.parents[2]),
            "ANSIBLE_HOME": str(VENVS / "home"),
            "IMDS_SCREENSHOTS": str(SCREENSHOTS),
            "IMDS_SITE": str(SITE),
        }
        looked = pytests.run(
            "browser", found, ["tests/system/browser", *arguments], env, inside=isolation.prefix()
        )
    return built + looked
