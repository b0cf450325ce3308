# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: instances
short_description: Azure VMs grouped by zone, fault domain, location and tags
version_added: 0.1.0
author:
  - The imds.azure contributors (@imds-azure)
description:
  - Makes an inventory of what Azure VMs know about themselves from the Azure Instance Metadata Service (IMDS). No credentials and no Azure SDK.
  - IMDS answers only inside its own VM. A fleet is gathered by Ansible itself, with M(imds.azure.instance_facts) or the playbook
    C(imds.azure.gather), and this plugin groups it from the fact cache (O(sources=facts)) or from the files that were written (O(sources=documents)).
  - The name of the inventory file must end in C(imds.yml) or C(imds.yaml).
requirements:
  - jmespath (on the controller), when O(hostnames) or O(filters) have more than plain paths such as C(compute.name)
extends_documentation_fragment:
  - constructed
  - inventory_cache
  - imds.azure._imds
  - imds.azure._imds.plugins
options:
  plugin:
    description:
      - Marks the file as one of this plugin.
    type: str
    required: true
    choices:
      - imds.azure.instances
  sources:
    description:
      - Where VMs come from, any of the three, in the order given. Where two sources know the same C(vmId), the later one counts.
      - V(imds) is the VM that Ansible runs on.
      - V(facts) are the hosts that earlier inventory sources named, as Ansible's fact cache knows them. All of them stay in the inventory
        under their names and with their variables; those without facts are in the group C(azure_unknown). So are those whose cached facts
        can't be read, with one warning that counts them.
      - V(documents) are the files of O(documents).
    type: list
    elements: str
    choices:
      - imds
      - facts
      - documents
    default:
      - imds
  documents:
    description:
      - Files, or globs of files, relative to the inventory file. C(**) stands for any number of folders.
      - A C(.json) file has one instance document or a list of them, an C(.ndjson) file one in each line. Snapshots that the playbook
        C(imds.azure.gather) writes are taken as well.
      - Where a VM is in several files, the last one in the order of their paths counts.
    type: list
    elements: str
    default: []
  skip_broken:
    description:
      - V(false) fails with the name and line of a document that is broken.
      - V(true) leaves broken documents out, with one warning that counts them.
    type: bool
    default: false
  max_age:
    description:
      - Seconds after which facts of the source V(facts) are treated as absent, with one warning that counts them.
      - The age is told by C(azure_imds.gathered_at).
    type: int
  hostnames:
    description:
      - What names a host, the first that is not empty. JMESPath expressions over the VM's data, or V(tag:NAME) for the value of a tag.
      - Two VMs never share a host. Where names clash, all of the VMs that clash take their next expression, or C(NAME_VMID) when there is
        none left, with a warning. So a name never depends on the order of files.
      - The names of groups and C(localhost) are not given to a VM either. Characters other than letters, digits and C(._-:) become C(_). A name that
        begins with C(__ansible_), which Ansible's own readers take for something else, loses these underscores.
    type: list
    elements: str
    default:
      - name
  address:
    description:
      - Which address becomes C(ansible_host), the first one of its kind. V(none) sets none.
      - Hosts of earlier inventory sources are reached as before, so none is set for them.
      - The instance document lacks public addresses of the Standard SKU.
    type: str
    choices:
      - private
      - public
      - none
    default: private
  group_by:
    description:
      - Built-in groups, each below a parent, for example C(zone_1) below C(zones), C(fault_domain_0) below C(fault_domains), C(location_westeurope)
        below C(locations) and C(tag_Role_WebRole) below C(tags). A tag without a value gives C(tag_Role).
      - Characters that a group name can't have become C(_). What is empty gives no group.
    type: list
    elements: str
    choices:
      - zone
      - fault_domain
      - location
      - tags
      - update_domain
      - cloud
      - scale_set
      - resource_group
      - vm_size
      - os_type
      - physical_zone
      - subscription
    default:
      - zone
      - fault_domain
      - location
      - tags
  filters:
    description:
      - Which VMs are in the inventory. Each entry is C(include) or C(exclude) with a JMESPath expression over the VM's data, as in O(hostnames). The first
        whose expression holds decides; a VM for which none holds is included.
      - Hosts of earlier inventory sources stay in the inventory; a filter only keeps this plugin from grouping them.
    type: list
    elements: dict
    default: []
    suboptions:
      include:
        description: The VM is in when this expression holds.
        type: str
      exclude:
        description: The VM is out when this expression holds.
        type: str
  gather_subset:
    description:
      - The parts of C(azure_imds) that become a host variable, as in M(imds.azure.instance_facts). Fewer parts save memory; groups, names and
        filters don't depend on it, while O(compose), O(groups) and O(keyed_groups) see what is left.
    type: list
    elements: str
    default:
      - all
seealso:
  - module: imds.azure.instance_facts
  - plugin: imds.azure.metadata
    plugin_type: lookup
notes:
  - Zones and fault domains mean something only within a location or a set of VMs. The host pattern C(location_westeurope:&zone_1) is the first zone of
    one location.
  - Only what O(sources=imds) asks for is cached by the options of inventory caches. Files and the fact cache are read each time.
  - Facts come before variables of inventories. So where the fact cache has a host, C(ansible-inventory --list) and plays see C(azure_imds) as it was
    gathered, in the list with each text marked as unsafe. With C(inject_facts_as_vars=false) they see what this plugin makes of it.
  - JMESPath expressions see the fields of C(compute) by themselves and the parts of C(azure_imds) beside them. So V(name), V(compute.name),
    V(tags.Role) and V(location == 'westeurope') work. Snapshots add C(inventory_hostname).
"""

EXAMPLES = r"""
---
# imds.yml: the VM that Ansible runs on
plugin: imds.azure.instances

---
# fleet.imds.yml: a fleet from snapshots, without its test machines
plugin: imds.azure.instances
sources:
  - documents
documents:
  - snapshots/*.json
filters:
  - exclude: tags.Env == 'test'

---
# zz.imds.yml: the hosts of the files before this one, from the fact cache
plugin: imds.azure.instances
sources:
  - facts
max_age: 86400
group_by:
  - zone
  - fault_domain
  - scale_set

---
# named.imds.yml: hosts named by a tag, and by the VM's name where it has no such tag
plugin: imds.azure.instances
sources:
  - documents
documents:
  - fleet.ndjson
hostnames:
  - tag:Hostname
  - name
compose:
  ansible_user: azure_imds.compute.osProfile.adminUsername
keyed_groups:
  - key: azure_imds.compute.storageProfile.imageReference.sku
    prefix: image
"""

import collections
import contextlib
import gc
import os
import time
import typing as t

from ansible import constants
from ansible.errors import AnsibleParserError
from ansible.inventory.host import Host
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible.plugins.loader import cache_loader
from ansible.utils.path import basedir

from ansible_collections.imds.azure.plugins.module_utils._document import cleaned
from ansible_collections.imds.azure.plugins.module_utils._errors import (
    ImdsError,
    MalformedError,
    OptionError,
    UnavailableError,
    listed,
    printable,
)
from ansible_collections.imds.azure.plugins.module_utils._facts import (
    GATHERED_AT,
    chosen_subsets,
)
from ansible_collections.imds.azure.plugins.plugin_utils._documents import (
    FACT,
    Document,
    documents_in,
    files_of,
)
from ansible_collections.imds.azure.plugins.plugin_utils._fleet import Choices, Fleet, Vm
from ansible_collections.imds.azure.plugins.plugin_utils._grouping import Membership
from ansible_collections.imds.azure.plugins.plugin_utils._untrusted import inert

if t.TYPE_CHECKING:
    from ansible.inventory.data import InventoryData
    from ansible.inventory.group import Group
    from ansible.parsing.dataloader import DataLoader

# The settings are set at run time, so nothing is known of their types.
C: t.Any = constants

_UNKNOWN = "azure_unknown"
# The fact cache that Ansible has where nothing else is set.
_FORGETFUL = ("memory", "ansible.builtin.memory", "ansible.legacy.memory")


@contextlib.contextmanager
def _no_garbage_collection() -> t.Iterator[None]:
    """Reading a fleet makes millions of objects and no garbage, which the collector looks for in vain.

    With it, reading 10,000 documents takes three times as long. What was read stays for the whole
    run, so it need not be looked through later either (nor copied into worker processes for that).
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.freeze()
            gc.enable()


def _cached_facts(names: list[str], broken: dict[str, str]) -> t.Iterator[tuple[str, t.Any]]:
    """The fact of each host that the fact cache knows, whichever plugin that is.

    Hosts whose facts can't be read are added to `broken`: they must not cost the others.
    """
    try:
        cache = cache_loader.get(C.CACHE_PLUGIN)
        known = [name for name in names if cache.contains(name)]
    except Exception as exc:
        # Each plugin has errors of its own, for example that a server is down.
        raise UnavailableError(
            f"the fact cache {C.CACHE_PLUGIN} (fact_caching in ansible.cfg) can't be read: "
            f"{printable(str(exc))}"
        ) from exc
    for name in known:
        try:
            fact = cleaned(cache.get(name).get(FACT))
        except Exception as exc:  # noqa: BLE001 - each plugin has errors of its own
            broken[name] = printable(str(exc))
            continue
        yield name, fact


def _why_no_facts(inventory: InventoryData) -> str:
    """What keeps every host from having facts, however many were gathered."""
    if not inventory.hosts:
        return "no inventory source before this one named a host (a folder is read by names)"
    if C.CACHE_PLUGIN in _FORGETFUL:
        return "Ansible keeps facts in memory only, unless ansible.cfg has fact_caching"
    return ""


def _gathered_at(fact: dict[str, t.Any]) -> str:
    text = str(fact.get("gathered_at"))
    try:
        time.strptime(text, GATHERED_AT)
    except ValueError:
        return ""  # Of unknown age, so not known to be young enough.
    return text


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    NAME = "imds.azure.instances"

    def verify_file(self, path: str) -> bool:
        return path.endswith(("imds.yml", "imds.yaml")) and bool(super().verify_file(path))

    def parse(
        self, inventory: InventoryData, loader: DataLoader, path: str, cache: bool = True
    ) -> None:
        super().parse(inventory, loader, path, cache)
        given = self._read_config_data(path)
        try:
            unknown = sorted(map(str, set(given) - set(self.option_definitions)))
            if unknown:
                raise OptionError(
                    f"there is no option {listed(unknown)}: ansible-doc -t inventory {self.NAME} "
                    "names those that are"
                )
            with _no_garbage_collection():
                self._populate(inventory, path, cache)
        except ImdsError as exc:
            raise AnsibleParserError(f"{path}: {exc}") from None

    def _populate(self, inventory: InventoryData, path: str, cache: bool) -> None:
        fleet = Fleet(
            Choices(
                hostnames=self.get_option("hostnames"),
                address=self.get_option("address"),
                group_by=self.get_option("group_by"),
                filters=self.get_option("filters"),
                subsets=chosen_subsets(self.get_option("gather_subset")),
            )
        )
        sources: dict[str, t.Callable[[], t.Iterator[Document]]] = {
            "imds": lambda: self._from_imds(path, cache),
            "facts": lambda: self._from_facts(inventory, path),
            "documents": lambda: self._from_documents(path),
        }
        wanted = self.get_option("sources")
        unknown = [name for name in wanted if name not in sources]
        if unknown:
            raise OptionError(f"sources has no {listed(unknown)}: it takes {listed(sources)}")
        earlier = set()
        for name in wanted:
            for document in sources[name]():
                fleet.add(document)
                earlier.add(document.host)
        vms, warnings = fleet.vms({*inventory.groups, *C.LOCALHOST})
        for warning in warnings:
            self.display.warning(f"{path}: {warning}")
        _add(inventory, vms)
        self._construct(inventory, vms)
        if "facts" in wanted:
            _add_unknown(inventory, {vm.name for vm in vms} | earlier)

    def _from_imds(self, path: str, cache: bool) -> t.Iterator[Document]:
        self.load_cache_plugin()
        key = self.get_cache_key(path)
        use_cache = self.get_option("cache")
        found = self._cache.get(key) if use_cache and cache else None
        if not (isinstance(found, dict) and isinstance(found.get("document"), dict)):
            found = self._ask_imds()
        if use_cache:
            self._cache[key] = found
        yield Document(found["document"], api_version=str(found.get("api_version", "")))

    def _ask_imds(self) -> dict[str, t.Any]:
        # An inventory of files asks nobody, so it doesn't pay for the import of what does.
        from ansible_collections.imds.azure.plugins.module_utils._options import client_from
        from ansible_collections.imds.azure.plugins.module_utils._transport import http_transport

        answer = client_from(self.get_option, http_transport).instance()
        return {"api_version": answer.api_version, "document": answer.data}

    def _from_documents(self, path: str) -> t.Iterator[Document]:
        patterns = self.get_option("documents")
        if not patterns:
            raise OptionError("the source documents needs the option documents")
        files, without = files_of(patterns, os.path.dirname(os.path.abspath(path)))
        if without:
            self.display.warning(f"{path}: documents: no file matches {listed(without)}")
        broken: list[str] = []

        def on_broken(exc: MalformedError) -> None:
            if not self.get_option("skip_broken"):
                raise exc
            broken.append(str(exc))

        for file in files:
            yield from documents_in(file, on_broken)
        if broken:
            self.display.warning(
                f"{path}: {len(broken)} broken documents were left out; the first: {broken[0]}"
            )

    def _from_facts(self, inventory: InventoryData, path: str) -> t.Iterator[Document]:
        oldest = self._oldest()
        futile = _why_no_facts(inventory)
        if futile:
            self.display.warning(f"{path}: the source facts has nothing: {futile}")
        stale = 0
        broken: dict[str, str] = {}
        for name, fact in _cached_facts(list(inventory.hosts), broken):
            if not isinstance(fact, dict) or not fact:
                continue
            if oldest and not oldest <= _gathered_at(fact):
                stale += 1
                continue
            yield Document(fact, is_fact=True, host=name)
        if broken:
            self.display.warning(
                f"{path}: facts of {len(broken)} hosts in the fact cache {C.CACHE_PLUGIN} can't be read "
                f"and were treated as absent: {listed(broken, 10)}. The playbook imds.azure.gather with "
                "--flush-cache and --limit replaces them. The first error: "
                f"{next(iter(broken.values()))}"
            )
        if stale:
            self.display.warning(
                f"facts of {stale} hosts are older than max_age and were treated as absent"
            )

    def _oldest(self) -> str | None:
        """The first moment that is young enough; texts of that form sort as their times do."""
        max_age = self.get_option("max_age")
        if max_age is None:
            return None
        if max_age < 0:
            raise OptionError(f"max_age must be a number of seconds from 0 on, not {max_age}")
        try:
            return time.strftime(GATHERED_AT, time.gmtime(time.time() - max_age))
        except (OverflowError, ValueError, OSError):
            return None  # Longer ago than any calendar reaches, so nothing is too old.

    def _construct(self, inventory: InventoryData, vms: list[Vm]) -> None:
        """What the user templates; nothing is templated where there is nothing of that."""
        options = ("compose", "groups", "keyed_groups")
        compose, groups, keyed_groups = (self.get_option(name) for name in options)
        if not (compose or groups or keyed_groups):
            return
        strict = self.get_option("strict")
        for name in (vm.name for vm in vms):
            host = inventory.hosts[name]
            self._set_composite_vars(compose, host.get_vars(), name, strict=strict)
            variables = host.get_vars()
            self._add_host_to_composed_groups(
                groups, variables, name, strict=strict, fetch_hostvars=False
            )
            self._add_host_to_keyed_groups(
                keyed_groups, variables, name, strict=strict, fetch_hostvars=False
            )


def _add(inventory: InventoryData, vms: list[Vm]) -> None:
    """Hosts, variables and groups.

    On the objects themselves: the inventory's methods by name take a host for a group where both
    have one name, and look up each name again.
    """
    members: dict[Membership, list[Host]] = collections.defaultdict(list)
    source = inventory.current_source
    # What Ansible sets for the source in which it first meets a host.
    where = {"inventory_file": source, "inventory_dir": basedir(source) if source else None}
    for vm in vms:
        host = _host(inventory, vm, where)
        for membership in vm.groups:
            members[membership].append(host)
    for group, parent in sorted(members):
        inventory.add_group(parent)
        inventory.add_group(group)
        inventory.add_child(parent, group)
    for (group, _parent), hosts in members.items():
        _join(inventory.groups[group], hosts)


def _host(inventory: InventoryData, vm: Vm, where: dict[str, str | None]) -> Host:
    """The VM's host with its variables; those that an earlier source set are kept."""
    host = inventory.hosts.get(vm.name)
    if host is None:
        host = inventory.hosts[vm.name] = Host(vm.name)
        host.vars.update(where)
    variables = {FACT: vm.fact, "ansible_host": vm.address}
    for name, value in variables.items():
        if value and not (vm.is_earlier and name in host.vars):
            host.vars[name] = inert(value)
    return host


def _join(group: Group, hosts: list[Host]) -> None:
    """What Group.add_host does, which looks for the group's ancestors again for each host."""
    names, above = group.host_names, [*group.get_ancestors(), group]
    for host in hosts:
        if host.name in names:
            continue
        names.add(host.name)
        group.hosts.append(host)
        for one in above:
            if one not in host.groups:
                host.groups.append(one)
    group.clear_hosts_cache()


def _add_unknown(inventory: InventoryData, known: set[str]) -> None:
    unknown = [host for name, host in inventory.hosts.items() if name not in known]
    if unknown:
        inventory.add_group(_UNKNOWN)
    for host in unknown:
        inventory.groups[_UNKNOWN].add_host(host)
