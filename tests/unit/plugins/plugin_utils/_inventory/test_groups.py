# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the built-in groups of a VM."""

from __future__ import annotations

import typing as t

import pytest
from ansible.constants import INVALID_VARIABLE_NAMES
from documents import SHAPES, documents, quick
from doubles import load
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.imds.azure.plugins.module_utils._document import part, tags_of
from ansible_collections.imds.azure.plugins.module_utils._errors import OptionError
from ansible_collections.imds.azure.plugins.plugin_utils._inventory.groups import (
    GROUPINGS,
    Membership,
    group_function,
    shared_group_warnings,
)

EVERYTHING = load("everything")
SUBSCRIPTION = "8a1e0c3b_52d4_4d6f_9b0e_6c1f2a7d9e10"


def groups(document: dict[str, t.Any], *group_by: str) -> list[tuple[str, ...]]:
    return [found[:2] for found in memberships(document, *group_by)]


def memberships(document: dict[str, t.Any], *group_by: str) -> list[Membership]:
    compute = part(document, "compute")
    return group_function(group_by or GROUPINGS)(compute, tags_of(compute)[0])


def test_every_group() -> None:
    assert groups(EVERYTHING) == [
        ("zone_3", "zones"),
        ("fault_domain_0", "fault_domains"),
        ("location_westeurope", "locations"),
        ("update_domain_04", "update_domains"),
        ("cloud_AzurePublicCloud", "clouds"),
        ("scale_set_flex", "scale_sets"),
        ("resource_group_rg_wéb", "resource_groups"),
        ("vm_size_Standard_D4s_v5", "vm_sizes"),
        ("os_type_linux", "os_types"),
        ("physical_zone_westeurope_az3", "physical_zones"),
        (f"subscription_{SUBSCRIPTION}", "subscriptions"),
        ("edge_zone_microsoftlosangeles", "edge_zones"),
        ("dedicated_host_g_h", "dedicated_hosts"),
        ("service_imds", "services"),
        ("tag_Role_WebRole", "tags"),
        ("tag_Env", "tags"),
        ("tag_when_2026_01_31T12_00_00Z", "tags"),
        ("tag_list_a_b", "tags"),
        ("tag_ключ_значение", "tags"),
        ("tag_jinja____7___7___", "tags"),
    ]


@pytest.mark.parametrize(
    ("compute", "group_by", "group"),
    [
        ({"location": "West Europe"}, "location", "location_westeurope"),
        ({"location": "CentralUS"}, "location", "location_centralus"),
        ({"azEnvironment": "AZUREPUBLICCLOUD"}, "cloud", "cloud_AzurePublicCloud"),
        ({"azEnvironment": "Moon Cloud"}, "cloud", "cloud_Moon_Cloud"),
        (
            {"vmScaleSetName": "set-1", "virtualMachineScaleSet": {"id": "/x/y"}},
            "scale_set",
            "scale_set_set_1",
        ),
        ({"osType": "Linux"}, "os_type", "os_type_linux"),
        ({"vmId": "1"}, "service", "service_imds"),
        (load("arc/linux")["compute"], "service", "service_arc"),
        ({"resourceGroupName": "RG-1"}, "resource_group", "resource_group_rg_1"),
        ({"platformFaultDomain": 0}, "fault_domain", "fault_domain_0"),
        ({"extendedLocation": {"name": "Los Angeles"}}, "edge_zone", "edge_zone_losangeles"),
        ({"host": {"id": "/x/hostGroups/G/hosts/H/"}}, "dedicated_host", "dedicated_host_g_h"),
        ({"host": {"id": "H"}}, "dedicated_host", "dedicated_host_h"),
    ],
)
def test_one_group(compute: dict[str, t.Any], group_by: str, group: str) -> None:
    assert [name for name, _parent in groups({"compute": compute}, group_by)] == [group]


def test_an_empty_value_gives_no_group() -> None:
    empty = dict.fromkeys(EVERYTHING["compute"], "")
    odd = dict.fromkeys(EVERYTHING["compute"])
    odder = {"extendedLocation": {"name": None}, "host": [], "virtualMachineScaleSet": {"id": ""}}
    for compute in ({}, empty, odd, odder, {"tagsList": [{"name": "", "value": "x"}]}):
        assert groups({"compute": compute}) == []


def tagged(*tags: tuple[str, str]) -> dict[str, t.Any]:
    return {"compute": {"tagsList": [{"name": name, "value": value} for name, value in tags]}}


@pytest.mark.parametrize(
    ("fleet", "said"),
    [
        (
            [tagged(("env", "prod_eu")), tagged(("env_prod", "eu")), tagged(("env", "prod-eu"))],
            "tag_env_prod_eu is for tags 'env=prod-eu', 'env=prod_eu' and 'env_prod=eu'",
        ),
        (
            [tagged(("env_prod", ""), ("env", "prod"))],
            "tag_env_prod is for tags 'env=prod' and 'env_prod='",
        ),
        (
            [{"compute": {"vmScaleSetName": name}} for name in ("a-b", "a_b", "c")],
            "scale_set_a_b is for scale_sets 'a-b' and 'a_b'",
        ),
        # A place in several spellings, and numbers as texts.
        ([{"compute": {"location": name}} for name in ("West Europe", "westeurope")], ""),
        ([{"compute": {"platformFaultDomain": name}} for name in (0, "0")], ""),
        ([tagged(("a", "b"), ("b", "a")), tagged(("a", "b"))], ""),
    ],
)
def test_values_that_share_a_group_are_named(fleet: list[dict[str, t.Any]], said: str) -> None:
    found = shared_group_warnings(one for document in fleet for one in memberships(document))
    assert [message.partition("share a group: ")[2] for message in found] == [said] * bool(said)


def test_one_message_names_a_few_of_many_shared_groups() -> None:
    many = [(f"t{number}{sign}", "x") for number in range(500) for sign in "-_"]
    few = [("a" + sign * 12, "x") for sign in "-_.:;,|+=!?@#"]
    (message,) = shared_group_warnings(memberships(tagged(*few, *many), "tags"))
    assert "'a!!!!!!!!!!!!=x'" in message
    assert "and 3 more;" in message
    assert message.endswith("; and 491 more groups")
    assert len(message) < 2000


def test_only_the_chosen_groups() -> None:
    assert groups(EVERYTHING, "zone") == [("zone_3", "zones")]
    assert group_function([])(EVERYTHING["compute"], {"a": "b"}) == []


def test_an_unknown_grouping() -> None:
    with pytest.raises(
        OptionError, match="group_by has no zones, Tags: choose from zone, fault_domain"
    ):
        group_function(["zone", "zones", "Tags"])


@quick
@given(
    documents, st.dictionaries(st.text(max_size=8), st.none() | st.text(max_size=8) | st.integers())
)
def test_every_name_is_valid_and_differs_from_parents(
    document: dict[str, t.Any], tags: dict[str, t.Any]
) -> None:
    found = group_function(GROUPINGS)(part(document, "compute"), tags)
    shared_group_warnings(found)
    parents = {parent for _group, parent, _source in found}
    for group, _parent, _source in found:
        assert not INVALID_VARIABLE_NAMES.findall(group)
        assert group not in parents


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_of_document_has_groups(name: str) -> None:
    assert all(group and parent for group, parent in groups(SHAPES[name]))
