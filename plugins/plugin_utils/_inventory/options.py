# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Evaluates templates in the options of an inventory file, and checks choices. Private to imds.azure."""

from __future__ import annotations

import typing as t

from ansible_collections.imds.azure.plugins.module_utils._errors import (
    OptionError,
    listed,
    printable,
)

# Options that have one value for the whole source. Expressions such as compose are evaluated for each VM.
TEMPLATES = ("api_version", "cache_connection", "deadline", "documents", "endpoint", "timeout")

_Options = t.Mapping[str, t.Any]


def templated(
    given: _Options, names: t.Container[str], variables: _Options, templar: t.Any
) -> dict[str, t.Any]:
    """The options of the user, with the templates in the named options evaluated.

    The templates come from the user's own file and from --extra-vars. Ansible itself decides
    which text is a template. No text of a VM is involved.
    """
    templar.available_variables = variables
    return {
        name: _value(name, value, templar) if name in names else value
        for name, value in given.items()
    }


def option_variables(definitions: t.Mapping[str, _Options]) -> set[str]:
    """The variables that set options."""
    return {
        variable["name"]
        for definition in definitions.values()
        for variable in definition.get("vars", ())
    }


def _value(name: str, value: t.Any, templar: t.Any) -> t.Any:
    try:
        return templar.template(value)
    except Exception as exc:
        # Filters and lookups in a template may raise any error.
        raise OptionError(
            f"{name}: the template {printable(str(value))} can't be evaluated: {printable(str(exc))}. "
            "It can use variables of --extra-vars, but no variables of hosts or groups"
        ) from exc


def check_choices(given: _Options, definitions: t.Mapping[str, _Options]) -> None:
    """Refuses invalid choices. Ansible does so as well, but before 2.19 without the names of the choices."""
    for name, value in given.items():
        choices = definitions.get(name, {}).get("choices")
        if not choices or value is None:
            continue
        unknown = [one for one in _values(value, definitions[name]) if one not in choices]
        if unknown:
            found = listed(map(str, unknown))
            raise OptionError(f"{name} has no {found}: choose from {listed(choices)}")


def _values(value: t.Any, definition: _Options) -> list[t.Any]:
    if definition.get("type") != "list":
        return [value]
    if isinstance(value, str):
        return [one.strip() for one in value.split(",")]
    return value if isinstance(value, list) else [value]


__all__ = ("TEMPLATES", "check_choices", "option_variables", "templated")
