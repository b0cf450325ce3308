# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests that the tests run all files and commands of the guide. It runs last, and fails without the other tests."""

from __future__ import annotations

from fleet import guide
from fleet.controller import FOLLOWED


def test_every_file_of_the_guide_was_used() -> None:
    assert set(guide.files()) == guide.WRITTEN


def test_every_command_of_the_guide_was_run() -> None:
    assert set(guide.commands()) == FOLLOWED
