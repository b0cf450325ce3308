# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests a fleet of documents: each VM is there once, with any documents in any order."""

from __future__ import annotations

import itertools
import json
import pathlib
import random
import re
import typing as t

import pytest
from documents import SHAPES, documents, quick
from doubles import NETWORK, load
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.imds.azure.plugins.module_utils._document import without_nulls
from ansible_collections.imds.azure.plugins.module_utils._errors import OptionError
from ansible_collections.imds.azure.plugins.module_utils._facts import SUBSETS, azure_imds
from ansible_collections.imds.azure.plugins.plugin_utils._inventory import hostnames
from ansible_collections.imds.azure.plugins.plugin_utils._inventory.documents import (
    Document,
    documents_in,
)
from ansible_collections.imds.azure.plugins.plugin_utils._inventory.groups import (
    GROUPINGS,
    MAX_GROUPS,
)
from ansible_collections.imds.azure.plugins.plugin_utils._inventory.vms import (
    Choices,
    EarlierHost,
    Fleet,
    Vm,
)

EVERYTHING = load("everything")


def fleet_of(found: t.Iterable[dict[str, t.Any] | Document], **choices: t.Any) -> Fleet:
    chosen = {
        "hostnames": ["name"],
        "address": "private",
        "group_by": list(GROUPINGS),
        "filters": [],
        "subsets": frozenset(SUBSETS),
        **choices,
    }
    fleet = Fleet(Choices(**chosen))
    for document in found:
        fleet.add(document if isinstance(document, Document) else Document(document))
    return fleet


def vms(found: t.Iterable[dict[str, t.Any] | Document], **choices: t.Any) -> list[Vm]:
    return fleet_of(found, **choices).vms(())[0]


def vm(name: str, vm_id: str = "", **compute: t.Any) -> dict[str, t.Any]:
    return {"compute": {"name": name, "vmId": vm_id or f"id-{name}", **compute}}


def test_a_vm() -> None:
    (found,) = vms([EVERYTHING])
    assert found.name == "wéb-日本-1"
    assert found.fact == azure_imds(EVERYTHING, "")[0]
    assert found.address == "10.0.0.4"
    assert ("zone_3", "zones") in [group[:2] for group in found.groups]
    assert not found.is_earlier


@pytest.mark.parametrize(
    ("address", "wanted"), [("private", "10.0.0.4"), ("public", "203.0.113.7"), ("none", "")]
)
def test_addresses(address: str, wanted: str) -> None:
    assert vms([EVERYTHING], address=address)[0].address == wanted


def test_hosts_of_earlier_sources_are_reached_as_before() -> None:
    fact, _warnings = azure_imds(EVERYTHING, "")
    earlier = Document(fact, is_fact=True, host="host-1")
    found, said = fleet_of([earlier], hostnames=["tags.none"]).vms(())
    assert [(one.name, one.address) for one in found] == [("host-1", "")]
    assert said == []


def groups_of(found: t.Iterable[Vm], *parents: str) -> dict[str, list[str]]:
    return {
        one.name: sorted(group for group, parent, _source in one.groups if parent in parents)
        for one in found
    }


def tags(**values: str) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in values.items()]


@pytest.mark.parametrize(
    ("fleet", "parent", "groups"),
    [
        (
            [
                vm("a", vmSize="Standard_D2s_v3"),
                vm("b", vmSize="standard_d2s_v3"),
                vm("c", vmSize="Standard_D4s_v3"),
            ],
            "vm_sizes",
            {
                "a": ["vm_size_Standard_D2s_v3", "vm_size_standard_d2s_v3"],
                "b": ["vm_size_Standard_D2s_v3", "vm_size_standard_d2s_v3"],
                "c": ["vm_size_Standard_D4s_v3"],
            },
        ),
        (
            [
                vm("a", vmScaleSetName="Web"),
                vm("b", virtualMachineScaleSet={"id": "/x/virtualMachineScaleSets/web"}),
            ],
            "scale_sets",
            {name: ["scale_set_Web", "scale_set_web"] for name in "ab"},
        ),
        # The casing of the name of a tag does not matter. The casing of its value matters.
        (
            [
                vm("a", tagsList=tags(Role="web")),
                vm("b", tagsList=tags(role="web")),
                vm("c", tagsList=tags(ROLE="Web")),
            ],
            "tags",
            {
                "a": ["tag_ROLE_web", "tag_Role_web", "tag_role_web"],
                "b": ["tag_ROLE_web", "tag_Role_web", "tag_role_web"],
                "c": ["tag_ROLE_Web", "tag_Role_Web", "tag_role_Web"],
            },
        ),
        # A tag without a value, a tag in the old text form, and another name.
        (
            [vm("a", tagsList=tags(Env="")), vm("b", tags="env:;Env2:x")],
            "tags",
            {"a": ["tag_Env", "tag_env"], "b": ["tag_Env", "tag_Env2_x", "tag_env"]},
        ),
        (
            [vm("a", physicalZone="WestEurope-AZ1"), vm("b", physicalZone="westeurope-az1")],
            "physical_zones",
            {
                name: ["physical_zone_WestEurope_AZ1", "physical_zone_westeurope_az1"]
                for name in "ab"
            },
        ),
        (
            [vm("a", azEnvironment="Moon Cloud"), vm("b", azEnvironment="MOONCLOUD")],
            "clouds",
            {name: ["cloud_MOONCLOUD", "cloud_Moon_Cloud"] for name in "ab"},
        ),
        (
            [
                vm("a", tagsList=[{"name": "Größe", "value": "1"}]),
                vm("b", tagsList=[{"name": "GRÖßE", "value": "1"}]),
            ],
            "tags",
            {name: ["tag_GRÖßE_1", "tag_Größe_1"] for name in "ab"},
        ),
        # Values with only one spelling.
        (
            [vm("a", location="West Europe"), vm("b", location="WESTEUROPE")],
            "locations",
            {name: ["location_westeurope"] for name in "ab"},
        ),
        (
            [vm("a", subscriptionId="ABC"), vm("b", subscriptionId="abc")],
            "subscriptions",
            {name: ["subscription_abc"] for name in "ab"},
        ),
        # With a blank, it would be another scale set. Azure allows blanks in neither of these names.
        (
            [
                vm("a", vmScaleSetName="web-db"),
                vm("b", vmScaleSetName="webdb"),
                vm("c", vmScaleSetName="web db"),
            ],
            "scale_sets",
            {"a": ["scale_set_web_db"], "b": ["scale_set_webdb"], "c": ["scale_set_web_db"]},
        ),
        # Only Ansible confuses these names, so they are two things.
        (
            [vm("a", vmScaleSetName="x-y"), vm("b", vmScaleSetName="X_Y")],
            "scale_sets",
            {"a": ["scale_set_x_y"], "b": ["scale_set_X_Y"]},
        ),
    ],
)
def test_a_vm_is_in_the_groups_of_all_spellings(
    fleet: list[dict[str, t.Any]], parent: str, groups: dict[str, list[str]]
) -> None:
    for order in (fleet, fleet[::-1]):
        assert groups_of(vms(order), parent) == groups


def test_spellings_include_earlier_hosts_but_not_excluded_vms() -> None:
    fact, _warnings = azure_imds(vm("x", "1", tagsList=tags(Role="web")), "")
    earlier = Document(fact, is_fact=True, host="host-1")
    fleet = [earlier, vm("b", "2", tagsList=tags(role="web")), vm("out", tagsList=tags(rOLE="web"))]
    found = vms(fleet, filters=[{"exclude": "name == 'out'"}])
    both = ["tag_Role_web", "tag_role_web"]
    assert groups_of(found, "tags") == {"host-1": both, "b": both}
    assert found[0].fact["tags"] == {"Role": "web"}


def test_no_vm_has_the_name_of_a_group_of_another_spelling() -> None:
    fleet = [vm("tag_role_web", tagsList=tags(Role="web")), vm("b", tagsList=tags(role="db"))]
    assert [one.name for one in vms(fleet)] == ["tag_role_web_id-tag_role_web", "b"]


def test_a_hostile_vm_adds_only_one_spelling_to_other_vms() -> None:
    many = ["".join(letters) for letters in itertools.product(*zip("role", "ROLE", strict=True))]
    liar = vm("liar", tagsList=[{"name": name, "value": "web"} for name in many])
    found = groups_of(vms([vm("a", tagsList=tags(Role="web")), liar]), "tags")
    assert found["a"] == ["tag_Role_web", "tag_role_web"]
    assert found["liar"] == sorted(f"tag_{name}_web" for name in many)


@pytest.mark.parametrize(
    ("expression", "name"),
    [
        ("tags.Env == prod", "prod"),
        ("zone && !(tags.Env != prod)", "prod"),
        ("tags.Env == Prod || name == 'a'", "Prod"),
        ("tags.Env == 'prod'", ""),
        ("name == tags.Env", ""),
        ("name == vmId", ""),
        ("tagsList[?name == value]", ""),
        ("zone", ""),
    ],
)
def test_a_text_without_quotes_in_a_filter_is_named(expression: str, name: str) -> None:
    fleet = [vm("a"), vm("b", zone="1", tagsList=tags(Env="prod"))]
    said = fleet_of(fleet, filters=[{"exclude": expression}], address="none").vms(())[1]
    assert said == [
        f"filters {expression!r}: no VM has the field {name} of the comparison. Put a text in "
        f"quotes: '{name}'"
    ] * bool(name)
    assert fleet_of([], filters=[{"exclude": expression}]).vms(())[1] == []


def test_one_warning_reports_missing_addresses() -> None:
    _found, said = fleet_of([vm("a"), vm("b")]).vms(())
    assert said == ["ansible_host is not set: no private address is known (2 VMs)"]


@pytest.mark.parametrize("name", ["linux", "linux-of-a-lab", "windows"])
@pytest.mark.parametrize("is_fact", [True, False])
def test_an_arc_enabled_server(name: str, is_fact: bool) -> None:
    document = without_nulls(load(f"arc/{name}"))
    fact = azure_imds(document, "2020-06-01")[0] if is_fact else document
    (found,), said = fleet_of([Document(fact, is_fact=is_fact)]).vms(())
    assert said == []
    assert found.address == ""
    assert found.fact["service"] == "arc"
    groups = {(group, parent) for group, parent, _source in found.groups}
    compute = document["compute"]
    assert ("service_arc", "services") in groups
    assert (f"os_type_{compute['osType']}", "os_types") in groups
    assert (f"location_{compute['location']}", "locations") in groups
    assert {group for group, parent in groups if parent == "zones"} == set()
    tags = {group for group, parent in groups if parent == "tags"}
    assert len(tags) == len(compute["tagsList"])


def test_an_arc_enabled_server_is_not_counted_among_vms_without_an_address() -> None:
    _found, said = fleet_of([vm("a"), load("arc/linux")]).vms(())
    assert said == ["ansible_host is not set: no private address is known (1 VMs)"]


def test_all_vms_with_the_same_name_use_their_next_name() -> None:
    found = vms([vm("web", "1", zone="1"), vm("web", "2", zone="2"), vm("db", "3")])
    assert [one.name for one in found] == ["web_1", "web_2", "db"]
    _found, said = fleet_of([vm("web", "1"), vm("web", "2")], address="none").vms(())
    assert said == [
        "hostnames: web would name several VMs, a group or localhost, so the 2 VMs concerned have "
        "other names"
    ]


def test_no_vm_has_the_name_of_a_group_or_of_an_earlier_host() -> None:
    fleet = fleet_of([vm("zone_1", zone="1"), vm("zones"), vm("all"), vm("localhost")])
    found, _said = fleet.vms({"all", "localhost"})
    assert [one.name for one in found] == [
        "zone_1_id-zone_1",
        "zones_id-zones",
        "all_id-all",
        "localhost_id-localhost",
    ]


def test_the_later_of_two_documents_of_one_vm_counts() -> None:
    found = vms([vm("old", "A"), vm("other"), vm("new", "a")])
    assert [one.name for one in found] == ["new", "other"]


def test_hosts_of_earlier_sources_keep_their_names() -> None:
    fact, _warnings = azure_imds(vm("web", "A"), "")
    earlier = Document(fact, is_fact=True, host="host-1")
    for order in ([earlier, vm("web", "a")], [vm("web", "a"), earlier]):
        (found,) = vms(t.cast("list[dict[str, t.Any]]", order))
        assert (found.name, found.is_earlier) == ("host-1", True)


@pytest.mark.parametrize(
    ("filters", "names"),
    [
        ([], ["a", "b", "c"]),
        ([{"exclude": "zone == '1'"}], ["b", "c"]),
        ([{"include": "zone == '1'"}, {"exclude": "`true`"}], ["a"]),
        ([{"include": "zone == '1'"}, {"exclude": True}], ["a"]),
        ([{"exclude": "zone == '1'"}, {"include": True}, {"exclude": True}], ["b", "c"]),
        ([{"include": "name == 'a'"}, {"exclude": "zone"}], ["a", "c"]),
        ([{"exclude": "tags.none"}], ["a", "b", "c"]),
        ([{"exclude": "contains(addresses.private, '10.0.0.4')"}], ["a", "b", "c"]),
    ],
)
def test_filters(filters: list[dict[str, t.Any]], names: list[str]) -> None:
    found = vms([vm("a", zone="1"), vm("b", zone="2"), vm("c")], filters=filters)
    assert [one.name for one in found] == names


@pytest.mark.parametrize("value", [None, False, 1, 5, ["name"]])
def test_a_filter_is_a_text_or_true(value: t.Any) -> None:
    with pytest.raises(OptionError, match=r"filters .* expression: it is not a text"):
        fleet_of([], filters=[{"exclude": value}])


@pytest.mark.parametrize("entry", [{}, {"only": "x"}, {"include": "a", "exclude": "b"}, "x", None])
def test_no_filters(entry: t.Any) -> None:
    with pytest.raises(OptionError, match="is neither include: EXPRESSION nor exclude: EXP"):
        fleet_of([], filters=[entry])


def test_only_the_parts_that_are_wanted() -> None:
    (found,) = vms([EVERYTHING], subsets=frozenset({"tags"}))
    assert set(found.fact) == {"service", "resource_type", "tags"}
    assert ("zone_3", "zones") in [group[:2] for group in found.groups]


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_becomes_a_host(name: str) -> None:
    (found,) = vms([SHAPES[name]])
    assert re.fullmatch(r"\w[\w.\-]*", found.name)


@quick
@given(documents)
def test_every_document_becomes_a_host(one: dict[str, t.Any]) -> None:
    for shape in (Document(one), Document(azure_imds(one, "2025-04-07")[0], is_fact=True)):
        (found,) = vms([shape])
        assert re.fullmatch(r"\w[\w.\-]*|[0-9a-fA-F:.]+", found.name)


@quick
@given(st.lists(documents, max_size=6), st.randoms(use_true_random=False), st.booleans())
def test_every_document_becomes_a_host_with_a_unique_name_in_any_order(
    found: list[dict[str, t.Any]], order: random.Random, as_fact: bool
) -> None:
    # Each VM has one document, because otherwise the later one would be used.
    own: dict[str, t.Any] = {}
    for document in found:
        compute = document.get("compute")
        if isinstance(compute, dict) and isinstance(compute.get("name"), (dict, list)):
            continue  # invalid names are refused, which another test covers
        vm_id = compute.get("vmId") if isinstance(compute, dict) else None
        # Without a vmId, documents with equal facts are one VM.
        fact = json.dumps(azure_imds(document, "")[0], sort_keys=True, default=str)
        own.setdefault(str(vm_id or fact).lower(), document)
    inputs = [Document(document) for document in own.values()]
    if as_fact:
        facts = [azure_imds(document.data, "2025-04-07")[0] for document in inputs]
        inputs = [Document(fact, is_fact=True) for fact in facts]
    straight = vms(inputs)
    shuffled = inputs[:]
    order.shuffle(shuffled)
    assert len({one.name for one in straight}) == len(straight) >= (1 if own else 0)
    assert {one.name for one in vms(shuffled)} == {one.name for one in straight}
    if not as_fact:
        assert len(straight) == len(inputs)


@pytest.mark.parametrize("private", ["10.0.0.4", {"a": 1}, 5, None, []])
def test_addresses_of_a_snapshot_that_are_no_list_are_none(private: t.Any) -> None:
    snapshot = Document({"addresses": {"private": private}}, is_fact=True)
    assert vms([snapshot])[0].address == ""


def test_tags_that_ansible_takes_for_marks_make_no_group_and_one_warning() -> None:
    marked = [
        vm(name, tagsList=[{"name": tag, "value": "x"} for tag in ("Role", "__ansible_type", tag)])
        for name, tag in (("a", "__ansible_vault"), ("b", "__ansible_unsafe"))
    ]
    found, said = fleet_of([*marked, vm("c")], address="none").vms(())
    assert [one.fact["tags"] for one in found] == [{"Role": "x"}, {"Role": "x"}, {}]
    assert {group for one in found for group, *_others in one.groups if group[:4] == "tag_"} == {
        "tag_Role_x"
    }
    (notice,) = said
    assert "lacks __ansible_type, __ansible_unsafe, __ansible_vault, because" in notice
    assert notice.endswith("compute.tagsList has all tags (2 VMs)")


@pytest.mark.parametrize("tags", ["", "a vault", None, ["a"]])
def test_converted_tags_of_an_older_fact_are_rebuilt(
    tags: t.Any,
) -> None:
    compute = vm("a", tagsList=[{"name": "Role", "value": "x"}])["compute"]
    (found,) = vms([Document({"compute": compute, "tags": tags}, is_fact=True, host="a")])
    assert found.fact["tags"] == {"Role": "x"}
    assert ("tag_Role_x", "tags", ("Role", "x")) in found.groups


def test_an_invalid_vm_id_gives_a_valid_name() -> None:
    found, said = fleet_of([{"compute": {"vmId": "a b/{{ x }}"}}], address="none").vms(())
    assert [one.name for one in found] == ["vm_a_b_x_"]
    assert said == [
        "hostnames: no expression gives a name, so the name is made of the vmId (1 VMs)"
    ]


def snapshot(host: str, hour: int = 0, **fact: t.Any) -> Document:
    data = {"gathered_at": f"2026-01-31T{hour:02}:00:00Z", "api_version": f"20{hour:02}-01-01"}
    return Document({**data, **fact}, is_fact=True, snapshot_of=host)


def test_a_snapshot_without_compute_has_the_name_of_its_host_at_every_gathering() -> None:
    for hour in range(3):
        for address in ("10.0.0.4", "10.0.0.5"):
            one = snapshot("classic-1", hour, addresses={"private": [address]}, network=NETWORK)
            found, said = fleet_of([one, vm("web")], address="none").vms(())
            assert [each.name for each in found] == ["classic-1", "web"]
            assert said == [
                "hostnames: no expression gives a name, so the name is that of the host in the snapshot, which "
                "has no vmId (1 VMs)"
            ]


def test_a_fact_without_vm_id_and_host_has_one_name_at_every_gathering() -> None:
    names = set()
    for hour in range(3):
        (found,), said = fleet_of([snapshot("", hour, network=NETWORK)], address="none").vms(())
        names.add(found.name)
        assert "made of the whole document, which has no vmId (1 VMs)" in said[0]
    assert len(names) == 1


@pytest.mark.parametrize(
    "document",
    [
        {"compute": {"isVmInStandbyPool": "true"}},
        {"compute": {"storageProfile": {"dataDisks": [{"lun": "0"}]}}},
        {"network": {"interface": [{"ipv4": {"subnet": [{"prefix": "24"}]}}]}},
        {"compute": {"userData": "eA==", "zone": "1"}},
        {"compute": {"vmId": "", "zone": "1"}},
    ],
)
@pytest.mark.parametrize("neighbour", ["null", '""', '{"compute": {"zone": null, "vmId": "x"}}'])
def test_a_name_does_not_depend_on_another_vm_of_the_file(
    tmp_path: pathlib.Path, document: dict[str, t.Any], neighbour: str
) -> None:
    text = json.dumps(document)
    (tmp_path / "a.json").write_text(text)
    (tmp_path / "b.json").write_text(f"[{text}, {neighbour}]")
    (tmp_path / "c.ndjson").write_text(f"{text}\n{neighbour}\n")
    read = [list(documents_in(str(path), lambda _exc: None)) for path in sorted(tmp_path.iterdir())]
    (alone,) = vms(read[0])
    assert alone.name.startswith("vm_")
    for documents_of_file in read:
        assert alone.name in [one.name for one in vms(documents_of_file)]
    # The same document in several files is one VM.
    together = [one for documents_of_file in read for one in documents_of_file]
    assert [one.name for one in vms(together)].count(alone.name) == 1


def test_several_snapshots_of_one_host_are_one_vm_with_a_warning() -> None:
    whole = snapshot("web-1", compute={"name": "web-1", "vmId": "1"}, network=NETWORK)
    part = snapshot("web-1", 1, network=NETWORK)
    later = snapshot("web-1", 2, network={"interface": [{"macAddress": "1"}]})
    for order in ([whole, part], [part, whole], [part, later], [part, later, whole]):
        found, said = fleet_of(order, address="none").vms(())
        assert [one.name for one in found] == ["web-1"]
        assert found[0].fact == (whole if whole in order else later).data
        assert "1 hosts have several snapshots, of which at least one has no vmId" in said[-1]
        assert "for example web-1. A snapshot with a vmId is used" in said[-1]
    # Snapshots of different hosts are different VMs, with any content.
    assert [one.name for one in vms([part, snapshot("web-2", 1, network=NETWORK)])] == [
        "web-1",
        "web-2",
    ]


def test_a_snapshot_without_vm_id_of_an_earlier_host_is_that_host() -> None:
    fact = Document(azure_imds(vm("web", "A"), "")[0], is_fact=True, host="web-1")
    part = snapshot("web-1", network=NETWORK)
    for order in ([fact, part], [part, fact]):
        (found,) = vms(order)
        assert (found.name, found.is_earlier) == ("web-1", True)
        assert "compute" in found.fact


def test_a_list_as_a_name_does_not_break_the_inventory() -> None:
    odd = {"compute": {"name": ["a"], "vmId": "1"}}
    assert [one.name for one in vms([odd, vm("web")])] == ["vm_1", "web"]


def at(*addresses: t.Any, name: str = "a") -> Document:
    """A snapshot with these values as its addresses."""
    whole = {"compute": {"name": name, "vmId": name}, "addresses": {"private": list(addresses)}}
    return Document(whole, is_fact=True)


HOSTILE = "-oProxyCommand=touch x"


@pytest.mark.parametrize(
    ("addresses", "wanted"),
    [
        (["10.0.0.4", HOSTILE], "10.0.0.4"),
        ([HOSTILE, "10.0.0.4"], "10.0.0.4"),
        (["127.0.0.1", {"a": 1}, None, "fe80::1", "2001:db8::4"], "2001:db8::4"),
        ([HOSTILE], ""),
        ([5], ""),
        ([""], ""),
    ],
)
def test_only_an_ip_address_of_another_machine_is_an_address(
    addresses: list[t.Any], wanted: str
) -> None:
    assert vms([at(*addresses)])[0].address == wanted
    interface = {"ipv4": {"ipAddress": [{"privateIpAddress": one} for one in addresses]}}
    document = {"compute": {"name": "a"}, "network": {"interface": [interface]}}
    assert vms([document])[0].address == wanted


def test_one_warning_counts_the_vms_with_an_unusable_address() -> None:
    fleet = fleet_of(
        [at("10.0.0.4", HOSTILE), at(HOSTILE, "10.0.0.5", name="b"), at(HOSTILE, name="c")]
    )
    assert fleet.vms(())[1] == [
        "ansible_host: private addresses that can't be IP addresses of another machine are ignored "
        "(2 VMs, 1 of them without another address), for example '-oProxyCommand=touch x' of b"
    ]


def test_address_none_sets_no_address() -> None:
    snapshot = {"compute": {"name": "a"}, "addresses": {"none": ["10.0.0.4"], "private": ["x"]}}
    found, said = fleet_of([Document(snapshot, is_fact=True)], address="none").vms(())
    assert (found[0].address, said) == ("", [])


@pytest.mark.parametrize("hostnames", [["name"], ["tag:Name"], ["join('', [name])"]])
def test_one_warning_counts_names_that_begin_like_an_option_or_a_path(hostnames: list[str]) -> None:
    documents = [
        vm(name, str(number), tagsList=[{"name": "Name", "value": name}])
        for number, name in enumerate([HOSTILE, "../x", "web"])
    ]
    found, said = fleet_of(documents, hostnames=hostnames, address="none", group_by=[]).vms(())
    assert [one.name for one in found] == ["_oProxyCommand_touch_x", "_._x", "web"]
    assert said == ["hostnames: a hyphen or a dot at the beginning of a name became _ (2 VMs)"]


def test_no_vm_has_a_name_that_leads_to_the_controller() -> None:
    found = vms([vm("127.1", "1"), vm("a.localhost", "2"), vm("2130706433", "3")])
    assert [one.name for one in found] == ["127.1_1", "a.localhost_2", "2130706433_3"]


def test_a_name_with_an_appended_id_is_valid() -> None:
    found = vms([vm("2001:db8::4", "A:-1"), vm("2001:db8::4", "B")])
    assert [one.name for one in found] == ["2001_db8__4_a_-1", "2001_db8__4_b"]


def test_no_vm_has_the_name_of_a_group_of_earlier_hosts() -> None:
    earlier = Document(azure_imds(vm("x", zone="1"), "")[0], is_fact=True, host="x")
    assert [one.name for one in vms([earlier, vm("zone_1", "A")])] == ["x", "zone_1_a"]


STARTS = "starts_with(tags.Env, 'test')"
TESTED = vm("tested", tagsList=[{"name": "Env", "value": "test-1"}])


@pytest.mark.parametrize(
    ("choices", "names"),
    [
        ({"filters": [{"exclude": STARTS}]}, ["a", "b"]),
        ({"filters": [{"include": STARTS}, {"exclude": "`true`"}]}, ["tested"]),
        ({"hostnames": ["tags.Env && join('', [name, '-', tags.Env])", "abs(name)", "name"]}, None),
    ],
)
def test_a_failing_expression_leaves_all_vms_in_the_inventory(
    choices: dict[str, t.Any], names: list[str] | None
) -> None:
    documents = [vm("a"), TESTED, Document(azure_imds(vm("b"), "")[0], True, snapshot_of="host-b")]
    found, said = fleet_of(documents, address="none", **choices).vms(())
    assert [one.name for one in found] == (names or ["a", "tested-test-1", "b"])
    (warning,) = said
    assert re.match(
        r"(filters \"starts_with.* 2 VMs|hostnames 'abs.* 3 VMs) and counts as empty for them, "
        r"for example a: In function (starts_with|abs)\(\)",
        warning,
    )
    with pytest.raises(
        OptionError, match=r"\): for the VM a: In function|\)[\"']: for the VM a: In"
    ):
        fleet_of(documents, strict=True, **choices)


def test_excluded_vms_cause_no_warnings() -> None:
    twins = [
        vm(name, name, tagsList=[{"name": "env", "value": value}])
        for name, value in (("a", "x-y"), ("b", "x_y"), ("c", "z"))
    ]
    choices = {"address": "none", "hostnames": ["abs(name)", "name"]}
    (_failed, shared) = fleet_of(twins, **choices).vms(())[1]
    assert "tag_env_x_y is for tags 'env=x-y' and 'env=x_y'" in shared
    assert "3 VMs" in _failed
    found, said = fleet_of(twins, filters=[{"exclude": "name == 'b'"}], **choices).vms(())
    assert [one.name for one in found] == ["a", "c"]
    assert len(said) == 1
    assert "2 VMs" in said[0]


def test_a_vm_that_claims_to_be_another_is_named() -> None:
    snapshots = [
        Document(azure_imds(vm(host, "A"), "")[0], is_fact=True, snapshot_of=host)
        for host in ("good", "evil")
    ]
    earlier = Document(snapshots[0].data, is_fact=True, host="good")
    for claimed in (snapshots, [earlier, snapshots[1]], [snapshots[1], earlier]):
        (warning,) = fleet_of(claimed, address="none").vms(())[1]
        assert warning.startswith("1 VMs have several documents with different names")
        assert all(name in warning for name in ("good", "evil", "claim to be a"))
    for same in ([snapshots[0]] * 2, [earlier, snapshots[0]]):
        assert fleet_of(same, address="none").vms(())[1] == []


def test_a_document_that_claims_to_be_another_vm_is_named() -> None:
    good, evil, same = (Document(vm(name, "A")) for name in ("good", "evil", "GOOD"))
    earlier = Document(azure_imds(vm("good", "A"), "")[0], is_fact=True, host="good.example")
    for pair in ([good, evil], [earlier, evil]):
        warnings = fleet_of(pair, address="none").vms(())[1]
        assert [text for text in warnings if "good and evil both claim to be a" in text]
    for pair in ([good, same], [earlier, same]):
        assert fleet_of(pair, address="none").vms(())[1] == []


def many_tags(count: int, prefix: str = "t") -> list[dict[str, str]]:
    return [{"name": f"{prefix}{number}", "value": "x"} for number in range(count)]


@pytest.mark.parametrize("as_fact", [False, True], ids=["document", "fact"])
def test_a_vm_with_too_many_tags_is_in_the_first_groups_and_named(as_fact: bool) -> None:
    odd = vm("odd\u009b", tagsList=many_tags(MAX_GROUPS + 500), zone="1", location="x")
    document = Document(azure_imds(odd, "")[0], is_fact=True, host="odd") if as_fact else odd
    found, said = fleet_of([document, vm("a", tagsList=many_tags(2))]).vms(())
    by_name = {one.name: one for one in found}
    groups = [group for group, _parent, _source in by_name[found[0].name].groups]
    builtin = [group for group in groups if not group.startswith("tag_")]
    assert len(groups) == MAX_GROUPS
    assert {"zone_1", "location_x"} <= set(builtin) == set(groups[: len(builtin)])
    assert groups[len(builtin) :] == [f"tag_t{n}_x" for n in range(MAX_GROUPS - len(builtin))]
    assert len(found[0].fact["tags"]) == MAX_GROUPS + 500
    assert groups_of(found, "tags")["a"] == ["tag_t0_x", "tag_t1_x"]
    (warning,) = [text for text in said if text.startswith("group_by")]
    assert warning == (
        f"group_by: a VM is in at most {MAX_GROUPS} groups. {500 + len(builtin)} groups were left out for "
        f"1 VMs, for example {500 + len(builtin)} groups of {found[0].name}"
    )
    assert warning.isprintable()


def test_as_many_groups_as_are_possible_need_no_warning() -> None:
    found, said = fleet_of([vm("a", tagsList=many_tags(MAX_GROUPS))], group_by=["tags"]).vms(())
    assert len(found[0].groups) == MAX_GROUPS
    assert not any(text.startswith("group_by") for text in said)


def test_spellings_of_other_vms_come_after_the_groups_of_a_vm_itself() -> None:
    """The limit applies to the groups of all spellings together. A VM keeps all its own groups."""
    liars = [vm(f"liar-{n}", tagsList=many_tags(MAX_GROUPS, p)) for n, p in enumerate(("T", "tT"))]
    honest = vm("honest", tagsList=[*many_tags(40), *many_tags(MAX_GROUPS - 100, "tt")])
    found, said = fleet_of([honest, *liars], group_by=["tags"]).vms(())
    groups = {one.name: [membership.group for membership in one.groups] for one in found}
    assert {len(names) for names in groups.values()} == {MAX_GROUPS}
    assert groups["honest"][:40] == [f"tag_t{n}_x" for n in range(40)]
    assert groups["honest"][MAX_GROUPS - 60] == "tag_T0_x"
    (warning,) = [text for text in said if text.startswith("group_by: a VM is")]
    assert "for 3 VMs" in warning


def test_two_earlier_hosts_with_the_same_vm_id_are_named() -> None:
    facts = [
        Document(azure_imds(vm("web", "vm-1"), "")[0], is_fact=True, host=host)
        for host in ("web-1", "web-2")
    ]
    found, warnings = fleet_of(facts, address="none").vms(())
    assert [one.name for one in found] == ["web-1", "web-2"]
    assert warnings == [
        "1 VMs have several hosts, because these have the same vmId in their facts, "
        "for example web-1 and web-2 have vm-1"
    ]


def test_a_vm_id_that_is_the_fingerprint_of_another_vm_replaces_nothing() -> None:
    without_vm_id = Document({"compute": {"name": "web"}}, snapshot_of="web")
    fingerprint = hostnames.fingerprint({"inventory_hostname": "web"})
    found = vms([without_vm_id, vm("liar", fingerprint)])
    assert [one.name for one in found] == ["web", "liar"]


def test_the_snapshot_of_one_host_is_not_that_of_another_host() -> None:
    liar = Document(azure_imds(vm("db1", "vm-9"), "")[0], is_fact=True, snapshot_of="evil")
    honest = Document(azure_imds(vm("web-1", "vm-1"), "")[0], is_fact=True, snapshot_of="web-1")
    fleet = fleet_of([liar, honest], address="none")
    found, warnings = fleet.vms((), of_user("db1", "evil", "web-1"))
    assert [one.name for one in found] == ["db1_vm-9", "web-1"]
    assert warnings == [
        "1 VMs would have the name of another host of the inventory and get another name, "
        "for example the VM of evil, which would be db1"
    ]


def test_no_vm_id_makes_the_name_of_another_host() -> None:
    liar = Document(azure_imds(vm("web", "db"), "")[0], is_fact=True, snapshot_of="evil")
    for hosts in (["web", "web_db", "evil"], ["web_db", "evil"]):
        fleet = fleet_of([liar, vm("web", "vm-2")], address="none")
        names = [one.name for one in fleet.vms((), of_user(*hosts))[0]]
        assert names[0].startswith("web_")
        assert "web_db" not in names


def of_user(*names: str) -> dict[str, EarlierHost]:
    return {name: EarlierHost(name) for name in names}


def snapshot_of(name: str, vm_id: str, host: str, address: str = "10.0.0.4") -> Document:
    document = {"compute": {"name": name, "vmId": vm_id}, "network": network_of(address)}
    return Document(azure_imds(document, "")[0], is_fact=True, snapshot_of=host)


def network_of(address: str) -> dict[str, t.Any]:
    return {"interface": [{"ipv4": {"ipAddress": [{"privateIpAddress": address}]}}]}


def two_files(
    first: Document | dict[str, t.Any], second: Document | dict[str, t.Any]
) -> tuple[list[str], list[str], list[str]]:
    """The names of the VMs of two inventory files, and the warnings of the second one."""
    before, _warnings = fleet_of([first]).vms(())
    hosts = {
        one.name: EarlierHost(one.address or one.name, one.fact["compute"]["vmId"], one.origin)
        for one in before
    }
    after, warnings = fleet_of([second]).vms((), hosts)
    return [one.name for one in before], [one.name for one in after], warnings


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (
            snapshot_of("web-azure", "w1", "web", "10.0.0.4"),
            snapshot_of("web-azure", "w1", "web", "10.0.0.4"),
        ),
        (snapshot_of("web", "w1", "web"), snapshot_of("web", "W1", "web")),
        (snapshot_of("web", "w1", "web"), vm("web", "w1")),
        (vm("web", "w1"), vm("web", "w1")),
        (vm("web", "w1"), snapshot_of("web", "w1", "web")),
        (snapshot_of("web", "", "web"), snapshot_of("web", "", "web")),
    ],
)
def test_a_second_inventory_file_finds_the_same_host(first: t.Any, second: t.Any) -> None:
    names, again, warnings = two_files(first, second)
    assert names == again
    assert [text for text in warnings if "another" in text] == []


@pytest.mark.parametrize(
    ("first", "second"),
    [
        # The second VM claims to be the first one.
        (snapshot_of("web-1", "w1", "web-1"), snapshot_of("web-1", "w1", "evil")),
        (vm("web-1", "w1"), snapshot_of("web-1", "W1", "evil")),
        # The first VM has the name of the second one.
        (snapshot_of("web-1", "e1", "evil"), snapshot_of("web-1", "w1", "web-1")),
        (vm("web-1", "e1"), vm("web-1", "w1")),
        (snapshot_of("web-1", "", "evil"), snapshot_of("web-1", "", "web-1")),
        # It also has the vmId of the second one.
        (snapshot_of("web-1", "w1", "evil"), snapshot_of("web-1", "w1", "web-1")),
        (snapshot_of("web-1", "w1", "evil"), vm("web-1", "w1")),
    ],
)
def test_a_second_inventory_file_makes_no_vm_the_host_of_another_vm(
    first: t.Any, second: t.Any
) -> None:
    names, others, warnings = two_files(first, second)
    assert names == ["web-1"]
    assert others[0].startswith("web-1_")
    (warning,) = [text for text in warnings if "the name of another host" in text]
    assert "which would be web-1" in warning


@pytest.mark.parametrize("address", ["10.0.0.4", "2001:DB8::4", "::ffff:10.0.0.4"])
def test_a_warning_names_vms_with_one_address(address: str) -> None:
    same = address.lower().replace("::ffff:", "")
    documents = [
        {**vm("a"), "network": network_of(same)},
        {**vm("b"), "network": network_of(address)},
    ]
    (warning,) = fleet_of(documents).vms(())[1]
    assert warning == (
        "ansible_host: 1 VMs have the address of another host, so Ansible connects to the same machine for both, "
        f"for example {address} of b and a"
    )
    earlier = {"old": EarlierHost(same), "other": EarlierHost("web.example")}
    (warning,) = fleet_of(documents[1:]).vms((), earlier)[1]
    assert warning.endswith(f"for example {address} of b and old")
    assert fleet_of(documents, address="none").vms(())[1] == []


def test_no_earlier_vm_has_all_other_names() -> None:
    fingerprint = hostnames.fingerprint("w1")
    names = ["web-1", "web-1_w1", f"web-1_{fingerprint}"]
    liars = [snapshot_of(name, f"e{number}", f"evil-{number}") for number, name in enumerate(names)]
    before, _warnings = fleet_of(liars).vms(())
    assert [one.name for one in before] == names
    made = {one.name: EarlierHost(one.name, "", one.origin) for one in before}
    for hosts in (made, of_user(*names[1:]) | {"web-1": made["web-1"]}):
        (found,) = fleet_of([snapshot_of("web-1", "w1", "web-1")]).vms((), hosts)[0]
        assert found.name.startswith("web-1_")
        assert found.name not in hosts


@pytest.mark.parametrize("first", [snapshot_of("web-1", "w1", "web-1"), vm("web-1", "w1")])
def test_a_warning_names_a_vm_id_of_two_inventory_files(first: t.Any) -> None:
    names, others, warnings = two_files(first, snapshot_of("liar", "W1", "evil"))
    assert (names, others) == (["web-1"], ["liar"])
    assert (
        "1 VMs have the vmId of another host of an earlier inventory file, "
        "for example the VM of evil has the vmId of web-1"
    ) in warnings


def test_a_warning_names_a_host_that_claims_to_be_a_vm_without_a_host() -> None:
    honest, liar = vm("web-1", "w1"), snapshot_of("web-1", "w1", "evil")
    for both in ([honest, liar], [liar, honest]):
        warnings = fleet_of(t.cast("list[t.Any]", both), address="none").vms(())[1]
        (warning,) = [text for text in warnings if "claim to be w1" in text]
        assert "evil" in warning
        assert "web-1" in warning
    for host in ("web-1", "WEB-1", "web-1.example"):
        same = t.cast("list[t.Any]", [honest, snapshot_of("web-1", "w1", host)])
        assert not any("claim to be" in text for text in fleet_of(same).vms(())[1])


def test_no_fallback_is_the_name_of_a_group() -> None:
    fingerprint = hostnames.fingerprint("e")
    liar = snapshot_of("tag_Role", "e", "evil")
    liar.data["tags"] = {"Role": fingerprint, "Role_e": ""}
    (found,) = fleet_of([liar], group_by=["tags"]).vms((), of_user("tag_Role"))[0]
    groups = {one.group for one in found.groups}
    assert groups == {f"tag_Role_{fingerprint}", "tag_Role_e"}
    assert found.name not in groups
