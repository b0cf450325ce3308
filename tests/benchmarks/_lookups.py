# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures lookups: one template with many lookups on this machine, in the namespaces of benchmarks/__main__.py."""

from __future__ import annotations

import dataclasses
import pathlib
import tempfile
import typing as t

from benchmarks._measure import Candidate, Run, in_turn
from benchmarks._plays import Folder
from imds_simulator import Simulator, Vm, sample_fleet
from project import VENVS

COUNTS = (1, 100, 1000)
CACHED, DIRECT, URL, ENV = (
    "imds.azure.metadata",
    "imds.azure.metadata with cache=false",
    "ansible.builtin.url",
    "ansible.builtin.env",
)
LEAF = "instance/compute/location"


@dataclasses.dataclass(frozen=True)
class Row:
    lookups: int
    name: str
    run: Run


def measure(runs: int) -> list[Row]:
    vm = sample_fleet()[0]
    with (
        tempfile.TemporaryDirectory(dir=VENVS) as name,
        Simulator([vm], rate_limit=0) as imds,
    ):
        folder = Folder(pathlib.Path(name))
        return [
            Row(lookups, name, found)
            for lookups in COUNTS
            for name, found in in_turn(
                list(candidates(folder, imds[vm.name], lookups)), runs, f"{lookups} lookups"
            ).items()
        ]


def candidates(folder: Folder, imds: Vm, lookups: int) -> t.Iterator[Candidate]:
    url = f"{imds.url}/metadata/{LEAF}?api-version=2025-04-07&format=text"
    expressions = {
        ENV: "lookup('ansible.builtin.env', 'HOME')",
        CACHED: f"lookup('imds.azure.metadata', '{LEAF}')",
        DIRECT: f"lookup('imds.azure.metadata', '{LEAF}', cache=false)",
        URL: f"lookup('ansible.builtin.url', '{url}', headers={{'Metadata': 'true'}})",
    }
    for name, expression in expressions.items():
        text = f"{{% for n in range({lookups}) %}}{{{{ {expression} }}}}{{% endfor %}}"
        yield folder.candidate(
            name,
            [{"ansible.builtin.debug": {"msg": text}}],
            lambda: (len(imds.requests), imds.bytes_sent),
            AZURE_IMDS_ENDPOINT=imds.url,
        )
