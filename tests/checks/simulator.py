# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The guide to the simulator, run as a new user runs it: tests/system/simulator, with plain pytest."""

from __future__ import annotations

import typing as t

from checks import pytests, report
from environments import bin_folder


def simulator(_cores: t.Sequence[str], arguments: t.Sequence[str]) -> report.Outcome:
    tests = ["tests/system/simulator", *arguments]
    return pytests.run("simulator", bin_folder("core-newest"), tests)
