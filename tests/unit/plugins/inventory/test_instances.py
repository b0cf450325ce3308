# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the inventory plugin. It is loaded as Ansible loads it."""

from __future__ import annotations

import json
import os
import pathlib
import re
import typing as t

import ansible.template
import pytest
import yaml
from ansible import constants, context
from ansible.errors import AnsibleError, AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.parsing.dataloader import DataLoader
from ansible.parsing.vault import VaultLib, VaultSecret
from ansible.plugins.loader import cache_loader, inventory_loader
from ansible.template import Templar
from ansible.utils.display import Display
from doubles import HOSTILE, load

from ansible_collections.imds.azure.plugins.inventory import instances
from ansible_collections.imds.azure.plugins.module_utils._facts import azure_imds
from ansible_collections.imds.azure.plugins.plugin_utils._inventory.groups import GROUPINGS
from ansible_collections.imds.azure.plugins.plugin_utils._inventory.vms import ADDRESSES
from imds_simulator import Fault, Simulator, Vm

EVERYTHING = load("everything")
DOCUMENTED = yaml.safe_load(instances.DOCUMENTATION)["options"]

trust = getattr(ansible.template, "trust_as_template", None)

Read = t.Callable[..., InventoryData]


def templatable(value: t.Any) -> t.Any:
    """The text in the form in which Ansible passes values of --extra-vars."""
    return trust(value) if trust and isinstance(value, str) else value


@pytest.fixture
def warnings(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The warnings of the plugin, without the name of the inventory file."""
    said: list[str] = []

    def warning(_display: Display, text: str, *_more: t.Any, **_options: t.Any) -> None:
        _path, of_plugin, message = text.partition("imds.yml: ")
        said.extend([message] if of_plugin else [])

    monkeypatch.setattr(Display, "warning", warning)
    return said


@pytest.fixture
def read(tmp_path: pathlib.Path) -> Read:
    def read(inventory: InventoryData | None = None, **options: t.Any) -> InventoryData:
        path = tmp_path / "imds.yml"
        path.write_text(yaml.safe_dump({"plugin": "imds.azure.instances", **options}))
        inventory = inventory or InventoryData()
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
    # Two tags whose valid group names are equal.
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


def test_a_later_source_replaces_the_fact_also_where_dictionaries_are_merged(
    read: Read, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "DEFAULT_HASH_BEHAVIOUR", "merge")
    inventory = InventoryData()
    for compute in ({"zone": "1"}, {"location": "westeurope"}):
        written(tmp_path, a=vm("a", **compute))
        from_documents(read, inventory=inventory)
    fact = inventory.hosts["a"].vars["azure_imds"]
    assert set(fact["compute"]) == {"name", "vmId", "location"}


def test_a_snapshot_of_another_host_does_not_join_a_host_of_an_earlier_file(
    read: Read, tmp_path: pathlib.Path, warnings: list[str]
) -> None:
    def snapshot(host: str, vm_id: str) -> dict[str, t.Any]:
        return {"azure_imds": vm("web-1", vmId=vm_id, location=host), "inventory_hostname": host}

    inventory = InventoryData()
    for host in ("web-1", "evil", "evil"):
        written(tmp_path, a=snapshot(host, "w1"))
        from_documents(read, inventory=inventory)
    assert set(inventory.hosts) == {"web-1", "web-1_w1"}
    assert inventory.hosts["web-1"].vars["azure_imds"]["compute"]["location"] == "web-1"
    assert sum("which would be web-1" in text for text in warnings) == 2


class Encrypted:
    """A value that can't be decrypted."""

    def __str__(self) -> str:
        raise AnsibleError("no vault secrets found")


def test_an_earlier_address_that_can_not_be_decrypted(read: Read, tmp_path: pathlib.Path) -> None:
    inventory = InventoryData()
    inventory.add_host("secret")
    inventory.hosts["secret"].vars["ansible_host"] = Encrypted()
    written(tmp_path, a=vm("a"))
    assert set(from_documents(read, inventory=inventory).hosts) == {"secret", "a"}


def test_groups_of_an_earlier_source_that_would_make_a_loop(
    read: Read, tmp_path: pathlib.Path, warnings: list[str]
) -> None:
    inventory = InventoryData()
    for group in ("zones", "zone_1"):
        inventory.add_group(group)
    inventory.add_child("zone_1", "zones")
    written(tmp_path, a=vm("a", zone="1", location="x"))
    from_documents(read, inventory=inventory)
    assert members(inventory, "location_x") == members(inventory, "zone_1") == ["a"]
    assert any(
        text.endswith(
            "group_by: a group can't be below itself, so this was left out: zone_1 below zones"
        )
        for text in warnings
    )


def test_the_host_variables(read: Read, tmp_path: pathlib.Path) -> None:
    written(tmp_path, a=EVERYTHING)
    (host,) = from_documents(read).hosts.values()
    assert host.vars["ansible_host"] == "10.0.0.4"
    assert host.vars["azure_imds"]["tags"]["Role"] == "WebRole"
    assert host.vars["azure_imds"]["compute"]["storageProfile"]["resourceDisk"]["size"] == 34603008


def test_templates_of_the_user(read: Read, tmp_path: pathlib.Path) -> None:
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
def test_results_of_compose_are_text(
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
    cached = cache_loader.get(instances.C.CACHE_PLUGIN).get("a")
    assert templated(cached["azure_imds"]["compute"]["zone"]) == 49
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

    def __init__(self, folder: pathlib.Path, vm: Vm, **more: t.Any) -> None:
        self._path = folder / "imds.yml"
        self._folder = folder / "cache"
        options = {
            "plugin": "imds.azure.instances",
            "endpoint": vm.url,
            "cache": True,
            "cache_plugin": "ansible.builtin.jsonfile",
            "cache_connection": str(self._folder),
            **more,
        }
        self._path.write_text(yaml.safe_dump(options))

    def read(self) -> dict[str, t.Any]:
        inventory = InventoryData()
        plugin = inventory_loader.get("imds.azure.instances")
        plugin.parse(inventory, DataLoader(), str(self._path), cache=True)
        plugin.update_cache_if_changed()
        hosts = list(inventory.hosts.values())
        assert len(hosts) == 1
        fact: dict[str, t.Any] = hosts[0].vars["azure_imds"]
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
        # The cache does not decide about an entry with such a name.
        assert "49" not in str(templated(fact["compute"].get("evil", "")))
        assert fact["tags"]["Role"] == "WebRole"
        assert fact["api_version"] == "2025-04-07"


def templated(value: t.Any) -> t.Any:
    return Templar(loader=DataLoader(), variables={}).template(value)


def test_a_cached_text_has_no_lone_surrogates(simulated: Vm, tmp_path: pathlib.Path) -> None:
    cached = Cached(tmp_path, simulated)
    cached.read()
    cached.plant('{"api_version": "2025-04-07", "document": {"compute": {"name": "web\ud83d"}}}')
    # Some versions of ansible-core refuse such an entry. Then IMDS is queried again.
    assert cached.read()["compute"]["name"] in {"web?", EVERYTHING["compute"]["name"]}


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
        '{"api_version": "2025-04-07", "document": {"compute": {}, "network": null}}',
    ],
    ids=lambda planted: str(planted)[:60],
)
def test_other_cache_entries_cause_a_new_request(
    simulated: Vm, tmp_path: pathlib.Path, planted: t.Any
) -> None:
    cached = Cached(tmp_path, simulated)
    first = cached.read()
    cached.plant(planted)
    before = len(simulated.requests)
    assert cached.read() == first
    assert cached.read() == first
    assert len(simulated.requests) == before + 1


@pytest.mark.parametrize("lost", ["compute", "network"])
def test_an_incomplete_answer_is_reported_and_not_cached(
    simulated: Vm, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch, lost: str
) -> None:
    said: list[str] = []
    monkeypatch.setattr(Display, "warning", lambda _self, words, *_more, **_kw: said.append(words))
    cached = Cached(tmp_path, simulated, deadline=0.5, hostnames=["name"], address="none")
    simulated.lost = [lost]
    assert lost not in cached.read()
    assert f"imds.yml: GET {simulated.url}/metadata/instance" in said[0]
    assert f"was answered without {lost}, after 1 attempt" in said[0]
    simulated.lost = []
    whole = cached.read()
    assert lost in whole
    # The fuller document of the cache is used, and stays in the cache.
    simulated.lost = [lost]
    assert cached.read() == whole
    assert len(simulated.requests) == 2


def test_a_complete_document_of_a_classic_vm_is_cached(
    simulated: Vm, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(Display, "warning", lambda _self, words, *_more, **_kw: said.append(words))
    simulated.document = {"network": EVERYTHING["network"]}
    cached = Cached(tmp_path, simulated, complete=True)
    assert cached.read() == cached.read()
    assert len(simulated.requests) == 1
    assert not any("was answered without" in words for words in said)


@pytest.mark.parametrize("text", ["", "{", '"text"', "[]", '{"__payload__": "{"}'])
def test_a_broken_cache_causes_a_warning(
    simulated: Vm, tmp_path: pathlib.Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    warnings: list[str] = []
    monkeypatch.setattr(Display, "warning", lambda _self, text, **_how: warnings.append(text))
    cached = Cached(tmp_path, simulated)
    first = cached.read()
    cached.write(text)
    assert cached.read() == first
    assert len(simulated.requests) == 2
    # Before ansible-core 2.19, the other entries do not belong to this plugin.
    if trust or text in ("", "{"):
        assert "the inventory cache can't be read, so IMDS is queried" in warnings[-1]


@pytest.mark.parametrize(
    ("hosts", "plugin", "reason"),
    [
        ([], "jsonfile", "no earlier inventory source has a host"),
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
    said = instances._reason_without_facts(inventory)
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
def test_a_broken_document_is_reported_with_file_and_line(
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
        ({"sources": ["documents"]}, "so the option documents must be set as well"),
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
        ({"hostnames": [5]}, "hostnames '5' is not a JMESPath expression: it is not a text"),
        (
            {"hostnames": [{"tag": "Name"}]},
            "for the value of a tag, write tag:NAME without a space",
        ),
        ({"sources": ["documents"], "documents": [5]}, "'5' is not the name of a file"),
        ({"sources": ["documents"], "documents": [""]}, "'' is not the name of a file"),
        ({"sources": ["documents"], "documents": ["."]}, r"is a folder: .* example \./\*\.json"),
        (
            {"sources": ["facts"], "max_age": -1},
            "max_age must be 0 or a positive number of seconds",
        ),
        ({"filter": []}, "there is no option filter: ansible-doc -t inventory"),
    ],
)
def test_invalid_options(read: Read, options: dict[str, t.Any], message: str) -> None:
    with pytest.raises(AnsibleParserError, match=message):
        read(**options)


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        (
            "group_by",
            ["zones"],
            r"group_by has no zones: choose from zone, fault_domain, location, tag",
        ),
        ("group_by", "zone, Tags", r"group_by has no Tags: choose from zone, fault_domain"),
        ("sources", ["files"], r"sources has no files: choose from imds, facts, documents"),
        ("address", "Public", r"address has no Public: choose from private, public, none"),
        ("group_by", [["zone"]], r"group_by has no \['zone'\]: choose from zone"),
    ],
)
def test_a_value_that_is_no_choice_is_refused_with_the_choices(
    read: Read, option: str, value: t.Any, message: str
) -> None:
    with pytest.raises(AnsibleParserError, match=rf"imds\.yml: {message}"):
        read(**{option: value})


@pytest.mark.parametrize(
    ("name", "content", "is_named"),
    [
        ("fleet.yml", "plugin: imds.azure.instances\n", True),
        ("fleet.yaml", "---\n# x\nplugin:   'imds.azure.instances' # y\n", True),
        ("a.imds.yml.yml", 'sources: []\nplugin: "imds.azure.instances"', True),
        ("fleet.yml", "plugin: amazon.aws.aws_ec2\n", False),
        ("fleet.yml", "all:\n  plugin: imds.azure.instances\n", False),
        ("fleet.txt", "plugin: imds.azure.instances\n", False),
        ("fleet.yml", "\0plugin", False),
    ],
)
def test_a_file_of_this_plugin_with_another_name_is_named(
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    content: str,
    is_named: bool,
) -> None:
    lines: list[str] = []
    monkeypatch.setattr(Display, "warning", lambda _self, line, **_how: lines.append(line))
    (tmp_path / name).write_text(content)
    plugin = inventory_loader.get("imds.azure.instances")
    assert plugin.verify_file(str(tmp_path / name)) is False
    suggestion = f"for example {name.rpartition('.')[0]}.imds.yml"
    assert [line for line in lines if line.endswith(suggestion)] == lines
    assert len(lines) == is_named


def test_options_may_be_templates_but_documents_may_not(
    read: Read, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"fleet": "west", "suffixes": ["json"], "port": "9", "nested": "{{ fleet }}"}
    monkeypatch.setattr(
        "ansible.plugins.inventory.load_extra_vars",
        lambda _loader: {name: templatable(value) for name, value in given.items()},
    )
    for folder in ("west", "{{ fleet }}"):
        (tmp_path / folder).mkdir()
    written(tmp_path / "west", a=tagged("a", Role="{{ fleet }}"))
    read_by = ["{{ fleet }}/*.json", "west/*.{{ suffixes | first }}", "{{ nested }}/a.json"]
    for documents in (read_by, "{{ fleet }}/a.json", "{{ [fleet ~ '/a.json'] }}"):
        inventory = read(sources=["documents"], documents=documents, deadline="{{ port }}")
        assert inventory.hosts["a"].vars["azure_imds"]["tags"] == {"Role": "{{ fleet }}"}
    with pytest.raises(AnsibleParserError, match=r"GET http://127\.0\.0\.1:9/.* refused"):
        read(endpoint="http://127.0.0.1:{{ port }}", deadline="0.{{ port }}")
    monkeypatch.setenv("FLEET_OF_TEST", "west/a.json")
    assert read(
        sources=["documents"], documents=["{{ lookup('ansible.builtin.env', 'FLEET_OF_TEST') }}"]
    ).hosts


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"documents": ["{{ nowhere }}/*.json"]},
            r"documents: the template .*nowhere.* can't be evaluated",
        ),
        (
            {"endpoint": "{{ nowhere }}"},
            r"endpoint: the template .* can use variables of --extra-vars",
        ),
        ({"documents": "{{ 1 / 0 }}"}, r"imds\.yml: documents: the template"),
        ({"hostnames": ["{{ nowhere }}"]}, r"hostnames '\{\{ nowhere \}\}' is not a JMESPath"),
    ],
)
def test_a_template_without_a_value_is_named(
    read: Read, options: dict[str, t.Any], message: str
) -> None:
    with pytest.raises(AnsibleParserError, match=message):
        read(**{"sources": ["documents"], "documents": ["*.json"], **options})


def test_a_variable_of_an_option_may_be_a_template(
    read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = {"azure_imds_endpoint": "http://127.0.0.1:{{ port }}", "port": 9}
    monkeypatch.setattr(
        "ansible.plugins.inventory.load_extra_vars",
        lambda _loader: {name: templatable(value) for name, value in given.items()},
    )
    with pytest.raises(AnsibleParserError, match=r"GET http://127\.0\.0\.1:9/.* refused"):
        read(deadline=0.1)


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        (None, "A vault password or secret must be specified"),
        ("wrong", "Decryption failed"),
        ("right", ""),
    ],
)
def test_encrypted_documents(
    tmp_path: pathlib.Path,
    warnings: list[str],
    monkeypatch: pytest.MonkeyPatch,
    password: str | None,
    reason: str,
) -> None:
    def secrets(text: str) -> list[tuple[str, VaultSecret]]:
        return [("default", VaultSecret(text.encode()))]

    monkeypatch.setattr("ansible.constants.DEFAULT_LOCAL_TMP", str(tmp_path))
    path = tmp_path / "imds.yml"
    secret = json.dumps(vm("secret", zone="1")).encode("utf-16")
    encrypted = VaultLib(secrets("right")).encrypt(secret)
    (tmp_path / "a.json").write_bytes(encrypted)
    (tmp_path / "lines.ndjson").write_bytes(encrypted)
    written(tmp_path, b=vm("b"))
    loader = DataLoader()
    loader.set_vault_secrets(secrets(password) if password else [])
    options = {"plugin": "imds.azure.instances", "sources": ["documents"], "address": "none"}
    inventories = []
    for skip_broken in (True, False):
        inventories.append(InventoryData())
        more = {"documents": ["*.json", "*.ndjson"], "skip_broken": skip_broken}
        path.write_text(yaml.safe_dump({**options, **more}))
        plugin = inventory_loader.get("imds.azure.instances")
        plugin.parse(inventories[-1], loader, str(path), cache=False)
    for inventory in inventories:
        assert list(inventory.hosts) == (["b"] if reason else ["secret", "b"])
    assert len(warnings) == (2 if reason else 0)
    for warning in warnings:
        assert warning.startswith("2 broken documents were left out; the first: ")
        assert re.search(
            rf"a\.json: ansible-vault has encrypted it, .*{reason}.*--vault-password-file", warning
        )
    # No decrypted file stays.
    assert sorted(os.listdir(tmp_path)) == ["a.json", "b.json", "imds.yml", "lines.ndjson"]


def everything_in(inventory: InventoryData) -> dict[str, t.Any]:
    """The data of an inventory that plays see, and the references between hosts and groups."""
    return {
        "hosts": {
            name: (id(host), dict(host.vars), [group.name for group in host.groups])
            for name, host in inventory.hosts.items()
        },
        "groups": {
            name: (
                id(group),
                dict(group.vars),
                group.depth,
                [host.name for host in group.hosts],
                sorted(group.host_names),
                sorted(host.name for host in group.get_hosts()),
                sorted(child.name for child in group.child_groups),
                sorted(parent.name for parent in group.parent_groups),
            )
            for name, group in inventory.groups.items()
        },
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"compose": {"x": "azure_imds.tags.Role"}}, "Could not set x for host b"),
        ({"groups": {"web": "azure_imds.tags.Role == 'web'"}}, "Could not add host b to group web"),
        ({"keyed_groups": [{"key": "azure_imds.tags.Role", "parent_group": "up"}]}, "for the VM b"),
        ({"filters": [{"include": "length(tags.Role) > `0`"}]}, "for the VM b"),
        (
            {
                "compose": {"kept": "'changed'", "ansible_user": "azure_imds.tags.Role"},
                "group_by": ["zone"],
            },
            "Could not set ansible_user",
        ),
    ],
)
def test_a_strict_source_leaves_all_or_nothing(
    read: Read, tmp_path: pathlib.Path, options: dict[str, t.Any], message: str
) -> None:
    inventory = InventoryData()
    for group in ("old", "zone_1"):
        inventory.add_group(group)
    inventory.add_host("a", "old")
    inventory.add_host("kept", "zone_1")
    inventory.add_child("old", "zone_1")
    inventory.set_variable("a", "kept", "as it was")
    inventory.set_variable("old", "size", {"one": 1})
    inventory.reconcile_inventory()
    assert inventory.groups["zone_1"].get_hosts()
    written(tmp_path, a=tagged("a", Role="web"), b=vm("b", zone="1"), c=tagged("c", Role="db"))
    before = everything_in(inventory)
    source = {"sources": ["documents"], "documents": ["*.json"], **options}
    with pytest.raises(AnsibleError, match=message):
        read(inventory, strict=True, **source)
    assert everything_in(inventory) == before
    # The same source without strict is complete, even after the failed source.
    read(inventory, **source)
    assert {"a", "c", "kept"} <= set(inventory.hosts)
    assert inventory.hosts["a"].vars["azure_imds"]["tags"] == {"Role": "web"}


@pytest.fixture
def hostile(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> t.Callable[..., list[str]]:
    """Reads a source in a folder with a hostile name. Returns the whole output for a terminal."""
    # Ansible requires that the name of a source is text.
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
    # All files except good.json, including imds.yml, which is not a document.
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
    """A fleet that causes warnings: shared names, clashing tags and invalid addresses."""
    odd = {
        "name": HOSTILE,
        "tagsList": [
            {"name": HOSTILE, "value": HOSTILE},
            {"name": f"{HOSTILE} ", "value": HOSTILE},
        ],
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


def tagged(name: str, **tags: t.Any) -> dict[str, t.Any]:
    return vm(name, tagsList=[{"name": key, "value": value} for key, value in tags.items()])


def test_no_vm_has_the_name_of_a_group_of_the_options(read: Read, tmp_path: pathlib.Path) -> None:
    names = ("web_servers", "parents", "azure_unknown", "x")
    written(tmp_path, **{name: vm(name, zone="1") for name in names})
    inventory = from_documents(
        read,
        groups={"web-servers": "true"},
        keyed_groups=[{"key": "azure_imds.compute.zone", "parent_group": "parents"}],
    )
    assert sorted(inventory.hosts) == [
        "azure_unknown_id-azure_unknown",
        "parents_id-parents",
        "web_servers_id-web_servers",
        "x",
    ]
    assert members(inventory, "web_servers") == members(inventory, "parents")
    assert len(members(inventory, "parents")) == 4


@pytest.mark.parametrize("earlier", [(), ("web",)])
def test_a_vm_with_the_name_of_a_keyed_group_is_a_host_of_its_own(
    read: Read, tmp_path: pathlib.Path, warnings: list[str], earlier: tuple[str, ...]
) -> None:
    inventory = InventoryData()
    for host in earlier:
        inventory.add_host(host)
    written(tmp_path, a=tagged("a", Role="web"), b=tagged("web", Role="db"), c=vm("c"))
    read(
        inventory,
        sources=["documents"],
        documents=["*.json"],
        leading_separator=False,
        address="none",
        group_by=[],
        compose={"role": "azure_imds.tags.Role"},
        groups={"known": "azure_imds.tags.Role is defined"},
        keyed_groups=[{"key": "azure_imds.tags.Role", "parent_group": "roles"}],
    )
    assert sorted(inventory.hosts) == ["a", "c", "web"]
    assert {name: members(inventory, name) for name in ("web", "db", "known", "roles")} == {
        "web": ["a"],
        "db": ["web"],
        "known": ["a", "web"],
        "roles": ["a", "web"],
    }
    assert (inventory.hosts["web"].vars["role"], inventory.groups["web"].vars) == ("db", {})
    assert members(inventory, "all") == ["a", "c", "web"]
    (warning,) = warnings
    assert warning.startswith("keyed_groups creates groups with the names of VMs, web: ")


def test_a_host_without_groups_with_the_name_of_a_group_stays_in_all(
    read: Read, tmp_path: pathlib.Path
) -> None:
    inventory = InventoryData()
    inventory.add_host("zone_1")
    written(tmp_path, a=vm("a", zone="1"))
    read(inventory, sources=["documents"], documents=["*.json"])
    assert members(inventory, "all") == ["a", "zone_1"]
    assert members(inventory, "ungrouped") == ["zone_1"]
    assert members(inventory, "zone_1") == ["a"]


ODD_VALUES = [5, 1.5, True, [""], [[]], [None], {"": ""}, {"a": {"b": 1}}, "all", "ungrouped", "up"]


@pytest.mark.parametrize("odd", ODD_VALUES, ids=str)
@pytest.mark.parametrize("key", ["azure_imds.compute.vmSize", "azure_imds.tags.Up"])
def test_an_invalid_value_of_one_vm_does_not_affect_others(
    read: Read, tmp_path: pathlib.Path, odd: t.Any, key: str
) -> None:
    good, bad = vm("good", vmSize="small"), vm("bad", vmSize=odd)
    for document, up in ((good, "sizes"), (bad, odd)):
        document["compute"]["tagsList"] = [{"name": "Up", "value": up}]
    written(tmp_path, bad=bad, good=good)
    inventory = from_documents(
        read,
        group_by=[],
        leading_separator=False,
        keyed_groups=[{"key": key, "parent_group": "{{ azure_imds.tags.Up }}"}],
    )
    assert members(inventory, "all") == ["bad", "good"]
    assert members(inventory, "small" if key.endswith("vmSize") else "sizes") == ["good"]


def test_one_warning_names_the_values_without_a_group(
    read: Read, tmp_path: pathlib.Path, warnings: list[str]
) -> None:
    written(tmp_path, a=vm("a", vmSize=[""]), b=vm("b", vmSize=[""]), c=vm("c", vmSize="small"))
    options: dict[str, t.Any] = {
        "address": "none",
        "group_by": [],
        "leading_separator": False,
        "keyed_groups": [{"key": "azure_imds.compute.vmSize"}],
    }
    inventory = from_documents(read, **options)
    assert members(inventory, "small") == ["c"]
    (warning,) = warnings
    assert warning.startswith(
        "keyed_groups 'azure_imds.compute.vmSize' makes no group for 2 VMs, for example a: Invalid "
    )
    with pytest.raises(AnsibleParserError, match=r"compute\.vmSize': for the VM a: Invalid empty"):
        from_documents(read, strict=True, **options)


def test_groups_below_themselves_are_left_out(
    read: Read, tmp_path: pathlib.Path, warnings: list[str]
) -> None:
    written(
        tmp_path,
        a=tagged("a", Role="web", Up="front"),
        b=tagged("b", Role="front", Up="web"),
        c=tagged("c", Role="x", Up="x"),
        d=tagged("d", Role="all", Up="web"),
    )
    options: dict[str, t.Any] = {
        "address": "none",
        "group_by": [],
        "leading_separator": False,
        "keyed_groups": [
            {"key": "azure_imds.tags.Role", "parent_group": "{{ azure_imds.tags.Up }}"}
        ],
    }
    inventory = from_documents(read, **options)
    assert members(inventory, "all") == ["a", "b", "c", "d"]
    assert members(inventory, "front") == ["a", "b"]
    assert warnings == [
        "keyed_groups: a group can't be below itself, so this was left out: all below web, "
        "web below front, x below x"
        if "front" in [group.name for group in inventory.groups["web"].child_groups]
        else "keyed_groups: a group can't be below itself, so this was left out: all below web, "
        "front below web, x below x"
    ]
    with pytest.raises(AnsibleParserError, match=r"for the VM b: .* can't be below itself: front"):
        from_documents(read, strict=True, **options)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("zone", "zone is not a dictionary with a key"),
        ({}, "is not a dictionary with a key"),
        ({"prefix": "x"}, "is not a dictionary with a key"),
        (
            {"key": "x", "default_value": "y", "trailing_separator": False},
            "keyed_groups 'x' has both default_value and trailing_separator",
        ),
    ],
)
def test_invalid_keyed_groups(
    read: Read, tmp_path: pathlib.Path, entry: t.Any, message: str
) -> None:
    written(tmp_path, a=vm("a"))
    with pytest.raises(AnsibleParserError, match=message):
        from_documents(read, keyed_groups=[entry])


def test_a_vm_does_not_change_the_connection_of_an_earlier_host(
    read: Read, tmp_path: pathlib.Path
) -> None:
    inventory = InventoryData()
    inventory.add_host("vault")
    inventory.hosts["vault"].set_variable("ansible_host", "192.0.2.1")
    inventory.add_host("bare")
    network = EVERYTHING["network"]
    written(tmp_path, a={**vm("vault"), "network": network}, b={**vm("bare"), "network": network})
    read(inventory, sources=["documents"], documents=["*.json"])
    assert inventory.hosts["vault"].vars["ansible_host"] == "192.0.2.1"
    assert "ansible_host" not in inventory.hosts["bare"].vars
    assert "azure_imds" in inventory.hosts["bare"].vars


@pytest.mark.parametrize("name", ["ansible_host", "ansible_ssh_host"])
def test_compose_does_not_turn_a_tag_into_an_ssh_option(
    read: Read, tmp_path: pathlib.Path, warnings: list[str], name: str
) -> None:
    written(tmp_path, a=tagged("a", Name="-oProxyCommand=touch x"), b=tagged("b", Name="b.example"))
    options: dict[str, t.Any] = {"compose": {name: "azure_imds.tags.Name"}, "address": "none"}
    inventory = from_documents(read, **options)
    assert name not in inventory.hosts["a"].vars
    assert inventory.hosts["b"].vars[name] == "b.example"
    assert warnings == [
        f"compose: {name} that begins with a hyphen is an option for ssh, so this was left out: a"
    ]
    with pytest.raises(AnsibleParserError, match="is an option for ssh: a"):
        from_documents(read, strict=True, **options)


class _Cache:
    """A fact cache in which some entries are broken."""

    def __init__(self, **entries: t.Any) -> None:
        self.entries = entries

    def contains(self, name: str) -> bool:
        return name in self.entries

    def get(self, name: str) -> t.Any:
        if isinstance(self.entries[name], Exception):
            raise self.entries[name]
        return self.entries[name]


def test_broken_facts_of_one_host_do_not_affect_others(
    read: Read, warnings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    deep: list[t.Any] = []
    for _level in range(100):
        deep = [deep]
    cache = _Cache(
        good={"azure_imds": azure_imds(vm("x", zone="1"), "")[0]},
        broken=ValueError("no JSON\x1b[2J"),
        other=[],
        numbers={"azure_imds": {"compute": {7: 8}}},
        marks={"azure_imds": {"tags": {"__ansible_vault": "x", "half": "\ud83d"}, "compute": {}}},
        deep={"azure_imds": {"compute": {"zone": "1", "deep": deep}}},
        bare={},
    )
    monkeypatch.setattr(instances.cache_loader, "get", lambda _name: cache)
    monkeypatch.setattr(instances.C, "CACHE_PLUGIN", "jsonfile")
    inventory = InventoryData()
    for host in cache.entries:
        inventory.add_host(host)
    read(inventory, sources=["facts"])
    assert members(inventory, "zone_1") == ["good"]
    assert inventory.hosts["marks"].vars["azure_imds"]["tags"] == {"half": "\ufffd"}
    assert inventory.hosts["numbers"].vars["azure_imds"]["compute"] == {"7": 8}
    assert members(inventory, "azure_unknown") == ["bare", "broken", "deep", "other"]
    assert warnings == [
        "facts of 3 hosts can't be used and were treated as absent, for example of broken: no JSON "
        "[2J. The playbook imds.azure.gather with --flush-cache replaces them"
    ]
    monkeypatch.setattr(cache, "contains", lambda _name: 1 / 0)
    with pytest.raises(AnsibleParserError, match=r"the fact cache jsonfile .* can't be read: div"):
        read(inventory, sources=["facts"])


def test_the_documentation_names_the_choices() -> None:
    documented = DOCUMENTED["group_by"]
    others = [name for name in GROUPINGS if name not in documented["default"]]
    assert documented["choices"] == ["zone", "fault_domain", "location", "tags", *others], (
        "the choices of group_by in plugins/inventory/instances.py are the defaults, and then the "
        "others of _GROUPINGS in plugins/plugin_utils/_inventory/groups.py in the same order"
    )
    assert DOCUMENTED["address"]["choices"] == list(ADDRESSES), (
        "the choices of address in plugins/inventory/instances.py are those of "
        "plugins/plugin_utils/_inventory/addresses.py"
    )
