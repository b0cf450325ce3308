# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the places of the replicas of a group, and which of these places are provably different.

Pure; private to imds.azure. Azure numbers places within a scope: zones in each location and (unless physicalZone is
known) each subscription, fault domains in each placement group of each scale set. Two numbers of one numbering are
two places. Two numbers of different numberings may be the same place. So the number of provably different places is
that of the longest numbering.
"""

from __future__ import annotations

import collections
import typing as t

from ansible_collections.imds.azure.plugins.module_utils._clouds import cloud_named
from ansible_collections.imds.azure.plugins.module_utils._errors import count_of, printable
from ansible_collections.imds.azure.plugins.plugin_utils._placement.location import (
    Place,
    cloud_key,
    folded,
)


class Replica(t.NamedTuple):
    name: str
    place: Place
    vm_size: str
    tags: dict[str, str]

    @property
    def known(self) -> bool:
        """Whether the location is known."""
        return bool(self.place.location)

    @property
    def set_key(self) -> SetKey | None:
        """The scale set that numbers the fault domain. IMDS does not name availability sets."""
        place = self.place
        if not place.scale_set:
            return None
        return SetKey(
            place.set_subscription,
            place.set_resource_group,
            folded(place.scale_set),
            place.placement_group,
        )


class SetKey(t.NamedTuple):
    """The unique key of a scale set."""

    subscription: str
    resource_group: str
    scale_set: str
    placement_group: str


class Part(t.NamedTuple):
    """Replicas that are provably in one place."""

    label: str  # within the location
    hosts: list[Replica]


# The parts of each numbering, by the scope of the numbering.
Numberings = dict[t.Any, list[Part]]


class Area(t.NamedTuple):
    """One zone, or the hosts of a location that are in no zone, and their fault domains."""

    hosts: list[Replica]
    domains: Numberings  # by scale set; None is for the hosts without a scale set
    numbered: list[Replica]  # hosts with a fault domain
    loose: list[Replica]  # hosts without a fault domain


class Location(t.NamedTuple):
    """A location of one cloud, or an edge zone of it."""

    cloud: str
    location: str
    edge_zone: str
    label: str
    hosts: list[Replica]
    zones: Numberings  # by subscription, if zones of subscriptions can't be compared
    areas: dict[t.Any, list[Area]]  # the same zones, with their fault domains
    zoneless: Area
    notice: str

    @property
    def every_area(self) -> list[Area]:
        return [*(area for areas in self.areas.values() for area in areas), self.zoneless]

    @property
    def widest(self) -> t.Any:
        """The longest numbering of zones."""
        return max(sorted(self.zones), key=lambda key: len(self.zones[key]), default=None)


def certain(numberings: Numberings) -> int:
    """The minimum number of different places."""
    return max(map(len, numberings.values()), default=0)


def longest(numberings: Numberings) -> list[Part]:
    return max(numberings.values(), key=len, default=[])


def locations_of(group: t.Iterable[Replica]) -> list[Location]:
    """The locations of the hosts with a known place; independent of the order of the hosts."""
    known = sorted((vm for vm in group if vm.known), key=lambda vm: vm.name)
    clouds = _clouds_of(known)
    labels = set_labels(known)
    found: dict[tuple[str, str, str], list[Replica]] = collections.defaultdict(list)
    for vm in known:
        found[clouds[vm.name], vm.place.location, vm.place.edge_zone].append(vm)
    several = len({key[0] for key in found}) > 1
    return [_location(key, found[key], several, labels) for key in sorted(found)]


def _clouds_of(known: list[Replica]) -> dict[str, str]:
    """The normalised name of each host's cloud.

    A missing name (API versions before 2018-10-01) does not prove another cloud, so such a host is assigned
    to the cloud that has its location.
    """
    spellings: dict[str, str] = {}
    for vm in known:
        key, name = cloud_key(vm.place.cloud), cloud_named(vm.place.cloud).name
        spellings[key] = min(name, spellings.get(key, name))
    by_location: dict[str, str] = {}
    for vm in known:
        if vm.place.cloud:
            key, location = cloud_key(vm.place.cloud), vm.place.location
            by_location[location] = min(key, by_location.get(location, key))
    return {
        vm.name: spellings[cloud_key(vm.place.cloud)]
        if vm.place.cloud
        else spellings.get(by_location.get(vm.place.location, ""), "")
        for vm in known
    }


def _location(
    key: tuple[str, str, str],
    hosts: list[Replica],
    several_clouds: bool,
    labels: dict[SetKey, str],
) -> Location:
    cloud, location, edge_zone = key
    label = printable(f"edge zone {edge_zone} of {location}" if edge_zone else location)
    if several_clouds:
        label += f" ({printable(cloud) or 'cloud not known'})"
    zones, notice = _zones(hosts, label)
    areas = {
        numbering: [_area(part.hosts, labels) for part in parts]
        for numbering, parts in zones.items()
    }
    zoneless = _area([vm for vm in hosts if not vm.place.zone], labels)
    return Location(cloud, location, edge_zone, label, hosts, zones, areas, zoneless, notice)


def _zones(hosts: list[Replica], label: str) -> tuple[Numberings, str]:
    """The zones of a location: by physicalZone if every host has it, or else by subscription."""
    zoned = [vm for vm in hosts if vm.place.zone]
    subscriptions = {vm.place.subscription for vm in zoned}
    silent = sum(not vm.place.physical_zone for vm in zoned)
    if not silent:
        parts = grouped(zoned, lambda vm: vm.place.physical_zone)
        names = {key: _zone_number(part) for key, part in parts.items()}
        # The number is the label if it means one place; otherwise the physical zone is.
        plain = len(subscriptions) == 1 and len(set(names.values()) - {""}) == len(names)
        found = [
            _part(f"zone {names[key]}" if plain else f"physical zone {key}", part)
            for key, part in parts.items()
        ]
        return ({"": found} if found else {}), ""
    numberings: Numberings = {}
    for subscription, members in grouped(zoned, lambda vm: vm.place.subscription).items():
        of = f" of subscription {subscription or 'not known'}" if len(subscriptions) > 1 else ""
        numberings[subscription] = [
            _part(f"zone {zone}{of}", part)
            for zone, part in grouped(members, lambda vm: vm.place.zone).items()
        ]
    if len(subscriptions) < 2:
        return numberings, ""
    return numberings, (
        f"{label}: the zones of its {len(subscriptions)} subscriptions can't be compared, because "
        f"{silent} of {len(zoned)} hosts in zones have no physicalZone (it needs the API version "
        "2023-11-15 or newer). So only zones of one subscription count as different places"
    )


def _zone_number(hosts: list[Replica]) -> str:
    return common(vm.place.zone for vm in hosts)


def _area(hosts: list[Replica], labels: dict[SetKey, str]) -> Area:
    numbered = [vm for vm in hosts if vm.place.fault_domain]
    domains: Numberings = {}
    for key, members in grouped(numbered, lambda vm: vm.set_key or ()).items():
        if key:
            of = f"of the scale set {labels[SetKey(*key)]}"
            domains[key] = [_part(f"{_domain(part)} {of}", part) for part in _apart(members)]
        else:
            # The sets of these numbers are unknown, so all of these hosts may be in one fault domain.
            count = count_of(len(members), "host")
            domains[None] = [_part(f"{count} without a scale set", members)]
    return Area(hosts, domains, numbered, [vm for vm in hosts if not vm.place.fault_domain])


def _domain(hosts: list[Replica]) -> str:
    numbers = sorted({vm.place.fault_domain for vm in hosts})
    if len(numbers) == 1:
        return f"fault domain {numbers[0]}"
    return f"fault domains {', '.join(numbers)} (one dedicated host)"


def _apart(members: list[Replica]) -> list[list[Replica]]:
    """The fault domains of one set. Hosts on one dedicated host always fail together."""
    parts: list[tuple[set[tuple[str, str]], list[Replica]]] = []
    for vm in members:
        keys = {("domain", vm.place.fault_domain)}
        if vm.place.dedicated_host:
            keys.add(("host", vm.place.dedicated_host))
        hosts = [vm]
        for part in [part for part in parts if part[0] & keys]:
            parts.remove(part)
            keys |= part[0]
            hosts = [*part[1], *hosts]
        parts.append((keys, hosts))
    found = [sorted(hosts, key=lambda vm: vm.name) for _keys, hosts in parts]
    return sorted(found, key=lambda hosts: min(vm.place.fault_domain for vm in hosts))


def set_labels(known: t.Iterable[Replica]) -> dict[SetKey, str]:
    """A label for each scale set: as much of its key as is necessary to distinguish sets of the same name."""
    spellings: dict[SetKey, str] = {}
    for vm in known:
        key = vm.set_key
        if key:
            spellings[key] = min(vm.place.scale_set, spellings.get(key, vm.place.scale_set))
    labels = {}
    for same in grouped(spellings, lambda key: key.scale_set).values():
        differing = [
            field
            for field in ("resource_group", "subscription", "placement_group")
            if len({getattr(key, field) for key in same}) > 1
        ]
        for key in same:
            more = ", ".join(
                f"{field.replace('_', ' ')} {getattr(key, field) or 'not known'}"
                for field in differing
            )
            labels[key] = spellings[key] + (f" ({more})" if more else "")
    return labels


def common(values: t.Iterable[str]) -> str:
    """The common value of all; "" if they differ."""
    found = set(values)
    return found.pop() if len(found) == 1 else ""


_T = t.TypeVar("_T")
_K = t.TypeVar("_K")


def grouped(members: t.Iterable[_T], key_of: t.Callable[[_T], _K]) -> dict[_K, list[_T]]:
    found: dict[t.Any, list[_T]] = collections.defaultdict(list)
    for member in members:
        found[key_of(member)].append(member)
    return {key: found[key] for key in sorted(found)}


def _part(label: str, hosts: list[Replica]) -> Part:
    return Part(printable(label), hosts)


__all__ = (
    "Area",
    "Location",
    "Numberings",
    "Part",
    "Replica",
    "SetKey",
    "certain",
    "common",
    "grouped",
    "locations_of",
    "longest",
    "set_labels",
)
