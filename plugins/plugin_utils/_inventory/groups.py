# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The built-in groups of a VM, without templates. Private to imds.azure."""

from __future__ import annotations

import collections
import functools
import typing as t

from ansible.plugins.inventory import to_safe_group_name

from ansible_collections.imds.azure.plugins.module_utils._clouds import cloud_named
from ansible_collections.imds.azure.plugins.module_utils._errors import (
    OptionError,
    listed,
    printable,
)
from ansible_collections.imds.azure.plugins.module_utils._facts import service_of
from ansible_collections.imds.azure.plugins.plugin_utils._placement.location import (
    cloud_key,
    dedicated_host_of,
    edge_zone_of,
    folded,
    one_spelling,
    scale_set_of,
    text_of,
)

_Compute = dict[str, t.Any]


class _Grouping(t.NamedTuple):
    parent: str
    prefix: str
    value: t.Callable[[_Compute], t.Any]


def _field(key: str) -> t.Callable[[_Compute], t.Any]:
    return lambda compute: compute.get(key)


def _lower(key: str) -> t.Callable[[_Compute], str]:
    return lambda compute: one_spelling(compute.get(key))


def _cloud(compute: _Compute) -> str:
    return cloud_named(text_of(compute.get("azEnvironment"))).name


def _service(compute: _Compute) -> str:
    # The service of a document without a resource ID and a vmId is unknown.
    return service_of(compute) if compute.get("resourceId") or compute.get("vmId") else ""


def _dedicated_host(compute: _Compute) -> str:
    # /subscriptions/S/resourceGroups/G/providers/Microsoft.Compute/hostGroups/GROUP/hosts/HOST
    parts = dedicated_host_of(compute).split("/")
    return "_".join((*parts[-3:-2], *parts[-1:]))


_GROUPINGS = {
    "zone": _Grouping("zones", "zone_", _field("zone")),
    "fault_domain": _Grouping("fault_domains", "fault_domain_", _field("platformFaultDomain")),
    "location": _Grouping("locations", "location_", _lower("location")),
    "update_domain": _Grouping("update_domains", "update_domain_", _field("platformUpdateDomain")),
    "cloud": _Grouping("clouds", "cloud_", _cloud),
    "scale_set": _Grouping("scale_sets", "scale_set_", scale_set_of),
    "resource_group": _Grouping("resource_groups", "resource_group_", _lower("resourceGroupName")),
    "vm_size": _Grouping("vm_sizes", "vm_size_", _field("vmSize")),
    "os_type": _Grouping("os_types", "os_type_", _lower("osType")),
    "physical_zone": _Grouping("physical_zones", "physical_zone_", _field("physicalZone")),
    "subscription": _Grouping("subscriptions", "subscription_", _lower("subscriptionId")),
    "edge_zone": _Grouping("edge_zones", "edge_zone_", edge_zone_of),
    "dedicated_host": _Grouping("dedicated_hosts", "dedicated_host_", _dedicated_host),
    "service": _Grouping("services", "service_", _service),
}
_KINDS = {grouping.parent: kind for kind, grouping in _GROUPINGS.items()}
_TAGS = "tags"
# The number of groups, and of values of each, that a message names.
_SHOWN = 10
GROUPINGS = (*_GROUPINGS, _TAGS)
# The maximum number of groups of a VM. Azure allows 50 tags. Ansible compares each group of a host with all
# others of the host, so a VM with 60,000 tags would delay the whole inventory by a minute.
MAX_GROUPS = 1000


class Membership(t.NamedTuple):
    group: str
    parent: str
    # The value of the group, or the name and the value of a tag.
    source: tuple[str, ...]


def group_function(
    group_by: t.Iterable[str],
) -> t.Callable[[_Compute, dict[str, t.Any]], list[Membership]]:
    """A function that returns the groups of a VM from its compute and its tags; groups of tags come last."""
    names = list(group_by)
    unknown = [name for name in names if name not in GROUPINGS]
    if unknown:
        raise OptionError(f"group_by has no {listed(unknown)}: choose from {listed(GROUPINGS)}")
    groupings = [_GROUPINGS[name] for name in names if name != _TAGS]
    with_tags = _TAGS in names

    def groups_of(compute: _Compute, tags: dict[str, t.Any]) -> list[Membership]:
        groups = []
        for grouping in groupings:
            value = text_of(grouping.value(compute))
            if value:
                groups.append(_membership(grouping.prefix, value, grouping.parent))
        if with_tags:
            for name, value in tags.items():
                if name:
                    groups.append(_tag_membership(name, text_of(value)))
        return groups

    return groups_of


# A fleet has few groups and many hosts, so each name is converted only once.
@functools.lru_cache(maxsize=65536)
def _membership(prefix: str, value: str, parent: str) -> Membership:
    return Membership(str(to_safe_group_name(prefix + value)), parent, (value,))


@functools.lru_cache(maxsize=65536)
def _tag_membership(name: str, value: str) -> Membership:
    text = f"tag_{name}_{value}" if value else f"tag_{name}"
    return Membership(str(to_safe_group_name(text)), _TAGS, (str(name), value))


def groups_of_all_spellings(
    memberships: t.Iterable[Membership], groups_of_each_vm: t.Iterable[list[Membership]]
) -> dict[Membership, tuple[Membership, ...]]:
    """The groups of all spellings, for each membership whose value has several spellings in the fleet.

    For Azure, `Role` and `role` are one tag, and `Web` and `web` are one scale set. So a VM is in the groups of
    all spellings. `memberships` are those of the fleet, and `groups_of_each_vm` are those of each VM.
    """
    spellings: dict[tuple[str, str], set[str]] = collections.defaultdict(set)
    for membership in memberships:
        spellings[_spelling_key(membership)].add(membership.source[0])
    several = {thing for thing, names in spellings.items() if len(names) > 1}
    if not several:
        return {}
    # A real VM has each tag once. A hostile VM must not add a thousand spellings to all other VMs.
    spread: dict[tuple[str, str], set[str]] = collections.defaultdict(set)
    found: set[Membership] = set()
    for groups in groups_of_each_vm:
        first: dict[tuple[str, str], str] = {}
        for membership in groups:
            thing = _spelling_key(membership)
            if thing in several:
                found.add(membership)
                first.setdefault(thing, membership.source[0])
        for thing, spelling in first.items():
            spread[thing].add(spelling)
    return {one: _in_spellings(one, sorted(spread[_spelling_key(one)])) for one in found}


# For other kinds, only the casing is ignored: "web db" and "webdb" are two scale sets.
_ONE_SPELLING: dict[str, t.Callable[[t.Any], str]] = {
    "cloud": cloud_key,
    "location": one_spelling,
    "edge_zone": one_spelling,
    "physical_zone": one_spelling,
}


@functools.lru_cache(maxsize=65536)
def _spelling_key(membership: Membership) -> tuple[str, str]:
    """A key that is equal for all spellings of one value in Azure."""
    name = membership.source[0]
    if membership.parent == _TAGS:
        return _TAGS, folded(name)
    kind = _KINDS[membership.parent]
    return kind, _ONE_SPELLING.get(kind, folded)(name) or name


def _in_spellings(membership: Membership, spellings: list[str]) -> tuple[Membership, ...]:
    """The membership itself, and one with each of the other spellings."""
    if membership.parent == _TAGS:
        value = membership.source[1]
        others = [_tag_membership(spelling, value) for spelling in spellings]
    else:
        parent = membership.parent
        prefix = _GROUPINGS[_KINDS[parent]].prefix
        others = [_membership(prefix, spelling, parent) for spelling in spellings]
    return tuple(dict.fromkeys([membership, *others]))


def shared_group_warnings(memberships: t.Iterable[Membership]) -> list[str]:
    """A warning about several values that became one group name."""
    sources: dict[tuple[str, str], set[tuple[str, ...]]] = collections.defaultdict(set)
    for membership in memberships:
        sources[membership.parent, membership.group].add(membership.source)
    shared = [
        f"{printable(group, 80)} is for {_alternatives(parent, sources[parent, group])}"
        for parent, group in sorted(sources)
        if len(sources[parent, group]) > 1
    ]
    if not shared:
        return []
    more = len(shared) - _SHOWN
    shown = "; ".join(shared[:_SHOWN]) + (f"; and {more} more groups" if more > 0 else "")
    return [
        f"group_by: different values lead to the same group name, so they share a group: {shown}"
    ]


def _alternatives(parent: str, sources: set[tuple[str, ...]]) -> str:
    texts = [repr(printable("=".join(source), 80)) for source in sorted(sources)]
    more = len(texts) - _SHOWN
    last = f"{more} more" if more > 0 else texts.pop()
    return f"{parent} {', '.join(texts[:_SHOWN])} and {last}"


__all__ = (
    "GROUPINGS",
    "MAX_GROUPS",
    "Membership",
    "group_function",
    "groups_of_all_spellings",
    "shared_group_warnings",
)
