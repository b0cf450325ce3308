# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The place of a VM, in a form that can be compared. Pure; private to imds.azure."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.imds.azure.plugins.module_utils import _document
from ansible_collections.imds.azure.plugins.module_utils._clouds import cloud_named

_Compute = t.Mapping[str, t.Any]
_RESOURCE_GROUP = re.compile(r"/subscriptions/([^/]+)/resourceGroups/([^/]+)/", re.IGNORECASE)


class Place(t.NamedTuple):
    """The values of a VM's document that describe its place; "" if the document lacks a value."""

    cloud: str = ""
    location: str = ""
    zone: str = ""
    fault_domain: str = ""
    scale_set: str = ""
    # A place outside the datacenters of its location, with its own name.
    edge_zone: str = ""
    physical_zone: str = ""
    subscription: str = ""
    # A scale set's name is unique only within a resource group of a subscription.
    set_subscription: str = ""
    set_resource_group: str = ""
    # A large scale set numbers its fault domains separately in each placement group.
    placement_group: str = ""
    dedicated_host: str = ""

    @property
    def site(self) -> str:
        """The name to compare with required locations: an edge zone has its own name."""
        return self.edge_zone or self.location


def place_of(compute: _Compute) -> Place:
    scale_set = scale_set_of(compute)
    subscription, resource_group = _owner_of_set(compute) if scale_set else ("", "")
    return Place(
        cloud=text_of(compute.get("azEnvironment")),
        location=one_spelling(compute.get("location")),
        zone=text_of(compute.get("zone")),
        fault_domain=text_of(compute.get("platformFaultDomain")),
        scale_set=scale_set,
        edge_zone=edge_zone_of(compute),
        physical_zone=one_spelling(compute.get("physicalZone")),
        subscription=folded(compute.get("subscriptionId")),
        set_subscription=subscription,
        set_resource_group=resource_group,
        placement_group=folded(compute.get("placementGroupId")) if scale_set else "",
        dedicated_host=dedicated_host_of(compute),
    )


def scale_set_of(compute: _Compute) -> str:
    # A uniform scale set has a name here; a flexible one has only a resource ID.
    flexible = _flexible_set_of(compute)
    return text_of(compute.get("vmScaleSetName")) or flexible.rstrip("/").rpartition("/")[2]


def _flexible_set_of(compute: _Compute) -> str:
    return text_of(part_of(compute, "virtualMachineScaleSet").get("id"))


def _owner_of_set(compute: _Compute) -> tuple[str, str]:
    """The subscription and the resource group of a VM's scale set."""
    found = _RESOURCE_GROUP.match(_flexible_set_of(compute))
    if found and not text_of(compute.get("vmScaleSetName")):
        return folded(found[1]), folded(found[2])
    return folded(compute.get("subscriptionId")), folded(compute.get("resourceGroupName"))


def edge_zone_of(compute: _Compute) -> str:
    return one_spelling(part_of(compute, "extendedLocation").get("name"))


def dedicated_host_of(compute: _Compute) -> str:
    """The resource ID of the dedicated host.

    A VM that Azure placed in a host group has only the ID of the group (hostGroup), which does not identify
    the host.
    """
    return folded(part_of(compute, "host").get("id")).rstrip("/")


def cloud_key(name: str) -> str:
    """A normalised name for each cloud, also for an unknown one."""
    return "".join(sign for sign in cloud_named(name).name.lower() if sign.isalnum())


def one_spelling(name: t.Any) -> str:
    # Azure does not use one casing for a location or a resource group; "West Europe" is westeurope.
    return folded(name).replace(" ", "")


def folded(name: t.Any) -> str:
    return _document.folded(text_of(name))


def text_of(value: t.Any) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def part_of(facts: t.Any, name: str) -> dict[str, t.Any]:
    """A part of azure_imds as a dictionary; empty if it is missing or not a dictionary."""
    found = facts.get(name) if isinstance(facts, t.Mapping) else None
    return dict(found) if isinstance(found, t.Mapping) else {}


__all__ = (
    "Place",
    "cloud_key",
    "dedicated_host_of",
    "edge_zone_of",
    "folded",
    "one_spelling",
    "part_of",
    "place_of",
    "scale_set_of",
    "text_of",
)
