# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory plugin, loaded as Ansible loads it."""

from __future__ import annotations

import json
import pathlib
import typing as t

import pytest
import yaml
from ansible.errors import AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import inventory_loader
from doubles import load

from ansible_collections.imds.azure.plugins.inventory import instances
from ansible_collections.imds.azure.plugins.module_utils._errors import UnavailableError
from ansible_collections.imds.azure.plugins.plugin_utils._fleet import ADDRESSES
from ansible_collections.imds.azure.plugins.plugin_utils._grouping import GROUPINGS
from simulator import Fault, Simulator, Vm

EVERYTHING = load("everything")
DOCUMENTED = yaml.safe_load(instances.DOCUMENTATION)["options"]

Read = t.Callable[..., InventoryData]


@pytest.fixture
def read(tmp_path: pathlib.Path) -> Read:
    def read(**options: t.Any) -> InventoryData:
        path = tmp_path / "imds.yml"
        path.write_text(yaml.safe_dump({"plugin": "imds.azure.instances", **options}))
        inventory = InventoryData()
        plugin = inventory_loader.get("imds.azure.instances")
        plugin.parse(inventory, DataLoader(), str(path), cache=False)
        inventory.reconcile_inventory()
        return inventory

    return read


def written(folder: pathlib.Path, **documents: t.Any) -> None:
    for name, document in documents.items():
        (folder / f"{name}.json").write_text(json.dumps(document))


def from_documents(read: Read, **options: t.Any) -> InventoryData:
    return read(sources=["documents"], documents=["*.json"], **options)


def vm(name: str, **compute: t.Any) -> dict[str, t.Any]:
    return {"compute": {"name": name, "vmId": f"id-{name}", **compute}}


def members(inventory: InventoryData, group: str) -> list[str]:
    return sorted(host.name for host in inventory.groups[group].get_hosts())


@pytest.mark.parametrize(
    ("name", "is_ours"),
    [
        ("imds.yml", True),
        ("imds.yaml", True),
        ("fleet.imds.yml", True),
        ("myimds.yaml", True),
        ("imds.json", False),
        ("imds.yml.bak", False),
        ("hosts", False),
    ],
)
def test_files_by_their_names(tmp_path: pathlib.Path, name: str, is_ours: bool) -> None:
    plugin = inventory_loader.get("imds.azure.instances")
    (tmp_path / name).write_text("plugin: imds.azure.instances\n")
    assert plugin.verify_file(str(tmp_path / name)) is is_ours
    assert plugin.verify_file(str(tmp_path / "missing" / name)) is False
    assert plugin.verify_file(f"host1,{name}") is False


def test_a_map_of_groups(read: Read, tmp_path: pathlib.Path) -> None:
    written(tmp_path, a=vm("a", zone="1", location="westeurope"), b=vm("b", zone="1"), c=vm("c"))
    inventory = from_documents(read)
    assert sorted(inventory.hosts) == ["a", "b", "c"]
    assert members(inventory, "zone_1") == ["a", "b"]
    assert members(inventory, "zones") == ["a", "b"]
    assert members(inventory, "location_westeurope") == ["a"]
    assert [group.name for group in inventory.groups["zones"].child_groups] == ["zone_1"]


def test_groups_and_hosts_know_each_other_as_ansible_does_it(
    read: Read, tmp_path: pathlib.Path
) -> None:
    # Two tags that are one group, once their names are valid.
    tags = [{"name": name, "value": ""} for name in ("a-b", "a.b", "c")]
    written(tmp_path, a=vm("a", zone="1", tagsList=tags), b=vm("b", tagsList=tags[2:]))
    inventory = from_documents(read, group_by=["zone", "tags"])
    group, host = inventory.groups["tag_a_b"], inventory.hosts["a"]
    assert group.hosts == [host]
    assert not group.add_host(host)
    assert len(host.groups) == len(set(host.groups))
    names = {"all", "zones", "zone_1", "tags", "tag_a_b", "tag_c"}
    assert {one.name for one in host.groups} == names
    assert members(inventory, "tags") == members(inventory, "all") == ["a", "b"]
    inventory.remove_host(host)
    assert members(inventory, "all") == members(inventory, "tag_c") == ["b"]


def test_the_host_variables(read: Read, tmp_path: pathlib.Path) -> None:
    written(tmp_path, a=EVERYTHING)
    (host,) = from_documents(read).hosts.values()
    assert host.vars["ansible_host"] == "10.0.0.4"
    assert host.vars["azure_imds"]["tags"]["Role"] == "WebRole"
    assert host.vars["azure_imds"]["compute"]["storageProfile"]["resourceDisk"]["size"] == 34603008


def test_what_the_user_templates(read: Read, tmp_path: pathlib.Path) -> None:
    written(tmp_path, a=vm("a", zone="1", vmSize="Standard_B1s"))
    inventory = from_documents(
        read,
        compose={"size": "azure_imds.compute.vmSize"},
        groups={"small": "'B1' in azure_imds.compute.vmSize"},
        keyed_groups=[{"key": "azure_imds.compute.zone", "prefix": "z"}],
    )
    assert inventory.hosts["a"].vars["size"] == "Standard_B1s"
    assert members(inventory, "small") == members(inventory, "z_1") == ["a"]


def test_this_vm(read: Read) -> None:
    with Simulator([Vm("web-1", EVERYTHING)], rate_limit=0) as simulator:
        inventory = read(endpoint=simulator["web-1"].url)
        assert len(simulator["web-1"].requests) == 1
        assert list(inventory.hosts) == ["wéb-日本-1"]
        assert inventory.hosts["wéb-日本-1"].vars["azure_imds"]["api_version"] == "2025-04-07"
        simulator["web-1"].faults = [Fault("status", status=403)]
        with pytest.raises(AnsibleParserError, match=r"imds\.yml: GET http.* status 403"):
            read(endpoint=simulator["web-1"].url)


@pytest.mark.parametrize(
    ("hosts", "plugin", "reason"),
    [
        ([], "jsonfile", "no inventory source before this one named a host"),
        (["a"], "memory", "unless ansible.cfg has fact_caching"),
        (["a"], "jsonfile", ""),
    ],
)
def test_why_there_are_no_facts(
    hosts: list[str], plugin: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instances.C, "CACHE_PLUGIN", plugin)
    inventory = InventoryData()
    for host in hosts:
        inventory.add_host(host)
    said = instances._why_no_facts(inventory)
    assert reason in said
    assert bool(said) == bool(reason)


class Cache:
    """A fact cache in which the facts of some hosts can't be read."""

    def __init__(self, facts: dict[str, t.Any], error: Exception | None = None) -> None:
        self._facts = facts
        self._error = error

    def contains(self, name: str) -> bool:
        if self._error:
            raise self._error
        return name in self._facts

    def get(self, name: str) -> t.Any:
        if isinstance(self._facts[name], Exception):
            raise self._facts[name]
        return {"azure_imds": self._facts[name]}


def cached_facts(
    monkeypatch: pytest.MonkeyPatch, cache: Cache
) -> tuple[dict[str, t.Any], dict[str, str]]:
    monkeypatch.setattr(instances.cache_loader, "get", lambda _name: cache)
    broken: dict[str, str] = {}
    return dict(instances._cached_facts(["a", "b", "c", "none"], broken)), broken


def test_facts_of_one_host_that_can_not_be_read_cost_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    deep: list[t.Any] = []
    for _level in range(5_000):
        deep = [deep]
    odd = {"tags": {"__ansible_vault": "x", "half": "\ud83d"}, "compute": {"name": "b"}}
    cache = Cache({"a": ValueError("input is not vault encrypted\n data"), "b": odd, "c": deep})
    found, broken = cached_facts(monkeypatch, cache)
    assert found == {"b": {"tags": {"half": "\ufffd"}, "compute": {"name": "b"}}}
    assert list(broken) == ["a", "c"]
    assert broken["a"] == "input is not vault encrypted data"


def test_a_fact_cache_that_does_not_answer_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnavailableError, match=r"the fact cache .* can't be read: down"):
        cached_facts(monkeypatch, Cache({}, OSError("down")))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", r"a\.json:1:2: it is not JSON"),
        ("[{}, \n 5]", r"a\.json:1: it has neither compute nor network"),
        ("\n5", r"a\.json:1: it is a number"),
    ],
)
def test_a_broken_document_is_told_by_file_and_line(
    read: Read, tmp_path: pathlib.Path, content: str, message: str
) -> None:
    written(tmp_path, b=vm("b"))
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(AnsibleParserError, match=message):
        from_documents(read)
    assert list(from_documents(read, skip_broken=True).hosts) == ["b"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sources": ["documents"]}, "needs the option documents"),
        ({"sources": ["documents"], "documents": ["none.json"]}, "there is no file"),
        ({"endpoint": "http://example.com"}, "is refused"),
        ({"api_version": "newest"}, "neither 'latest' nor a date"),
        ({"timeout": 0}, "timeout must be a number"),
        ({"gather_subset": ["hardware"]}, "gather_subset has no 'hardware'"),
        (
            {"sources": ["documents"], "documents": ["*.json"], "filters": [{"only": "x"}]},
            "filters: ",
        ),
        ({"hostnames": ["["]}, "is not a JMESPath expression"),
        ({"hostnames": [5]}, "hostnames '5' is not a JMESPath expression: it is no text"),
        ({"hostnames": [{"tag": "Name"}]}, "the value of a tag is tag:NAME, without a space"),
        ({"sources": ["documents"], "documents": [5]}, "'5' is no name of a file"),
        ({"sources": ["documents"], "documents": [""]}, "'' is no name of a file"),
        ({"sources": ["documents"], "documents": ["."]}, r"is a folder: .* example \./\*\.json"),
        ({"sources": ["facts"], "max_age": -1}, "max_age must be a number of seconds from 0 on"),
        ({"filter": []}, "there is no option filter: ansible-doc -t inventory"),
    ],
)
def test_what_can_not_work(read: Read, options: dict[str, t.Any], message: str) -> None:
    with pytest.raises(AnsibleParserError, match=message):
        read(**options)


def test_the_documentation_names_the_choices() -> None:
    assert DOCUMENTED["group_by"]["choices"] == [
        *("zone", "fault_domain", "location", "tags"),
        *(name for name in GROUPINGS if name not in DOCUMENTED["group_by"]["default"]),
    ]
    assert DOCUMENTED["address"]["choices"] == list(ADDRESSES)
