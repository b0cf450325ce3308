# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory plugin, loaded as Ansible loads it."""

from __future__ import annotations

import json
import pathlib
import typing as t

import ansible.template
import pytest
import yaml
from ansible import context
from ansible.errors import AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import cache_loader, inventory_loader
from ansible.template import Templar
from ansible.utils.display import Display
from doubles import load

from ansible_collections.imds.azure.plugins.inventory import instances
from ansible_collections.imds.azure.plugins.plugin_utils._fleet import ADDRESSES
from ansible_collections.imds.azure.plugins.plugin_utils._grouping import GROUPINGS
from simulator import Fault, Simulator, Vm

EVERYTHING = load("everything")
DOCUMENTED = yaml.safe_load(instances.DOCUMENTATION)["options"]

trust = getattr(ansible.template, "trust_as_template", None)

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


@pytest.mark.parametrize("mode", ["list", "play"])
def test_what_the_user_makes_of_tags_is_text(
    read: Read, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, mode: str
) -> None:
    source = str(tmp_path / "imds.yml")
    monkeypatch.setattr(context, "CLIARGS", {"inventory": [source], "list": mode == "list"})
    ran = tmp_path / "ran"
    rest = "{ lookup('ansible.builtin.pipe', 'touch " + str(ran) + "') }}"
    tags = [{"name": "Open", "value": "{"}, {"name": "Rest", "value": rest}]
    written(tmp_path, a=vm("a", tagsList=tags))
    inventory = from_documents(
        read,
        compose={
            "joined": "azure_imds.tags.Open ~ azure_imds.tags.Rest",
            "around": "'{' ~ azure_imds.tags.Rest",
            "name": "azure_imds.compute.name",
        },
        groups={"early": "joined == '' or around == ''"},
        keyed_groups=[{"key": "joined"}, {"key": "around"}],
    )
    variables = inventory.hosts["a"].vars
    assert variables["joined"] == variables["around"] == "{" + rest
    templar = Templar(loader=DataLoader(), variables=variables)
    assert templar.template(variables["joined"]) == "{" + rest
    assert not ran.exists()
    assert json.dumps(variables["name"]) == '"a"'
    assert hasattr(variables["name"], "__UNSAFE__") is (mode == "play" and not trust)


def test_this_vm(read: Read) -> None:
    with Simulator([Vm("web-1", EVERYTHING)], rate_limit=0) as simulator:
        inventory = read(endpoint=simulator["web-1"].url)
        assert len(simulator["web-1"].requests) == 1
        assert list(inventory.hosts) == ["wéb-日本-1"]
        assert inventory.hosts["wéb-日本-1"].vars["azure_imds"]["api_version"] == "2025-04-07"
        simulator["web-1"].faults = [Fault("status", status=403)]
        with pytest.raises(AnsibleParserError, match=r"imds\.yml: GET http.* status 403"):
            read(endpoint=simulator["web-1"].url)


def marked_text(text: str) -> dict[str, t.Any]:
    """A dictionary that the caches of ansible-core 2.19 and later read as a trusted template."""
    trusted = [{"__ansible_type": "TrustedAsTemplate"}]
    return {"__ansible_type": "_AnsibleTaggedStr", "value": text, "tags": trusted}


@pytest.mark.skipif(not trust, reason="cores before 2.19 know no trust")
def test_a_cached_fact_is_no_template(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(instances.C, "CACHE_PLUGIN", "ansible.builtin.jsonfile")
    monkeypatch.setenv("ANSIBLE_CACHE_PLUGIN_CONNECTION", str(tmp_path / "facts"))
    facts = {"azure_imds": vm("a", zone=marked_text("{{ 7 * 7 }}"))}
    cache_loader.get(instances.C.CACHE_PLUGIN).set("a", facts)
    inventory = InventoryData()
    inventory.add_host("a")
    facts = dict(instances._cached_facts(["a"]))
    assert templated(facts["a"]["compute"]["zone"]) == 49
    plugin = inventory_loader.get("imds.azure.instances")
    options = {
        "plugin": "imds.azure.instances",
        "sources": ["facts"],
        "compose": {"zone": "azure_imds.compute.zone"},
    }
    (tmp_path / "imds.yml").write_text(yaml.safe_dump(options))
    plugin.parse(inventory, DataLoader(), str(tmp_path / "imds.yml"), cache=False)
    variables = inventory.hosts["a"].vars
    assert templated(variables["azure_imds"]["compute"]["zone"]) == "{{ 7 * 7 }}"
    assert variables["zone"] == "{{ 7 * 7 }}"


class Cached:
    """An inventory of a simulated VM with a cache in files."""

    def __init__(self, folder: pathlib.Path, vm: Vm) -> None:
        self._path = folder / "imds.yml"
        self._folder = folder / "cache"
        options = {
            "plugin": "imds.azure.instances",
            "endpoint": vm.url,
            "cache": True,
            "cache_plugin": "ansible.builtin.jsonfile",
            "cache_connection": str(self._folder),
        }
        self._path.write_text(yaml.safe_dump(options))

    def read(self) -> dict[str, t.Any]:
        inventory = InventoryData()
        plugin = inventory_loader.get("imds.azure.instances")
        plugin.parse(inventory, DataLoader(), str(self._path), cache=True)
        plugin.update_cache_if_changed()
        (host,) = inventory.hosts.values()
        fact: dict[str, t.Any] = host.vars["azure_imds"]
        return fact

    def plant(self, value: t.Any) -> None:
        plugin = inventory_loader.get("imds.azure.instances")
        plugin.parse(InventoryData(), DataLoader(), str(self._path), cache=True)
        plugin.cache[plugin.get_cache_key(str(self._path))] = value
        plugin.update_cache_if_changed()

    def texts(self) -> list[str]:
        return [file.read_text() for file in self._folder.iterdir()]

    def write(self, text: str) -> None:
        for file in self._folder.iterdir():
            file.write_text(text)


@pytest.fixture
def simulated() -> t.Iterator[Vm]:
    with Simulator([Vm("web-1", EVERYTHING)], rate_limit=0) as simulator:
        yield simulator["web-1"]


def test_the_cache_keeps_a_document_as_it_is(simulated: Vm, tmp_path: pathlib.Path) -> None:
    evil = marked_text("{{ 7 * 7 }}")
    secret = "c2VjcmV0LXVzZXItZGF0YQ=="
    compute = {**EVERYTHING["compute"], "userData": secret, "customData": secret, "evil": evil}
    simulated.document = {**EVERYTHING, "compute": compute}
    cached = Cached(tmp_path, simulated)
    first = cached.read()
    assert cached.read() == first
    assert len(simulated.requests) == 1
    assert secret not in "".join(cached.texts())
    for fact in (first, cached.read()):
        # What an entry with such a name becomes is not a matter of the cache.
        assert "49" not in str(templated(fact["compute"].get("evil", "")))
        assert fact["tags"]["Role"] == "WebRole"
        assert fact["api_version"] == "2025-04-07"


def templated(value: t.Any) -> t.Any:
    return Templar(loader=DataLoader(), variables={}).template(value)


@pytest.mark.parametrize(
    "planted",
    [
        {"api_version": "2025-04-07", "document": {"compute": {"name": "planted"}}},
        {"__ansible_vault": "planted"},
        ["planted"],
        "planted",
        "[" * 100_000,
        '["planted"]',
        '{"api_version": "2025-04-07"}',
        '{"api_version": "2025-04-07", "document": {"compute": "planted"}}',
        '{"api_version": 5, "document": {"compute": {"name": "planted"}}}',
        '{"document": {"compute": {"name": "planted"}}}',
    ],
    ids=lambda planted: str(planted)[:60],
)
def test_anything_else_in_the_cache_is_asked_for_again(
    simulated: Vm, tmp_path: pathlib.Path, planted: t.Any
) -> None:
    cached = Cached(tmp_path, simulated)
    first = cached.read()
    cached.plant(planted)
    before = len(simulated.requests)
    assert cached.read() == first
    assert cached.read() == first
    assert len(simulated.requests) == before + 1


@pytest.mark.parametrize("text", ["", "{", '"text"', "[]", '{"__payload__": "{"}'])
def test_a_cache_that_is_broken_costs_a_warning(
    simulated: Vm, tmp_path: pathlib.Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(Display, "warning", lambda _self, text, **_how: warnings.append(text))
    cached = Cached(tmp_path, simulated)
    first = cached.read()
    cached.write(text)
    assert cached.read() == first
    assert len(simulated.requests) == 2
    # Cores before 2.19 read the others as entries that are not of this plugin.
    if trust or text in ("", "{"):
        assert "the inventory cache can't be read, so IMDS is asked" in warnings[-1]


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


def test_the_documentation_names_the_choices() -> None:
    assert DOCUMENTED["group_by"]["choices"] == [
        *("zone", "fault_domain", "location", "tags"),
        *(name for name in GROUPINGS if name not in DOCUMENTED["group_by"]["default"]),
    ]
    assert DOCUMENTED["address"]["choices"] == list(ADDRESSES)
