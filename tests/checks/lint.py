# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Static checks: one line for each tool."""

from __future__ import annotations

import os
import pathlib
import typing as t

from checks import architecture, report, worktree
from environments import ROOT, VENVS, bin_folder


class Tool(t.NamedTuple):
    """A command, and where it runs: in the repository, or in a copy of it in a collection tree."""

    name: str
    command: tuple[str, ...]
    folder: str = "."
    in_tree: bool = False


MYPY = (
    "mypy",
    "--config-file",
    str(ROOT / "pyproject.toml"),
    "--cache-dir",
    str(VENVS / "mypy-cache"),
)
OLDEST = "-t={}.{}-".format(*architecture.OLDEST_PYTHON)
TOOLS = (
    Tool("ruff check", ("ruff", "check", "--quiet", ".")),
    Tool("ruff format", ("ruff", "format", "--quiet", "--check", "--diff", ".")),
    Tool(
        "mypy plugins",
        (
            *MYPY,
            *("-p", "ansible_collections.imds.azure.plugins"),
            *("-p", "ansible_collections.imds.azure.extensions"),
        ),
        "../../..",
        in_tree=True,
    ),
    Tool(
        "mypy tests",
        # Tests of the plugins hand them what no type allows, so they are not among these.
        (
            *MYPY,
            "environments.py",
            "benchmarks",
            "system/browser",
            "checks",
            "demo",
            "system/diagnose",
            "faults",
            "system/fleet",
            "guides.py",
            "system/peers",
            "simulated.py",
            "simulator/imds_simulator",
            "unit/checks",
            "unit/simulator",
        ),
        "tests",
        in_tree=True,
    ),
    # What runs on managed nodes asks for no newer Python than these may have.
    Tool(
        "vermin", ("vermin", "-q", "--no-tips", "--violations", OLDEST, *architecture.MANAGED_NODE)
    ),
    Tool("yamllint", ("yamllint", "--strict", ".")),
    Tool("reuse", ("reuse", "lint", "--lines")),
    Tool("antsibull-changelog", ("antsibull-changelog", "lint")),
    Tool(
        "antsibull-docs",
        (
            *("antsibull-docs", "lint-collection-docs", "--plugin-docs", "--check-extra-docs-refs"),
            *("--validate-collection-refs", "dependent", "."),
        ),
    ),
    Tool(
        "ansible-lint",
        ("ansible-lint", "--offline", "--strict", "--profile", "production", "--nocolor"),
        in_tree=True,
    ),
)


def lint(_cores: t.Sequence[str], _arguments: t.Sequence[str]) -> report.Outcome:
    programs = bin_folder("lint")
    with worktree.copy("lint") as tree:
        env = {
            **report.with_programs(programs),
            "ANSIBLE_COLLECTIONS_PATH": str(tree.parents[2]),
            "MYPYPATH": os.pathsep.join(
                (
                    str(tree.parents[2]),
                    *(str(tree / folder) for folder in ("tests", "tests/simulator", "tests/system")),
                )
            ),
            "NO_COLOR": "1",
        }
        bad = [tool.name for tool in TOOLS if not check(tool, tree, env)]
    return report.Outcome(failed=len(bad))


def check(tool: Tool, tree: pathlib.Path, env: t.Mapping[str, str]) -> bool:
    folder = (tree if tool.in_tree else ROOT) / tool.folder
    answer = report.run(
        f"lint {tool.name}", tool.command, pathlib.Path(os.path.normpath(folder)), env
    )
    report.say(f"lint {tool.name}", answer)
    return answer.status == 0
