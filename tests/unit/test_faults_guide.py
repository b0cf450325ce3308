# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests that the guide to faults describes exactly the tests."""

from __future__ import annotations

import pytest

import project
from faults.evidence import SECTIONS, Trial
from faults.guide import PATH, written

TRIALS = [trial for trials in SECTIONS.values() for trial in trials]


def test_the_tables_match_the_cases() -> None:
    text = PATH.read_text(encoding="utf-8")
    assert text == written(text), "run python3 -m faults in the folder tests"


@pytest.mark.parametrize("trial", TRIALS, ids=lambda trial: trial.tried)
def test_every_trial_of_the_guide_has_a_test(trial: Trial) -> None:
    for path, what in trial.where:
        assert what in (project.ROOT / path).read_text(encoding="utf-8"), f"{path}: {what}"
