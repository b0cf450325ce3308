# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests that all variables of roles are either documented or have a private name."""

from __future__ import annotations

import pathlib
import re
import typing as t

import pytest
import yaml

import project

ROLES = sorted((project.ROOT / "roles").iterdir())


def mappings(data: t.Any) -> t.Iterator[dict[str, t.Any]]:
    """All mappings in a file of tasks or variables, at any depth."""
    if isinstance(data, dict):
        yield data
    for part in data.values() if isinstance(data, dict) else data if isinstance(data, list) else []:
        yield from mappings(part)


def variables_set_by(task: dict[str, t.Any]) -> set[str]:
    """The variables that a task sets: its vars, its registered variables, its loop variables, and its facts."""
    names = {*task.get("vars", {}), *task.get("ansible.builtin.set_fact", {})}
    names |= {task[key] for key in ("register", "loop_var") if key in task}
    return names


def variables_of(role: pathlib.Path) -> set[str]:
    found: set[str] = set()
    for path in role.glob("tasks/*.yml"):
        found.update(*map(variables_set_by, mappings(yaml.safe_load(path.read_text()))))
    for path in role.glob("vars/*.yml"):
        found |= set(yaml.safe_load(path.read_text()))
    return found


def documented_by(role: pathlib.Path) -> set[str]:
    text = (role / "meta" / "argument_specs.yml").read_text()
    return set(re.findall(rf"\b{role.name}_[a-z_]+\b", text))


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_private_variables_begin_with_an_underscore_and_the_name_of_the_role(
    role: pathlib.Path,
) -> None:
    found = variables_of(role)
    assert found
    public = {name for name in found if not name.startswith(f"_{role.name}_")}
    assert public <= documented_by(role), "document them in meta/argument_specs.yml, or rename them"


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.name)
def test_defaults_are_documented(role: pathlib.Path) -> None:
    defaults = yaml.safe_load((role / "defaults" / "main.yml").read_text())
    assert set(defaults) <= documented_by(role)
