# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds variables that a host sets by its facts. Private to imds.azure.

Ansible makes each fact a variable, unless `inject_facts_as_vars` is off. Such a variable replaces an
inventory variable or a role default of the same name, even `inventory_hostname`. A host chooses its facts.
"""

from __future__ import annotations

import re
import typing as t

from ansible import constants as C

# Variables of Ansible that facts can replace. With the first two, a host could pretend to be another host.
_OF_ANSIBLE = (
    "inventory_hostname",
    "inventory_hostname_short",
    "inventory_dir",
    "inventory_file",
    "group_names",
)
# Template functions, which variables of the same name replace.
_OF_TEMPLATES = ("dict", "lookup", "namespace", "now", "query", "range")
# Facts of Ansible's own modules and of this collection that have names without `ansible_`.
_KNOWN = ("azure_imds", "gather_subset", "module_setup", "mount_points", "packages", "services")
_INTERPRETER = "discovered_interpreter_python"
_KNOWN_PREFIXES = ("discovered_interpreter_", "facter_", "getent_", "ohai_")

_Variables = t.Mapping[str, t.Any]


def facts_named(variables: _Variables, *names: str) -> list[str]:
    """The facts of the host that have one of these names, or one of Ansible's names for the host."""
    facts = injected_facts(variables)
    return [name for name in (*names, *_OF_ANSIBLE) if name in facts]


def facts_of_a_role(facts: t.Iterable[str], *prefixes: str) -> list[str]:
    """The facts that replace variables with these prefixes, or variables and functions that templates of a role use."""
    own = re.compile(rf"_?({'|'.join(prefixes)})_[a-z_]+$")
    names = [str(name) for name in facts]
    return sorted(
        name for name in names if name in (*_OF_ANSIBLE, *_OF_TEMPLATES) or own.match(name)
    )


def variables_from_facts(variables: _Variables) -> list[str]:
    """All variables that may be facts, except those that modules are known to set.

    Values are not compared: a fact with the prefix `ansible_` hides the fact without it.
    """
    return sorted(
        str(name)
        for name in injected_facts(variables)
        if name in variables and name not in _KNOWN and not str(name).startswith(_KNOWN_PREFIXES)
    )


def name_of_host(variables: _Variables | None, delegate: str | None = None) -> str:
    """The host of a task, unless its facts claim another host."""
    name = delegate or (variables or {}).get("inventory_hostname")
    return "this host" if not name or facts_named(variables or {}) else str(name)


def drop_facts(result: dict[str, t.Any], *but: str) -> dict[str, t.Any]:
    """The result of a module without facts, except facts with these names and those of Ansible itself."""
    facts = result.get("ansible_facts")
    if isinstance(facts, dict):
        result["ansible_facts"] = {
            name: facts[name] for name in facts if name in (*but, _INTERPRETER)
        }
    else:
        result.pop("ansible_facts", None)
    return result


def injected_facts(variables: _Variables) -> _Variables:
    """The facts of a host that Ansible turns into variables."""
    found = variables.get("ansible_facts")
    # The setting that prevents Ansible from making facts variables.
    is_injected = C.config.get_config_value("INJECT_FACTS_AS_VARS")
    return found if is_injected and isinstance(found, t.Mapping) else {}


__all__ = (
    "drop_facts",
    "facts_named",
    "facts_of_a_role",
    "injected_facts",
    "name_of_host",
    "variables_from_facts",
)
