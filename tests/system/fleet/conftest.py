# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures: one fleet for all tests, and the runs of the guide that several tests check.

The files of a run are read at its end, so that the tests can run in any order.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import shlex
import subprocess
import typing as t

import pytest

from fleet.awx import Project
from fleet.controller import Answer, Controller
from fleet.fleet import FIRST, SECOND, WORK, Fleet, program
from fleet.machines import FAILING, FLEET, GOOD, THROTTLED_ONE, Machine
from fleet.network import inside, own_namespaces, until

INVENTORY = ("inventory/west.yml", "inventory/north.yml")
GROUPING = (*INVENTORY, "inventory/zz.imds.yml")
GATHER = "ansible-playbook -i inventory imds.azure.gather -e imds_snapshot_dir=snapshots"


@pytest.fixture(scope="session", autouse=True)
def _told_where() -> None:
    """Writes the namespaces to a report, for the check from outside that nothing is left behind."""
    report = pathlib.Path(os.environ["IMDS_FLEET_REPORT"])
    report.write_text("\n".join(sorted(own_namespaces())), encoding="utf-8")


@pytest.fixture(scope="session")
def fleet() -> t.Iterator[Fleet]:
    fleet = Fleet(FLEET)
    try:
        yield fleet
    finally:
        fleet.close()


@dataclasses.dataclass(frozen=True)
class Gathered:
    """The first run of the guide over the whole fleet, and its files at its end."""

    controller: Controller
    answer: Answer
    older: dict[str, str]
    snapshots: dict[str, str]
    cached: dict[str, dict[str, t.Any]]
    requests: dict[str, list[dict[str, t.Any]]]
    trapped: list[str]
    listed: Answer
    graph: Answer


@pytest.fixture(scope="session")
def gathered(fleet: Fleet) -> Gathered:
    controller = Controller("project", files=("ansible.cfg", "fleet.imds.yml", *GROUPING))
    older = {machine.name: older_snapshot(machine) for machine in FAILING}
    (controller.folder / "snapshots").mkdir()
    for name, text in older.items():
        (controller.folder / "snapshots" / f"{name}.json").write_text(text, encoding="utf-8")
    before = {machine.name: len(fleet.requests(machine)) for machine in GOOD}
    answer = controller.follow(GATHER)
    return Gathered(
        controller=controller,
        answer=answer,
        older=older,
        snapshots=snapshots(controller),
        cached=cached(controller.folder / "facts"),
        requests={
            machine.name: fleet.requests(machine)[before[machine.name] :] for machine in GOOD
        },
        trapped=fleet.trapped(),
        listed=controller.run("ansible-inventory -i inventory --list"),
        graph=controller.follow("ansible-inventory -i inventory --graph"),
    )


def older_snapshot(machine: Machine) -> str:
    fact = {"compute": {"name": machine.vm}, "gathered_at": "2020-01-01T00:00:00Z"}
    return json.dumps({"azure_imds": fact, "inventory_hostname": machine.name})


def snapshots(controller: Controller) -> dict[str, str]:
    files = (controller.folder / "snapshots").iterdir()
    return {file.name.removesuffix(".json"): file.read_text(encoding="utf-8") for file in files}


def cached(folder: pathlib.Path) -> dict[str, dict[str, t.Any]]:
    """The facts in a cache of files. Since ansible-core 2.19, they have a special form."""
    found = {}
    for file in folder.iterdir():
        data = json.loads(file.read_text(encoding="utf-8"))
        facts = json.loads(data["__payload__"]) if "__payload__" in data else data
        found[file.name.removeprefix("s1_")] = facts
    return found


@dataclasses.dataclass(frozen=True)
class Retried:
    answer: Answer
    snapshots: dict[str, str]


@pytest.fixture(scope="session")
def retried(fleet: Fleet, gathered: Gathered) -> Retried:
    """The run after one of the failed hosts was repaired."""
    fleet.heal(THROTTLED_ONE)
    answer = gathered.controller.follow(f"{GATHER} --limit azure_unknown")
    return Retried(answer, snapshots(gathered.controller))


@pytest.fixture(scope="session")
def redis(fleet: Fleet) -> t.Iterator[t.Callable[[str], str]]:
    """A real Redis server in the namespace of the first controller. Yields a function that runs redis-cli."""
    options = shlex.split(f"--protected-mode no --save '' --appendonly no --dir {WORK}")
    command = [program("redis-server"), *options]
    server = fleet.network.start(FIRST, command, WORK / "redis.log")

    def ask(command: str) -> str:
        command_line = [program("redis-cli"), "--raw", *command.split()]
        answer = subprocess.run(
            inside(FIRST, command_line), capture_output=True, text=True, timeout=20, check=False
        )
        return answer.stdout

    until(lambda: ask("ping") == "PONG\n", "Redis")
    yield ask
    server.terminate()
    assert server.wait(10) == 0


@dataclasses.dataclass(frozen=True)
class Shared:
    """The facts that two controllers gathered at the same time, and that both of them see."""

    west: Answer
    north: Answer
    keys: str
    seen: dict[str, Answer]
    stale: Answer
    unreachable: Answer
    written: set[str]
    large: Answer


@pytest.fixture(scope="session")
def shared(redis: t.Callable[[str], str], retried: Retried) -> Shared:
    del retried  # The throttled host has recovered by now.
    redis("flushall")
    config = "ansible.cfg=shared/ansible.cfg"
    first = Controller("first", FIRST, files=(config, "large.imds.yml", *GROUPING))
    second = Controller("second", SECOND, files=(config, *GROUPING))
    running = (
        first.start_following(
            "ansible-playbook -i inventory imds.azure.gather -f 50 --limit west"
            " -e imds_serial=500 -e imds_snapshot_dir=snapshots/westeurope"
        ),
        second.start_following("ansible-playbook -i inventory/north.yml imds.azure.gather"),
    )
    west, north = (process.wait() for process in running)
    seen = {
        controller.namespace: controller.follow("ansible-inventory -i inventory --list")
        for controller in (first, second)
    }
    impatient = "plugin: imds.azure.instances\nsources: [facts]\nmax_age: 1\n"
    (second.folder / "inventory" / "zz.imds.yml").write_text(impatient, encoding="utf-8")
    stale = second.run("ansible-inventory -i inventory --graph")
    settings = second.folder / "ansible.cfg"
    settings.write_text(settings.read_text(encoding="utf-8").replace("6379", "6380"))
    unreachable = second.run("ansible-inventory -i inventory --graph")
    return Shared(
        west=west,
        north=north,
        keys=redis("keys *"),
        seen=seen,
        stale=stale,
        unreachable=unreachable,
        written={file.name for file in (first.folder / "snapshots/westeurope").iterdir()},
        large=first.follow("ansible-inventory -i large.imds.yml --graph"),
    )


@dataclasses.dataclass(frozen=True)
class Awx:
    """A project in AWX: its inventory source, its job, its source again, and then jobs with fact storage."""

    first_update: t.Any
    job: Answer
    second_update: t.Any
    storing: Answer
    stored: Answer
    constructed: t.Any


@pytest.fixture(scope="session")
def awx(redis: t.Callable[[str], str], retried: Retried) -> Awx:
    del retried
    redis("flushall")
    project = Project(
        "ansible.cfg=shared/ansible.cfg",
        "gather.yml",
        "collections/requirements.yml",
        "constructed.yml",
        *GROUPING,
    )
    first_update = project.update()
    job = project.job("gather.yml", first_update, limit="web-[0-2]*")
    second_update = project.update()
    storing = project.job("gather.yml", first_update, limit="web-[01]*", fact_storage=True)
    stored = project.job("told.yml", first_update, limit="web-[01]*", fact_storage=True)
    return Awx(first_update, job, second_update, storing, stored, project.constructed())
