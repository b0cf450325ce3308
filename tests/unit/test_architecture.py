# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Imports point down, and what runs on managed nodes needs nothing: the rules are in tests/checks/architecture.py."""

from __future__ import annotations

import ast
import pathlib

import pytest

from checks import architecture

ROOT = pathlib.Path(__file__).resolve().parents[2]
FOLDERS = ("plugins", "extensions", "tests/simulator")
FILES = sorted(
    file.relative_to(ROOT).as_posix()
    for folder in FOLDERS
    for file in (ROOT / folder).rglob("*.py")
)


def test_there_are_files_to_look_at() -> None:
    assert {name.split("/")[0] for name in FILES} >= {"plugins", "tests"}


@pytest.mark.parametrize("path", FILES)
def test_file_keeps_the_rules(path: str) -> None:
    assert architecture.problems(path, (ROOT / path).read_text(encoding="utf-8")) == []


@pytest.mark.parametrize("path", architecture.LAYERS)
def test_layers_name_files_that_exist(path: str) -> None:
    assert (ROOT / path).is_file()


def carried_by(path: str) -> set[str]:
    """The utils that Ansible sends along with a file: all that it may import, however late."""
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    utils = {architecture.util_of(name) for name in architecture.imports(path, tree)} - {None}
    return utils.union(*map(carried_by, utils))


def test_the_facts_of_a_vm_carry_only_what_they_take() -> None:
    """Each host of a fleet pays for every other file."""
    carried = {pathlib.Path(util).stem for util in carried_by("plugins/modules/instance_facts.py")}
    assert carried == {
        *("_archive", "_client", "_clouds", "_document", "_errors", "_facts", "_given", "_http"),
        *("_marks", "_negotiation", "_options", "_parts", "_platform", "_refusals", "_retry"),
        *("_times", "_transport", "_user_data"),
    }


@pytest.mark.parametrize("path", architecture.EXCEPTIONS)
def test_exceptions_are_needed(path: str) -> None:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"))
    assert set(architecture.EXCEPTIONS[path]) <= set(architecture.imports(path, tree))


CLIENT = "plugins/module_utils/_client.py"
MODULE = "plugins/modules/instance_facts.py"
INVENTORY = "plugins/inventory/instances.py"
SIMULATOR = "tests/simulator/_server.py"
UTILS = "ansible_collections.imds.azure.plugins"


@pytest.mark.parametrize(
    ("path", "source"),
    [
        (CLIENT, "from ._errors import ImdsError"),
        (CLIENT, "from . import _errors"),
        (CLIENT, f"from {UTILS}.module_utils._retry import Failure"),
        (CLIENT, f"import {UTILS}.module_utils._retry"),
        (CLIENT, "import http.client"),
        (MODULE, "from ansible.module_utils.basic import AnsibleModule"),
        (MODULE, "from ..module_utils._client import ImdsClient"),
        (INVENTORY, "from ..plugin_utils._fleet import Fleet"),
        (INVENTORY, "import ansible.plugins.inventory"),
        ("plugins/plugin_utils/_session.py", "import requests"),
        ("plugins/plugin_utils/_session.py", "if (chunk := read()): pass"),
        (SIMULATOR, "import aiohttp"),
    ],
)
def test_allowed(path: str, source: str) -> None:
    assert architecture.problems(path, source) == []


@pytest.mark.parametrize(
    ("path", "source", "problem"),
    [
        (
            CLIENT,
            "from ._options import client_from",
            "imports plugins/module_utils/_options.py, which is not below",
        ),
        (
            CLIENT,
            "from . import _options",
            "imports plugins/module_utils/_options.py, which is not below",
        ),
        (
            CLIENT,
            "from ._facts import azure_imds",
            "imports plugins/module_utils/_facts.py, which is not below",
        ),
        (CLIENT, "def f():\n    from ._options import x", "_options.py, which is not below"),
        (
            CLIENT,
            "if TYPE_CHECKING:\n    from ._options import x",
            "_options.py, which is not below",
        ),
        (
            CLIENT,
            "from . import _missing",
            "imports plugins/module_utils/_missing.py, which is not below",
        ),
        (CLIENT, "from . import *", "imports plugins/module_utils/*.py, which is not below"),
        (CLIENT, f"import {UTILS}.module_utils", "nor a whole folder of utils"),
        (CLIENT, "from ..plugin_utils import _session", "_session.py, which is not below"),
        (
            CLIENT,
            "from ..plugin_utils import _session",
            "_session.py, which never reaches a managed node",
        ),
        (CLIENT, "from ..modules import instance_facts", "nothing imports plugins"),
        (CLIENT, "import requests", "imports requests, which is for plugins/plugin_utils alone"),
        (
            CLIENT,
            "import requests.adapters as a",
            "imports requests, which is for plugins/plugin_utils alone",
        ),
        (CLIENT, "import yaml", "imports yaml, which a managed node need not have"),
        (CLIENT, "import zoneinfo", "imports zoneinfo, which a managed node need not have"),
        (CLIENT, "import ansible", "imports ansible, which a managed node need not have"),
        (CLIENT, "from ansible.module_utils.basic import x", "which a managed node need not have"),
        (
            CLIENT,
            "from simulator import Server",
            "imports simulator.Server, which users don't have",
        ),
        (
            CLIENT,
            "if (chunk := read()): pass",
            "is not Python 3.7, which managed nodes may have: line 1",
        ),
        (CLIENT, "def f(a, /): pass", "is not Python 3.7"),
        (CLIENT, "match a:\n    case 1: pass", "is not Python 3.7"),
        (MODULE, "from ansible.errors import AnsibleError", "which a managed node need not have"),
        (
            MODULE,
            "from ..plugin_utils._fleet import Fleet",
            "_fleet.py, which never reaches a managed node",
        ),
        (MODULE, "from .snapshot import main", "nothing imports plugins"),
        (MODULE, "import requests", "imports requests"),
        (MODULE, "def f(a, /): pass", "is not Python 3.7"),
        (INVENTORY, "import requests", "imports requests"),
        (INVENTORY, "from ..lookup.metadata import LookupModule", "nothing imports plugins"),
        (
            "plugins/plugin_utils/_naming.py",
            "from ._fleet import Fleet",
            "_fleet.py, which is not below",
        ),
        (
            "plugins/module_utils/_new.py",
            "",
            "has no layer yet: add it to LAYERS in tests/checks/architecture.py",
        ),
        ("plugins/plugin_utils/_new.py", "", "has no layer yet"),
        ("plugins/module_utils/open.py", "", "call it _open.py"),
        ("plugins/doc_fragments/open.py", "", "call it _open.py"),
        (
            "extensions/eda/plugins/event_source/x.py",
            "from tests import simulator",
            "which users don't have",
        ),
        (SIMULATOR, f"from {UTILS}.module_utils import _errors", "the simulator stands alone"),
        (SIMULATOR, "import ansible", "the simulator stands alone"),
    ],
)
def test_forbidden(path: str, source: str, problem: str) -> None:
    assert [found for found in architecture.problems(path, source) if problem in found]
