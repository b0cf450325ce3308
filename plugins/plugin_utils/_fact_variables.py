# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Variables that a host sets by its facts. Pure; private to imds.azure.

Ansible makes each fact a variable, unless `inject_facts_as_vars` is off. Such a variable replaces one
of the inventory or of a role's defaults, also `inventory_hostname`. A host chooses its facts.
"""

from __future__ import annotations

import typing as t

# Variables of Ansible that facts replace. By the first two a host would be another host.
_OF_ANSIBLE = (
    "inventory_hostname",
    "inventory_hostname_short",
    "inventory_dir",
    "inventory_file",
    "group_names",
)
# Facts of Ansible's own modules and of this collection that have names without `ansible_`.
_KNOWN = ("azure_imds", "gather_subset", "module_setup", "mount_points", "packages", "services")
_KNOWN_PREFIXES = ("discovered_interpreter_", "facter_", "getent_", "ohai_")

_Variables = t.Mapping[str, t.Any]


def facts_named(variables: _Variables, *names: str) -> list[str]:
    """Those of the names, and of Ansible's own names for the host, that are facts of the host."""
    facts = _facts(variables)
    return [name for name in (*names, *_OF_ANSIBLE) if name in facts]


def variables_from_facts(variables: _Variables) -> list[str]:
    """All variables that are a fact, but for those that modules are known to set."""
    return sorted(
        str(name)
        for name, value in _facts(variables).items()
        if name not in _KNOWN
        and not str(name).startswith(_KNOWN_PREFIXES)
        and name in variables
        and variables[name] == value
    )


def _facts(variables: _Variables) -> _Variables:
    found = variables.get("ansible_facts")
    return found if isinstance(found, t.Mapping) else {}


__all__ = ("facts_named", "variables_from_facts")
