# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests several controllers that share one fact cache. Each controller has a part of the fleet."""

from __future__ import annotations

from fleet.conftest import Shared
from fleet.machines import DOWN, ELSEWHERE, FLEET, NO_IMDS, WEST, names
from fleet.test_fleet import expected_groups, hosts_of

FAILED = (NO_IMDS, ELSEWHERE, DOWN)
KNOWN = tuple(machine for machine in FLEET if machine not in FAILED)


def test_each_controller_gathers_its_part(shared: Shared) -> None:
    assert shared.west.status == 0, shared.west
    assert shared.west.asked == names(WEST)
    assert shared.north.status == 2, shared.north
    assert set(shared.north.failures) == names(FAILED)


def test_a_region_of_a_large_fleet_has_its_own_snapshots(shared: Shared) -> None:
    assert shared.written == {f"{machine.name}.json" for machine in WEST}
    assert all(f"|--{machine.vm}\n" in shared.large.output for machine in WEST)
    assert "@location_westeurope:" in shared.large.output
    assert "@tags" not in shared.large.output


def test_facts_are_in_redis_and_nowhere_else(shared: Shared) -> None:
    for machine in KNOWN:
        assert f"{machine.name}\n" in shared.keys


def test_every_controller_sees_all_that_any_gathered(shared: Shared) -> None:
    groups = expected_groups(KNOWN)
    for answer in shared.seen.values():
        assert hosts_of(answer.data, groups) == groups
        assert set(answer.data["azure_unknown"]["hosts"]) == names(FAILED)
        assert set(answer.data["_meta"]["hostvars"]) == names(FLEET)


def test_stale_facts_are_absent_with_one_warning(shared: Shared) -> None:
    assert "@zones" not in shared.stale.output
    assert all(f"|  |--{machine.name}" in shared.stale.output for machine in FLEET)
    warned = " ".join(shared.stale.errors.split())
    assert warned.count(f"facts of {len(KNOWN)} hosts are older than max_age") == 1


def test_without_redis_it_fails_and_says_so(shared: Shared) -> None:
    assert shared.unreachable.status != 0, shared.unreachable
    assert "connecting to redis.example.net:6380" in shared.unreachable.errors
    assert "Traceback" not in shared.unreachable.errors
