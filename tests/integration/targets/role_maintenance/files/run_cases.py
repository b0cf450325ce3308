# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs plays that use the role, each in a process of its own, and compares what they did with what they should.

    run_cases.py FOLDER_FOR_ITS_FILES URL_OF_A_SIMULATED_VM...

The cases are in cases.yml. In a process of their own, as the role runs handlers that are not its own. Those that do not
go on from each other run side by side, one on each VM.
"""

from __future__ import annotations

import http.client
import json
import os
import pathlib
import queue
import re
import shutil
import subprocess
import sys
import typing as t
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import yaml

HERE = pathlib.Path(__file__).resolve().parent
# What the tasks and the handler say they do.
SAID = re.compile(r'"msg": "((?:drain|restore|handler).*)"')

Case = dict[str, t.Any]


class Stage:
    """A simulated VM, and what runs of the role leave of it."""

    def __init__(self, url: str, folder: pathlib.Path) -> None:
        self.url = url
        self.folder = folder
        self.states = folder / "state"
        self.units = folder / "units"
        self.systemctl = folder / "systemctl"

    def set(self, sequences: list[dict[str, t.Any]]) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        for folder in (self.folder, self.units, self.systemctl):
            folder.mkdir()
        self.control("PUT", "maintenance", {"sequences": sequences})
        self.control("DELETE", "requests")

    def control(self, method: str, name: str, body: t.Any = None) -> t.Any:
        connection = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=20)
        connection.request(method, f"/simulator/{name}", json.dumps(body))
        answer = connection.getresponse()
        content = answer.read()
        if answer.status not in (200, 204):
            sys.exit(f"the simulator refuses {method} {name}: {content.decode()}")
        return json.loads(content) if content else None

    def run(self, case: Case) -> subprocess.CompletedProcess[str]:
        variables = {
            "ansible_python_interpreter": sys.executable,
            "azure_imds_endpoint": self.url,
            "maintenance_drain_tasks": str(HERE / "drain.yml"),
            "maintenance_restore_tasks": str(HERE / "restore.yml"),
            "maintenance_state_dir": str(self.states),
            "maintenance_timer_unit_dir": str(self.units),
            # The simulator's clock runs ahead of the real one.
            "maintenance_notice": 3600,
            **case.get("vars", {}),
        }
        for name in case.get("without", []):
            del variables[name]
        play = HERE / f"{case.get('play', 'play')}.yml"
        command = ["ansible-playbook", "-i", "localhost,", "-e", json.dumps(variables), str(play)]
        # ansible-test runs handlers of failed hosts as well, which is not what users have.
        env = {**os.environ, "ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_HANDLERS": "0"}
        env.pop("ANSIBLE_FORCE_COLOR", None)
        env.update(
            PATH=os.pathsep.join([str(HERE / "bin"), os.environ["PATH"]]),
            SYSTEMCTL_FOLDER=str(self.systemctl),
        )
        return subprocess.run(
            [*command, *case.get("arguments", [])],
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )

    def state(self) -> dict[str, t.Any]:
        requests = self.control("GET", "requests")
        calls = self.systemctl / "calls.txt"
        return {
            "approvals": sum(request["method"] == "POST" for request in requests),
            "remembered": len(list(self.states.glob("*"))),
            "systemctl": [line for line in lines_of(calls) if not line.startswith(("show", "is-"))],
            "units": {unit.name: lines_of(unit) for unit in self.units.glob("*")},
        }


def lines_of(file: pathlib.Path) -> list[str]:
    """Without empty ones and comments."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return [line for line in lines if line and not line.startswith("#")]


def problems(stage: Stage, case: Case) -> list[str]:
    if "sequences" in case:
        stage.set(case["sequences"])
    stage.control("PUT", "clock", {"advance": case.get("advance", 0)})
    done = stage.run(case)
    found = []
    if bool(done.returncode) != ("fails" in case):
        found.append(f"the exit status is {done.returncode}")
    wanted = case.get("fails", case.get("says", ""))
    if not re.search(wanted, " ".join(done.stdout.split())):
        found.append(f"it does not say {wanted!r}")
    actual = {"log": SAID.findall(done.stdout), **stage.state()}
    expected = {"log": [], "approvals": 0, "systemctl": [], "units": {}, **case}
    for name, value in actual.items():
        if value != expected[name]:
            found.append(f"{name} is {value!r}, not {expected[name]!r}")
    return [*found, done.stdout] if found else []


def chains(cases: list[Case]) -> list[list[Case]]:
    """The cases, each with those that go on from it."""
    found: list[list[Case]] = []
    for case in cases:
        if "sequences" in case:
            found.append([])
        found[-1].append(case)
    return found


def main(folder: str, *urls: str) -> int:
    free: queue.Queue[Stage] = queue.Queue()
    for number, url in enumerate(urls):
        free.put(Stage(url, pathlib.Path(folder, str(number))))

    def passes(chain: list[Case]) -> bool:
        stage = free.get()
        try:
            return all(passed(stage, case) for case in chain)
        finally:
            free.put(stage)

    pathlib.Path(folder).mkdir(exist_ok=True)
    cases = yaml.safe_load((HERE / "cases.yml").read_text(encoding="utf-8"))
    with ThreadPoolExecutor(len(urls)) as pool:
        return 0 if all(list(pool.map(passes, chains(cases)))) else 1


def passed(stage: Stage, case: Case) -> bool:
    found = problems(stage, case)
    print(f"{case['name']}: {'failed' if found else 'ok'}", flush=True)
    if found:
        print("\n".join([f"{case['name']}:", *found]), file=sys.stderr)
    return not found


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
