# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Stands for the inventory in Ansible's code for compose, groups and keyed_groups. Private to imds.azure.

That code calls methods of the inventory with names, and these methods confuse a host with a group of the same
name. A VM may have any name, so these classes have the same methods but know which argument is a host.
"""

from __future__ import annotations

import collections
import typing as t

from ansible_collections.imds.azure.plugins.module_utils._errors import OptionError, listed

if t.TYPE_CHECKING:
    from ansible.inventory.data import InventoryData

# Ansible passes these variables to ssh as arguments, unchanged.
_HOST_VARIABLES = ("ansible_host", "ansible_ssh_host")


class _Inventory:
    def __init__(self, inventory: InventoryData, strict: bool) -> None:
        self._inventory = inventory
        self._strict = strict
        self._problems: dict[str, set[str]] = collections.defaultdict(set)

    def add_group(self, group: str) -> str:
        return str(self._inventory.add_group(group))

    def _add_host(self, host: str, group: str) -> None:
        self._inventory.groups[group].add_host(self._inventory.hosts[host])

    def _refuse(self, problem: str, what: str) -> None:
        if self._strict:
            raise OptionError(f"{problem}: {what}")
        self._problems[problem].add(what)

    def warnings(self) -> list[str]:
        """Warnings about values that were left out."""
        return [
            f"{problem}, so this was left out: {listed(sorted(what), 10)}"
            for problem, what in self._problems.items()
        ]


class ForComposedGroups(_Inventory):
    """For compose and groups, which add hosts as children."""

    def set_variable(self, host: str, name: str, value: t.Any) -> None:
        if name in _HOST_VARIABLES and str(value).startswith("-"):
            self._refuse(f"compose: {name} that begins with a hyphen is an option for ssh", host)
        else:
            self._inventory.hosts[host].set_variable(name, value)

    def add_child(self, group: str, host: str) -> None:
        self._add_host(host, group)


class ForKeyedGroups(_Inventory):
    """For keyed_groups, which adds groups as children."""

    def add_host(self, host: str, group: str) -> None:
        self._add_host(host, group)

    def add_child(self, parent: str, group: str) -> None:
        # Ansible later puts each group below "all". So "all" below a group would be a loop, and
        # "ungrouped" below a group would add hosts of other sources.
        if group in ("all", "ungrouped") or is_above(self._inventory, group, parent):
            self._refuse("keyed_groups: a group can't be below itself", f"{group} below {parent}")
        else:
            # By object, because a host and a group may share a name.
            self._inventory.groups[parent].add_child_group(self._inventory.groups[group])


def is_above(inventory: InventoryData, group: str, other: str) -> bool:
    """Whether a group is the other group or above it, so that it can't be below it."""
    return group == other or inventory.groups[group] in inventory.groups[other].get_ancestors()


__all__ = ("ForComposedGroups", "ForKeyedGroups", "is_above")
