# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a VM is, in words that can be compared. Pure; private to imds.azure."""

from __future__ import annotations

import typing as t

_Compute = t.Mapping[str, t.Any]


class Place(t.NamedTuple):
    """What of a VM's document says where it runs; "" where the document doesn't say."""

    cloud: str
    location: str
    zone: str
    fault_domain: str
    scale_set: str


def place_of(compute: _Compute) -> Place:
    return Place(
        cloud=text_of(compute.get("azEnvironment")),
        location=one_spelling(compute.get("location")),
        zone=text_of(compute.get("zone")),
        fault_domain=text_of(compute.get("platformFaultDomain")),
        scale_set=scale_set_of(compute),
    )


def scale_set_of(compute: _Compute) -> str:
    # A uniform set gives its name; a flexible one only its resource id.
    flexible = compute.get("virtualMachineScaleSet")
    resource_id = flexible.get("id") if isinstance(flexible, dict) else ""
    return text_of(compute.get("vmScaleSetName")) or text_of(resource_id).rpartition("/")[2]


def one_spelling(name: t.Any) -> str:
    # Azure does not keep to one casing of a location, nor of a group; "West Europe" is westeurope.
    return text_of(name).lower().replace(" ", "")


def text_of(value: t.Any) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)


def part_of(facts: t.Any, name: str) -> dict[str, t.Any]:
    """A part of azure_imds that is a dictionary; empty where it is missing, or something else."""
    found = facts.get(name) if isinstance(facts, t.Mapping) else None
    return dict(found) if isinstance(found, t.Mapping) else {}


__all__ = ("Place", "one_spelling", "part_of", "place_of", "scale_set_of", "text_of")
