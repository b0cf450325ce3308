# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules of folders that import-linter can't check. pyproject.toml has the other rules."""

from __future__ import annotations

import ast
import pathlib
import typing as t

from project import ROOT

UTILS = ROOT / "plugins" / "module_utils"


def imported(path: pathlib.Path) -> t.Iterator[pathlib.Path]:
    """The files of the collection that a file imports, including imports within functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            base = path.parents[node.level - 1] if node.level else ROOT
            module = (node.module or "").removeprefix("ansible_collections.imds.azure.")
            place = base.joinpath(*module.split("."))
            files = [place.with_suffix(".py"), *(place / f"{name.name}.py" for name in node.names)]
            yield from filter(pathlib.Path.is_file, files)


def carried(path: pathlib.Path) -> set[pathlib.Path]:
    """The files that Ansible sends together with a file."""
    own = set(imported(path))
    return own.union(*map(carried, own))


def test_the_top_level_of_module_utils_is_what_instance_facts_carries() -> None:
    found = carried(ROOT / "plugins" / "modules" / "instance_facts.py")
    assert set(UTILS.glob("*.py")) == found, "a host pays for each file, so others are in folders"


def test_utils_are_private() -> None:
    folders = (ROOT / "plugins" / f for f in ("doc_fragments", "module_utils", "plugin_utils"))
    paths = [str(path.relative_to(ROOT)) for folder in folders for path in folder.rglob("*.py")]
    assert [path for path in paths if "/_" not in path] == []
