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
from ansible_collections.imds.azure.plugins.plugin_utils._documents import Document
from ansible_collections.imds.azure.plugins.plugin_utils._expression import Expression, compiled
from ansible_collections.imds.azure.plugins.plugin_utils._grouping import Membership, grouper
from ansible_collections.imds.azure.plugins.plugin_utils._naming import (
    distinct_names,
    fingerprint,
    fit,
    namer,
)

ADDRESSES = ("private", "public", "none")
_ALL = frozenset(SUBSETS)


class Choices(t.NamedTuple):
    """The user's choices, as the options of the same names."""

    hostnames: list[str]
    address: str
    group_by: list[str]
    filters: list[dict[str, str]]
    subsets: frozenset[str]


class Vm(t.NamedTuple):
    name: str
    fact: dict[str, t.Any]  # azure_imds, as far as it is wanted
    address: str  # "" for none
    groups: list[Membership]
    is_earlier: bool  # a host that an earlier inventory source named


class _Seen(t.NamedTuple):
    """What is kept of a document."""

    identity: str  # its vmId, or a fingerprint where it has none
    is_in: bool  # by the filters
    names: list[str]  # by preference; never empty
    fact: dict[str, t.Any]
    address: str
    groups: list[Membership]
    notices: list[str]
    marked: list[str]  # the names of tags that `tags` can't have


class Fleet:
    """VMs as they are added; of two documents of one VM the later one counts."""

    def __init__(self, choices: Choices) -> None:
        if choices.address not in ADDRESSES:
            raise OptionError(
                f"address has no {printable(choices.address)!r}: it takes {listed(ADDRESSES)}"
            )
        self._address = choices.address
        self._subsets = choices.subsets
        self._rules = [_rule(entry) for entry in choices.filters]
        self._namers = [namer(expression) for expression in choices.hostnames]
        self._groups_of = grouper(choices.group_by)
        # By vmId, and for the hosts of earlier sources by their names.
        self._found: dict[str, _Seen] = {}
        self._earlier: dict[str, _Seen] = {}
        self._hosts_by_identity: dict[str, list[str]] = collections.defaultdict(list)

    def add(self, document: Document) -> None:
        seen = self._seen(document)
        if document.host:
            self._found.pop(seen.identity, None)
            self._earlier[document.host] = seen
            self._hosts_by_identity[seen.identity].append(document.host)
        elif seen.identity in self._hosts_by_identity:
            self._earlier.update(dict.fromkeys(self._hosts_by_identity[seen.identity], seen))
        else:
            self._found[seen.identity] = seen

    def vms(self, reserved: t.Collection[str]) -> tuple[list[Vm], list[str]]:
        """Every VM that the filters let in, and what is to be said about them.

        A VM has a name that it shares neither with another nor with what is reserved.
        """
        earlier = {host: seen for host, seen in self._earlier.items() if seen.is_in}
        found = [seen for seen in self._found.values() if seen.is_in]
        names, contested = self._names(found, reserved)
        vms = [_vm(host, seen, True) for host, seen in earlier.items()]
        vms.extend(_vm(name, seen, False) for name, seen in zip(names, found, strict=True))
        seen = [*earlier.values(), *found]
        notices = [*_counted(seen), *_marked(seen), *self._without_address(found)]
        return vms, [*notices, *_contested(contested)]

    def _without_address(self, found: list[_Seen]) -> list[str]:
        count = sum(not seen.address for seen in found)
        if not count or self._address == "none":
            return []
        return [f"ansible_host is not set: no {self._address} address is known ({count} VMs)"]

    def _names(
        self, found: list[_Seen], reserved: t.Collection[str]
    ) -> tuple[list[str], dict[str, int]]:
        taken = {*reserved, *self._earlier}
        for membership in {membership for seen in found for membership in seen.groups}:
            taken.update(membership)

        def last_resorts(index: int) -> list[str]:
            last, identity = found[index].names[-1], found[index].identity
            return [f"{last}_{fit(identity)}", f"{last}_{fingerprint(identity)}"]

        return distinct_names([seen.names for seen in found], last_resorts, taken)

    def _seen(self, document: Document) -> _Seen:
        whole = document.data
        notices: list[str] = []
        if not document.is_fact:
            whole, notices = azure_imds(
                document.data, document.api_version, reuse=not document.nulls
            )
        compute = part(whole, "compute")
        tags = _dict(whole, "tags") or tags_of(compute)[0]
        if not isinstance(whole.get("tags", tags), dict):
            # Ansible read the tags of an older fact for something else.
            whole = {**whole, "tags": tags}
        view = {**compute, **whole, "tags": tags}
        if document.snapshot_of:
            view["inventory_hostname"] = document.snapshot_of
        identity = str(compute.get("vmId") or "").lower() or fingerprint(document.data)
        names = self._names_of(view)
        if not names and not document.host:
            notices = [*notices, "hostnames: no expression gives a name, so it is made of the vmId"]
        return _Seen(
            identity=identity,
            is_in=self._is_in(view),
            names=names or [f"vm_{fit(identity)}"],
            fact=self._wanted(whole),
            address=self._address_of(whole),
            groups=self._groups_of(compute, tags),
            notices=notices,
            marked=marked_tags(compute),
        )

    def _is_in(self, view: dict[str, t.Any]) -> bool:
        for decision, holds in self._rules:
            if holds(view):
                return decision
        return True

    def _names_of(self, view: dict[str, t.Any]) -> list[str]:
        return [name for name in (name_of(view) for name_of in self._namers) if name]

    def _address_of(self, whole: dict[str, t.Any]) -> str:
        addresses = _dict(whole, "addresses") or addresses_of(part(whole, "network"))
        found = addresses.get(self._address)
        return str(found[0]) if isinstance(found, list) and found else ""

    def _wanted(self, whole: dict[str, t.Any]) -> dict[str, t.Any]:
        if self._subsets == _ALL:
            return whole
        kept = (*self._subsets, "api_version", "gathered_at")
        return {key: whole[key] for key in kept if key in whole}


def _dict(whole: dict[str, t.Any], key: str) -> dict[str, t.Any]:
    value = whole.get(key)
    return value if isinstance(value, dict) else {}


def _vm(name: str, seen: _Seen, is_earlier: bool) -> Vm:
    # Who was asked by its name is reached by that name, and need not be by an address of its own.
    address = "" if is_earlier else seen.address
    return Vm(name, seen.fact, address, seen.groups, is_earlier)


def _counted(vms: t.Iterable[_Seen]) -> list[str]:
    counts = collections.Counter(notice for seen in vms for notice in seen.notices)
    return [f"{text} ({count} VMs)" for text, count in counts.items()]


def _marked(vms: t.Iterable[_Seen]) -> list[str]:
    concerned = [seen.marked for seen in vms if seen.marked]
    names = {name for marked in concerned for name in marked}
    return [f"{text} ({len(concerned)} VMs)" for text in marks_notice(names)]


def _contested(names: dict[str, int]) -> list[str]:
    if not names:
        return []
    return [
        f"hostnames: {listed(sorted(names))} would name several VMs, a group or localhost, so the "
        f"{sum(names.values())} VMs concerned have other names"
    ]


def _rule(entry: dict[str, str]) -> tuple[bool, Expression]:
    if not isinstance(entry, dict) or len(entry) != 1 or not {"include", "exclude"} & set(entry):
        raise OptionError(
            f"filters: {printable(str(entry))} is not one of include: EXPRESSION and exclude: EXPRESSION"
        )
    ((decision, text),) = entry.items()
    return decision == "include", compiled(text, "filters")


__all__ = ("Choices", "Fleet", "Vm")
