# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may import what.  tests/unit/test_architecture.py holds every file to it.

Imports point down: a file imports only files of a lower layer, and nothing imports the plugins themselves.
What runs on a managed node finds nothing there but Python, which may be old.
"""

from __future__ import annotations

import ast
import pathlib
import sys
import typing as t

# The layer of each util; plugins are above them all.
LAYERS = {
    "plugins/module_utils/_archive.py": 0,
    "plugins/module_utils/_errors.py": 0,
    "plugins/module_utils/_files.py": 0,
    "plugins/module_utils/_clouds.py": 0,
    "plugins/module_utils/_marks.py": 0,
    "plugins/module_utils/_platform.py": 0,
    "plugins/module_utils/_times.py": 0,
    "plugins/module_utils/_user_data.py": 0,
    "plugins/module_utils/_network.py": 0,
    "plugins/module_utils/_proxies.py": 0,
    "plugins/module_utils/_dates.py": 1,
    "plugins/module_utils/_given.py": 1,
    "plugins/module_utils/_http.py": 1,
    "plugins/module_utils/_diagnosis.py": 1,
    "plugins/module_utils/_document.py": 1,
    "plugins/module_utils/_retry.py": 1,
    "plugins/module_utils/_extension.py": 2,
    "plugins/module_utils/_transport.py": 2,
    "plugins/module_utils/_observe.py": 4,
    "plugins/module_utils/_parts.py": 2,
    "plugins/module_utils/_refusals.py": 3,
    "plugins/module_utils/_negotiation.py": 4,
    "plugins/module_utils/_client.py": 5,
    "plugins/module_utils/_facts.py": 5,
    "plugins/module_utils/_events.py": 6,
    "plugins/module_utils/_options.py": 6,
    "plugins/module_utils/_tokens.py": 6,
    "plugins/module_utils/_turns.py": 6,
    "plugins/module_utils/_attested.py": 7,
    "plugins/module_utils/_maintenance.py": 7,
    "plugins/module_utils/_token_options.py": 7,
    "plugins/plugin_utils/_addresses.py": 10,
    "plugins/plugin_utils/_certificates.py": 10,
    "plugins/plugin_utils/_chains.py": 10,
    "plugins/plugin_utils/_constructed.py": 10,
    "plugins/plugin_utils/_expression.py": 10,
    "plugins/plugin_utils/_fact_variables.py": 10,
    "plugins/plugin_utils/_fuller.py": 10,
    "plugins/plugin_utils/_given_facts.py": 10,
    "plugins/plugin_utils/_host_variables.py": 10,
    "plugins/plugin_utils/_inventory_folders.py": 10,
    "plugins/plugin_utils/_inventory_options.py": 10,
    "plugins/plugin_utils/_issuers.py": 10,
    "plugins/plugin_utils/_place.py": 10,
    "plugins/plugin_utils/_rollback.py": 10,
    "plugins/plugin_utils/_routes.py": 10,
    "plugins/plugin_utils/_run_cache.py": 10,
    "plugins/plugin_utils/_session.py": 10,
    "plugins/plugin_utils/_signed_data.py": 10,
    "plugins/plugin_utils/_trusted_files.py": 10,
    "plugins/plugin_utils/_untrusted.py": 10,
    "plugins/plugin_utils/_documents.py": 11,
    "plugins/plugin_utils/_wanted_clouds.py": 10,
    "plugins/plugin_utils/_grouping.py": 11,
    "plugins/plugin_utils/_lookup.py": 11,
    "plugins/plugin_utils/_migration.py": 11,
    "plugins/plugin_utils/_mismatches.py": 11,
    "plugins/plugin_utils/_naming.py": 11,
    "plugins/plugin_utils/_placement.py": 12,
    "plugins/plugin_utils/_spread.py": 11,
    "plugins/plugin_utils/_trust.py": 11,
    "plugins/plugin_utils/_attestation.py": 12,
    "plugins/plugin_utils/_fleet.py": 12,
    "plugins/plugin_utils/_snapshots.py": 12,
}
GLUE = 100

# What a file may import against the rules, with the reason.
EXCEPTIONS = {
    # An argument spec reads the environment by this function, and by its own exception.
    "plugins/module_utils/_options.py": ("ansible.module_utils.basic.env_fallback",),
}

COLLECTION = "ansible_collections.imds.azure"
UTILS = ("plugins/module_utils", "plugins/plugin_utils")
PRIVATE = (*UTILS, "plugins/doc_fragments")
MANAGED_NODE = ("plugins/module_utils", "plugins/modules")
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
        found += [*managed_node_problems(path, names), *grammar_problems(path, source)]
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
    name = pathlib.PurePosixPath(path).name
    if is_in(path, *PRIVATE) and not name.startswith("_"):
        yield f"utils and fragments are private: call it _{name}"
    if is_in(path, *UTILS) and name != "__init__.py" and path not in LAYERS:
        yield "has no layer yet: add it to LAYERS in tests/checks/architecture.py"


def plugin_problems(path: str, names: t.Iterable[str]) -> t.Iterator[str]:
    """Imports that point up, or sideways, or out of the collection where they may not."""
    layer = LAYERS.get(path, GLUE)
    for name in names:
        util = util_of(name)
        if is_own(name) and not util:
            yield f"imports {name}, but nothing imports plugins, nor a whole folder of utils"
        elif util and LAYERS.get(util, GLUE) >= layer:
            yield f"imports {util}, which is not below it"
        elif top_of(name) in ("simulator", "tests"):
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


def grammar_problems(path: str, source: str) -> t.Iterator[str]:
    try:
        ast.parse(source, path, feature_version=OLDEST_PYTHON)
    except SyntaxError as error:
        version = ".".join(map(str, OLDEST_PYTHON))
        yield f"is not Python {version}, which managed nodes may have: line {error.lineno}, {error.msg}"


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
    parts = name.removeprefix(f"{COLLECTION}.").split(".")
    folder = "/".join(parts[:2])
    return (
        f"{folder}/{parts[2]}.py" if is_own(name) and folder in UTILS and len(parts) > 2 else None
    )


def top_of(name: str) -> str:
    return name.partition(".")[0]
