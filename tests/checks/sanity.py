# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-test's own checks of a collection."""

from __future__ import annotations

import functools
import os
import pathlib
import re
import typing as t

from checks import home, report, worktree
from environments import bin_folder, find_python

# Where no core was named. `make test-matrix` names the next one as well; 2.16 demands a Python 2 header from every file.
CORES = ("core-newest",)
# With this one, modules are compiled and imported by every Python that is there, which takes minutes; with the others
# by their own.
EVERY_PYTHON = "core-2.19"
COMMAND = ("ansible-test", "sanity", "--local", "--color", "no")
SKIPPED = re.compile(
    r"^WARNING: (?:Skipping sanity test (.*?) (?:because|due to)|Required program (\S+) not found)",
    re.MULTILINE,
)
PYTHONS = tuple(f"3.{minor}" for minor in range(8, 15))


def sanity(cores: t.Sequence[str], arguments: t.Sequence[str]) -> report.Outcome:
    return report.side_by_side(functools.partial(check, core, arguments) for core in cores or CORES)


def check(core: str, arguments: t.Sequence[str]) -> report.Outcome:
    name = f"sanity {core}"
    programs = bin_folder(core)
    env = {**os.environ, "PATH": search_path(programs), "HOME": str(home.prepare(programs))}
    pythons = () if core == EVERY_PYTHON else ("--python", own_python(programs))
    with worktree.copy(core) as tree:
        answer = report.run(name, (*COMMAND, *pythons, *arguments), tree, env)
    report.say(name, answer, "" if answer.status else verdict(answer.output), errors(answer.output))
    return report.Outcome(failed=int(answer.status != 0))


def own_python(programs: pathlib.Path) -> str:
    """The version of a virtual environment's Python, for example 3.13."""
    (library,) = programs.parent.glob("lib/python*")
    return library.name.removeprefix("python")


def search_path(programs: pathlib.Path) -> str:
    """Real Pythons first: ansible-test takes a version manager's stand-ins for Pythons, and they may not run."""
    pythons = (find_python(version) for version in PYTHONS)
    folders = (os.path.dirname(python) for python in pythons if python)
    others = os.environ.get("PATH", os.defpath).split(os.pathsep)
    usable = (folder for folder in others if os.path.basename(folder) != "shims")
    return os.pathsep.join((str(programs), *folders, *usable))


def errors(output: str) -> str:
    """Without all that pip says while ansible-test makes its environments."""
    return "\n".join(re.findall(r"^(?:ERROR|FATAL|See documentation).*", output, re.MULTILINE))


def verdict(output: str) -> str:
    """How many checks ran, and which were left out because a program or a Python is missing."""
    ran = set(re.findall(r'^Running sanity test "(\S+)"', output, re.MULTILINE))
    skipped = sorted(
        name.replace('"', "") for pair in SKIPPED.findall(output) for name in pair if name
    )
    return f"ok, {len(ran)} checks" + (
        f"; left out: {', '.join(dict.fromkeys(skipped))}" if skipped else ""
    )
