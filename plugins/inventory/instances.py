# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: instances
short_description: Group Azure VMs by zone, fault domain, location and tags
version_added: 0.1.0
author:
  - The imds.azure contributors (@imds-azure)
description:
  - Makes an inventory from the metadata of Azure VMs in the Azure Instance Metadata Service (IMDS). Needs no credentials and no Azure SDK.
  - IMDS answers only inside its own VM. So Ansible gathers the metadata of a fleet with M(imds.azure.instance_facts) or the playbook
    C(imds.azure.gather). This plugin then groups the fleet from the fact cache (O(sources=facts)) or from files (O(sources=documents)).
  - The name of the inventory file must end in C(imds.yml) or C(imds.yaml). A warning appears for a file with another name that names this plugin.
requirements:
  - jmespath (on the controller), if O(hostnames) or O(filters) have more than plain paths such as C(compute.name)
extends_documentation_fragment:
  - constructed
  - inventory_cache
  - imds.azure._imds
  - imds.azure._imds.plugins
  - imds.azure._imds.document
options:
  plugin:
    description:
      - Marks the file as an inventory of this plugin.
    type: str
    required: true
    choices:
      - imds.azure.instances
  sources:
    description:
      - The sources of VMs, which are read in the order of this list. If two sources have the same C(vmId), the later source is used.
      - V(imds) is the VM on which Ansible runs.
      - V(facts) are the hosts of earlier inventory sources, with their facts in Ansible's fact cache. All of them stay in the inventory with their
        names and variables. Hosts without facts are in the group C(azure_unknown). Hosts whose cached facts can't be read are there as well, with one
        warning that counts them.
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
      - Files, or globs of files, relative to the inventory file. C(**) matches any number of folders, but follows no links to folders.
      - If the inventory source is a folder, keep documents outside it, or in a folder whose name begins with a dot, such as C(.snapshots/*.json).
        Ansible reads all other files of the folder as inventory files, with warnings and unwanted groups. A warning names such documents.
      - A C(.json) file has one instance document or a list of them. An C(.ndjson) file has one in each line. Snapshots of the playbook
        C(imds.azure.gather) are accepted as well.
      - A snapshot without a C(vmId) belongs to the host that it names. Any other document without a C(vmId) is a separate VM.
      - If a VM is in several files, the last file in the order of paths is used. If these files have different names of hosts or VMs, a warning names
        two of them, because one VM can claim to be another.
      - A file that C(ansible-vault) has encrypted is decrypted with the vault passwords of the run. The plugin also reads files of Windows
        PowerShell, that is UTF-16 or UTF-32 with a byte order mark, and lists that C(ConvertTo-Json) wrote as objects with C(value) and C(Count).
      - Only regular files are read. A C(.json) file may have up to 1 GiB, and an C(.ndjson) file up to 8 GiB with lines of up to 16 MiB. Bytes that
        are added to a file during the reading are ignored.
      - In a folder that everybody can write to, such as C(/tmp), only files, folders and links of this user, of root and of the folder's owner are
        read. For links, this also applies in folders that a group can write to. Everything else counts as a broken document.
    type: list
    elements: str
    default: []
  skip_broken:
    description:
      - V(false) fails with the file and line of a broken document, or with the name of a file that can't be read.
      - V(true) skips broken documents, with one warning that counts them.
      - In both cases, a file that C(ansible-vault) has encrypted and that can't be decrypted is skipped with that warning.
    type: bool
    default: false
  max_age:
    description:
      - The maximum age in seconds of facts from the source V(facts). Older facts are ignored, with one warning that counts them.
      - The age is computed from C(azure_imds.gathered_at).
    type: int
  hostnames:
    description:
      - The expressions for the host name; the first result that is not empty is used. Each entry is a JMESPath expression over the VM's data, or
        V(tag:NAME) for the value of a tag. The casing of C(NAME) does not matter.
      - Two VMs never share a host. If several VMs would get the same name, all of them use their next expression, or C(NAME_VMID) if there is none
        left, with a warning. So a name never depends on the order of files.
      - If no expression gives a name, the name is C(vm_VMID). Without a C(vmId), a snapshot gets the name of its host instead, and any other document
        gets C(vm_HASH) with a hash of its content.
      - A VM never gets the name of a group, or a name of the loopback interface, such as C(localhost) and C(127.1). Only O(keyed_groups) can
        still create a group with the name of a VM. A warning then names it.
      - A snapshot names its host. The VM of a snapshot never gets the name of another host that an earlier inventory source defines. Such a VM gets its
        next name, with a warning. The plugin knows only earlier sources, so make its inventory file the last one of a folder. Other documents name no
        host, so their VMs can be hosts of earlier sources.
      - With several inventory files of this plugin, the VM of a later file never becomes the host of another VM. It gets another name, with a warning.
      - Characters other than letters, digits and C(._-) become C(_), and so does a hyphen or a dot at the beginning. A colon stays only in an IPv6
        address. A name of more than 200 bytes is shortened, and ends in a hash of the whole name. Ansible gives names that begin with C(__ansible_) a
        special meaning, so such a name loses its leading underscores.
      - Without O(strict), an expression that can't be evaluated for a VM gives no name, with one warning that counts these VMs. With O(strict), it is
        an error that names the VM.
    type: list
    elements: str
    default:
      - name
  address:
    description:
      - The kind of address for C(ansible_host). The first usable address of that kind is used. V(none) sets no C(ansible_host).
      - An IP address is usable if it can belong to another machine and has no scope ID. All other texts, and loopback, link-local, multicast and
        unspecified addresses, are ignored with one warning that counts the VMs, because a VM can return any text.
      - A VM can return the address of another VM. A warning names two hosts with one address, because Ansible connects to the same machine for both.
      - Hosts of earlier inventory sources keep their connection settings. So C(ansible_host) is not set for them, with any of the O(sources).
      - The instance document lacks public addresses of the Standard SKU.
    type: str
    choices:
      - private
      - public
      - none
    default: private
  group_by:
    description:
      - The built-in groups. Each has a parent group, for example C(zones) for C(zone_1), C(fault_domains) for C(fault_domain_0), C(locations) for
        C(location_westeurope) and C(tags) for C(tag_Role_WebRole). The group of a tag without a value is C(tag_Role).
      - Characters that are not allowed in a group name become C(_). An empty value gives no group.
      - So two values can get the same group, for example the tags C(env=prod_eu) and C(env_prod=eu). One warning names such groups and their values.
      - A VM is in at most 1000 of these groups. (Azure allows 50 tags.) If a VM has more, the groups of its last tags are left out, with one warning
        that names a VM. The variable C(azure_imds) has all tags.
      - Azure ignores the casing of sizes, scale-set names and tag names, so C(Role) and C(role) are one tag. A VM is in the groups of all spellings
        that any VM of this source has. With C(Role=db) on one VM and C(role=web) on another, the first is in C(tag_Role_db) and C(tag_role_db), and
        the second in C(tag_Role_web) and C(tag_role_web). The casing of tag values matters in Azure.
      - The groups of locations, edge zones, resource groups, subscriptions, dedicated hosts and types of operating systems are always in lower case.
      - A VM in an edge zone is also in the group of its location, because Azure returns that as its C(location). To exclude edge zones, add
        V(edge_zone) to this list and use the host pattern C(location_westus:!edge_zones).
      - V(dedicated_host) creates C(dedicated_host_HOSTGROUP_HOST) for VMs that were placed on a dedicated host by its name. VMs on one dedicated host
        fail together. Host groups with the same name in two resource groups share the group.
      - V(service) creates C(service_imds) for Azure VMs and C(service_arc) for Azure Arc-enabled servers, below C(services).
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
      - edge_zone
      - dedicated_host
      - service
    default:
      - zone
      - fault_domain
      - location
      - tags
  filters:
    description:
      - The VMs of the inventory. Each entry is C(include) or C(exclude) with a JMESPath expression over the VM's data, as in O(hostnames). The first
        entry whose expression is true decides. If no expression is true, the VM is included. To include only certain VMs, end the list with
        C(exclude) and V(true).
      - Without O(strict), an expression that can't be evaluated for a VM counts as false, for example C(starts_with(tags.Env, 'test')) for a VM
        without that tag. One warning counts these VMs. With O(strict), it is an error that names the VM.
      - Put quotes around texts in expressions, as in C(tags.Env == 'test'). A warning names a comparison with a field that no VM has, such as
        C(tags.Env == test).
      - Hosts of earlier inventory sources always stay in the inventory. A filter only prevents this plugin from grouping them.
    type: list
    elements: dict
    default: []
    suboptions:
      include:
        description: The VM is included if this expression is true. V(true) includes all VMs for which no earlier entry is true.
        type: raw
      exclude:
        description: The VM is excluded if this expression is true. V(true) excludes all VMs for which no earlier entry is true.
        type: raw
  gather_subset:
    description:
      - The parts of C(azure_imds) that become a host variable, as in M(imds.azure.instance_facts). Fewer parts save memory. O(group_by), O(hostnames)
        and O(filters) always use all parts, but O(compose), O(groups) and O(keyed_groups) use only the chosen parts.
    type: list
    elements: str
    default:
      - all
seealso:
  - module: imds.azure.instance_facts
  - plugin: imds.azure.metadata
    plugin_type: lookup
notes:
  - Zones are comparable only within a location, and fault domains only within a set of VMs. The host pattern C(location_westeurope:&zone_1) selects
    zone 1 of one location.
  - O(documents), O(endpoint), O(api_version), O(timeout), O(deadline) and O(cache_connection) may be templates. They can use variables of
    C(--extra-vars), but no variables of hosts or groups.
  - A failed source adds no hosts, groups or variables. With O(strict), an expression that can't be evaluated for one VM is such a failure. Ansible
    then continues with the other inventory sources, unless C(any_unparsed_is_failed) is set.
  - The metadata of a VM, including its tags, is untrusted input. O(compose) and O(keyed_groups) return it unchanged, so do not use it for connection
    variables such as C(ansible_user). An C(ansible_host) that ssh would read as an option is left out. Use a prefix to keep groups of O(keyed_groups)
    apart from all other groups.
  - If O(keyed_groups) can't create a group from a value of one VM, for example a boolean, only that VM lacks the group, with one warning. With
    O(strict), it is an error that names the VM.
  - The inventory cache has only the document of O(sources=imds), without C(userData) and C(customData). Files and the fact cache are read each time.
  - Facts take precedence over inventory variables. So if the fact cache has a host, C(ansible-inventory --list) and plays show the gathered
    C(azure_imds), in the list with each text marked as unsafe. With C(inject_facts_as_vars=false), they show the variable of this plugin.
  - Tags and all other values of IMDS stay text, even if they look like a template. The same applies to results of O(compose).
  - Before ansible-core 2.19, C(ansible-inventory --list) and C(--host) show texts with C({), C(}), C(%) or C(#) as C(__ansible_unsafe). If another
    inventory source follows, they show all texts in this way, because that source may still template them.
  - JMESPath expressions can use the fields of C(compute) directly, and the parts of C(azure_imds). So V(name), V(compute.name), V(tags.Role) and
    V(location == 'westeurope') work. For snapshots, C(inventory_hostname) is available as well.
"""

EXAMPLES = r"""
# fmt: yaml+jinja
---
# imds.yml: the VM on which Ansible runs
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
# prod.imds.yml: only VMs with one of two values of a tag
plugin: imds.azure.instances
sources:
  - documents
documents:
  - snapshots/*.json
filters:
  - include: tags.Env == 'prod'
  - include: tags.Env == 'staging'
  - exclude: true

---
# zz.imds.yml: the hosts of earlier inventory files, with facts from the fact cache
plugin: imds.azure.instances
sources:
  - facts
max_age: 86400
group_by:
  - zone
  - fault_domain
  - scale_set

---
# named.imds.yml: hosts named by a tag, or by the VM's name if it does not have the tag
plugin: imds.azure.instances
sources:
  - documents
documents:
  - fleet.ndjson
hostnames:
  - tag:Hostname
  - name
compose:
  size: azure_imds.compute.vmSize
keyed_groups:
  - key: azure_imds.compute.storageProfile.imageReference.sku
    prefix: image
"""

import collections
import contextlib
import gc
import json
import os
import re
import tempfile
import time
import typing as t
import weakref

from ansible import constants
from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible.plugins.loader import cache_loader

from ansible_collections.imds.azure.plugins.module_utils._document import (
    cleaned,
    has_parts,
    instance_document,
    parse_json,
    part,
    vm_id_of,
    without_nulls,
)
from ansible_collections.imds.azure.plugins.module_utils._errors import (
    ImdsError,
    MalformedError,
    OptionError,
    UnavailableError,
    listed,
    one_line,
    printable,
)
from ansible_collections.imds.azure.plugins.module_utils._facts import (
    GATHERED_AT,
    USER_DATA,
    chosen_subsets,
)
from ansible_collections.imds.azure.plugins.module_utils._machine.files import open_regular
from ansible_collections.imds.azure.plugins.plugin_utils._inventory.constructed import (
    ForComposedGroups,
    ForKeyedGroups,
    is_above,
)
from ansible_collections.imds.azure.plugins.plugin_utils._inventory.documents import (
    Document,
    EncryptedError,
    documents_in,
    matching_files,
)
from ansible_collections.imds.azure.plugins.plugin_utils._inventory.fact_check import FACT
from ansible_collections.imds.azure.plugins.plugin_utils._inventory.folders import (
    inventory_source_of,
    way_out,
)
from ansible_collections.imds.azure.plugins.plugin_utils._inventory.options import (
    TEMPLATES,
    check_choices,
    option_variables,
    templated,
)
from ansible_collections.imds.azure.plugins.plugin_utils._inventory.rollback import all_or_nothing
from ansible_collections.imds.azure.plugins.plugin_utils._inventory.vms import (
    Choices,
    EarlierHost,
    Fleet,
    Origin,
    Vm,
)
from ansible_collections.imds.azure.plugins.plugin_utils._unsafe import (
    make_plain,
    make_unsafe,
    only_prints,
)

if t.TYPE_CHECKING:
    from ansible.inventory.data import InventoryData
    from ansible.inventory.host import Host
    from ansible.parsing.dataloader import DataLoader

# Ansible defines its settings at run time, so mypy does not know their types.
C: t.Any = constants

# The endings of names of inventory files.
_ENDINGS = ("imds.yml", "imds.yaml")
# The line with which a file selects this plugin, and the number of bytes that are searched for it.
_PLUGIN = re.compile(rb"""^plugin:[ ]+["']?imds\.azure\.instances\b""", re.MULTILINE)
_BEGINNING = 64 * 1024
_UNKNOWN = "azure_unknown"
# The VMs of the hosts that earlier inventory files of this run made.
_ORIGINS: weakref.WeakKeyDictionary[Host, Origin] = weakref.WeakKeyDictionary()
# Fact caches that do not keep facts after a run. The first is Ansible's default.
_MEMORY_CACHES = ("memory", "ansible.builtin.memory", "ansible.legacy.memory")


@contextlib.contextmanager
def _no_garbage_collection() -> t.Iterator[None]:
    """Turns the garbage collector off while a fleet is read.

    Reading 10,000 documents creates millions of objects and no garbage. With the collector, it
    takes 50 % longer. `gc.freeze` then exempts all objects of the Ansible process from later
    collections, because the fleet stays in memory for the whole run. So worker processes do not
    copy its memory either.
    """
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.freeze()
            gc.enable()


def _cached_facts(
    names: list[str], on_broken: t.Callable[[str], None]
) -> t.Iterator[tuple[str, t.Any]]:
    """The fact of each host in the fact cache, with any cache plugin.

    If a plugin can't list its hosts, for example because its server is down, no fact can be read. If it can't
    return the facts of one host, only this host is affected.
    """
    try:
        cache = cache_loader.get(C.CACHE_PLUGIN)
        known = [name for name in names if cache.contains(name)]
    except Exception as exc:
        # Each plugin may raise any error.
        raise UnavailableError(
            f"the fact cache {C.CACHE_PLUGIN} (fact_caching in ansible.cfg) can't be read: "
            f"{printable(str(exc))}"
        ) from exc
    for name in known:
        try:
            fact = cleaned(cache.get(name).get(FACT))
        except Exception as exc:  # noqa: BLE001 - each plugin may raise any error
            on_broken(f"{name}: {printable(str(exc))}")
            continue
        yield name, fact


def _cache_text(document: Document) -> str:
    """The entry of the inventory cache.

    It is a text because Ansible's cache readers convert some dictionaries into trusted templates or into
    vault-encrypted texts.
    """
    kept = {**document.data}
    compute = part(kept, "compute")
    if compute:
        kept["compute"] = {name: compute[name] for name in compute if name not in USER_DATA}
    return json.dumps({"api_version": document.api_version, "document": kept})


def _cached_document(text: t.Any) -> Document | None:
    """The document of a cache entry; None if another version of the plugin wrote the entry."""
    if not isinstance(text, str):
        return None
    try:
        # A cache plugin may return lone surrogates, which UTF-8 can't represent.
        found = parse_json(text.encode(errors="replace"))
        data, api_version = instance_document(found["document"]), found["api_version"]
    except (ImdsError, ValueError, TypeError, KeyError):
        return None
    if not has_parts(data):
        return None
    return Document(data, api_version=api_version) if isinstance(api_version, str) else None


def _earlier_hosts(inventory: InventoryData) -> dict[str, EarlierHost]:
    return {
        name: EarlierHost(_address_of(host) or name, _vm_id_of(host), _ORIGINS.get(host))
        for name, host in inventory.hosts.items()
    }


def _vm_id_of(host: Host) -> str:
    fact = host.vars.get(FACT)
    return vm_id_of(fact) if isinstance(fact, dict) else ""


def _address_of(host: Host) -> str:
    address = host.vars.get("ansible_host")
    # Other types are encrypted values, which may have no password.
    return str(address) if isinstance(address, str) else ""


def _reason_without_facts(inventory: InventoryData) -> str:
    """A known reason why no host can have cached facts; "" if there is none."""
    if not inventory.hosts:
        return "no earlier inventory source has a host (Ansible reads the files of a folder in alphabetical order)"
    if C.CACHE_PLUGIN in _MEMORY_CACHES:
        return "Ansible keeps facts in memory only, unless ansible.cfg has fact_caching"
    return ""


def _gathered_at(fact: dict[str, t.Any]) -> str:
    text = str(fact.get("gathered_at"))
    try:
        time.strptime(text, GATHERED_AT)
    except ValueError:
        return ""  # The age is unknown, so the fact counts as too old.
    return text


def _names_this_plugin(path: str) -> bool:
    """Whether a file that Ansible reads as YAML selects this plugin."""
    if not path.endswith((".yml", ".yaml")):
        return False
    try:
        with open_regular(path) as file:
            return _PLUGIN.search(file.read(_BEGINNING)) is not None
    except (OSError, ValueError):
        return False


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    NAME = "imds.azure.instances"

    def verify_file(self, path: str) -> bool:
        if not super().verify_file(path):
            return False
        is_ours = path.endswith(_ENDINGS)
        if not is_ours and _names_this_plugin(path):
            # Ansible itself only reports that the plugin could not verify the file.
            self._warn(
                f"{path}: the file has plugin: {self.NAME}, so its name must end in {' or '.join(_ENDINGS)}, "
                f"for example {os.path.splitext(os.path.basename(path))[0]}.{_ENDINGS[0]}"
            )
        return is_ours

    def set_options(
        self,
        task_keys: t.Any = None,
        var_options: t.Mapping[str, t.Any] | None = None,
        direct: t.Mapping[str, t.Any] | None = None,
    ) -> None:
        """Evaluates the templates of the inventory file, with the user's extra variables."""
        if direct:
            check_choices(direct, self.option_definitions)
            variables, names = var_options or {}, option_variables(self.option_definitions)
            direct = templated(direct, TEMPLATES, variables, self.templar)
            var_options = templated(variables, names, variables, self.templar)
        super().set_options(task_keys, var_options, direct)

    def parse(
        self, inventory: InventoryData, loader: DataLoader, path: str, cache: bool = True
    ) -> None:
        super().parse(inventory, loader, path, cache)
        try:
            given = self._read_config_data(path)
            unknown = sorted(map(str, set(given) - set(self.option_definitions)))
            if unknown:
                raise OptionError(
                    f"there is no option {listed(unknown)}: ansible-doc -t inventory {self.NAME} "
                    "lists all options"
                )
            with _no_garbage_collection():
                self._populate(inventory, path, cache)
        except ImdsError as exc:
            raise AnsibleParserError(one_line(f"{path}: {exc}")) from None

    def _warn(self, warning: str) -> None:
        self.display.warning(one_line(warning))

    def _populate(self, inventory: InventoryData, path: str, cache: bool) -> None:
        fleet = Fleet(
            Choices(
                hostnames=self.get_option("hostnames"),
                address=self.get_option("address"),
                group_by=self.get_option("group_by"),
                filters=self.get_option("filters"),
                subsets=chosen_subsets(self.get_option("gather_subset")),
                strict=self.get_option("strict"),
            )
        )
        self._check_keyed_groups()
        wanted = self.get_option("sources")
        earlier = self._add_sources(fleet, wanted, inventory, path, cache)
        vms, warnings = fleet.vms(self._reserved(inventory), _earlier_hosts(inventory))
        for warning in warnings:
            self._warn(f"{path}: {warning}")
        with all_or_nothing(inventory):
            for warning in (*_add_vms(inventory, vms), *self._construct(inventory, vms)):
                self._warn(f"{path}: {warning}")
        if only_prints(path):
            _print_plainly(inventory, vms, [FACT, "ansible_host", *self.get_option("compose")])
        if "facts" in wanted:
            _add_unknown(inventory, {vm.name for vm in vms} | earlier)
        _add_to_ungrouped(inventory)

    def _add_sources(
        self, fleet: Fleet, wanted: list[str], inventory: InventoryData, path: str, cache: bool
    ) -> set[str]:
        """Adds the documents of the sources to the fleet. Returns the hosts of earlier sources that have a document."""
        broken: list[str] = []
        sources: dict[str, t.Callable[[], t.Iterator[Document]]] = {
            "imds": lambda: self._from_imds(path, cache),
            "facts": lambda: self._from_facts(inventory, path, broken.append),
            "documents": lambda: self._from_documents(path),
        }
        unknown = [name for name in wanted if name not in sources]
        if unknown:
            raise OptionError(f"sources has no {listed(unknown)}: choose from {listed(sources)}")
        earlier: set[str] = set()
        for name in wanted:
            for document in sources[name]():
                try:
                    fleet.add(document)
                except MalformedError as exc:
                    broken.append(f"{document.host}: {exc}")
                else:
                    earlier.add(document.host)
        if broken:
            self._warn(
                f"{path}: facts of {len(broken)} hosts can't be used and were treated as absent, for "
                f"example of {broken[0]}. The playbook imds.azure.gather with --flush-cache replaces them"
            )
        return earlier

    def _from_imds(self, path: str, cache: bool) -> t.Iterator[Document]:
        self.load_cache_plugin()
        key = self.get_cache_key(path)
        use_cache = self.get_option("cache")
        document = self._from_cache(path, key) if use_cache and cache else None
        if document is None:
            document, incomplete = self._ask_imds(path)
            # An incomplete document is not cached, and does not replace a fuller one.
            if use_cache and not incomplete:
                # Loaded again because Ansible compares the old entry with the new one. This
                # fails if the old entry is a text that can't be decrypted.
                self.load_cache_plugin()
                self._cache[key] = _cache_text(document)
        yield document._replace(data=without_nulls(document.data))

    def _from_cache(self, path: str, key: str) -> Document | None:
        try:
            return _cached_document(self._cache.get(key))
        except Exception as exc:  # noqa: BLE001
            # Each plugin may raise any error, for example if a server is down or a file is broken.
            self.display.warning(
                f"{path}: the inventory cache can't be read, so IMDS is queried: {printable(str(exc))}"
            )
            return None

    def _ask_imds(self, path: str) -> tuple[Document, tuple[str, ...]]:
        """The document of IMDS, and the parts that it lacks."""
        # Imported here because an inventory of files sends no request.
        from ansible_collections.imds.azure.plugins.module_utils._options import client_from
        from ansible_collections.imds.azure.plugins.module_utils._transport import http_transport

        client = client_from(self.get_option, http_transport)
        answer = client.instance(complete=self.get_option("complete"))
        for notice in answer.notices:
            self._warn(f"{path}: {notice}")
        return Document(answer.data, api_version=answer.api_version), answer.incomplete

    def _from_documents(self, path: str) -> t.Iterator[Document]:
        patterns = self.get_option("documents")
        if not patterns:
            raise OptionError("sources has documents, so the option documents must be set as well")
        files, without = matching_files(patterns, os.path.dirname(os.path.abspath(path)))
        if without:
            self._warn(f"{path}: documents: no file matches {listed(without)}")
        read, source = inventory_source_of(files)
        if source:
            self._warn(
                f"{path}: documents: {read} is in the inventory source {source}, so Ansible also reads it as "
                f"an inventory file, {way_out(source, 'documents')}"
            )
        first, count = "", 0

        def on_broken(exc: MalformedError) -> None:
            nonlocal first, count
            # The other files are complete, and the password may be missing on purpose.
            if not self.get_option("skip_broken") and not isinstance(exc, EncryptedError):
                raise exc
            # Only the first error is kept, because a file can have millions of broken documents.
            first, count = first or str(exc), count + 1

        for file in files:
            yield from documents_in(file, on_broken, self._decrypted)
        if count:
            self._warn(f"{path}: {count} broken documents were left out; the first: {first}")

    def _decrypted(self, path: str, content: bytes) -> bytes:
        """The content of a file that ansible-vault has encrypted, decrypted with the passwords of this run."""
        loader: t.Any = self.loader
        try:
            # Not Ansible's loader: it opens the file by its path, and another user may have replaced the file.
            with tempfile.NamedTemporaryFile() as encrypted:
                encrypted.write(content)
                encrypted.flush()
                plain = loader.get_real_file(encrypted.name)
            try:
                with open_regular(plain, follow=False) as file:
                    return file.read()
            finally:
                loader.cleanup_tmp_file(plain)
        except Exception as exc:
            # The decryption may also raise errors that are not Ansible's.
            raise EncryptedError(
                f"{path}: ansible-vault has encrypted it, and it can't be decrypted: "
                f"{printable(str(exc).rstrip('.'))}. Give its password, for example with --vault-password-file"
            ) from exc

    def _from_facts(
        self, inventory: InventoryData, path: str, on_broken: t.Callable[[str], None]
    ) -> t.Iterator[Document]:
        oldest = self._oldest()
        reason = _reason_without_facts(inventory)
        if reason:
            self._warn(f"{path}: there are no cached facts for the source facts: {reason}")
        stale = 0
        for name, fact in _cached_facts(list(inventory.hosts), on_broken):
            if not isinstance(fact, dict) or not fact:
                continue
            if oldest and not oldest <= _gathered_at(fact):
                stale += 1
                continue
            yield Document(fact, is_fact=True, host=name)
        if stale:
            self._warn(f"facts of {stale} hosts are older than max_age and were treated as absent")

    def _oldest(self) -> str | None:
        """The oldest accepted time. The alphabetical order of these texts is the order of the times."""
        max_age = self.get_option("max_age")
        if max_age is None:
            return None
        if max_age < 0:
            raise OptionError(f"max_age must be 0 or a positive number of seconds, not {max_age}")
        try:
            return time.strftime(GATHERED_AT, time.gmtime(time.time() - max_age))
        except (OverflowError, ValueError, OSError):
            return None  # The time is outside the calendar, so nothing is too old.

    def _reserved(self, inventory: InventoryData) -> set[str]:
        """The names that no VM may get, as far as they are known before templates are evaluated."""
        groups = [
            *self.get_option("groups"),
            *(entry.get("parent_group") or "" for entry in self.get_option("keyed_groups")),
        ]
        safe = (str(self._sanitize_group_name(str(name))) for name in groups)
        return {*inventory.groups, *C.LOCALHOST, _UNKNOWN, *safe}

    def _check_keyed_groups(self) -> None:
        # Ansible checks this as well, but its error would look like an error of a single VM.
        for entry in self.get_option("keyed_groups"):
            if not isinstance(entry, dict) or not entry.get("key"):
                raise OptionError(
                    f"keyed_groups: {printable(str(entry))} is not a dictionary with a key"
                )
            if entry.get("default_value") is not None and (
                entry.get("trailing_separator") is not None
            ):
                raise OptionError(
                    f"keyed_groups {printable(str(entry['key']))!r} has both default_value and "
                    "trailing_separator, but only one of them is possible"
                )

    def _construct(self, inventory: InventoryData, vms: list[Vm]) -> list[str]:
        """Applies compose, groups and keyed_groups, if the user set any of them. Returns warnings."""
        options = ("compose", "groups", "keyed_groups")
        compose, groups, keyed_groups = (self.get_option(name) for name in options)
        if not (compose or groups or keyed_groups):
            return []
        strict = self.get_option("strict")
        known = set(inventory.groups)
        by_templates, by_keys = (
            ForComposedGroups(inventory, strict),
            ForKeyedGroups(inventory, strict),
        )
        failures_by_key: dict[str, list[str]] = collections.defaultdict(list)
        try:
            for name in (vm.name for vm in vms):
                host = inventory.hosts[name]
                self.inventory = t.cast("InventoryData", by_templates)
                self._set_composite_vars(compose, host.get_vars(), name, strict=strict)
                variables = host.get_vars()
                self._add_host_to_composed_groups(
                    groups, variables, name, strict=strict, fetch_hostvars=False
                )
                self.inventory = t.cast("InventoryData", by_keys)
                for entry in keyed_groups:
                    try:
                        self._add_host_to_keyed_groups(
                            [entry], variables, name, strict=strict, fetch_hostvars=False
                        )
                    except Exception as exc:
                        # The value of a VM may have any type, and cause errors that are not Ansible's.
                        reason = f"{name}: {printable(str(exc))}"
                        key = printable(str(entry["key"]))
                        if strict:
                            raise OptionError(f"keyed_groups {key!r}: for the VM {reason}") from exc
                        failures_by_key[key].append(reason)
        finally:
            self.inventory = inventory
        both = sorted(vm.name for vm in vms if vm.name in inventory.groups and vm.name not in known)
        return [
            *(
                f"keyed_groups {key!r} makes no group for {len(reasons)} VMs, for example {reasons[0]}"
                for key, reasons in failures_by_key.items()
            ),
            *by_templates.warnings(),
            *by_keys.warnings(),
            *_ambiguity_warnings(both),
        ]


def _ambiguity_warnings(names: list[str]) -> list[str]:
    if not names:
        return []
    return [
        f"keyed_groups creates groups with the names of VMs, {listed(names)}: a host pattern with such "
        "a name means both. Use a prefix for these groups"
    ]


def _add_to_ungrouped(inventory: InventoryData) -> None:
    """Adds hosts without groups to "ungrouped", and so to "all".

    Ansible does this by name, and confuses a host with a group of the same name.
    """
    for name in inventory.hosts.keys() & inventory.groups.keys():
        host = inventory.hosts[name]
        if all(group.name == "all" for group in host.get_groups()):
            inventory.groups["ungrouped"].add_host(host)


def _add_vms(inventory: InventoryData, vms: list[Vm]) -> list[str]:
    """Adds the VMs as hosts, with variables and groups. Returns warnings."""
    parents = {group: parent for vm in vms for group, parent, _source in vm.groups}
    for name in sorted({*parents, *parents.values()}):
        inventory.add_group(name)
    for vm in vms:
        host = _add_host(inventory, vm)
        for group, _parent, _source in vm.groups:
            # By object, because an earlier host and a group may share a name.
            inventory.groups[group].add_host(host)
    loops = []
    # Parents are set after hosts are added, because a group with parents updates them for each new host.
    for group, parent in sorted(parents.items()):
        # An earlier source may have made the groups in another order.
        if is_above(inventory, group, parent):
            loops.append(f"{group} below {parent}")
        else:
            inventory.add_child(parent, group)
    if not loops:
        return []
    return [f"group_by: a group can't be below itself, so this was left out: {listed(loops, 10)}"]


def _add_host(inventory: InventoryData, vm: Vm) -> Host:
    """Adds the VM's host with its variables. A host of an earlier source keeps its own variables."""
    is_new = vm.name not in inventory.hosts
    host = inventory.hosts[inventory.add_host(vm.name)]
    variables: dict[str, t.Any] = {FACT: vm.fact}
    if is_new:
        _ORIGINS[host] = vm.origin
        # Only for new hosts: a VM must not change the connection of a host from an earlier source.
        variables["ansible_host"] = vm.address
    for name, value in variables.items():
        if value and not (vm.is_earlier and name in host.vars):
            # Set directly: with hash_behaviour=merge, set_variable would mix the facts of two VMs.
            host.vars[name] = make_unsafe(value)
    return host


def _print_plainly(inventory: InventoryData, vms: list[Vm], names: list[str]) -> None:
    """Lets ansible-inventory print plainly what this plugin has set."""
    for vm in vms:
        variables = inventory.hosts[vm.name].vars
        variables.update({name: make_plain(variables[name]) for name in names if name in variables})


def _add_unknown(inventory: InventoryData, known: set[str]) -> None:
    unknown = [host for name, host in inventory.hosts.items() if name not in known]
    if unknown:
        inventory.add_group(_UNKNOWN)
    for host in unknown:
        inventory.groups[_UNKNOWN].add_host(host)
