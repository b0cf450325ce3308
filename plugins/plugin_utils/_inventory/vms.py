# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents in, named and grouped VMs out: the inventory without Ansible. Private to imds.azure.

A fleet can have 100,000 VMs. So a document is looked at once, when it is added, and only what the
user wants of it is kept.
"""

from __future__ import annotations

import collections
import typing as t

from ansible_collections.imds.azure.plugins.module_utils._document import (
    addresses_of,
    marked_tags,
    part,
    tags_of,
)
from ansible_collections.imds.azure.plugins.module_utils._errors import (
    OptionError,
    listed,
    printable,
)
from ansible_collections.imds.azure.plugins.module_utils._facts import (
    SUBSETS,
    azure_imds,
    marks_notice,
)
from ansible_collections.imds.azure.plugins.plugin_utils._expression import (
    EvaluationError,
    Expression,
    compiled,
    names_compared_with,
)
from ansible_collections.imds.azure.plugins.plugin_utils._inventory.addresses import (
    is_usable,
    leads_home,
)
from ansible_collections.imds.azure.plugins.plugin_utils._inventory.documents import Document
from ansible_collections.imds.azure.plugins.plugin_utils._inventory.fact_check import check_fact
from ansible_collections.imds.azure.plugins.plugin_utils._inventory.groups import (
    MAX_GROUPS,
    Membership,
    every_spelling,
    grouper,
    shared_groups,
)
from ansible_collections.imds.azure.plugins.plugin_utils._inventory.hostnames import (
    distinct_names,
    fingerprint,
    fit,
    namer,
    starts_oddly,
)

# Evaluates an expression for one VM.
_Evaluated = t.Callable[[Expression], t.Any]

ADDRESSES = ("private", "public", "none")
_ALL = frozenset(SUBSETS)
# What differs from one gathering to the next.
_OF_GATHERING = ("api_version", "gathered_at")


class Choices(t.NamedTuple):
    """The user's choices, as the options of the same names."""

    hostnames: list[str]
    address: str
    group_by: list[str]
    filters: list[dict[str, str]]
    subsets: frozenset[str]
    strict: bool = False  # an expression that can't be evaluated for a VM is an error


class Vm(t.NamedTuple):
    name: str
    fact: dict[str, t.Any]  # azure_imds, as far as it is wanted
    address: str  # "" for none
    groups: list[Membership]  # at most MAX_GROUPS
    is_earlier: bool  # a host that an earlier inventory source named
    left_out: int = 0  # groups beyond MAX_GROUPS


class _Failure(t.NamedTuple):
    """An expression that can't be evaluated for a VM."""

    expression: str
    reason: str
    vm: str


class _Seen(t.NamedTuple):
    """What is kept of a document."""

    has_vm_id: bool
    identity: str  # its vmId, or a fingerprint of its host or its document where it has none
    host: str  # the host of an earlier source, or of a snapshot; "" where it is not known
    is_in: bool  # by the filters
    names: list[str]  # by preference; empty only where no name is needed
    fact: dict[str, t.Any]
    address: str
    unusable: str  # an address that comes before that one and can't be used
    groups: list[Membership]  # at most MAX_GROUPS
    left_out: int  # groups beyond MAX_GROUPS
    notices: list[str]
    failures: list[_Failure]
    marked: list[str]  # the names of tags that `tags` can't have


class _Taken:
    """The names that a VM must not have."""

    def __init__(self, names: set[str]) -> None:
        self._names = names

    def __contains__(self, name: object) -> bool:
        return name in self._names or leads_home(str(name))


class Fleet:
    """VMs as they are added; of two documents of one VM the later one counts."""

    def __init__(self, choices: Choices) -> None:
        if choices.address not in ADDRESSES:
            raise OptionError(
                f"address has no {printable(choices.address)!r}: it takes {listed(ADDRESSES)}"
            )
        self._address = choices.address
        self._subsets = choices.subsets
        self._strict = choices.strict
        self._rules = [_rule(entry) for entry in choices.filters]
        # Names without quotes that filters compare with, as long as no VM has such a field.
        self._unmet = {
            name: text
            for entry in choices.filters
            for text in entry.values()
            for name in names_compared_with(text)
        }
        self._namers = [namer(expression) for expression in choices.hostnames]
        self._groups_of = grouper(choices.group_by)
        # By vmId, and for the hosts of earlier sources by their names.
        self._found: dict[str, _Seen] = {}
        self._earlier: dict[str, _Seen] = {}
        self._hosts_by_identity: dict[str, list[str]] = collections.defaultdict(list)
        # A vmId that several hosts claim: one host whose document was replaced, and the other.
        self._claims: dict[str, tuple[str, str]] = {}
        # Hosts of several snapshots of which at least one has no vmId.
        self._repeated: set[str] = set()

    def add(self, document: Document) -> None:
        seen = self._seen(document)
        if document.host:
            self._replace(self._found.pop(seen.identity, None), seen)
            self._earlier[document.host] = seen
            self._hosts_by_identity[seen.identity].append(document.host)
        elif seen.identity in self._hosts_by_identity:
            for host in self._hosts_by_identity[seen.identity]:
                self._replace(self._earlier[host], seen)
                self._earlier[host] = seen
        else:
            older = self._found.get(seen.identity)
            self._replace(older, seen)
            if older and seen.host and not seen.has_vm_id:
                self._repeated.add(seen.host)
            self._found[seen.identity] = seen

    def _replace(self, older: _Seen | None, seen: _Seen) -> None:
        if older and older.host and seen.host and older.host != seen.host:
            self._claims[seen.identity] = (older.host, seen.host)

    def vms(self, reserved: t.Collection[str]) -> tuple[list[Vm], list[str]]:
        """Every VM that the filters let in, and what is to be said about them.

        A VM has a name that it shares neither with another nor with what is reserved.
        """
        earlier = {host: seen for host, seen in self._earlier.items() if seen.is_in}
        found = [seen for seen in self._without_repeated() if seen.is_in]
        every = [*earlier.values(), *found]
        memberships = {membership for seen in every for membership in seen.groups}
        spelled = every_spelling(memberships, (seen.groups for seen in every))
        memberships.update(*spelled.values())
        groups = {name for group, parent, _source in memberships for name in (group, parent)}
        names, contested = _names(found, _Taken({*reserved, *self._earlier, *groups}))
        vms = [_vm(host, seen, True, spelled) for host, seen in earlier.items()]
        vms.extend(_vm(name, seen, False, spelled) for name, seen in zip(names, found, strict=True))
        return vms, [
            *_counted(every),
            *_marked(every),
            *_failed([*self._earlier.values(), *self._found.values()]),
            *_unmet(self._unmet if self._earlier or self._found else {}),
            *self._without_address(found),
            *_unusable(found, self._address),
            *_contested(contested),
            *_claimed(self._claims),
            *_repeated(self._repeated),
            *shared_groups(memberships),
            *_left_out(vms),
        ]

    def _without_repeated(self) -> list[_Seen]:
        """What was found, without snapshots that have no vmId where another document of their host has one."""
        found = list(self._found.values())
        known = {*self._earlier, *(seen.host for seen in found if seen.has_vm_id)}
        lesser = {seen.host for seen in found if not seen.has_vm_id and seen.host in known} - {""}
        self._repeated |= lesser
        return [seen for seen in found if seen.has_vm_id or seen.host not in lesser]

    def _without_address(self, found: list[_Seen]) -> list[str]:
        count = sum(not seen.address and not seen.unusable for seen in found)
        if not count or self._address == "none":
            return []
        return [f"ansible_host is not set: no {self._address} address is known ({count} VMs)"]

    def _seen(self, document: Document) -> _Seen:
        whole = document.data
        notices: list[str] = []
        if document.host:
            check_fact(whole)
        if not document.is_fact:
            whole, notices = azure_imds(document.data, document.api_version)
        compute = part(whole, "compute")
        tags = _dict(whole, "tags") or tags_of(compute)[0]
        if not isinstance(whole.get("tags", tags), dict):
            # Ansible read the tags of an older fact for something else.
            whole = {**whole, "tags": tags}
        view = {**compute, **whole, "tags": tags}
        if document.snapshot_of:
            view["inventory_hostname"] = document.snapshot_of
        self._meet(view)
        vm_id = str(compute.get("vmId") or "").lower()
        host = document.host or document.snapshot_of
        identity = vm_id or _fingerprint(host, whole)
        failures: list[_Failure] = []

        def evaluated(expression: Expression) -> t.Any:
            try:
                return expression(view)
            except EvaluationError as exc:
                vm = host or compute.get("name") or identity
                failure = _Failure(exc.expression, exc.reason, printable(str(vm), 80))
            if self._strict:
                raise OptionError(f"{failure.expression}: of the VM {failure.vm}: {failure.reason}")
            failures.append(failure)
            return None

        is_in = self._is_in(evaluated)
        # A VM that is out needs no name, and a host of an earlier source has one.
        texts = self._texts_for_name(evaluated) if is_in and not document.host else []
        if not texts and is_in and not document.host:
            text, source = _last_name(vm_id, host, identity)
            texts = [text]
            notices = [*notices, f"hostnames: no expression gives a name, so it is {source}"]
        if any(map(starts_oddly, texts)):
            notices = [*notices, "hostnames: a hyphen or a dot that a name begins with became _"]
        address, unusable = self._address_of(whole)
        groups = self._groups_of(compute, tags)
        return _Seen(
            has_vm_id=bool(vm_id),
            identity=identity,
            host=host,
            is_in=is_in,
            names=[fit(text) for text in texts],
            fact=self._wanted(whole),
            address=address,
            unusable=unusable,
            groups=groups[:MAX_GROUPS],
            left_out=len(groups[MAX_GROUPS:]),
            notices=notices,
            failures=failures,
            marked=marked_tags(compute),
        )

    def _meet(self, view: dict[str, t.Any]) -> None:
        if self._unmet:
            self._unmet = {name: text for name, text in self._unmet.items() if name not in view}

    def _is_in(self, evaluated: _Evaluated) -> bool:
        for decision, holds in self._rules:
            if evaluated(holds):
                return decision
        return True

    def _texts_for_name(self, evaluated: _Evaluated) -> list[str]:
        return [text for text in map(evaluated, self._namers) if text]

    def _address_of(self, whole: dict[str, t.Any]) -> tuple[str, str]:
        """The address that is used, and one before it that can't be; "" where there is none."""
        if self._address == "none":
            return "", ""
        addresses = _dict(whole, "addresses") or addresses_of(part(whole, "network"))
        found = addresses.get(self._address)
        unusable = ""
        for address in found if isinstance(found, list) else []:
            if is_usable(address):
                return address, unusable
            unusable = unusable or printable(str(address), 80) or "an empty text"
        return "", unusable

    def _wanted(self, whole: dict[str, t.Any]) -> dict[str, t.Any]:
        if self._subsets == _ALL:
            return whole
        kept = (*self._subsets, "api_version", "gathered_at")
        return {key: whole[key] for key in kept if key in whole}


def _dict(whole: dict[str, t.Any], key: str) -> dict[str, t.Any]:
    value = whole.get(key)
    return value if isinstance(value, dict) else {}


def _last_name(vm_id: str, host: str, identity: str) -> tuple[str, str]:
    """A name where no expression gives one, and where it comes from."""
    if vm_id:
        return f"vm_{identity}", "made of the vmId"
    if host:
        return host, "that of the host in the snapshot, which has no vmId"
    return f"vm_{identity}", "made of the whole document, which has no vmId"


def _fingerprint(host: str, whole: dict[str, t.Any]) -> str:
    """What tells a VM without a vmId from others: its host, or else all that it says but for the time.

    A fact does not depend on the form of the file that its document was read from.
    """
    if host:
        return fingerprint({"inventory_hostname": host})
    return fingerprint({key: whole[key] for key in whole if key not in _OF_GATHERING})


def _vm(
    name: str,
    seen: _Seen,
    is_earlier: bool,
    spelled: dict[Membership, tuple[Membership, ...]],
) -> Vm:
    # A host of an earlier source keeps the connection settings of that source.
    address = "" if is_earlier else seen.address
    groups = seen.groups
    if spelled:
        # Its own groups first, because others may say any number of spellings.
        others = (one for own in groups for one in spelled.get(own, ()))
        groups = list(dict.fromkeys((*groups, *others)))
    left_out = seen.left_out + len(groups[MAX_GROUPS:])
    return Vm(name, seen.fact, address, groups[:MAX_GROUPS], is_earlier, left_out)


def _names(found: list[_Seen], taken: t.Container[str]) -> tuple[list[str], dict[str, int]]:
    def last_resorts(index: int) -> list[str]:
        last, identity = found[index].names[-1], found[index].identity
        return [fit(f"{last}_{identity}"), fit(f"{last}_{fingerprint(identity)}")]

    return distinct_names([seen.names for seen in found], last_resorts, taken)


def _counted(vms: t.Iterable[_Seen]) -> list[str]:
    counts = collections.Counter(notice for seen in vms for notice in seen.notices)
    return [f"{text} ({count} VMs)" for text, count in counts.items()]


def _failed(vms: t.Iterable[_Seen]) -> list[str]:
    failures: dict[str, list[_Failure]] = collections.defaultdict(list)
    for seen in vms:
        for failure in seen.failures:
            failures[failure.expression].append(failure)
    return [
        f"{expression} can't be evaluated for {len(found)} VMs and counts as empty for them, "
        f"for example {found[0].vm}: {found[0].reason}"
        for expression, found in failures.items()
    ]


def _unmet(names: dict[str, str]) -> list[str]:
    return [
        f"filters {printable(text)!r}: no VM has a field {printable(name)}, which it compares with. "
        f"A text is in quotes: '{printable(name)}'"
        for name, text in names.items()
    ]


def _unusable(found: list[_Seen], kind: str) -> list[str]:
    vms = [seen for seen in found if seen.unusable]
    if not vms:
        return []
    without = sum(not seen.address for seen in vms)
    return [
        f"ansible_host: a {kind} address that is no IP address of another machine is not used "
        f"({len(vms)} VMs, {without} of them without another), for example "
        f"{vms[0].unusable!r} of {vms[0].names[0]}"
    ]


def _marked(vms: t.Iterable[_Seen]) -> list[str]:
    concerned = [seen.marked for seen in vms if seen.marked]
    names = {name for marked in concerned for name in marked}
    return [f"{text} ({len(concerned)} VMs)" for text in marks_notice(names)]


def _left_out(vms: list[Vm]) -> list[str]:
    concerned = [vm for vm in vms if vm.left_out]
    if not concerned:
        return []
    worst = max(concerned, key=lambda vm: vm.left_out)
    return [
        f"group_by: a VM is in at most {MAX_GROUPS} groups. {sum(vm.left_out for vm in concerned)} groups "
        f"were left out for {len(concerned)} VMs, for example {worst.left_out} groups of {printable(worst.name, 80)}"
    ]


def _contested(names: dict[str, int]) -> list[str]:
    if not names:
        return []
    return [
        f"hostnames: {listed(sorted(names))} would name several VMs, a group or localhost, so the "
        f"{sum(names.values())} VMs concerned have other names"
    ]


def _claimed(claims: dict[str, tuple[str, str]]) -> list[str]:
    if not claims:
        return []
    identity, (older, later) = next(iter(claims.items()))
    return [
        f"{len(claims)} VMs are in documents of hosts with different names, of which only the later "
        f"document counts, for example {printable(later, 80)} says to be {printable(identity, 80)}, "
        f"as {printable(older, 80)} does"
    ]


def _repeated(hosts: set[str]) -> list[str]:
    if not hosts:
        return []
    return [
        f"{len(hosts)} hosts have several snapshots, of which at least one has no vmId. One with a vmId counts, "
        f"or else the last one, for example of {printable(min(hosts), 80)}"
    ]


def _rule(entry: dict[str, str]) -> tuple[bool, Expression]:
    if not isinstance(entry, dict) or len(entry) != 1 or not {"include", "exclude"} & set(entry):
        raise OptionError(
            f"filters: {printable(str(entry))} is not one of include: EXPRESSION and exclude: EXPRESSION"
        )
    ((decision, text),) = entry.items()
    return decision == "include", compiled(text, "filters")


__all__ = ("Choices", "Fleet", "Vm")
