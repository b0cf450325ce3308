# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory plugin, loaded as Ansible loads it."""

from __future__ import annotations

import json
import os
import pathlib
import typing as t

import pytest
import yaml
from ansible.errors import AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import inventory_loader
from doubles import HOSTILE, load

from ansible_collections.imds.azure.plugins.inventory import instances
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


@pytest.fixture
def hostile(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> t.Callable[..., list[str]]:
    """Reads a source in a folder with a hostile name; returns all that a terminal would be sent."""
    # Ansible itself wants the name of a source to be text.
    folder = tmp_path / HOSTILE.replace("\udcff", "")
    folder.mkdir()

    def said(**options: t.Any) -> list[str]:
        path = folder / "imds.yml"
        path.write_text(yaml.safe_dump({"plugin": "imds.azure.instances", **options}))
        plugin = inventory_loader.get("imds.azure.instances")
        lines: list[str] = []
        monkeypatch.setattr(type(plugin.display), "warning", lambda _self, line: lines.append(line))
        try:
            plugin.parse(InventoryData(), DataLoader(), str(path), cache=False)
        except AnsibleParserError as exc:
            lines.append(str(exc))
        return lines

    written(folder, good=vm("a"))
    return said


def write_hostile_documents(folder: pathlib.Path) -> None:
    for number, content in enumerate(
        [
            "{",
            "[5]",
            "{}",
            json.dumps({HOSTILE: {}}),
            json.dumps({"compute": {HOSTILE: HOSTILE}})[:-1],
            '{"compute": "\x1b"}',
            "\udcff",
        ]
    ):
        path = folder / f"{number}{HOSTILE}.json"
        path.write_text(content, "utf-8", "surrogateescape")
    (folder / f"text{HOSTILE}").touch()
    (folder / f"folder{HOSTILE}.json").mkdir()
    (folder / f"zero{HOSTILE}.json").symlink_to("/dev/zero")
    (folder / f"dangling{HOSTILE}.json").symlink_to(HOSTILE)
    os.mkfifo(folder / f"fifo{HOSTILE}.ndjson")


def test_no_file_writes_to_the_terminal(
    hostile: t.Callable[..., list[str]], tmp_path: pathlib.Path
) -> None:
    (folder,) = tmp_path.iterdir()
    write_hostile_documents(folder)
    # All but good.json, and imds.yml, which is no document either.
    count = len(os.listdir(folder))
    source = {"sources": ["documents"], "address": "none"}
    (line,) = hostile(**source, documents=["*"], skip_broken=True)
    assert line.isprintable()
    assert f": {count} broken documents were left out; the first: " in line
    for name in os.listdir(folder):
        if name not in ("good.json", "imds.yml"):
            (line,) = hostile(**source, documents=[f"{name[:2]}*"])
            assert line.isprintable()
            assert r"\x1b]0;x\x07\r\nok: [x]\x9b31m\u202e\u2028\x7f\udcff" in line


@pytest.mark.parametrize(
    "options",
    [
        {"sources": ["documents"], "documents": [f"{HOSTILE}*.json"]},
        {"sources": ["documents"], "documents": [HOSTILE]},
        {"sources": ["documents"], "documents": ["."]},
        {"sources": ["documents"]},
        {"sources": ["facts"]},
        {"endpoint": f"http://{HOSTILE}"},
        {"api_version": HOSTILE},
        {"gather_subset": [HOSTILE]},
        {"sources": ["documents"], "documents": ["good.json"], "filters": [{HOSTILE: HOSTILE}]},
        {"sources": ["documents"], "documents": ["good.json"], "filters": [{"include": HOSTILE}]},
        {"hostnames": [HOSTILE]},
        {"hostnames": [{HOSTILE: HOSTILE}]},
        {HOSTILE: 1},
    ],
)
def test_no_option_writes_to_the_terminal(
    hostile: t.Callable[..., list[str]], options: dict[str, t.Any]
) -> None:
    lines = hostile(**json.loads(json.dumps(options).replace(r"\udcff", "")))
    assert lines
    assert [line for line in lines if not line.isprintable()] == []


def test_no_document_writes_to_the_terminal(
    hostile: t.Callable[..., list[str]], tmp_path: pathlib.Path
) -> None:
    """Names that VMs share, tags that clash, addresses that are none: whatever is warned of."""
    odd = {
        "name": HOSTILE,
        "tagsList": [{"name": HOSTILE, "value": HOSTILE}, {"name": f"{HOSTILE} ", "value": HOSTILE}],
        "location": HOSTILE,
        "zone": HOSTILE,
        "azEnvironment": HOSTILE,
    }
    network = {"interface": [{"ipv4": {"ipAddress": [{"privateIpAddress": HOSTILE}]}}]}
    vms = [{"compute": {**odd, "vmId": f"{n}{HOSTILE}"}, "network": network} for n in range(3)]
    (folder,) = tmp_path.iterdir()
    written(folder, vms=vms)
    lines = hostile(sources=["documents"], documents=["vms.json"], hostnames=["name", "location"])
    assert len(lines) >= 1
    assert [line for line in lines if not line.isprintable()] == []


def test_the_documentation_names_the_choices() -> None:
    assert DOCUMENTED["group_by"]["choices"] == [
        *("zone", "fault_domain", "location", "tags"),
        *(name for name in GROUPINGS if name not in DOCUMENTED["group_by"]["default"]),
    ]
    assert DOCUMENTED["address"]["choices"] == list(ADDRESSES)
