# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs plays that use the role, each in a process of its own, and compares what they did with what they should.

    run_cases.py URL_OF_THE_SIMULATED_VM FOLDER_FOR_ITS_FILES

The cases are in cases.yml. In a process of their own, as the role runs handlers that are not its own.
"""

from __future__ import annotations

import http.client
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import typing as t
from urllib.parse import urlsplit

import yaml

HERE = pathlib.Path(__file__).resolve().parent


class Stage:
    """A simulated VM, and the files that a run of the role leaves."""

    def __init__(self, url: str, folder: pathlib.Path) -> None:
        self.url = url
        self.folder = folder
        self.log = folder / "log.txt"
        self.states = folder / "state"

    def set(self, sequences: list[dict[str, t.Any]]) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
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

    def run(self, case: dict[str, t.Any]) -> subprocess.CompletedProcess[str]:
        variables = {
            "ansible_python_interpreter": sys.executable,
            "azure_imds_endpoint": self.url,
            "log": str(self.log),
            "maintenance_drain_tasks": str(HERE / "drain.yml"),
            "maintenance_restore_tasks": str(HERE / "restore.yml"),
            "maintenance_state_dir": str(self.states),
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
        return {
            "log": self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else [],
            "approvals": sum(request["method"] == "POST" for request in requests),
            "remembered": len(list(self.states.glob("*"))),
        }


def problems(stage: Stage, case: dict[str, t.Any]) -> list[str]:
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
    for name, value in stage.state().items():
        if value != case[name]:
            found.append(f"{name} is {value!r}, not {case[name]!r}")
    return [*found, done.stdout] if found else []


def main(url: str, folder: str) -> int:
    stage = Stage(url, pathlib.Path(folder))
    for case in yaml.safe_load((HERE / "cases.yml").read_text(encoding="utf-8")):
        found = problems(stage, case)
        print(f"{case['name']}: {'failed' if found else 'ok'}", flush=True)
        if found:
            print("\n".join(found), file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
