# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures a fleet over SSH. Its hosts are namespaces (see tests/system/fleet), each with its own sshd and IMDS."""

from __future__ import annotations

import dataclasses
import os
import pathlib
import tempfile
import typing as t

from benchmarks._facts import ROUTE
from benchmarks._measure import Candidate, Run, medians, rounds
from benchmarks._plays import Folder
from fleet.controller import Controller
from fleet.fleet import ENDPOINT, Fleet
from fleet.machines import Machine
from fleet.network import inside
from project import VENVS

SIZES = (4, 12, 24)
PING, PIPED, OURS, GATHER, URI, SETUP = (
    "ansible.builtin.ping",
    "ansible.builtin.ping, pipelining",
    "imds.azure.instance_facts",
    "the playbook imds.azure.gather",
    "ansible.builtin.uri",
    "ansible.builtin.setup",
)
TASKS: dict[str, dict[str, t.Any]] = {
    PING: {PING: None},
    OURS: {OURS: None},
    URI: {URI: {"url": f"{ENDPOINT}/{ROUTE}", "headers": {"Metadata": "true"}, "use_proxy": False}},
    SETUP: {SETUP: None},
}


@dataclasses.dataclass(frozen=True)
class Row:
    hosts: int
    name: str
    run: Run
    times_piped: float


def measure(runs: int) -> list[Row]:
    machines = [machine(number) for number in range(max(SIZES))]
    with tempfile.TemporaryDirectory(dir=VENVS) as name:
        folder = Folder(pathlib.Path(name))
        os.environ["IMDS_FLEET_COLLECTIONS"] = name
        fleet = Fleet(machines)
        try:
            controller = Controller("benchmark")
            return [
                row
                for size in SIZES
                for row in rows(list(candidates(folder, controller, machines[:size])), runs, size)
            ]
        finally:
            fleet.close()


def rows(candidates: t.Sequence[Candidate], runs: int, size: int) -> list[Row]:
    found = rounds(candidates, runs, f"{size} hosts")
    return [
        Row(size, name, medians(every, found[PING]), medians(every, found[PIPED]).times_seconds)
        for name, every in found.items()
    ]


def machine(number: int) -> Machine:
    return Machine(
        name=f"vm-{number}.example.net",
        location="westeurope",
        zone=str(number % 3 + 1),
        fault_domain=str(number % 2),
        address=f"10.88.0.{20 + number}",
    )


def candidates(
    folder: Folder, controller: Controller, machines: t.Sequence[Machine]
) -> t.Iterator[Candidate]:
    hosts = folder.path / f"hosts-{len(machines)}.ini"
    hosts.write_text("".join(f"{one.name}\n" for one in machines), encoding="utf-8")
    plays = {name: [folder.play(name, [task], "all")] for name, task in TASKS.items()}
    plays[GATHER] = ["imds.azure.gather"]
    plays[PIPED] = [*plays[PING], "-e", "ansible_pipelining=true"]
    for name in (PING, PIPED, OURS, GATHER, URI, SETUP):
        command = ["ansible-playbook", "-i", str(hosts), "-f", str(len(machines)), *plays[name]]
        yield Candidate(
            name,
            inside(controller.namespace, command),
            folder.path,
            controller.environment,
            lambda printed: printed.count("unreachable=0    failed=0 ") == len(machines),
        )
