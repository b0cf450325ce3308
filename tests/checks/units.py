# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The unit tests, with plain pytest, on two ansible-cores."""

from __future__ import annotations

import functools
import typing as t

from checks import pytests, report
from environments import bin_folder

# 2.16 runs the integration tests only: what differs between the lines shows there.
CORES = ("core-2.19", "core-newest")


def units(cores: t.Sequence[str], arguments: t.Sequence[str]) -> report.Outcome:
    return report.side_by_side(
        functools.partial(unit_tests, core, arguments) for core in cores or CORES
    )


def unit_tests(core: str, arguments: t.Sequence[str]) -> report.Outcome:
    return pytests.run(f"units {core}", bin_folder(core), arguments)
