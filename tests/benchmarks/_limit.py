# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Measures the limit of 5 requests a second: many processes of one VM request its document at the same moment."""

from __future__ import annotations

import dataclasses
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

from benchmarks._measure import say
from benchmarks._plays import Folder
from imds_simulator import Simulator, sample_fleet
from project import VENVS

PROCESSES = 24
LIMIT = 5
# IMDS allows this many requests in each second. So the last process has its answer at this time at the earliest.
FLOOR = (PROCESSES - 1) // LIMIT
OURS, NAIVE = "the client of imds.azure", "a loop that tries again after a second"
SCRIPTS = {
    OURS: (
        "from ansible_collections.imds.azure.plugins.module_utils._client import ImdsClient; "
        "from ansible_collections.imds.azure.plugins.module_utils._transport import http_transport",
        "ImdsClient(http_transport, {url!r}).instance()",
    ),
    NAIVE: (
        "import http.client, urllib.request\n"
        "def ask():\n"
        "  while True:\n"
        "    try:\n"
        "      return urllib.request.urlopen(urllib.request.Request({route!r}, headers={{'Metadata': 'true'}})).read()\n"
        "    except OSError:\n"
        "      time.sleep(1)\n",
        "ask()",
    ),
}


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    seconds: float
    requests: int
    floor: float = FLOOR


def measure(runs: int) -> list[Row]:
    with tempfile.TemporaryDirectory(dir=VENVS) as name:
        folder = Folder(pathlib.Path(name))
        found: dict[str, list[Row]] = {name: [] for name in SCRIPTS}
        for number in range(runs):
            for name in SCRIPTS:
                say(f"limit, run {number + 1} of {runs}: {name}")
                found[name].append(ask_at_once(name, folder))
        return [
            Row(
                name,
                statistics.median(row.seconds for row in rows),
                int(statistics.median(row.requests for row in rows)),
            )
            for name, rows in found.items()
        ]


def ask_at_once(name: str, folder: Folder) -> Row:
    vm = sample_fleet()[0]
    with Simulator([vm], rate_limit=LIMIT) as imds:
        url = imds[vm.name].url
        values = {"url": url, "route": f"{url}/metadata/instance?api-version=2025-04-07"}
        prepare, ask = (text.format(**values) for text in SCRIPTS[name])
        path = str(folder.path)
        script = f"import sys, time\nsys.path.insert(0, {path!r})\n{prepare}\nprint(flush=True)\nsys.stdin.read()\n{ask}\n"
        processes = [
            subprocess.Popen(
                [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            for _number in range(PROCESSES)
        ]
        for process in processes:
            assert process.stdout
            process.stdout.readline()  # The process is ready, because all its imports are done.
        start = time.monotonic()
        for process in processes:
            assert process.stdin
            process.stdin.close()
        statuses = [process.wait() for process in processes]
        seconds = time.monotonic() - start
        for process in processes:
            assert process.stdout
            process.stdout.close()
        if any(statuses):
            sys.exit(f"{name}: not every process had an answer: {statuses}")
        return Row(name, seconds, len(imds[vm.name].requests))
