# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests which places are certainly different, from instance documents to counts and verdicts."""

from __future__ import annotations

import copy
import random
import typing as t

import pytest
from documents import quick
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.imds.azure.plugins.plugin_utils._placement.placement import (
    Rules,
    placement,
    replica,
    violations,
)
from ansible_collections.imds.azure.plugins.plugin_utils._placement.spread import Replica

Compute = dict[str, t.Any]
SET_ID = (
    "/subscriptions/{}/resourceGroups/{}/providers/Microsoft.Compute/virtualMachineScaleSets/{}"
)
HOST_ID = "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/hostGroups/hg/hosts/{}"


def uniform(name: str = "web", domain: str = "0", **more: t.Any) -> Compute:
    own = {"subscriptionId": "a", "resourceGroupName": "g", "location": "westeurope"}
    return {**own, "vmScaleSetName": name, "platformFaultDomain": domain, **more}


def flexible(name: str = "web", domain: str = "0", group: str = "g", **more: t.Any) -> Compute:
    scale_set = {"id": SET_ID.format("a", group, name)}
    return uniform("", domain, virtualMachineScaleSet=scale_set, **more)


def zonal(zone: str, **more: t.Any) -> Compute:
    return {"subscriptionId": "a", "location": "westeurope", "zone": zone, **more}


def fleet(computes: t.Sequence[Compute], name: str = "vm-{:02}") -> list[Replica]:
    return [
        replica(name.format(number), {"azure_imds": {"compute": compute}})
        for number, compute in enumerate(computes)
    ]


def found(*computes: Compute, **rules: t.Any) -> dict[str, t.Any]:
    return placement(fleet(computes), Rules(**rules))


@pytest.mark.parametrize(
    ("one", "other", "sets", "domains"),
    [
        (uniform(), uniform(domain="1"), 1, 2),
        (uniform(), uniform("WEB", "1", resourceGroupName="G", subscriptionId="A"), 1, 2),
        (uniform(), uniform(domain="1", resourceGroupName="h"), 2, 1),
        (uniform(), uniform(domain="1", subscriptionId="b"), 2, 1),
        (uniform(placementGroupId="P"), uniform(domain="1", placementGroupId="p"), 1, 2),
        (uniform(placementGroupId="p"), uniform(domain="1", placementGroupId="q"), 2, 1),
        (flexible(), flexible("Web", "1"), 1, 2),
        # The ID of a flexible set names its group. IMDS often writes one group in two casings.
        (flexible(), flexible("web", "1", group="G"), 1, 2),
        (flexible(), flexible("web", "1", group="h"), 2, 1),
        (flexible(resourceGroupName="vms"), flexible(domain="1", resourceGroupName="x"), 1, 2),
        (uniform(""), uniform("", "1"), 0, 1),
        # An unreadable ID still names a set, in the resource group of the VM.
        (uniform(virtualMachineScaleSet={"id": 1}), uniform(domain="1"), 1, 2),
    ],
)
def test_what_a_scale_set_is(one: Compute, other: Compute, sets: int, domains: int) -> None:
    result = found(one, other)
    assert len(result["scale_sets"]) == sets
    assert result["counts"]["fault_domains"] == domains


def test_sets_with_one_name_get_distinguishing_labels() -> None:
    rules = {"max_share": 0.2}
    (share,) = found(uniform(), uniform("WEB", resourceGroupName="h"), **rules)["violations"]
    assert share["message"].startswith(
        "a group of places that may be one fault domain (fault domain 0 of the scale set web (resource group g), "
        "fault domain 0 of the scale set WEB (resource group h)) of westeurope has 2 of 2 hosts"
    )
    (share,) = found(uniform(), uniform(), **rules)["violations"]
    assert share["message"].startswith("fault domain 0 of the scale set web of westeurope has 2")


@pytest.mark.parametrize(
    ("computes", "zones", "notices"),
    [
        ([zonal("1"), zonal("2")], 2, 0),
        # Zone 1 of one subscription can be zone 2 of another one.
        ([zonal("1"), zonal("2", subscriptionId="b")], 1, 1),
        ([zonal("1"), zonal("1", subscriptionId="b")], 1, 1),
        ([zonal("1"), zonal("2"), zonal("3", subscriptionId="b")], 2, 1),
        ([zonal("1"), zonal("2", subscriptionId="A")], 2, 0),
        # A host without a subscription may be in any subscription.
        ([zonal("1"), zonal("2", subscriptionId="")], 1, 1),
        # If all hosts have physical zones, these decide.
        (
            [
                zonal("1", physicalZone="we-az1"),
                zonal("2", subscriptionId="b", physicalZone="WE-AZ1"),
            ],
            1,
            0,
        ),
        (
            [
                zonal("1", physicalZone="we-az1"),
                zonal("1", subscriptionId="b", physicalZone="we-az2"),
            ],
            2,
            0,
        ),
        ([zonal("1", physicalZone="we-az1"), zonal("1", subscriptionId="b")], 1, 1),
        # One location without physical zones does not affect another location.
        (
            [
                zonal("1", physicalZone="we-az1"),
                zonal("1", subscriptionId="b", physicalZone="we-az2"),
                zonal("1", location="northeurope"),
            ],
            3,
            0,
        ),
        # A host without a zone proves nothing about zones.
        ([zonal("1", physicalZone="x"), zonal("2", physicalZone="y"), zonal("")], 2, 0),
    ],
)
def test_zones_of_several_subscriptions(computes: list[Compute], zones: int, notices: int) -> None:
    result = found(*computes)
    assert result["counts"]["zones"] == zones
    assert len(result["notices"]) == notices


def test_the_notice_about_zones_that_can_not_be_compared() -> None:
    one, other = zonal("1", physicalZone="we-az1"), zonal("2", subscriptionId="b")
    result = found(one, other, min_zones=2, max_share=0.5)
    assert result["notices"] == [
        "westeurope: the zones of its 2 subscriptions can't be compared, because 1 of 2 hosts in "
        "zones have no physicalZone (it needs the API version 2023-11-15 or newer). So only zones "
        "of one subscription count as different places"
    ]
    assert [violation["message"] for violation in result["violations"]] == [
        "the hosts are in 1 zone, and 2 are required",
        "a group of places that may be one zone (zone 1 of subscription a, zone 2 of subscription b) of westeurope "
        "has 2 of 2 hosts, which is 100%, and at most 50% are allowed",
    ]
    assert [violation["move"] for violation in result["violations"]] == [["vm-01"], ["vm-01"]]
    # An even spread in each subscription is an even spread with any mapping of zones.
    even = [zonal(zone, subscriptionId=name) for zone in "123" for name in "ab"]
    assert found(*even, min_zones=3, max_share=1 / 3)["passed"]


def test_a_location_is_one_of_a_cloud() -> None:
    cloud = {"azEnvironment": "AzureUSGovernmentCloud"}
    public = {"azEnvironment": "AzurePublicCloud"}
    assert found(zonal("1", **public), zonal("1", **cloud))["counts"]["zones"] == 2
    # Names of one cloud, and a host without a cloud.
    same = [zonal("1", azEnvironment=name) for name in ("AzurePublicCloud", "AZUREPUBLICCLOUD", "")]
    assert found(*same)["locations"] == [
        {"cloud": "AzurePublicCloud", "location": "westeurope", "edge_zone": "", "zones": 1}
        | {"hosts": 3, "share": 1.0}
    ]
    result = found(zonal("1", **public), zonal("1", **public), zonal("1", **cloud), max_share=0.5)
    assert result["violations"][0]["message"].startswith(
        "zone 1 of westeurope (AzurePublicCloud) has 2 of 3"
    )


def edge(name: str, **more: t.Any) -> Compute:
    return uniform(extendedLocation={"type": "EdgeZone", "name": name}, **more)


def test_an_edge_zone_is_another_place_than_its_location() -> None:
    result = found(edge("Los Angeles 1"), edge("losangeles1", domain="1"), uniform("db"))
    assert [site["edge_zone"] for site in result["locations"]] == ["", "losangeles1"]
    assert result["counts"]["fault_domains"] == 3
    (low,) = found(edge("x"), zonal("1"), min_zones_per_location=1)["violations"]
    assert low["message"] == (
        "the hosts in edge zone x of westeurope are in 0 zones, and 1 is required in each location"
    )


def test_hosts_on_one_dedicated_host_fail_together() -> None:
    one, other, third = ({"host": {"id": HOST_ID.format(name)}} for name in ("h1", "H1", "h2"))
    computes = [
        uniform(domain="0", **one),
        uniform(domain="1", **other),
        uniform(domain="2", **third),
        uniform(domain="3"),
    ]
    result = found(*computes, max_share=0.25)
    assert result["counts"]["fault_domains"] == 3
    assert [machine["hosts"] for machine in result["dedicated_hosts"]] == [2, 1]
    (share,) = result["violations"]
    assert share["message"].startswith(
        "fault domains 0, 1 (one dedicated host) of the scale set web of westeurope has 2 of 4"
    )
    # The host group alone proves nothing about the host.
    result = found(uniform(hostGroup={"id": HOST_ID.format("x")}), uniform(domain="1"))
    assert result["dedicated_hosts"] == []
    assert result["counts"]["fault_domains"] == 2


def test_a_minimum_of_zones_for_each_location() -> None:
    hosts = [zonal("1"), zonal("2"), zonal("1", location="ne"), zonal("1", location="ne")]
    result = found(*hosts, min_zones=3, min_zones_per_location=2)
    (low,) = result["violations"]
    assert low["rule"] == "min_zones_per_location"
    assert low["message"] == ("the hosts in ne are in 1 zone, and 2 are required in each location")
    assert (low["hosts"], low["move"]) == (["vm-02", "vm-03"], ["vm-03"])


@pytest.mark.parametrize(
    ("zones", "rules", "move"),
    [
        ("111223", {"max_share": 0.4}, [2]),
        ("111112", {"max_share": 0.5}, [3, 4]),
        # Hosts of the fullest zones move, and hosts without a zone.
        ("111122", {"min_zones": 4}, [2, 3]),
        ("111122", {"min_zones": 5}, [1, 2, 3]),
        ("1122--", {"min_zones": 4}, [4, 5]),
        ("123", {"min_zones": 4}, []),
        ("112", {"min_zones": 9}, [1]),
        # The moves for one rule also fulfil the other rule.
        ("111122", {"min_zones": 3, "max_share": 0.5}, [3]),
    ],
)
def test_the_replicas_that_would_have_to_move(
    zones: str, rules: dict[str, t.Any], move: list[int]
) -> None:
    group = fleet([zonal(zone.strip("-")) for zone in zones])
    moved = {name for violation in violations(group, Rules(**rules)) for name in violation.move}
    assert moved == {f"vm-{number:02}" for number in move}


# Properties

NAMES = ("web", "Db")
CASED = ("azEnvironment", "location", "subscriptionId", "resourceGroupName", "vmScaleSetName")
FLEETS = st.lists(
    st.fixed_dictionaries(
        {
            "azEnvironment": st.sampled_from(["AzurePublicCloud", "Moon Cloud"]),
            "location": st.sampled_from(["westeurope", "northeurope"]),
            "subscriptionId": st.sampled_from(["a", "b"]),
            "resourceGroupName": st.sampled_from(["g", "h"]),
            "zone": st.sampled_from(["", "1", "2"]),
            "physicalZone": st.sampled_from(["", "we-az1", "we-az2"]),
            "vmScaleSetName": st.sampled_from(["", *NAMES]),
            "placementGroupId": st.sampled_from(["", "p"]),
            "platformFaultDomain": st.sampled_from(["", "0", "1"]),
            "virtualMachineScaleSet": st.sampled_from(
                [{}, *({"id": SET_ID.format("a", "g", name)} for name in NAMES)]
            ),
            "extendedLocation": st.sampled_from([{}, {"name": "edge"}]),
            "host": st.sampled_from([{}, {"id": HOST_ID.format("h")}]),
        }
    ),
    min_size=1,
    max_size=9,
)
RULES = st.builds(Rules, st.integers(0, 4), st.integers(0, 4), st.floats(0.2, 1), st.integers(0, 3))


def verdict(computes: t.Sequence[Compute], rules: Rules, name: str = "vm-{:02}") -> t.Any:
    result = placement(fleet(computes, name), rules)
    broken = [(one["rule"], len(one["hosts"]), len(one["move"])) for one in result["violations"]]
    numbers = [len(result[key]) for key in ("zones", "fault_domains", "scale_sets", "locations")]
    return sorted(broken), result["counts"], numbers, len(result["notices"])


def swapped(value: t.Any) -> t.Any:
    if isinstance(value, dict):
        return {key: swapped(inner) for key, inner in value.items()}
    return value.swapcase()


@quick
@given(FLEETS, RULES, st.randoms(use_true_random=False))
def test_neither_names_nor_order_nor_casing_change_the_verdict(
    computes: list[Compute], rules: Rules, chance: random.Random
) -> None:
    before = verdict(computes, rules)
    cased = [swapped(compute) if chance.random() < 0.5 else compute for compute in computes]
    assert verdict(cased, rules) == before
    assert verdict(computes, rules, "{:b}-other") == before
    chance.shuffle(computes)
    assert verdict(computes, rules) == before


@quick
@given(FLEETS, RULES, st.data())
def test_a_set_split_by_resource_group_is_never_fewer_sets(
    computes: list[Compute], rules: Rules, data: st.DataObject
) -> None:
    split = copy.deepcopy(computes)
    for compute in split:
        compute["resourceGroupName"] += data.draw(st.sampled_from(["", "-2"]))
    before, after = (placement(fleet(one), rules) for one in (computes, split))
    assert len(after["scale_sets"]) >= len(before["scale_sets"])
    # Two sets do not prove more than one.
    assert after["counts"]["fault_domains"] <= before["counts"]["fault_domains"]
    assert after["counts"]["zones"] == before["counts"]["zones"]


@quick
@given(FLEETS, RULES)
def test_moving_the_marked_replicas_satisfies_the_rules(
    computes: list[Compute], rules: Rules
) -> None:
    # No host can move to another subscription, so this fleet has only one.
    computes = [{**compute, "subscriptionId": "a", "physicalZone": ""} for compute in computes]
    total = len(computes)
    before = violations(fleet(computes), rules)
    moved = {name for violation in before for name in violation.move}
    for number, compute in enumerate(computes):
        if f"vm-{number:02}" in moved:
            place = {"zone": f"new-{number}", "platformFaultDomain": "0", "vmScaleSetName": "new"}
            compute.update(place, host={})
    after = {violation.rule for violation in violations(fleet(computes), rules)}
    # Some rules can't be fulfilled: one host exceeds the limit, or there are fewer hosts than places.
    if rules.max_share * total >= 1:
        assert "max_share" not in after
        if rules.min_zones <= total:
            assert "min_zones" not in after
        if rules.min_fault_domains <= total:
            assert "min_fault_domains" not in after
    assert moved <= {name for violation in before for name in violation.hosts}
