# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rules for imports, which are in tests/checks/architecture.py."""

from __future__ import annotations

import ast
import graphlib
import pathlib

import pytest

from checks import architecture

ROOT = architecture.ROOT
FOLDERS = ("plugins", "extensions", "tests/simulator")
FILES = sorted(
    file.relative_to(ROOT).as_posix()
    for folder in FOLDERS
    for file in (ROOT / folder).rglob("*.py")
)
UTIL_FILES = [path for path in FILES if architecture.is_in(path, *architecture.UTILS)]


@pytest.mark.parametrize("path", FILES)
def test_file_keeps_the_rules(path: str) -> None:
    assert architecture.problems(path, (ROOT / path).read_text(encoding="utf-8")) == []


def test_no_util_imports_itself_through_others() -> None:
    """Also by imports within functions."""
    graph = {path: architecture.utils_imported_by(path) for path in UTIL_FILES}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def carried_by(path: str) -> set[str]:
    """The utils that Ansible sends along with a file: all that it may import, however late."""
    utils = architecture.utils_imported_by(path)
    return utils.union(*map(carried_by, utils))


def test_top_level_of_module_utils_is_what_instance_facts_carries() -> None:
    """Each host of a fleet pays for every file. Whatever else a module needs goes into a folder."""
    top = {
        path
        for path in UTIL_FILES
        if pathlib.PurePosixPath(path).match("plugins/module_utils/*.py")
    }
    carried = carried_by("plugins/modules/instance_facts.py")
    assert sorted(top - carried) == [], "move these files into a folder of plugins/module_utils"
    assert sorted(carried - top) == [], "move these files to the top level of plugins/module_utils"


@pytest.mark.parametrize("path", architecture.EXCEPTIONS)
def test_exceptions_are_needed(path: str) -> None:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    assert set(architecture.EXCEPTIONS[path]) <= set(architecture.imports(path, tree))


CLIENT = "plugins/module_utils/_client.py"
MODULE = "plugins/modules/instance_facts.py"
LOOKUP = "plugins/lookup/metadata.py"
SIMULATOR = "tests/simulator/imds_simulator/_server.py"
UTILS = "ansible_collections.imds.azure.plugins"


@pytest.mark.parametrize(
    ("path", "source", "problem"),
    [
        (CLIENT, f"import {UTILS}.module_utils", "nothing imports plugins or whole folders"),
        (CLIENT, "from . import _missing", "which is no file of utils"),
        (CLIENT, "from ..plugin_utils import _session", "module_utils need no plugin_utils"),
        (CLIENT, "def f():\n    from ..modules import instance_facts", "nothing imports plugins"),
        (CLIENT, "import yaml", "imports yaml, which a managed node need not have"),
        (CLIENT, "import zoneinfo", "imports zoneinfo, which a managed node need not have"),
        (CLIENT, "from ansible.module_utils.basic import x", "which a managed node need not have"),
        (MODULE, "from ansible.errors import AnsibleError", "which a managed node need not have"),
        (MODULE, "from ..plugin_utils import _session", "which never reaches a managed node"),
        (LOOKUP, "import requests", "imports requests, which is for plugins/plugin_utils alone"),
        (LOOKUP, "from imds_simulator import Server", "which users don't have"),
        ("plugins/module_utils/open.py", "", "call it _open.py"),
        ("plugins/doc_fragments/open.py", "", "call it _open.py"),
        (SIMULATOR, f"from {UTILS}.module_utils import _errors", "the simulator stands alone"),
    ],
)
def test_forbidden(path: str, source: str, problem: str) -> None:
    assert [found for found in architecture.problems(path, source) if problem in found]
