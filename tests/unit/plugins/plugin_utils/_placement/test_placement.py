# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests whether the replicas of a group are in enough zones and fault domains."""

from __future__ import annotations

import json
import typing as t

import pytest
from documents import quick
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.imds.azure.plugins.module_utils._errors import OptionError
from ansible_collections.imds.azure.plugins.plugin_utils._placement.location import Place
from ansible_collections.imds.azure.plugins.plugin_utils._placement.placement import (
    Replica,
    Rules,
    checked_rules,
    map_data,
    placement,
    replica,
    violations,
)


def vm(name: str, place: str) -> Replica:
    """The place in a text LOCATION/ZONE/FAULT DOMAIN/SCALE SET. The last parts can be left out."""
    location, zone, domain, scale_set = (*place.split("/"), "", "", "")[:4]
    where = Place(location=location, zone=zone, fault_domain=domain, scale_set=scale_set)
    return Replica(name, where, "", {})


def group(*places: str) -> list[Replica]:
    return [vm(f"vm-{number}", place) for number, place in enumerate(places)]


def broken(places: t.Sequence[str], **rules: t.Any) -> list[str]:
    return [
        violation.rule
        for violation in violations(group(*places), checked_rules(**{**Rules()._asdict(), **rules}))
    ]


@pytest.mark.parametrize(
    ("places", "count"),
    [
        ([], 0),
        (["we"], 0),
        (["we/1/0/s", "we/1/0/s"], 1),
        (["we/1/0/s", "we/1/1/s"], 2),
        # Without a scale set, the numbers prove nothing, because IMDS does not name availability sets.
        (["we/1/0", "we/1/1"], 1),
        (["we//0", "we//1", "we//2"], 1),
        # Another zone is another fault domain with any number.
        (["we/1/0", "we/2/0"], 2),
        (["we/1/0", "ne/1/0"], 2),
        # Numbers of two sets can't be compared. These hosts could be in one rack.
        (["we//0/a", "we//1/b"], 1),
        (["we//0/a", "we//1/a", "we//2/b"], 2),
        (["we/1/0/a", "we/1/1/a", "we/2/0/b"], 3),
        (["we//", "we//0"], 1),
    ],
)
def test_fault_domains_count_where_they_are_certainly_different(
    places: list[str], count: int
) -> None:
    assert placement(group(*places), Rules())["counts"]["fault_domains"] == count


@pytest.mark.parametrize(
    ("places", "rules", "expected"),
    [
        (["we/1", "we/2", "we/3"], {"min_zones": 3}, []),
        (["we/1", "we/2", "we/2"], {"min_zones": 3}, ["min_zones"]),
        (["we/1", "ne/1"], {"min_zones": 2}, []),
        (["we//0", "we//1"], {"min_zones": 1}, ["min_zones"]),
        (["we//0/s", "we//1/s"], {"min_fault_domains": 2}, []),
        (["we//0/s", "we//0/s"], {"min_fault_domains": 2}, ["min_fault_domains"]),
        (["we/1", "we/2"], {"max_share": 0.5}, []),
        (["we/1", "we/1", "we/2"], {"max_share": 0.5}, ["max_share"]),
        (["we/1"] * 3 + ["we/2"] * 3, {"max_share": 0.4}, ["max_share", "max_share"]),
        # A third is exact, without errors of floating-point numbers.
        (["we/1", "we/2", "we/3"], {"max_share": 1 / 3}, []),
        (["we/1"] * 7 + ["we/2"] * 3, {"max_share": 0.7}, []),
        # Without zones, fault domains count, and without these the location.
        (["we//0/a", "we//0/a", "we//1/a"], {"max_share": 0.5}, ["max_share"]),
        (["we//0/a", "we//1/a", "we//0/b", "we//1/b"], {"max_share": 0.5}, []),
        # In the worst case, the fullest fault domains of two sets are one. Without a set, all fault domains are one.
        (["we//0/a", "we//0/b"], {"max_share": 0.5}, ["max_share"]),
        (["we//0", "we//1", "ne//0"], {"max_share": 0.5}, ["max_share"]),
        (["we", "we", "ne"], {"max_share": 0.5}, ["max_share"]),
        (["we/1", ""], {"min_zones": 1}, ["unknown"]),
        ([], {"max_share": 0.5}, ["empty"]),
        ([], {}, []),
        (["we/1", ""], {}, []),
    ],
)
def test_violations(places: list[str], rules: dict[str, t.Any], expected: list[str]) -> None:
    assert broken(places, **rules) == expected


def test_hosts_that_violate_are_named() -> None:
    (share,) = violations(group("we/1", "we/1", "we/2"), Rules(max_share=0.5))
    assert share.hosts == ["vm-0", "vm-1"]
    assert share.move == ["vm-1"]
    assert (
        share.message == "zone 1 of we has 2 of 3 hosts, which is 67%, and at most 50% are allowed"
    )
    (zones,) = violations(group("we/1", "we/1"), Rules(min_zones=2))
    assert zones.hosts == ["vm-0", "vm-1"]
    assert zones.message == "the hosts are in 1 zone, and 2 are required"


@pytest.mark.parametrize(
    "rules",
    [
        {"min_zones": -1},
        {"min_zones": "three"},
        {"min_zones": 1.5},
        {"min_zones": None},
        {"min_fault_domains": []},
        {"max_share": 0},
        {"max_share": 1.01},
        {"max_share": "half"},
        {"max_share": float("nan")},
        {"max_share": None},
    ],
)
def test_bad_rules_are_refused(rules: dict[str, t.Any]) -> None:
    with pytest.raises(OptionError, match=next(iter(rules))):
        checked_rules(**{**Rules()._asdict(), **rules})


def test_rules_can_be_texts() -> None:
    # In the forms of the command line, and of templates in older versions of ansible-core.
    assert checked_rules("3", "2", "0.5") == Rules(3, 2, 0.5)


FACTS = {
    "compute": {"location": "West Europe", "zone": "1", "vmSize": "D2"},
    "tags": {"Env": "prod"},
}


@pytest.mark.parametrize(
    "variables",
    [
        {"ansible_facts": {"azure_imds": FACTS}},
        {"azure_imds": FACTS},
        {"ansible_facts": {"azure_imds": FACTS}, "azure_imds": {"compute": {"location": "old"}}},
        {"ansible_facts": {"azure_imds": {}}, "azure_imds": FACTS},
    ],
)
def test_the_fact_counts_before_the_inventory(variables: dict[str, t.Any]) -> None:
    place = Place(location="westeurope", zone="1")
    assert replica("a", variables) == Replica("a", place, "D2", {"Env": "prod"})


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"azure_imds": None},
        {"azure_imds": []},
        {"azure_imds": {"compute": 1, "tags": "x"}},
        {"ansible_facts": 1},
    ],
)
def test_a_host_can_be_unknown(variables: dict[str, t.Any]) -> None:
    assert not replica("a", variables).known


def test_placement_as_data() -> None:
    found = placement(group("we/1/0/s", "we/1/1/s", "we/2/0/s", ""), Rules(min_zones=3))
    assert found["passed"] is False
    assert [violation["rule"] for violation in found["violations"]] == ["unknown", "min_zones"]
    assert found["counts"] == {"hosts": 4, "locations": 1, "zones": 2, "fault_domains": 3}
    site = {"cloud": "", "location": "we", "edge_zone": ""}
    zone = {**site, "subscription": "", "physical_zone": ""}
    assert found["zones"] == [
        {**zone, "zone": "1", "hosts": 2, "share": 0.5},
        {**zone, "zone": "2", "hosts": 1, "share": 0.25},
    ]
    scale_set = {"set_subscription": "", "resource_group": "", "placement_group": ""}
    scale_set["scale_set"] = "s"
    assert found["fault_domains"][1:] == [
        {**zone, "zone": "1", **scale_set, "fault_domain": "1", "hosts": 1, "share": 0.25},
        {**zone, "zone": "2", **scale_set, "fault_domain": "0", "hosts": 1, "share": 0.25},
    ]
    assert found["locations"] == [{**site, "zones": 2, "hosts": 3, "share": 0.75}]
    assert found["scale_sets"] == [{**scale_set, "hosts": 3, "share": 0.75}]
    assert found["dedicated_hosts"] == found["notices"] == []
    assert found["unknown"] == ["vm-3"]
    assert placement([], Rules())["passed"]


PLACES = st.tuples(
    st.sampled_from(["", "we", "ne"]),
    st.sampled_from(["", "1", "2"]),
    st.sampled_from(["", "0", "1"]),
    st.sampled_from(["", "a", "b"]),
).map("/".join)


@quick
@given(st.lists(PLACES, max_size=12))
def test_counts_add_up(places: list[str]) -> None:
    found = placement(group(*places), Rules(max_share=0.5))
    assert found["counts"]["hosts"] == len(places)
    assert found["counts"]["zones"] == len(found["zones"]) <= len(places)
    assert found["counts"]["fault_domains"] <= len(found["fault_domains"])
    assert sum(zone["hosts"] for zone in found["zones"]) <= len(places)


@quick
@given(st.lists(PLACES, min_size=1, max_size=12))
def test_a_rule_beyond_the_number_of_hosts_is_never_met(places: list[str]) -> None:
    counts = placement(group(*places), Rules())["counts"]
    assert "min_zones" in broken(places, min_zones=counts["zones"] + 1)
    assert "min_fault_domains" in broken(places, min_fault_domains=counts["fault_domains"] + 1)
    assert "min_zones" not in broken(places, min_zones=counts["zones"])


@quick
@given(st.text(), st.dictionaries(st.text(), st.text()))
def test_no_text_can_end_the_script_element_of_a_map(name: str, tags: dict[str, str]) -> None:
    place = Place(name, "we", "1", "0", name, physical_zone=name, subscription=name)
    hosts = [Replica(name, place, "", tags), vm(f"{name}-", "we/1")]
    text = map_data(hosts, hosts, {"all": [name], "web": [name]}, name, "web", Rules(min_zones=3))
    assert not set("<>&") & set(text)
    assert text.isascii()
    data = json.loads(text)
    assert data["title"] == data["hosts"][0]["name"] == name
    assert dict(data["hosts"][0]["tags"]) == tags
    assert data["violations"]


def test_a_map_marks_only_the_replicas_that_would_have_to_move() -> None:
    hosts = [vm("a", "we/1"), vm("b", "we/1"), vm("c", "we/1")]
    groups = {"all": ["a", "b", "c"], "ungrouped": ["c"], "web": ["a", "b"], "other": ["x"]}
    data = json.loads(map_data(hosts, hosts[:2], groups, "t", "web", Rules(2, 0, 0.5)))
    assert data["groups"] == ["web"]
    assert data["replicas"] == 2
    assert data["rules"] == [
        "at least 2 zones",
        "at most 50% of the hosts in one zone or fault domain",
    ]
    assert [host["violations"] for host in data["hosts"]] == [[], [0, 1], []]
    assert [host["groups"] for host in data["hosts"]] == [[0], [0], []]
