# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which file may import what: plugins import utils, and a managed node has nothing but Python, which may be old."""

from __future__ import annotations

import ast
import graphlib
import pathlib
import re
import sys
import typing as t

import pytest

from project import ROOT

OWN = "ansible_collections.imds.azure."
# A folder, and what its files may import: other files of the collection, and names of anybody else. The first one counts.
STANDARD = (
    rf"(?!graphlib|tomllib|zoneinfo)({'|'.join(map(re.escape, sys.stdlib_module_names))})\b.*"
)
EVERYTHING = r"(?!requests\b|tests\b|\w*simulator\b).*"
RULES = (
    # An argument spec reads the environment by this function, and by its own exception.
    (
        "plugins/module_utils/_options.py",
        r"plugins\.module_utils\.\w.*",
        rf"{STANDARD}|ansible\.module_utils\.basic\.env_fallback",
    ),
    ("plugins/module_utils/", r"plugins\.module_utils\.\w.*", STANDARD),
    ("plugins/modules/", r"plugins\.module_utils\.\w.*", rf"{STANDARD}|ansible\.module_utils\..*"),
    (
        "plugins/plugin_utils/",
        r"plugins\.(module|plugin)_utils\.\w.*",
        rf"{EVERYTHING}|requests\b.*",
    ),
    # The simulator is a second opinion on IMDS: it shares nothing with what it tests.
    ("tests/simulator/", r"(?!)", r"(?!ansible).*"),
    ("", r"plugins\.(module|plugin)_utils\.\w.*", EVERYTHING),
)
FILES = [
    file.relative_to(ROOT).as_posix()
    for folder in ("plugins", "extensions", "tests/simulator")
    for file in sorted((ROOT / folder).rglob("*.py"))
]


def imports(path: str, source: str) -> t.Iterator[str]:
    """The full names of all that a file imports, wherever in it: also for type checkers only, also in functions."""
    package = (*OWN.strip(".").split("."), *pathlib.PurePosixPath(path).parent.parts)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*above, *([node.module] if node.module else [])))
            yield from (f"{module}.{alias.name}" for alias in node.names)


def forbidden(path: str, source: str) -> list[str]:
    own, others = next(rule[1:] for rule in RULES if path.startswith(rule[0]))
    return [
        name
        for name in imports(path, source)
        if not re.fullmatch(own if name.startswith(OWN) else others, name.removeprefix(OWN))
    ]


def utils_of(path: str) -> set[str]:
    """The files of utils that a file imports."""
    names = imports(path, (ROOT / path).read_text(encoding="utf-8"))
    own = [name.removeprefix(OWN).split(".") for name in names if name.startswith(OWN)]
    paths = {
        "/".join(parts[:length]) + ".py" for parts in own for length in range(3, len(parts) + 1)
    }
    return {each for each in paths if (ROOT / each).is_file()}


def carried_by(path: str) -> set[str]:
    """The utils that Ansible sends along with a file: all that it may import, however late."""
    return utils_of(path).union(*map(carried_by, utils_of(path)))


@pytest.mark.parametrize("path", FILES)
def test_a_file_imports_what_it_may(path: str) -> None:
    assert forbidden(path, (ROOT / path).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("plugins/module_utils/_client.py", "import yaml"),
        ("plugins/module_utils/_client.py", "import zoneinfo"),
        (
            "plugins/module_utils/_client.py",
            "def f():\n    from ..plugin_utils import _requests_transport",
        ),
        ("plugins/module_utils/_client.py", f"import {OWN}plugins.module_utils"),
        ("plugins/modules/instance_facts.py", "from ansible.errors import AnsibleError"),
        ("plugins/lookup/metadata.py", "from ..modules import instance_facts"),
        ("plugins/lookup/metadata.py", "import requests"),
        ("plugins/plugin_utils/_requests_transport.py", "from imds_simulator import Server"),
        (
            "tests/simulator/imds_simulator/_server.py",
            f"from {OWN}plugins.module_utils import _errors",
        ),
    ],
)
def test_what_is_forbidden_is_found(path: str, source: str) -> None:
    assert forbidden(path, source)


def test_no_util_imports_itself_through_others() -> None:
    utils = [path for path in FILES if re.match("plugins/(module|plugin)_utils/", path)]
    try:
        graphlib.TopologicalSorter({path: utils_of(path) for path in utils}).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def test_utils_are_private() -> None:
    found = [
        path
        for path in FILES
        if re.match("plugins/(module_utils|plugin_utils|doc_fragments)/", path)
    ]
    assert [path for path in found if not re.search(r"/_[^/]*(/[^/]*)?$", path)] == []


def test_the_top_level_of_module_utils_is_what_instance_facts_carries() -> None:
    """Each host of a fleet pays for every file. Whatever else a module needs goes into a folder."""
    top = {path for path in FILES if re.fullmatch(r"plugins/module_utils/\w+\.py", path)}
    carried = carried_by("plugins/modules/instance_facts.py")
    assert sorted(top - carried) == [], "move these files into a folder of plugins/module_utils"
    assert sorted(carried - top) == [], "move these files to the top level of plugins/module_utils"
