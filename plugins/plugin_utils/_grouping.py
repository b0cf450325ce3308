# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The built-in groups of a VM: plain Python over plain data, no templates. Private to imds.azure."""

from __future__ import annotations

import functools
import typing as t

from ansible.plugins.inventory import to_safe_group_name

from ansible_collections.imds.azure.plugins.module_utils._clouds import cloud_named
from ansible_collections.imds.azure.plugins.module_utils._errors import OptionError, listed
from ansible_collections.imds.azure.plugins.plugin_utils._place import (
    dedicated_host_of,
    edge_zone_of,
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
}
_TAGS = "tags"
GROUPINGS = (*_GROUPINGS, _TAGS)

# For a group and its parent.
Membership = tuple[str, str]


def grouper(
    group_by: t.Iterable[str],
) -> t.Callable[[_Compute, dict[str, t.Any]], list[Membership]]:
    """A function that gives the groups of a VM by its compute and its tags."""
    names = list(group_by)
    unknown = [name for name in names if name not in GROUPINGS]
    if unknown:
        raise OptionError(f"group_by has no {listed(unknown)}: it takes {listed(GROUPINGS)}")
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


# A fleet has few groups and many hosts: each name is made valid once.
@functools.lru_cache(maxsize=65536)
def _membership(prefix: str, value: str, parent: str) -> Membership:
    return str(to_safe_group_name(prefix + value)), parent


@functools.lru_cache(maxsize=65536)
def _tag_membership(name: str, value: str) -> Membership:
    return _membership("tag_", f"{name}_{value}" if value else name, _TAGS)


__all__ = ("GROUPINGS", "Membership", "grouper")
