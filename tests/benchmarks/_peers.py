# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures programs outside Ansible that read IMDS: Facter, Ohai and cloud-init. A play and a plain fetch are measured for comparison.

Each program is a process in the root folder of the peers (see tests/system/peers).
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
import sys
import tempfile

from benchmarks._measure import Candidate, Counter, Run, in_turn
from benchmarks._plays import Folder
from imds_simulator import sample_fleet
from peers import root
from peers.machine import ENVIRONMENT, Machine
from peers.peers import CLOUD_INIT, FACTER, OHAI, Peer
from project import VENVS

OURS = "imds.azure.instance_facts in a play of one task"
_FETCH = """
import http.client, json
imds = http.client.HTTPConnection("169.254.169.254", timeout=10)
imds.request("GET", "/metadata/instance?api-version=2025-04-07", headers={"Metadata": "true"})
print(json.dumps(json.loads(imds.getresponse().read())))
"""
# The least possible time of a program in Python.
FETCH = Peer(
    "a fetch with Python's http.client and nothing else",
    packages=("python3",),
    command=("python3", "-c", _FETCH),
    api_version="2025-04-07",
    requests=1,
    read=lambda printed: {"compute": printed["compute"]},
)


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    run: Run


def measure(runs: int) -> list[Row]:
    """Measures the programs with the document of one VM from the sample fleet of the simulator."""
    with (
        tempfile.TemporaryDirectory(dir=VENVS) as name,
        Machine(root.ROOT, sample_fleet()[0]) as machine,
    ):
        folder = Folder(pathlib.Path(name))
        peers = {peer.name: peer for peer in (FETCH, FACTER, OHAI, CLOUD_INIT)}
        candidates = [
            *(their(peer, machine, folder) for peer in peers.values()),
            folder.candidate(OURS, [{"imds.azure.instance_facts": None}], requests_to(machine)),
        ]
        found = in_turn(candidates, runs, "peers")
    for name, run in found.items():
        wanted = peers[name].requests if name in peers else 1
        if run.requests != wanted:
            sys.exit(f"{name}: {run.requests} requests, and not {wanted}")
    return [Row(name, run) for name, run in found.items()]


def requests_to(machine: Machine) -> Counter:
    return lambda: (len(machine.vm.requests), machine.vm.bytes_sent)


def their(peer: Peer, machine: Machine, folder: Folder) -> Candidate:
    def is_good(printed: str) -> bool:
        return bool(peer.read(json.loads(printed))["compute"]["name"] == machine.vm.name)

    command = machine.command(peer)
    return Candidate(peer.name, command, folder.path, ENVIRONMENT, is_good, requests_to(machine))
