# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may import what.  tests/unit/test_architecture.py holds every file to it.

Plugins import utils, and nothing imports plugins. What runs on a managed node finds nothing there but
Python, which may be old.
"""

from __future__ import annotations

import ast
import pathlib
import sys
import typing as t

ROOT = pathlib.Path(__file__).resolve().parents[2]

# What a file may import against the rules, with the reason.
EXCEPTIONS = {
    # An argument spec reads the environment by this function, and by its own exception.
    "plugins/module_utils/_options.py": ("ansible.module_utils.basic.env_fallback",),
}

COLLECTION = "ansible_collections.imds.azure"
UTILS = ("plugins/module_utils", "plugins/plugin_utils")
PRIVATE = (*UTILS, "plugins/doc_fragments")
MANAGED_NODE = ("plugins/module_utils", "plugins/modules")
# `make lint` has vermin compare grammar and library with it.
OLDEST_PYTHON = (3, 7)
# In the standard library of today's Python, but not in that of the oldest.
TOO_NEW = {"graphlib", "tomllib", "zoneinfo"}


def problems(path: str, source: str) -> list[str]:
    """Everything that is wrong with a file of plugins/, extensions/ or tests/simulator/, as messages."""
    tree = ast.parse(source, path)
    names = sorted(set(imports(path, tree)) - set(EXCEPTIONS.get(path, ())))
    found = (
        simulator_problems(names)
        if is_in(path, "tests/simulator")
        else [*name_problems(path), *plugin_problems(path, names)]
    )
    if is_in(path, *MANAGED_NODE):
        found += managed_node_problems(path, names)
    return [f"{path}: {problem}" for problem in found]


def is_in(path: str, *folders: str) -> bool:
    return path.startswith(tuple(f"{folder}/" for folder in folders))


def imports(path: str, tree: ast.AST) -> t.Iterator[str]:
    """The full names of all that a file imports, wherever in it: also for type checkers only, also in functions."""
    package = (*COLLECTION.split("."), *pathlib.PurePosixPath(path).parent.parts)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*above, *([node.module] if node.module else [])))
            yield from (f"{module}.{alias.name}" for alias in node.names)


def name_problems(path: str) -> t.Iterator[str]:
    *folders, name = pathlib.PurePosixPath(path).parts
    if is_in(path, *PRIVATE) and not name.startswith("_") and not folders[-1].startswith("_"):
        yield f"utils and fragments are private: call it _{name}, or put it into a folder with such a name"


def plugin_problems(path: str, names: t.Iterable[str]) -> t.Iterator[str]:
    """Imports that point up, or sideways, or out of the collection where they may not."""
    for name in names:
        util = util_of(name)
        if is_own(name) and not util:
            yield f"imports {name}, which is no file of utils: nothing imports plugins or whole folders"
        elif util and is_in(util, "plugins/plugin_utils") and is_in(path, "plugins/module_utils"):
            yield f"imports {util}, and module_utils need no plugin_utils"
        elif top_of(name) in ("imds_simulator", "tests"):
            yield f"imports {name}, which users don't have"
        elif top_of(name) == "requests" and not is_in(path, "plugins/plugin_utils"):
            yield "imports requests, which is for plugins/plugin_utils alone"


def managed_node_problems(path: str, names: t.Iterable[str]) -> t.Iterator[str]:
    """Only the standard library and what Ansible sends along, which for utils is other utils."""
    for name in names:
        util = util_of(name)
        if util and not is_in(util, "plugins/module_utils"):
            yield f"imports {util}, which never reaches a managed node"
        elif name.startswith("ansible.module_utils.") and is_in(path, "plugins/modules"):
            continue
        elif not is_own(name) and (
            top_of(name) not in sys.stdlib_module_names or top_of(name) in TOO_NEW
        ):
            yield f"imports {name}, which a managed node need not have"


def simulator_problems(names: t.Iterable[str]) -> list[str]:
    """The simulator is a second opinion on IMDS: it shares nothing with what it tests."""
    return [
        f"imports {name}: the simulator stands alone"
        for name in names
        if top_of(name).startswith("ansible")
    ]


def is_own(name: str) -> bool:
    return name.startswith(f"{COLLECTION}.")


def util_of(name: str) -> str | None:
    """The file of this collection's utils that an import names."""
    parts = name.removeprefix(f"{COLLECTION}.").split(".") if is_own(name) else []
    if "/".join(parts[:2]) not in UTILS:
        return None
    paths = ("/".join(parts[:length]) + ".py" for length in range(3, len(parts) + 1))
    return next((path for path in paths if (ROOT / path).is_file()), None)


def utils_imported_by(path: str) -> set[str]:
    tree = ast.parse((ROOT / path).read_text(encoding="utf-8"), path)
    return {util for util in map(util_of, imports(path, tree)) if util}


def top_of(name: str) -> str:
    return name.partition(".")[0]
