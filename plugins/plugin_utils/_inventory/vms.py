# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes named and grouped VMs from documents, independent of Ansible. Private to imds.azure.

A fleet can have 100,000 VMs. So each document is evaluated once, when it is added, and only the
parts that the user wants are kept.
"""

from __future__ import annotations

import collections
import itertools
import typing as t

from ansible_collections.imds.azure.plugins.module_utils._document import (
    addresses_of,
    folded,
    marked_tags,
    part,
    tags_of,
    vm_id_of,
)
from ansible_collections.imds.azure.plugins.module_utils._errors import (
    OptionError,
    listed,
    printable,
)
from ansible_collections.imds.azure.plugins.module_utils._facts import (
    OF_MACHINE,
    SUBSETS,
    azure_imds,
    marks_notice,
    service_of,
)
from ansible_collections.imds.azure.plugins.module_utils._service import ARC
from ansible_collections.imds.azure.plugins.plugin_utils._inventory.addresses import (
    canonical_address,
    is_local_name,
    is_usable_address,
)
from ansible_collections.imds.azure.plugins.plugin_utils._inventory.documents import Document
from ansible_collections.imds.azure.plugins.plugin_utils._inventory.fact_check import check_fact
from ansible_collections.imds.azure.plugins.plugin_utils._inventory.groups import (
    MAX_GROUPS,
    Membership,
    group_function,
    groups_of_all_spellings,
    shared_group_warnings,
)
from ansible_collections.imds.azure.plugins.plugin_utils._inventory.hostnames import (
    distinct_names,
    fingerprint,
    has_unsafe_start,
    name_expression,
    valid_hostname,
)
from ansible_collections.imds.azure.plugins.plugin_utils._jmespath import (
    EvaluationError,
    Expression,
    compiled,
    names_compared_with,
)

# Evaluates an expression for one VM.
_Evaluated = t.Callable[[Expression], t.Any]

ADDRESSES = ("private", "public", "none")
_ALL_SUBSETS = frozenset(SUBSETS)
# The keys of a fact that change with each gathering, or that earlier releases did not have.
_OF_GATHERING = ("api_version", "gathered_at", *OF_MACHINE)


class Choices(t.NamedTuple):
    """The user's choices, from the options with the same names."""

    hostnames: list[str]
    address: str
    group_by: list[str]
    filters: list[dict[str, str | bool]]
    subsets: frozenset[str]
    strict: bool = False  # an expression that can't be evaluated for a VM is an error


class _Failure(t.NamedTuple):
    """An expression that can't be evaluated for a VM."""

    expression: str
    reason: str
    vm_name: str


# The key of a VM: whether it has a vmId, and its identity. So a vmId never equals the fingerprint of another VM.
_Key = tuple[bool, str]


class Origin(t.NamedTuple):
    """The VM that an inventory file of this plugin made a host for."""

    key: _Key
    host: str  # the host of its snapshot, or ""


class EarlierHost(t.NamedTuple):
    """A host of an earlier inventory source."""

    address: str  # the address or name that Ansible connects to
    vm_id: str = ""  # in the fact that an earlier inventory file of this plugin gave it
    origin: Origin | None = None  # if an earlier inventory file of this plugin made the host


class Vm(t.NamedTuple):
    name: str
    fact: dict[str, t.Any]  # azure_imds with the wanted parts
    address: str  # "" for none
    groups: list[Membership]  # at most MAX_GROUPS
    is_earlier: bool  # a host of an earlier inventory source
    origin: Origin
    omitted_groups: int = 0  # groups beyond MAX_GROUPS


class _UnnamedVm(t.NamedTuple):
    """A VM that does not have its final name yet, because not all VMs are known."""

    has_vm_id: bool
    has_network: bool  # whether its service reports addresses
    identity: str  # its vmId, or without one a fingerprint of its host or its document
    host: str  # the host of an earlier source, or of a snapshot; "" if it is unknown
    azure_name: str  # which never changes during the life of a VM
    is_included: bool  # by the filters
    names: list[str]  # by preference; empty only if no name is needed
    fact: dict[str, t.Any]
    address: str
    unusable_address: str  # an earlier candidate that is not usable
    groups: list[Membership]  # at most MAX_GROUPS
    omitted_groups: int  # groups beyond MAX_GROUPS
    notices: list[str]
    failures: list[_Failure]
    marked_tags: list[str]  # the names of tags that `tags` leaves out

    @property
    def key(self) -> _Key:
        return self.has_vm_id, self.identity


class _TakenNames:
    """The names that a VM must not get."""

    def __init__(self, names: set[str]) -> None:
        self._names = names

    def __contains__(self, name: object) -> bool:
        return name in self._names or is_local_name(str(name))


class Fleet:
    """Collects VMs; of two documents of one VM, the later one is used."""

    def __init__(self, choices: Choices) -> None:
        if choices.address not in ADDRESSES:
            raise OptionError(
                f"address has no {printable(choices.address)!r}: choose from {listed(ADDRESSES)}"
            )
        self._address = choices.address
        self._subsets = choices.subsets
        self._strict = choices.strict
        self._filters = [_filter_of(entry) for entry in choices.filters]
        # Unquoted names in comparisons of filters, until a VM has such a field.
        self._unknown_fields = {
            name: text
            for entry in choices.filters
            for text in entry.values()
            if isinstance(text, str)
            for name in names_compared_with(text)
        }
        self._name_expressions = [name_expression(expression) for expression in choices.hostnames]
        self._groups_of = group_function(choices.group_by)
        # VMs that are hosts of earlier sources, by the host name, and all other VMs, by their identity.
        self._vms_by_identity: dict[_Key, _UnnamedVm] = {}
        self._earlier_vms: dict[str, _UnnamedVm] = {}
        self._hosts_by_identity: dict[_Key, list[str]] = {}
        # Each vmId that several hosts claim, with the host of the replaced document and that of the later one.
        self._claims: dict[str, tuple[str, str]] = {}
        # Each vmId that the facts of several earlier hosts have, with the first and the last of these hosts.
        self._shared_vm_ids: dict[str, tuple[str, str]] = {}
        # Hosts with several snapshots, of which at least one has no vmId.
        self._repeated: set[str] = set()

    def add(self, document: Document) -> None:
        vm = self._vm_of(document)
        key = vm.key
        hosts = self._hosts_by_identity.get(key, [])
        if document.host:
            self._note_claim(self._vms_by_identity.pop(key, None), vm)
            self._earlier_vms[document.host] = vm
            self._hosts_by_identity[key] = [*hosts, document.host]
            if hosts:
                self._shared_vm_ids[vm.identity] = (hosts[0], document.host)
        elif hosts:
            for host in hosts:
                self._note_claim(self._earlier_vms[host], vm)
                self._earlier_vms[host] = vm
        else:
            older = self._vms_by_identity.get(key)
            self._note_claim(older, vm)
            if older and vm.host and not vm.has_vm_id:
                self._repeated.add(vm.host)
            self._vms_by_identity[key] = vm

    def _note_claim(self, older: _UnnamedVm | None, vm: _UnnamedVm) -> None:
        if not older:
            return
        names = (older.host, vm.host)
        if not all(names):
            # A host is often named after its VM. If it is not, the VM may have the name of another VM.
            names = (_owner(older), _owner(vm))
        if all(names) and names[0] != names[1]:
            self._claims[vm.identity] = names

    def vms(
        self, reserved: t.Collection[str], hosts: t.Mapping[str, EarlierHost] | None = None
    ) -> tuple[list[Vm], list[str]]:
        """The VMs that the filters include, and warnings about them.

        `hosts` has the hosts of the inventory so far. A VM does not become the host of another VM, and the snapshot
        of one host does not become another host.
        """
        earlier_vms = {host: vm for host, vm in self._earlier_vms.items() if vm.is_included}
        new_vms = [vm for vm in self._without_lesser_snapshots() if vm.is_included]
        all_vms = [*earlier_vms.values(), *new_vms]
        memberships = {membership for vm in all_vms for membership in vm.groups}
        spellings = groups_of_all_spellings(memberships, (vm.groups for vm in all_vms))
        memberships.update(*spellings.values())
        groups = {name for group, parent, _source in memberships for name in (group, parent)}
        hosts = hosts or {}
        taken = _TakenNames({*reserved, *self._earlier_vms, *groups})
        new_vms, renamed = _without_names_of_other_hosts(new_vms, hosts, taken)
        names, clashes = _distinct_names(new_vms, hosts, taken)
        named_vms = [_named_vm(host, vm, True, spellings) for host, vm in earlier_vms.items()]
        named_vms.extend(
            _named_vm(name, vm, False, spellings) for name, vm in zip(names, new_vms, strict=True)
        )
        return named_vms, [
            *_notices_warnings(all_vms),
            *_marked_tags_warnings(all_vms),
            *_failed_expressions_warnings(
                [*self._earlier_vms.values(), *self._vms_by_identity.values()]
            ),
            *_unknown_fields_warnings(
                self._unknown_fields if self._earlier_vms or self._vms_by_identity else {}
            ),
            *self._missing_addresses_warnings(new_vms),
            *_unusable_addresses_warnings(new_vms, self._address),
            *_shared_addresses_warnings(named_vms, hosts),
            *_clashing_names_warnings(clashes),
            *_names_of_other_hosts_warnings(renamed),
            *_earlier_vm_ids_warnings(new_vms, hosts),
            *_claimed_by_several_warnings(self._claims),
            *_shared_vm_ids_warnings(self._shared_vm_ids),
            *_several_snapshots_warnings(self._repeated),
            *shared_group_warnings(memberships),
            *_too_many_groups_warnings(named_vms),
        ]

    def _without_lesser_snapshots(self) -> list[_UnnamedVm]:
        """The VMs that are not hosts of earlier sources.

        A snapshot without a vmId is left out if another document of its host has a vmId.
        """
        new_vms = list(self._vms_by_identity.values())
        known = {*self._earlier_vms, *(vm.host for vm in new_vms if vm.has_vm_id)}
        lesser = {vm.host for vm in new_vms if not vm.has_vm_id and vm.host in known} - {""}
        self._repeated |= lesser
        return [vm for vm in new_vms if vm.has_vm_id or vm.host not in lesser]

    def _missing_addresses_warnings(self, new_vms: list[_UnnamedVm]) -> list[str]:
        count = sum(not vm.address and not vm.unusable_address and vm.has_network for vm in new_vms)
        if not count or self._address == "none":
            return []
        return [f"ansible_host is not set: no {self._address} address is known ({count} VMs)"]

    def _vm_of(self, document: Document) -> _UnnamedVm:
        fact = document.data
        notices: list[str] = []
        if document.host:
            check_fact(fact)
        if not document.is_fact:
            fact, notices = azure_imds(document.data, document.api_version)
        compute = part(fact, "compute")
        tags = part(fact, "tags") or tags_of(compute)[0]
        if not isinstance(fact.get("tags", tags), dict):
            # In an older fact, Ansible may have converted the tags to another type.
            fact = {**fact, "tags": tags}
        service = service_of(compute) if document.is_fact else fact["service"]
        fields = {**compute, **fact, "tags": tags}
        if document.snapshot_of:
            fields["inventory_hostname"] = document.snapshot_of
        self._note_fields(fields)
        vm_id = vm_id_of(fact)
        host = document.host or document.snapshot_of
        identity = vm_id or _identity_without_vm_id(host, fact)
        failures: list[_Failure] = []

        def evaluated(expression: Expression) -> t.Any:
            try:
                return expression(fields)
            except EvaluationError as exc:
                vm_name = host or compute.get("name") or identity
                failure = _Failure(exc.expression, exc.reason, printable(str(vm_name), 80))
            if self._strict:
                raise OptionError(
                    f"{failure.expression}: for the VM {failure.vm_name}: {failure.reason}"
                )
            failures.append(failure)
            return None

        is_included = self._is_included(evaluated)
        # A VM that the filters exclude needs no name, and a host of an earlier source already has one.
        texts = self._texts_for_names(evaluated) if is_included and not document.host else []
        if not texts and is_included and not document.host:
            text, source = _fallback_name(vm_id, host, identity)
            texts = [text]
            notices = [*notices, f"hostnames: no expression gives a name, so the name is {source}"]
        if any(map(has_unsafe_start, texts)):
            notices = [*notices, "hostnames: a hyphen or a dot at the beginning of a name became _"]
        address, unusable = self._address_of(fact)
        groups = self._groups_of(compute, tags)
        return _UnnamedVm(
            has_vm_id=bool(vm_id),
            has_network=service != ARC.name,
            identity=identity,
            host=host,
            azure_name=folded(str(compute.get("name") or "")),
            is_included=is_included,
            names=[valid_hostname(text) for text in texts],
            fact=self._subset_of(fact),
            address=address,
            unusable_address=unusable,
            groups=groups[:MAX_GROUPS],
            omitted_groups=len(groups[MAX_GROUPS:]),
            notices=notices,
            failures=failures,
            marked_tags=marked_tags(compute),
        )

    def _note_fields(self, fields: dict[str, t.Any]) -> None:
        if self._unknown_fields:
            self._unknown_fields = {
                name: text for name, text in self._unknown_fields.items() if name not in fields
            }

    def _is_included(self, evaluated: _Evaluated) -> bool:
        for decision, holds in self._filters:
            if evaluated(holds):
                return decision
        return True

    def _texts_for_names(self, evaluated: _Evaluated) -> list[str]:
        return [text for text in map(evaluated, self._name_expressions) if text]

    def _address_of(self, fact: dict[str, t.Any]) -> tuple[str, str]:
        """The first usable address, and an unusable one before it; each "" if there is none."""
        if self._address == "none":
            return "", ""
        addresses = part(fact, "addresses") or addresses_of(part(fact, "network"))
        candidates = addresses.get(self._address)
        unusable = ""
        for address in candidates if isinstance(candidates, list) else []:
            if is_usable_address(address):
                return address, unusable
            unusable = unusable or printable(str(address), 80) or "an empty text"
        return "", unusable

    def _subset_of(self, fact: dict[str, t.Any]) -> dict[str, t.Any]:
        if self._subsets == _ALL_SUBSETS:
            return fact
        kept = (*self._subsets, *_OF_GATHERING)
        return {key: fact[key] for key in kept if key in fact}


def _owner(vm: _UnnamedVm) -> str:
    """The host that a document is of, or the name of the VM if the host has no other name."""
    host = folded(vm.host)
    is_named_after_vm = host == vm.azure_name or host.startswith(f"{vm.azure_name}.")
    return vm.azure_name if is_named_after_vm or not host else host


def _fallback_name(vm_id: str, host: str, identity: str) -> tuple[str, str]:
    """The name if no expression gives one, and its source for the warning."""
    if vm_id:
        return f"vm_{identity}", "made of the vmId"
    if host:
        return host, "that of the host in the snapshot, which has no vmId"
    return f"vm_{identity}", "made of the whole document, which has no vmId"


def _identity_without_vm_id(host: str, fact: dict[str, t.Any]) -> str:
    """The identity of a VM without a vmId: its host, or else a hash of its fact without the time of gathering.

    A fact does not depend on the format of the file with its document.
    """
    if host:
        return fingerprint({"inventory_hostname": host})
    return fingerprint({key: fact[key] for key in fact if key not in _OF_GATHERING})


def _without_names_of_other_hosts(
    vms: list[_UnnamedVm], hosts: t.Mapping[str, EarlierHost], taken: t.Container[str]
) -> tuple[list[_UnnamedVm], list[_UnnamedVm]]:
    """The VMs with the names that they may have, and those that would have the name of another host."""
    allowed: list[_UnnamedVm] = []
    renamed: list[_UnnamedVm] = []
    for vm in vms:
        names = [name for name in vm.names if _may_be_named(vm, name, hosts)]
        if names == vm.names:
            allowed.append(vm)
            continue
        renamed.append(vm)
        allowed.append(vm._replace(names=names or _fallback_names(vm, hosts, taken)[:1]))
    return allowed, renamed


def _may_be_named(vm: _UnnamedVm, name: str, hosts: t.Mapping[str, EarlierHost]) -> bool:
    """Whether the name is not that of another host. A document without a host claims to be an earlier host."""
    if name not in hosts:
        return True
    is_of_user = hosts[name].origin is None
    return (is_of_user and not vm.host) or _is_own(vm, name, hosts[name])


def _is_own(vm: _UnnamedVm, name: str, host: EarlierHost) -> bool:
    """Whether an earlier source made the host for the VM."""
    if host.origin is None:
        return name == vm.host
    # A document without a host is of the host with its name.
    return vm.key == host.origin.key and (vm.host or name) == (host.origin.host or name)


def _fallback_names(
    vm: _UnnamedVm, hosts: t.Mapping[str, EarlierHost], taken: t.Container[str]
) -> list[str]:
    """Two names that nothing else has. A VM chooses its vmId, but not the fingerprint of it."""
    free = (
        name
        for name in _numbered_names(vm)
        if name not in taken and (name not in hosts or _is_own(vm, name, hosts[name]))
    )
    return list(itertools.islice(free, 2))


def _numbered_names(vm: _UnnamedVm) -> t.Iterator[str]:
    last = vm.names[-1]
    yield valid_hostname(f"{last}_{vm.identity}")
    yield valid_hostname(f"{last}_{fingerprint(vm.identity)}")
    for number in itertools.count():
        yield valid_hostname(f"{last}_{fingerprint([vm.identity, number])}")


def _named_vm(
    name: str,
    vm: _UnnamedVm,
    is_earlier: bool,
    spellings: dict[Membership, tuple[Membership, ...]],
) -> Vm:
    # A host of an earlier source keeps the connection settings of that source.
    address = "" if is_earlier else vm.address
    groups = vm.groups
    if spellings:
        # The VM's own groups come first, because other VMs may add any number of spellings.
        others = (one for own in groups for one in spellings.get(own, ()))
        groups = list(dict.fromkeys((*groups, *others)))
    omitted_groups = vm.omitted_groups + len(groups[MAX_GROUPS:])
    origin = Origin(vm.key, vm.host)
    return Vm(name, vm.fact, address, groups[:MAX_GROUPS], is_earlier, origin, omitted_groups)


def _distinct_names(
    new_vms: list[_UnnamedVm], hosts: t.Mapping[str, EarlierHost], taken: t.Container[str]
) -> tuple[list[str], dict[str, int]]:
    def fallbacks(index: int) -> list[str]:
        return _fallback_names(new_vms[index], hosts, taken)

    return distinct_names([vm.names for vm in new_vms], fallbacks, taken)


def _notices_warnings(vms: t.Iterable[_UnnamedVm]) -> list[str]:
    counts = collections.Counter(notice for vm in vms for notice in vm.notices)
    return [f"{text} ({count} VMs)" for text, count in counts.items()]


def _failed_expressions_warnings(vms: t.Iterable[_UnnamedVm]) -> list[str]:
    failures: dict[str, list[_Failure]] = collections.defaultdict(list)
    for vm in vms:
        for failure in vm.failures:
            failures[failure.expression].append(failure)
    return [
        f"{expression} can't be evaluated for {len(failed)} VMs and counts as empty for them, "
        f"for example {failed[0].vm_name}: {failed[0].reason}"
        for expression, failed in failures.items()
    ]


def _unknown_fields_warnings(names: dict[str, str]) -> list[str]:
    return [
        f"filters {printable(text)!r}: no VM has the field {printable(name)} of the comparison. "
        f"Put a text in quotes: '{printable(name)}'"
        for name, text in names.items()
    ]


def _unusable_addresses_warnings(new_vms: list[_UnnamedVm], kind: str) -> list[str]:
    vms = [vm for vm in new_vms if vm.unusable_address]
    if not vms:
        return []
    without = sum(not vm.address for vm in vms)
    return [
        f"ansible_host: {kind} addresses that can't be IP addresses of another machine are ignored "
        f"({len(vms)} VMs, {without} of them without another address), for example "
        f"{vms[0].unusable_address!r} of {vms[0].names[0]}"
    ]


def _names_of_other_hosts_warnings(vms: list[_UnnamedVm]) -> list[str]:
    if not vms:
        return []
    first = vms[0]
    return [
        f"{len(vms)} VMs would have the name of another host of the inventory and get another name, for example "
        f"the VM of {printable(first.host or first.azure_name or first.identity, 80)}, which would be {printable(first.names[0], 80)}"
    ]


def _earlier_vm_ids_warnings(
    vms: list[_UnnamedVm], hosts: t.Mapping[str, EarlierHost]
) -> list[str]:
    owners = {
        host.vm_id: (host.origin.host if host.origin else "") or name
        for name, host in hosts.items()
    }
    others = [
        vm for vm in vms if vm.has_vm_id and vm.host and owners.get(vm.identity, vm.host) != vm.host
    ]
    if not others:
        return []
    first = others[0]
    return [
        f"{len(others)} VMs have the vmId of another host of an earlier inventory file, for example "
        f"the VM of {printable(first.host, 80)} has the vmId of {printable(owners[first.identity], 80)}"
    ]


def _shared_addresses_warnings(vms: list[Vm], hosts: t.Mapping[str, EarlierHost]) -> list[str]:
    owners = {canonical_address(host.address): name for name, host in hosts.items()}
    shared = []
    for vm in vms:
        if vm.address and vm.name not in hosts:
            owner = owners.setdefault(canonical_address(vm.address), vm.name)
            if owner != vm.name:
                shared.append((vm, owner))
    if not shared:
        return []
    first, owner = shared[0]
    return [
        f"ansible_host: {len(shared)} VMs have the address of another host, so Ansible connects to the same machine for both, "
        f"for example {printable(first.address, 80)} of {printable(first.name, 80)} and {printable(owner, 80)}"
    ]


def _marked_tags_warnings(vms: t.Iterable[_UnnamedVm]) -> list[str]:
    concerned = [vm.marked_tags for vm in vms if vm.marked_tags]
    names = {name for marked in concerned for name in marked}
    return [f"{text} ({len(concerned)} VMs)" for text in marks_notice(names)]


def _too_many_groups_warnings(vms: list[Vm]) -> list[str]:
    concerned = [vm for vm in vms if vm.omitted_groups]
    if not concerned:
        return []
    worst = max(concerned, key=lambda vm: vm.omitted_groups)
    return [
        f"group_by: a VM is in at most {MAX_GROUPS} groups. {sum(vm.omitted_groups for vm in concerned)} groups "
        f"were left out for {len(concerned)} VMs, for example {worst.omitted_groups} groups of {printable(worst.name, 80)}"
    ]


def _clashing_names_warnings(names: dict[str, int]) -> list[str]:
    if not names:
        return []
    return [
        f"hostnames: {listed(sorted(names))} would name several VMs, a group or localhost, so the "
        f"{sum(names.values())} VMs concerned have other names"
    ]


def _claimed_by_several_warnings(claims: dict[str, tuple[str, str]]) -> list[str]:
    if not claims:
        return []
    identity, (older, later) = next(iter(claims.items()))
    return [
        f"{len(claims)} VMs have several documents with different names, and only the last document is used, "
        f"for example {printable(older, 80)} and {printable(later, 80)} both claim to be {printable(identity, 80)}"
    ]


def _shared_vm_ids_warnings(shared: dict[str, tuple[str, str]]) -> list[str]:
    if not shared:
        return []
    vm_id, (first, last) = next(iter(shared.items()))
    return [
        f"{len(shared)} VMs have several hosts, because these have the same vmId in their facts, "
        f"for example {printable(first, 80)} and {printable(last, 80)} have {printable(vm_id, 80)}"
    ]


def _several_snapshots_warnings(hosts: set[str]) -> list[str]:
    if not hosts:
        return []
    return [
        f"{len(hosts)} hosts have several snapshots, of which at least one has no vmId, for example {printable(min(hosts), 80)}. "
        "A snapshot with a vmId is used, or else the last one"
    ]


def _filter_of(entry: dict[str, t.Any]) -> tuple[bool, Expression]:
    if not isinstance(entry, dict) or len(entry) != 1 or not {"include", "exclude"} & set(entry):
        raise OptionError(
            f"filters: {printable(str(entry))} is neither include: EXPRESSION nor exclude: EXPRESSION"
        )
    ((decision, text),) = entry.items()
    expression = _for_every_vm if text is True else compiled(text, "filters")
    return decision == "include", expression


def _for_every_vm(_fields: t.Any) -> bool:
    return True


__all__ = ("Choices", "EarlierHost", "Fleet", "Origin", "Vm")
