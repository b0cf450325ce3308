# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents in, named and grouped VMs out: the inventory without Ansible. Private to imds.azure."""

from __future__ import annotations

import collections
import typing as t

from ansible_collections.imds.azure.plugins.module_utils._document import (
    addresses_of,
    part,
    tags_of,
)
from ansible_collections.imds.azure.plugins.module_utils._errors import (
    OptionError,
    listed,
    printable,
)
from ansible_collections.imds.azure.plugins.module_utils._facts import SUBSETS, azure_imds
from ansible_collections.imds.azure.plugins.plugin_utils._documents import Document
from ansible_collections.imds.azure.plugins.plugin_utils._expression import Expression, compiled
from ansible_collections.imds.azure.plugins.plugin_utils._grouping import Membership, grouper
from ansible_collections.imds.azure.plugins.plugin_utils._naming import (
    distinct_names,
    fingerprint,
    namer,
)

ADDRESSES = ("private", "public", "none")


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


class Fleet:
    """VMs as they are added; of two documents of one VM the later one counts."""

    def __init__(self, choices: Choices) -> None:
        if choices.address not in ADDRESSES:
            raise OptionError(
                f"address has no {printable(choices.address)!r}: it takes {listed(ADDRESSES)}"
            )
        self._choices = choices
        self._rules = [_rule(entry) for entry in choices.filters]
        self._namers = [namer(expression) for expression in choices.hostnames]
        self._groups_of = grouper(choices.group_by)
        # By vmId, and for the hosts of earlier sources by their names.
        self._found: dict[str, _Known] = {}
        self._earlier: dict[str, _Known] = {}
        self._hosts_by_identity: dict[str, list[str]] = collections.defaultdict(list)
        self._notices: collections.Counter[str] = collections.Counter()

    def add(self, document: Document) -> None:
        known = _Known(document)
        self._notices.update(known.warnings)
        if document.host:
            self._found.pop(known.identity, None)
            self._earlier[document.host] = known
            self._hosts_by_identity[known.identity].append(document.host)
        elif known.identity in self._hosts_by_identity:
            self._earlier.update(dict.fromkeys(self._hosts_by_identity[known.identity], known))
        else:
            self._found[known.identity] = known

    def vms(self, reserved: t.Collection[str]) -> list[Vm]:
        """Every VM that the filters let in, under a name that is neither reserved nor shared."""
        earlier = [(host, vm) for host, vm in self._earlier.items() if self._is_in(vm)]
        found = [vm for vm in self._found.values() if self._is_in(vm)]
        groups = [self._groups_of(vm.compute, vm.tags) for vm in found]
        taken = {*reserved, *self._earlier}
        taken.update(
            name for vm_groups in groups for membership in vm_groups for name in membership
        )
        names = self._names(found, taken)
        return [
            *(
                self._vm(host, vm, self._groups_of(vm.compute, vm.tags), True)
                for host, vm in earlier
            ),
            *(self._vm(*named, False) for named in zip(names, found, groups, strict=True)),
        ]

    def warnings(self) -> list[str]:
        return [f"{text} ({count} VMs)" for text, count in self._notices.items()]

    def _vm(self, name: str, vm: _Known, groups: list[Membership], is_earlier: bool) -> Vm:
        return Vm(name, vm.fact(self._choices.subsets), self._address(vm), groups, is_earlier)

    def _is_in(self, vm: _Known) -> bool:
        for decision, holds in self._rules:
            if holds(vm.view):
                return decision
        return True

    def _names(self, vms: list[_Known], taken: t.Container[str]) -> list[str]:
        choices = [self._choices_of(vm) for vm in vms]

        def last_resorts(index: int) -> list[str]:
            last = choices[index][-1]
            by_id = [f"{last}_{vms[index].vm_id}"] if vms[index].vm_id else []
            return [*by_id, f"{last}_{fingerprint(vms[index].whole)}"]

        names, contested = distinct_names(choices, last_resorts, taken)
        if contested:
            self._notices[
                f"hostnames: {listed(sorted(contested))} would name several VMs, a group or "
                "localhost, so the VMs concerned have other names"
            ] += sum(contested.values())
        return names

    def _choices_of(self, vm: _Known) -> list[str]:
        names = [name for name in (name_of(vm.view) for name_of in self._namers) if name]
        return list(dict.fromkeys(names)) or [f"vm_{vm.vm_id or fingerprint(vm.whole)}"]

    def _address(self, vm: _Known) -> str:
        if self._choices.address == "none":
            return ""
        addresses = vm.addresses.get(self._choices.address)
        if addresses:
            return str(addresses[0])
        self._notices[f"ansible_host is not set: no {self._choices.address} address is known"] += 1
        return ""


class _Known:
    """One document and what is asked of it more than once."""

    def __init__(self, document: Document) -> None:
        self.whole = document.data
        self.warnings: list[str] = []
        if not document.is_fact:
            self.whole, self.warnings = azure_imds(document.data, document.api_version)
        self.compute = part(self.whole if document.is_fact else document.data, "compute")
        tags = self.whole.get("tags")
        self.tags = tags if isinstance(tags, dict) else tags_of(self.compute)[0]
        self.vm_id = str(self.compute.get("vmId") or "").lower()
        self.identity = self.vm_id or fingerprint(self.whole)
        self._snapshot_of = document.snapshot_of

    @property
    def addresses(self) -> dict[str, list[str]]:
        addresses = self.whole.get("addresses")
        return (
            addresses if isinstance(addresses, dict) else addresses_of(part(self.whole, "network"))
        )

    @property
    def view(self) -> dict[str, t.Any]:
        """What expressions see: compute's fields, and the parts of the fact beside them."""
        view = {**self.compute, **self.whole, "tags": self.tags}
        if self._snapshot_of:
            view["inventory_hostname"] = self._snapshot_of
        return view

    def fact(self, subsets: frozenset[str]) -> dict[str, t.Any]:
        if subsets.issuperset(SUBSETS):
            return self.whole
        kept = (*subsets, "api_version", "gathered_at")
        return {key: value for key, value in self.whole.items() if key in kept}


def _rule(entry: dict[str, str]) -> tuple[bool, Expression]:
    if not isinstance(entry, dict) or len(entry) != 1 or not {"include", "exclude"} & set(entry):
        raise OptionError(
            f"filters: {printable(str(entry))} is not one of include: EXPRESSION and exclude: EXPRESSION"
        )
    ((decision, text),) = entry.items()
    return decision == "include", compiled(str(text), "filters")


__all__ = ("Choices", "Fleet", "Vm")
