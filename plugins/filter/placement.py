# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.imds.azure.plugins.module_utils._errors import ImdsError
from ansible_collections.imds.azure.plugins.plugin_utils._placement import placement
from ansible_collections.imds.azure.plugins.plugin_utils._unsafe import make_unsafe


def _placed(
    hostvars: t.Any,
    hosts: t.Any,
    min_zones: t.Any = 0,
    min_fault_domains: t.Any = 0,
    max_share: t.Any = 1,
    min_zones_per_location: t.Any = 0,
) -> dict[str, t.Any]:
    rules = _rules("placement", min_zones, min_fault_domains, max_share, min_zones_per_location)
    found: dict[str, t.Any] = make_unsafe(
        placement.placement(_replicas("placement", hostvars, hosts), rules)
    )
    return found


def _map(
    hostvars: t.Any,
    hosts: t.Any,
    groups: t.Any,
    group: str = "all",
    title: str = "",
    min_zones: t.Any = 0,
    min_fault_domains: t.Any = 0,
    max_share: t.Any = 1,
    min_zones_per_location: t.Any = 0,
) -> str:
    rules = _rules("placement_map", min_zones, min_fault_domains, max_share, min_zones_per_location)
    fleet = _replicas("placement_map", hostvars, hosts)
    members = {str(name): [str(host) for host in groups[name]] for name in groups}
    checked = _replicas("placement_map", hostvars, members.get(str(group), []))
    found: str = make_unsafe(
        placement.map_data(fleet, checked, members, str(title), str(group), rules)
    )
    return found


def _rules(name: str, *values: t.Any) -> placement.Rules:
    try:
        return placement.checked_rules(*values)
    except ImdsError as exc:
        raise AnsibleFilterError(f"imds.azure.{name}: {exc}") from None


def _replicas(name: str, hostvars: t.Any, hosts: t.Any) -> list[placement.Replica]:
    if not isinstance(hostvars, t.Mapping) or isinstance(hosts, str):
        raise AnsibleFilterError(
            f"imds.azure.{name} is used like this: hostvars | imds.azure.{name}(groups['web'])"
        )
    missing = [str(host) for host in hosts if host not in hostvars]
    if missing:
        raise AnsibleFilterError(f"imds.azure.{name}: there is no host {missing[0]!r}")
    return placement.replicas(hostvars, hosts)


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"placement": _placed, "placement_map": _map}
