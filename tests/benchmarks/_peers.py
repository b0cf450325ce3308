# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures the peers, within the namespaces that benchmarks/peers.py makes: `_peers.py RUNS` prints its rows as JSON.

All run in turn (A B C A B C …), so that a machine whose speed drifts slows them down alike.
"""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import typing as t

from benchmarks.peers import Row
from environments import ROOT, VENVS
from peers import root
from peers.machine import ENVIRONMENT, Machine
from peers.peers import CLOUD_INIT, FACTER, OHAI, Peer
from simulator import sample_fleet

PLAY = """
- hosts: localhost
  gather_facts: false
  tasks:
    - imds.azure.instance_facts:
"""
_FETCH = """
import http.client, json
imds = http.client.HTTPConnection("169.254.169.254", timeout=10)
imds.request("GET", "/metadata/instance?api-version=2025-04-07", headers={"Metadata": "true"})
print(json.dumps(json.loads(imds.getresponse().read())))
"""
# What any program in Python would take at least.
FETCH = Peer(
    "a fetch with Python's http.client and nothing else",
    packages=("python3",),
    command=("python3", "-c", _FETCH),
    api_version="2025-04-07",
    requests=1,
    read=lambda printed: {"compute": printed["compute"]},
)


@dataclasses.dataclass(frozen=True)
class Candidate:
    name: str
    command: t.Sequence[str]
    env: t.Mapping[str, str]
    requests: int
    # Whether what it printed is all there: who read nothing would be quick.
    is_good: t.Callable[[str], bool]


@dataclasses.dataclass(frozen=True)
class Run:
    seconds: float
    cpu_seconds: float
    bytes: int


def main(runs: int) -> None:
    with (
        tempfile.TemporaryDirectory(dir=VENVS) as folder,
        Machine(root.ROOT, sample_fleet()[0]) as machine,
    ):
        peers = (FETCH, FACTER, OHAI, CLOUD_INIT)
        candidates = [our_play(pathlib.Path(folder)), *(their(peer, machine) for peer in peers)]
        print(json.dumps([dataclasses.asdict(row) for row in measured(candidates, machine, runs)]))


def our_play(folder: pathlib.Path) -> Candidate:
    file = folder / "play.yml"
    file.write_text(PLAY, encoding="utf-8")
    collections = folder / "ansible_collections" / "imds"
    collections.mkdir(parents=True)
    (collections / "azure").symlink_to(ROOT)
    programs = pathlib.Path(sys.executable).parent
    env = {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_COLLECTIONS_PATH": str(folder),
        # There is no inventory, and need not be.
        "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
        "ANSIBLE_LOCALHOST_WARNING": "false",
    }
    command = [str(programs / "ansible-playbook"), str(file)]
    return Candidate(
        "imds.azure.instance_facts in a play of one task",
        command,
        env,
        requests=1,
        is_good=lambda printed: "ok=1 " in printed and "failed=0 " in printed,
    )


def their(peer: Peer, machine: Machine) -> Candidate:
    def is_good(printed: str) -> bool:
        return bool(peer.read(json.loads(printed))["compute"]["name"] == machine.vm.name)

    return Candidate(peer.name, machine.command(peer), ENVIRONMENT, peer.requests, is_good)


def measured(candidates: t.Sequence[Candidate], machine: Machine, runs: int) -> list[Row]:
    found: dict[str, list[Run]] = {candidate.name: [] for candidate in candidates}
    # The first round doesn't count: nothing is in memory yet, and nothing compiled.
    for number in range(runs + 1):
        for candidate in candidates:
            print(f"run {number} of {runs}: {candidate.name}", file=sys.stderr, flush=True)
            found[candidate.name].append(run(candidate, machine))
    return [row(candidate, found[candidate.name][1:]) for candidate in candidates]


def row(candidate: Candidate, runs: t.Sequence[Run]) -> Row:
    return Row(
        candidate.name,
        seconds=statistics.median(run.seconds for run in runs),
        cpu_seconds=statistics.median(run.cpu_seconds for run in runs),
        requests=candidate.requests,
        bytes=int(statistics.median(run.bytes for run in runs)),
    )


def run(candidate: Candidate, machine: Machine) -> Run:
    machine.vm.requests.clear()
    before = machine.vm.bytes_sent
    with tempfile.TemporaryFile() as output:
        start = time.monotonic()
        process = subprocess.Popen(
            candidate.command,
            env=candidate.env,
            stdin=subprocess.DEVNULL,
            stdout=output,
        )
        # Of this process and its own alone, which subprocess doesn't tell.
        _pid, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        printed = output.read().decode()
    requests = len(machine.vm.requests)
    if process.returncode or not candidate.is_good(printed) or requests != candidate.requests:
        sys.exit(f"{candidate.name}: {requests} requests, and it printed\n{printed[-2000:]}")
    return Run(
        seconds,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        bytes=machine.vm.bytes_sent - before,
    )


if __name__ == "__main__":
    main(int(sys.argv[1]))
