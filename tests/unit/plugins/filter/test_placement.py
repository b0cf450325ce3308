# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the filters as Ansible calls them."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible.errors import AnsibleFilterError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from ansible_collections.imds.azure.plugins.filter.placement import FilterModule

placement = FilterModule().filters()["placement"]
placement_map = FilterModule().filters()["placement_map"]
HOSTVARS = {
    name: {"azure_imds": {"compute": {"location": "we", "zone": zone}, "tags": {}}}
    for name, zone in (("b", "1"), ("a", "2"))
}


def test_placement() -> None:
    found = placement(HOSTVARS, ["a", "b"], min_zones=2, max_share="0.5")
    assert found["passed"]
    assert json.loads(json.dumps(found)) == found


def test_the_map_is_sorted_by_name() -> None:
    data = json.loads(placement_map(HOSTVARS, ["b", "a"], {"all": ["a", "b"]}, title="Mine"))
    assert [host["name"] for host in data["hosts"]] == ["a", "b"]
    assert data["title"] == "Mine"


def test_the_rules_include_hosts_that_are_not_on_the_map() -> None:
    groups = {"all": ["a", "b"], "web": ["a", "b"]}
    data = json.loads(placement_map(HOSTVARS, ["b"], groups, group="web", min_zones=3))
    assert [host["name"] for host in data["hosts"]] == ["b"]
    assert data["replicas"] == 2
    assert data["violations"] == ["the hosts are in 2 zones, and 3 are required"]


def test_messages_that_quote_a_template_are_text() -> None:
    compute = {"location": "{{ 7 * 7 }}", "zone": "{{ 7 * 7 }}"}
    hostvars = {"a": {"azure_imds": {"compute": compute, "tags": {"{{ 7 * 7 }}": "x"}}}}
    for found in (
        placement(hostvars, ["a"], min_zones=2, max_share=0.5),
        placement_map(hostvars, ["a"], {"all": ["a"]}, max_share=0.5),
    ):
        assert "{{ 7 * 7 }}" in str(found)
        assert Templar(loader=DataLoader(), variables={}).template(found) == found


@pytest.mark.parametrize(
    ("hostvars", "hosts", "rules"),
    [
        (HOSTVARS, "a", {}),
        ("text", ["a"], {}),
        (HOSTVARS, ["c"], {}),
        (HOSTVARS, ["a"], {"min_zones": "x"}),
        (HOSTVARS, ["a"], {"max_share": 2}),
        (HOSTVARS, ["a"], {"min_zones_per_location": -1}),
    ],
)
def test_bad_input_is_one_message(hostvars: t.Any, hosts: t.Any, rules: dict[str, t.Any]) -> None:
    with pytest.raises(AnsibleFilterError, match=r"^imds\.azure\.placement"):
        placement(hostvars, hosts, **rules)
    with pytest.raises(AnsibleFilterError, match=r"^imds\.azure\.placement_map"):
        placement_map(hostvars, hosts, {}, **rules)
