# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The modules on every Python that managed nodes may have: tests/pythons/modules.yml, with a host for each of them."""

from __future__ import annotations

import functools
import json
import pathlib
import re
import typing as t

from checks import report, worktree
from checks.architecture import OLDEST_PYTHON
from checks.stage import Stage
from environments import CORES, ROOT, SIMULATOR, VENVS, bin_folder, find_python

Plan = dict[str, list[str]]

PLAYBOOK = ROOT / "tests" / "pythons" / "modules.yml"
# How ansible-test writes down which Pythons its ansible-core supports, on controllers and elsewhere.
VERSIONS = re.compile(r"^(\w+)_PYTHON_VERSIONS = \(([^)]*)\)", re.MULTILINE)
# What is printed of each host in the end.
RECAP = re.compile(r"^py\d+ +: .*\bunreachable=(\d+) +failed=(\d+) ", re.MULTILINE)
# The first of the simulator's sample has an identity and the retired VM extension; it gets a reboot ahead, too.
MODEL = SIMULATOR / "imds_simulator" / "fleet.json"
# So that a timeout and a retry happen on each Python.
FAULTS = [
    {"kind": "hang", "times": 1, "path": "/metadata/instance"},
    {"kind": "status", "status": 503, "times": 1, "path": "/metadata/instance"},
]


def pythons(cores: t.Sequence[str], versions: t.Sequence[str]) -> report.Outcome:
    """With cores that were named, each with all its Pythons; else each Python with the newest core that knows it."""
    known = {core: managed_pythons(bin_folder(core)) for core in cores or CORES}
    plan = known if cores else newest_only(known)
    if versions:
        plan = {core: [each for each in found if each in versions] for core, found in plan.items()}
    plan = without_missing(plan)
    return report.side_by_side(
        functools.partial(run_modules, core, found) for core, found in plan.items() if found
    )


def managed_pythons(programs: pathlib.Path) -> list[str]:
    """What the collection and this ansible-core support on managed nodes, the latter as ansible-test has it."""
    found = core_pythons(programs)
    every = (*found["REMOTE_ONLY"], *found["CONTROLLER"])
    return [version for version in every if as_numbers(version) >= OLDEST_PYTHON]


def core_pythons(programs: pathlib.Path) -> dict[str, list[str]]:
    """The Pythons that an ansible-core knows, by the names that its ansible-test has for them."""
    pattern = "lib/python*/site-packages/ansible_test/_util/target/common/constants.py"
    (source,) = programs.parent.glob(pattern)
    groups = VERSIONS.findall(source.read_text(encoding="utf-8"))
    return {name: re.findall(r"\d+\.\d+", versions) for name, versions in groups}


def as_numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def newest_only(plan: Plan) -> Plan:
    """Each Python only where it comes last."""
    last = {version: core for core, versions in plan.items() for version in versions}
    return {core: [each for each in plan[core] if last[each] == core] for core in plan}


def without_missing(plan: Plan) -> Plan:
    every = {version for versions in plan.values() for version in versions}
    missing = {version for version in every if not find_python(version)}
    if missing:
        named = ", ".join(sorted(missing, key=as_numbers))
        print(f"pythons: not on this machine: {named}", flush=True)
    return {core: [each for each in plan[core] if each not in missing] for core in plan}


def run_modules(core: str, versions: t.Sequence[str]) -> report.Outcome:
    name = f"pythons {core}"
    programs = bin_folder(core)
    names = {version: f"py{version.replace('.', '')}" for version in versions}
    stage = Stage(VENVS / f"pythons-{core}", programs, fleet(names.values()))
    stage.write("pythons.json", interpreters(names))
    playbook = ["ansible-playbook", "-i", "hosts.json", "-i", "pythons.json", str(PLAYBOOK)]
    with worktree.copy(f"pythons-{core}") as tree:
        answer = stage.run(
            name, tree.parents[2], [[*playbook, f"--forks={len(names)}"]], programs / "python"
        )
    outcome = outcome_of(answer)
    report.say(name, answer, f"{outcome}, with {', '.join(names)}")
    return outcome


def fleet(names: t.Iterable[str]) -> list[dict[str, t.Any]]:
    model = json.loads(MODEL.read_text(encoding="utf-8"))["vms"][0]
    document = model["document"]
    return [
        {
            **model,
            "name": name,
            "document": {**document, "compute": {**document["compute"], "name": name}},
            "faults": FAULTS,
            "maintenance": {"sequences": [{"kind": "reboot", "resources": [name]}]},
        }
        for name in names
    ]


def interpreters(names: t.Mapping[str, str]) -> dict[str, t.Any]:
    hosts = {
        name: {"ansible_python_interpreter": find_python(version)}
        for version, name in names.items()
    }
    return {"all": {"hosts": hosts}}


def outcome_of(answer: report.Answer) -> report.Outcome:
    """A host is a test."""
    hosts = RECAP.findall(answer.output)
    good = hosts.count(("0", "0"))
    return report.Outcome(good, len(hosts) - good or int(answer.status != 0))
