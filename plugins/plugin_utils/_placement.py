# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Are the replicas of a group spread over enough zones and fault domains? Pure; private to imds.azure.

A zone means something only within its location, and the number of a fault domain only within its
scale set (or availability set, which IMDS does not name). So a fault domain counts only where it is
certain to be another one: within one zone of one location, the set with the most of them counts.
"""

from __future__ import annotations

import collections
import json
import typing as t

from ansible_collections.imds.azure.plugins.module_utils._errors import (
    OptionError,
    listed,
    printable,
)
from ansible_collections.imds.azure.plugins.plugin_utils._place import part_of, place_of, text_of

_Variables = t.Mapping[str, t.Any]


class Replica(t.NamedTuple):
    name: str
    location: str
    zone: str
    fault_domain: str
    scale_set: str
    vm_size: str
    tags: dict[str, str]

    @property
    def known(self) -> bool:
        """Does its document say where it is?"""
        return bool(self.location)


class Rules(t.NamedTuple):
    min_zones: int = 0
    min_fault_domains: int = 0
    max_share: float = 1.0

    @property
    def any(self) -> bool:
        return self != Rules()


class Violation(t.NamedTuple):
    rule: str  # min_zones, min_fault_domains, max_share, unknown or empty
    message: str
    hosts: list[str]


def replica(name: str, variables: _Variables) -> Replica:
    """What Ansible knows of a host: its fact, else what the inventory says."""
    facts = part_of(variables.get("ansible_facts"), "azure_imds") or part_of(
        variables, "azure_imds"
    )
    compute = part_of(facts, "compute")
    place = place_of(compute)
    return Replica(
        name,
        place.location,
        place.zone,
        place.fault_domain,
        place.scale_set,
        text_of(compute.get("vmSize")),
        {text_of(tag): text_of(value) for tag, value in part_of(facts, "tags").items()},
    )


def replicas(hostvars: _Variables, names: t.Iterable[str]) -> list[Replica]:
    return [replica(name, hostvars[name]) for name in sorted(set(names))]


def checked_rules(min_zones: t.Any, min_fault_domains: t.Any, max_share: t.Any) -> Rules:
    return Rules(
        _count("min_zones", min_zones),
        _count("min_fault_domains", min_fault_domains),
        _share(max_share),
    )


def _count(name: str, value: t.Any) -> int:
    try:
        count = int(str(value))
    except ValueError:
        count = -1
    if count < 0:
        raise OptionError(f"{name} must be a whole number from 0 on, not {printable(str(value))!r}")
    return count


def _share(value: t.Any) -> float:
    try:
        share = float(value)
    except (TypeError, ValueError):
        share = -1.0
    if not 0 < share <= 1:
        raise OptionError(
            f"max_share must be a number above 0 and up to 1, for example 0.5 for one half, "
            f"not {printable(str(value))!r}"
        )
    return share


# A location and a zone of it.
_Zone = tuple[str, str]


def zones_of(group: t.Iterable[Replica]) -> collections.Counter[_Zone]:
    """How many replicas each zone has; hosts without a zone are in none."""
    return collections.Counter((vm.location, vm.zone) for vm in group if vm.known and vm.zone)


def fault_domains_of(group: t.Iterable[Replica]) -> collections.Counter[tuple[str, str, str, str]]:
    """How many replicas each fault domain of each set has."""
    return collections.Counter(
        (vm.location, vm.zone, vm.scale_set, vm.fault_domain)
        for vm in group
        if vm.known and vm.fault_domain
    )


def certain_fault_domains(group: t.Iterable[Replica]) -> int:
    """How many fault domains the group is in for certain."""
    sets = collections.Counter(
        (location, zone, scale_set)
        for location, zone, scale_set, _domain in fault_domains_of(group)
    )
    widest: dict[_Zone, int] = {}
    for (location, zone, _set), count in sets.items():
        widest[location, zone] = max(count, widest.get((location, zone), 0))
    return sum(widest.values())


def _unit(vm: Replica) -> str:
    """What fails together with a VM: its zone, else its fault domain, else all of its location."""
    if vm.zone:
        return f"zone {vm.zone} of {vm.location}"
    if vm.fault_domain:
        of = f" of the scale set {vm.scale_set}" if vm.scale_set else ""
        return f"fault domain {vm.fault_domain}{of} in {vm.location}"
    return vm.location


def violations(group: t.Sequence[Replica], rules: Rules) -> list[Violation]:
    """What of the rules does not hold; nothing where there are no rules."""
    if not rules.any:
        return []
    if not group:
        return [Violation("empty", "the group has no hosts, so nothing can be said of them", [])]
    known = [vm for vm in group if vm.known]
    names = [vm.name for vm in known]
    found = []
    unknown = [vm.name for vm in group if not vm.known]
    if unknown:
        message = f"nothing is known of where these are: {listed(unknown, 20)}"
        found.append(Violation("unknown", message, unknown))
    zones = len(zones_of(known))
    if zones < rules.min_zones:
        message = f"the hosts are in {_plural(zones, 'zone')}, and {rules.min_zones} are required"
        found.append(Violation("min_zones", message, names))
    domains = certain_fault_domains(known)
    if domains < rules.min_fault_domains:
        message = (
            f"the hosts are certainly in {_plural(domains, 'fault domain')} only, "
            f"and {rules.min_fault_domains} are required"
        )
        found.append(Violation("min_fault_domains", message, names))
    return [*found, *_shares(known, len(group), rules.max_share)]


def _shares(known: t.Sequence[Replica], total: int, limit: float) -> t.Iterator[Violation]:
    units: dict[str, list[str]] = {}
    for vm in known:
        units.setdefault(_unit(vm), []).append(vm.name)
    for unit in sorted(units):
        hosts = units[unit]
        # Where the whole may be in one place, one place is no violation.
        if len(hosts) > limit * total + 1e-9:
            message = (
                f"{printable(unit)} has {len(hosts)} of {total} hosts, which is "
                f"{len(hosts) / total:.0%}, and at most {limit:.0%} are allowed"
            )
            yield Violation("max_share", message, hosts)


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}" + ("" if count == 1 else "s")


def placement(group: t.Sequence[Replica], rules: Rules) -> dict[str, t.Any]:
    """How a group is placed, and what of the rules it violates, as data."""
    found = violations(group, rules)
    total = len(group)
    zones = zones_of(group)
    domains = fault_domains_of(group)
    return {
        "passed": not found,
        "violations": [violation._asdict() for violation in found],
        "counts": {
            "hosts": total,
            "locations": len({vm.location for vm in group if vm.known}),
            "zones": len(zones),
            "fault_domains": certain_fault_domains(group),
        },
        "zones": [
            {"location": location, "zone": zone, "hosts": count, "share": round(count / total, 4)}
            for (location, zone), count in sorted(zones.items())
        ],
        "fault_domains": [
            {
                "location": location,
                "zone": zone,
                "scale_set": scale_set,
                "fault_domain": domain,
                "hosts": count,
                "share": round(count / total, 4),
            }
            for (location, zone, scale_set, domain), count in sorted(domains.items())
        ],
        "unknown": [vm.name for vm in group if not vm.known],
    }


def _said(rules: Rules) -> list[str]:
    """The rules in words; those that require nothing are none."""
    said = []
    if rules.min_zones:
        said.append(f"at least {_plural(rules.min_zones, 'zone')}")
    if rules.min_fault_domains:
        said.append(f"at least {_plural(rules.min_fault_domains, 'fault domain')}")
    if rules.max_share < 1:
        said.append(f"at most {rules.max_share:.0%} of the hosts in one zone or fault domain")
    return said


def map_data(
    fleet: t.Sequence[Replica],
    group: t.Sequence[Replica],
    groups: t.Mapping[str, t.Iterable[str]],
    title: str,
    checked: str,
    rules: Rules,
) -> str:
    """All that the map of a fleet shows, as JSON that can stand inside a script element.

    The rules are for all hosts of the group that is checked, also those that the map doesn't show.
    """
    members = {name: set(hosts) for name, hosts in groups.items()}
    found = violations(group, rules)
    own = {vm.name for vm in fleet}
    names = sorted(
        name for name, hosts in members.items() if name not in ("all", "ungrouped") and hosts & own
    )
    by_host: dict[str, list[int]] = {}
    for number, name in enumerate(names):
        for host in members[name] & own:
            by_host.setdefault(host, []).append(number)
    broken: dict[str, list[int]] = {}
    for number, violation in enumerate(found):
        for host in violation.hosts:
            broken.setdefault(host, []).append(number)
    data = {
        "title": title,
        "group": checked,
        "replicas": len(group),
        "rules": _said(rules),
        "violations": [violation.message for violation in found],
        "groups": names,
        "hosts": [
            {
                "name": vm.name,
                "location": vm.location,
                "zone": vm.zone,
                "faultDomain": vm.fault_domain,
                "scaleSet": vm.scale_set,
                "size": vm.vm_size,
                "tags": list(vm.tags.items()),
                "groups": by_host.get(vm.name, []),
                "violations": broken.get(vm.name, []),
            }
            for vm in fleet
        ],
    }
    return _for_script(json.dumps(data, separators=(",", ":")))


def _for_script(text: str) -> str:
    # Nothing in it can end the element or begin another: "</script>", "<!--", "]]>".
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


__all__ = (
    "Replica",
    "Rules",
    "Violation",
    "certain_fault_domains",
    "checked_rules",
    "map_data",
    "placement",
    "replica",
    "replicas",
    "violations",
)
