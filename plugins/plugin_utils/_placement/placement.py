# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks whether the replicas of a group are spread over enough zones and fault domains. Pure; private to imds.azure.

Two places count as different only if the documents prove it (see `spread`), so a rule that passes
here is also met in Azure.
"""

from __future__ import annotations

import heapq
import json
import typing as t

from ansible_collections.imds.azure.plugins.module_utils._errors import (
    OptionError,
    count_of,
    listed,
    printable,
)
from ansible_collections.imds.azure.plugins.plugin_utils._placement.location import (
    part_of,
    place_of,
    text_of,
)
from ansible_collections.imds.azure.plugins.plugin_utils._placement.spread import (
    Area,
    Location,
    Numberings,
    Part,
    Replica,
    certain,
    common,
    grouped,
    locations_of,
    longest,
    set_labels,
)

_Variables = t.Mapping[str, t.Any]


class Rules(t.NamedTuple):
    min_zones: int = 0
    min_fault_domains: int = 0
    max_share: float = 1.0
    min_zones_per_location: int = 0

    @property
    def any(self) -> bool:
        return self != Rules()


class Violation(t.NamedTuple):
    # min_zones, min_zones_per_location, min_fault_domains, max_share, unknown or empty
    rule: str
    message: str
    hosts: list[str]
    # The hosts that would have to move to meet the rule.
    move: list[str]


def replica(name: str, variables: _Variables) -> Replica:
    """The replica of a host, from its fact, or else from its inventory variable."""
    facts = part_of(variables.get("ansible_facts"), "azure_imds") or part_of(
        variables, "azure_imds"
    )
    compute = part_of(facts, "compute")
    return Replica(
        name,
        place_of(compute),
        text_of(compute.get("vmSize")),
        {text_of(tag): text_of(value) for tag, value in part_of(facts, "tags").items()},
    )


def replicas(hostvars: _Variables, names: t.Iterable[str]) -> list[Replica]:
    return [replica(name, hostvars[name]) for name in sorted(set(names))]


def checked_rules(
    min_zones: t.Any, min_fault_domains: t.Any, max_share: t.Any, min_zones_per_location: t.Any = 0
) -> Rules:
    return Rules(
        _count("min_zones", min_zones),
        _count("min_fault_domains", min_fault_domains),
        _share(max_share),
        _count("min_zones_per_location", min_zones_per_location),
    )


def _count(name: str, value: t.Any) -> int:
    try:
        count = int(str(value))
    except ValueError:
        count = -1
    if count < 0:
        raise OptionError(
            f"{name} must be 0 or a positive whole number, not {printable(str(value))!r}"
        )
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


def certain_zones(locations: t.Iterable[Location]) -> int:
    """The number of provably different zones of the group."""
    return sum(certain(location.zones) for location in locations)


def certain_fault_domains(locations: t.Iterable[Location]) -> int:
    """The number of provably different fault domains of the group."""
    return sum(len(longest(area.domains)) for area in _certain_areas(locations))


def _certain_areas(locations: t.Iterable[Location]) -> list[Area]:
    """The provably different zones, and the part of each location without zones."""
    found = []
    for location in locations:
        by_domains = [
            sum(certain(area.domains) for area in areas) for areas in location.areas.values()
        ]
        if by_domains:
            found.extend(list(location.areas.values())[by_domains.index(max(by_domains))])
        found.append(location.zoneless)
    return found


def violations(group: t.Sequence[Replica], rules: Rules) -> list[Violation]:
    """The violated rules; empty without rules."""
    if not rules.any:
        return []
    if not group:
        message = "the group has no hosts"
        return [Violation("empty", message, [], [])]
    locations = locations_of(group)
    shares = list(_shares(locations, len(group), rules.max_share))
    # If a replica has to move anyway, its move can also satisfy other rules.
    moving = {name for violation in shares for name in violation.move}
    return [
        *_unknown(group),
        *_too_few_zones(locations, rules.min_zones, moving),
        *_too_few_zones_somewhere(locations, rules.min_zones_per_location, moving),
        *_too_few_domains(locations, rules.min_fault_domains, moving),
        *shares,
    ]


def _unknown(group: t.Sequence[Replica]) -> t.Iterator[Violation]:
    unknown = sorted(vm.name for vm in group if not vm.known)
    if unknown:
        message = f"the place of these hosts is unknown: {listed(unknown, 20)}"
        yield Violation("unknown", message, unknown, [])


def _too_few_zones(
    locations: list[Location], least: int, moving: t.Container[str]
) -> t.Iterator[Violation]:
    zones = certain_zones(locations)
    if zones < least:
        message = f"the hosts are in {count_of(zones, 'zone')}, and {_required(least)}"
        yield _too_few("min_zones", message, locations, least - zones, moving)


def _too_few_zones_somewhere(
    locations: list[Location], least: int, moving: t.Container[str]
) -> t.Iterator[Violation]:
    for location in locations:
        zones = certain(location.zones)
        if zones < least:
            message = (
                f"the hosts in {location.label} are in {count_of(zones, 'zone')}, "
                f"and {_required(least)} in each location"
            )
            yield _too_few("min_zones_per_location", message, [location], least - zones, moving)


def _too_few(
    rule: str, message: str, locations: list[Location], missing: int, moving: t.Container[str]
) -> Violation:
    counted = [part for location in locations for part in location.zones.get(location.widest, [])]
    others = [
        part
        for location in locations
        for numbering, parts in location.zones.items()
        if numbering != location.widest
        for part in parts
    ]
    others.extend(Part(location.label, location.zoneless.hosts) for location in locations)
    names = [vm.name for location in locations for vm in location.hosts]
    return Violation(rule, message, sorted(names), _spare(counted, others, missing, moving))


def _too_few_domains(
    locations: list[Location], least: int, moving: t.Container[str]
) -> t.Iterator[Violation]:
    domains = certain_fault_domains(locations)
    if domains >= least:
        return
    counted = [part for area in _certain_areas(locations) for part in longest(area.domains)]
    kept = {vm.name for part in counted for vm in part.hosts}
    hosts = [vm for location in locations for vm in location.hosts]
    others = [Part("", [vm for vm in hosts if vm.name not in kept])]
    message = (
        f"the hosts are provably in only {count_of(domains, 'fault domain')}, "
        f"and {_required(least)}"
    )
    move = _spare(counted, others, least - domains, moving)
    yield Violation("min_fault_domains", message, sorted(vm.name for vm in hosts), move)


def _spare(
    counted: list[Part], others: list[Part], missing: int, moving: t.Container[str]
) -> list[str]:
    """The hosts to move into missing places. Each counted place keeps one host.

    Hosts that have to move anyway come first, then hosts outside the counted places, then those
    of the fullest place.
    """
    # The fullest place is at the top of the heap. Within a place, the first host to move is the last one.
    heap: list[tuple[bool, int, int, int, list[str]]] = []

    def push(keep: int, number: int, names: list[str]) -> None:
        if len(names) > keep:
            heapq.heappush(heap, (names[-1] not in moving, keep, -len(names), number, names))

    for number, part in enumerate([*counted, *others]):
        names = sorted((vm.name for vm in part.hosts), key=lambda name: (name in moving, name))
        push(1 if number < len(counted) else 0, number, names)
    move: list[str] = []
    while heap and len(move) < missing:
        _later, keep, _size, number, names = heapq.heappop(heap)
        move.append(names.pop())
        push(keep, number, names)
    return sorted(move)


def _shares(locations: list[Location], total: int, limit: float) -> t.Iterator[Violation]:
    # Tolerates floating-point errors: a third of three is one.
    allowed = int(limit * total + 1e-9)
    for location in locations:
        found = [
            *_too_full("zone", location.zones, [], allowed),
            *_too_full("fault domain", location.zoneless.domains, location.zoneless.loose, allowed),
        ]
        for place, hosts, move in found:
            message = (
                f"{place} of {location.label} has {len(hosts)} of {total} hosts, which is "
                f"{len(hosts) / total:.0%}, and at most {limit:.0%} are allowed"
            )
            yield Violation("max_share", message, sorted(hosts), sorted(move))


def _too_full(
    noun: str, numberings: Numberings, loose: list[Replica], allowed: int
) -> t.Iterator[tuple[str, list[str], list[str]]]:
    """The places with too many hosts, each with its hosts and with the hosts beyond the limit."""
    if len(numberings) == 1 and None not in numberings and not loose:
        for part in longest(numberings):
            names = [vm.name for vm in part.hosts]
            if len(names) > allowed:
                yield part.label, names, names[allowed:]
        return
    # In the worst case, the fullest parts of all numberings are the same place.
    fullest = [max(parts, key=lambda part: len(part.hosts)) for parts in numberings.values()]
    names = [vm.name for part in fullest for vm in part.hosts] + [vm.name for vm in loose]
    if len(names) > allowed:
        within = [part.label for part in fullest[:5]]
        if len(fullest) > 5:
            within.append(f"{len(fullest) - 5} more")
        if loose:
            within.append(f"{count_of(len(loose), 'host')} without a {noun}")
        place = f"a group of places that may be one {noun} ({', '.join(within)})"
        yield place, names, _surplus(numberings, loose, len(names) - allowed)


def _surplus(numberings: Numberings, loose: list[Replica], surplus: int) -> list[str]:
    """The hosts to move so that the fullest parts together have that many fewer hosts."""
    move = [vm.name for vm in loose[-surplus:]]
    # Only the fullest part of a numbering counts, so all parts that are equally full lose a host.
    # The numbering that loses the fewest hosts comes first.
    heap: list[tuple[int, int, list[list[str]], list[list[str]]]] = []

    def push(number: int, parts: list[list[str]]) -> None:
        size = max(map(len, parts))
        tops = [part for part in parts if len(part) == size]
        if size:
            heapq.heappush(heap, (len(tops), number, tops, parts))

    for number, parts in enumerate(numberings.values()):
        # From the last numbering on, because the other rules use the first one.
        push(-number, [[vm.name for vm in part.hosts] for part in parts])
    for _host in range(surplus - len(move)):
        _count, number, tops, rest = heapq.heappop(heap)
        move.extend(part.pop() for part in tops)
        push(number, rest)
    return move


def _required(least: int) -> str:
    return f"{least} is required" if least == 1 else f"{least} are required"


def placement(group: t.Sequence[Replica], rules: Rules) -> dict[str, t.Any]:
    """The placement of a group, and the rules that it violates, as data."""
    found = violations(group, rules)
    total = len(group)
    locations = locations_of(group)
    known = [vm for location in locations for vm in location.hosts]
    sets = grouped((vm for vm in known if vm.set_key), lambda vm: vm.set_key)
    machines = grouped(
        (vm for vm in known if vm.place.dedicated_host), lambda vm: vm.place.dedicated_host
    )

    def counted(hosts: t.Sequence[Replica]) -> dict[str, t.Any]:
        return {"hosts": len(hosts), "share": round(len(hosts) / total, 4)}

    return {
        "passed": not found,
        "violations": [violation._asdict() for violation in found],
        "notices": [location.notice for location in locations if location.notice],
        "counts": {
            "hosts": total,
            "locations": len(locations),
            "zones": certain_zones(locations),
            "fault_domains": certain_fault_domains(locations),
        },
        "locations": [
            {**_site(location), "zones": certain(location.zones), **counted(location.hosts)}
            for location in locations
        ],
        "zones": [
            {**_site(location), **_zone(part.hosts), **counted(part.hosts)}
            for location in locations
            for parts in location.zones.values()
            for part in parts
        ],
        "fault_domains": [
            {
                **_site(location),
                **zone,
                **_set(hosts),
                "fault_domain": domain,
                **counted(hosts),
            }
            for location in locations
            for area in location.every_area
            for zone in [_zone(area.hosts)]
            for (_key, domain), hosts in grouped(
                area.numbered, lambda vm: (vm.set_key or (), vm.place.fault_domain)
            ).items()
        ],
        "scale_sets": [{**_set(hosts), **counted(hosts)} for hosts in sets.values()],
        "dedicated_hosts": [{"id": key, **counted(hosts)} for key, hosts in machines.items()],
        "unknown": sorted(vm.name for vm in group if not vm.known),
    }


def _site(location: Location) -> dict[str, str]:
    return {
        "cloud": location.cloud,
        "location": location.location,
        "edge_zone": location.edge_zone,
    }


def _zone(hosts: t.Sequence[Replica]) -> dict[str, str]:
    """The values that all hosts of a zone have in common; "" if they differ."""
    return {
        "subscription": common(vm.place.subscription for vm in hosts),
        "zone": common(vm.place.zone for vm in hosts),
        "physical_zone": common(vm.place.physical_zone for vm in hosts),
    }


def _set(hosts: t.Sequence[Replica]) -> dict[str, str]:
    place = min(hosts, key=lambda vm: vm.place.scale_set).place
    return {
        "set_subscription": place.set_subscription,
        "resource_group": place.set_resource_group,
        "scale_set": place.scale_set,
        "placement_group": place.placement_group,
    }


def _said(rules: Rules) -> list[str]:
    """The rules as texts, without rules that require nothing."""
    said = []
    if rules.min_zones:
        said.append(f"at least {count_of(rules.min_zones, 'zone')}")
    if rules.min_zones_per_location:
        said.append(f"at least {count_of(rules.min_zones_per_location, 'zone')} in each location")
    if rules.min_fault_domains:
        said.append(f"at least {count_of(rules.min_fault_domains, 'fault domain')}")
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
    """The data of the map of a fleet, as JSON that is safe inside a script element.

    The rules apply to all hosts of the checked group, even if the map does not show them.
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
    marks: dict[str, list[int]] = {}
    for number, violation in enumerate(found):
        for host in violation.hosts if violation.rule == "unknown" else violation.move:
            marks.setdefault(host, []).append(number)
    locations = locations_of(fleet)
    columns = {
        vm.name: part.label[:1].upper() + part.label[1:]
        for location in locations
        for parts in location.zones.values()
        for part in parts
        for vm in part.hosts
    }
    clouds = {vm.name: location.cloud for location in locations for vm in location.hosts}
    sets = set_labels(fleet)
    data = {
        "title": title,
        "group": checked,
        "replicas": len(group),
        "rules": _said(rules),
        "violations": [violation.message for violation in found],
        "notices": list(
            dict.fromkeys(
                location.notice
                for location in [*(locations_of(group) if rules.any else []), *locations]
                if location.notice
            )
        ),
        "zones": certain_zones(locations),
        "groups": names,
        "hosts": [
            {
                "name": vm.name,
                "cloud": clouds.get(vm.name, ""),
                "location": vm.place.location,
                "edgeZone": vm.place.edge_zone,
                "zone": vm.place.zone,
                "physicalZone": vm.place.physical_zone,
                "column": columns.get(vm.name, ""),
                "faultDomain": vm.place.fault_domain,
                "scaleSet": sets[vm.set_key] if vm.set_key else "",
                "subscription": vm.place.subscription,
                "dedicatedHost": vm.place.dedicated_host,
                "size": vm.vm_size,
                "tags": list(vm.tags.items()),
                "groups": by_host.get(vm.name, []),
                # The violations for which the map marks the host.
                "violations": marks.get(vm.name, []),
            }
            for vm in fleet
        ],
    }
    return _for_script(json.dumps(data, separators=(",", ":")))


def _for_script(text: str) -> str:
    # Without these characters, no text can end the element or begin another: "</script>", "<!--", "]]>".
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


__all__ = (
    "Replica",
    "Rules",
    "Violation",
    "certain_fault_domains",
    "certain_zones",
    "checked_rules",
    "map_data",
    "placement",
    "replica",
    "replicas",
    "violations",
)
