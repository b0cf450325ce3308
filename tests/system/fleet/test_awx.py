# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the project of the guide as AWX runs it."""

from __future__ import annotations

import yaml

from fleet import guide
from fleet.conftest import Awx
from fleet.machines import FLEET, WEST, names
from fleet.test_fleet import expected_groups, hosts_of
from project import ROOT

# The hosts to which the job was limited.
ASKED = WEST[:3]


def test_before_the_first_job_nothing_is_known(awx: Awx) -> None:
    assert set(awx.first_update["azure_unknown"]["hosts"]) == names(FLEET)


def test_the_job_needs_nobody(awx: Awx) -> None:
    assert awx.job.status == 0, awx.job
    assert awx.job.asked == names(ASKED)


def test_the_source_groups_by_what_the_job_gathered(awx: Awx) -> None:
    groups = expected_groups(ASKED)
    assert hosts_of(awx.second_update, groups) == groups
    assert set(awx.second_update["azure_unknown"]["hosts"]) == names(FLEET) - names(ASKED)
    for machine in ASKED:
        fact = awx.second_update["_meta"]["hostvars"][machine.name]["azure_imds"]
        assert fact["compute"]["vmId"] == machine.document["compute"]["vmId"]


def test_with_fact_storage_later_jobs_know_what_earlier_ones_gathered(awx: Awx) -> None:
    assert awx.storing.status == 0, awx.storing
    assert awx.stored.status == 0, awx.stored
    for machine in WEST[:2]:
        assert f"{machine.name} is {machine.vm}" in awx.stored.output


def test_with_fact_storage_constructed_inventories_group(awx: Awx) -> None:
    assert awx.constructed["zone_1"]["hosts"] == [WEST[0].name]
    assert awx.constructed["zone_2"]["hosts"] == [WEST[1].name]
    assert set(awx.constructed["location_westeurope"]["hosts"]) == names(WEST[:2])


def test_the_project_asks_for_this_collection() -> None:
    wanted = yaml.safe_load(guide.files()["collections/requirements.yml"])["collections"]
    galaxy = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))
    assert wanted[0]["name"] == f"{galaxy['namespace']}.{galaxy['name']}"
