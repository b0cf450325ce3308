# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures the facts of one VM: plays with one task on this machine, in the namespaces of benchmarks/__main__.py."""

from __future__ import annotations

import dataclasses
import pathlib
import subprocess
import tempfile
import typing as t

from benchmarks._ec2 import ADDRESS, Ec2
from benchmarks._measure import Candidate, Run, medians, rounds, run
from benchmarks._plays import PROGRAMS, Folder
from imds_simulator import Simulator, Vm, sample_fleet
from project import VENVS

# Programs whose times differ by a few hundredths run this many times more often.
ROUNDS = 24
PING, OURS, URI, SETUP, EC2 = (
    "ansible.builtin.ping",
    "imds.azure.instance_facts",
    "ansible.builtin.uri, then set_fact",
    "ansible.builtin.setup",
    "amazon.aws.ec2_metadata_facts",
)
ROUTE = "metadata/instance?api-version=2025-04-07"


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    play: Run
    times_uri: float
    # The module without the play, as a managed node runs it, and the size that is sent to the node.
    node: Run
    payload: int
    runs: int


def measure(runs: int) -> list[Row]:
    vm = sample_fleet()[0]
    ec2 = Ec2(list(leaves(vm.document)))
    # Each program finds its service at the real address, as on a real VM.
    subprocess.run(["ip", "addr", "add", f"{ADDRESS}/32", "dev", "lo"], check=True)
    with (
        tempfile.TemporaryDirectory(dir=VENVS) as name,
        Simulator([vm], rate_limit=0, host=ADDRESS, port=80) as imds,
        ec2.serving() as inside_ec2,
    ):
        folder = Folder(pathlib.Path(name))
        plays = list(candidates(folder, imds[vm.name], ec2, inside_ec2))
        modules = [as_sent(folder, play) for play in plays]
        played = many_rounds(plays, runs, "facts")
        alone = many_rounds(modules, runs, "facts, the module alone")
        return [
            Row(
                play.name,
                compared(played, play.name, PING),
                compared(played, play.name, URI).times_seconds,
                compared(alone, play.name, PING),
                size(module),
                len(played[play.name]),
            )
            for play, module in zip(plays, modules, strict=True)
        ]


def many_rounds(candidates: t.Sequence[Candidate], runs: int, title: str) -> dict[str, list[Run]]:
    """Runs all candidates in turn, and then repeats those with similar times."""
    found = rounds(candidates, runs, title)
    near = [candidate for candidate in candidates if candidate.name in (PING, OURS, URI)]
    more = rounds(near, runs * (ROUNDS - 1), f"{title}, once more", warm_up=False)
    return {name: every + more.get(name, []) for name, every in found.items()}


def compared(found: dict[str, list[Run]], name: str, floor: str) -> Run:
    """The medians, compared with the floor in the same rounds. Candidates that are not repeated have only the first rounds."""
    return medians(found[name], found[floor][: len(found[name])])


def candidates(
    folder: Folder, imds: Vm, ec2: Ec2, inside_ec2: t.Sequence[str]
) -> t.Iterator[Candidate]:
    def from_imds() -> tuple[int, int]:
        return len(imds.requests), imds.bytes_sent

    uri = {"url": f"{imds.url}/{ROUTE}", "headers": {"Metadata": "true"}}
    yield folder.candidate(PING, [{"ansible.builtin.ping": None}])
    yield folder.candidate(OURS, [{OURS: None}], from_imds)
    yield folder.candidate(
        URI,
        [
            {"ansible.builtin.uri": uri, "register": "answer"},
            {"ansible.builtin.set_fact": {"azure": "{{ answer.json }}"}},
        ],
        from_imds,
    )
    yield folder.candidate(SETUP, [{"ansible.builtin.setup": None}])
    theirs = folder.candidate(EC2, [{EC2: None}], lambda: (ec2.requests, ec2.bytes))
    yield dataclasses.replace(theirs, prefix=inside_ec2)


def as_sent(folder: Folder, play: Candidate) -> Candidate:
    """A candidate that runs the file that Ansible sends to a managed node for the task of this play."""
    remote = folder.path / f"remote-{len(list(folder.path.glob('remote-*')))}"
    kept = {
        "ANSIBLE_KEEP_REMOTE_FILES": "true",
        "ANSIBLE_PIPELINING": "false",
        "ANSIBLE_REMOTE_TMP": str(remote),
    }
    run(dataclasses.replace(play, env={**play.env, **kept}))
    (file,) = remote.glob("*/AnsiballZ_*.py")
    return dataclasses.replace(
        play,
        command=[str(PROGRAMS / "python"), str(file)],
        is_good=lambda printed: '"failed": true' not in printed,
    )


def size(module: Candidate) -> int:
    return pathlib.Path(module.command[-1]).stat().st_size


def leaves(value: t.Any) -> t.Iterator[str]:
    if isinstance(value, (dict, list)):
        for child in value.values() if isinstance(value, dict) else value:
            yield from leaves(child)
    else:
        yield str(value) or "-"
