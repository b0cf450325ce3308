# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs plays that use the role, and compares their effects with the expected ones.

    run_cases.py FOLDER_FOR_ITS_FILES URL_OF_A_SIMULATED_VM...

The cases are in cases.yml. Independent cases are hosts of one play, each with its own VM, because one play with many
hosts is faster than many plays. The plays run in their own processes, because the role also runs handlers of the
play.
"""

from __future__ import annotations

import collections
import http.client
import json
import os
import pathlib
import re
import shutil
import sys
import typing as t
from urllib.parse import urlsplit

import yaml

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, f"{os.environ['ANSIBLE_COLLECTIONS_PATH']}/ansible_collections/imds/azure/tests")

from ansible_runs import run  # noqa: E402 - ansible-test copies targets to where nothing else is

# The messages of the tasks and of the handler.
SAID = re.compile(r'"msg": "((?:drain|restore|handler)[^"]*)"')
# The beginning of each part in the output of ansible-playbook.
PART = re.compile(
    r"^(?=(?:ok|changed|fatal|failed|skipping|included|PLAY|TASK|RUNNING)\b|\[ERROR\])",
    re.MULTILINE,
)

Case = dict[str, t.Any]


class Stage:
    """A simulated VM with the files and requests of the role."""

    def __init__(self, name: str, url: str, folder: pathlib.Path) -> None:
        self.name = name
        self.url = url
        self.folder = folder
        self.states = folder / "state"
        self.units = folder / "units"
        self.systemctl = folder / "systemctl"

    def set(self, sequences: list[dict[str, t.Any]]) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)
        for folder in (self.units, self.systemctl):
            folder.mkdir(parents=True)
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

    def begin(self, case: Case) -> dict[str, t.Any]:
        """Prepares the VM for a case. Returns the variables of its host."""
        if "sequences" in case:
            self.set(case["sequences"])
        self.control("PUT", "faults", case.get("faults", []))
        self.control("PUT", "clock", {"advance": case.get("advance", 0)})
        for name, content in case.get("files", {}).items():
            self.states.mkdir(exist_ok=True)
            (self.states / name).write_text(content, encoding="utf-8")
        variables = {
            "ansible_python_interpreter": sys.executable,
            "azure_imds_endpoint": self.url,
            "maintenance_drain_tasks": str(HERE / "drain.yml"),
            "maintenance_restore_tasks": str(HERE / "restore.yml"),
            "maintenance_state_dir": str(self.states),
            "maintenance_timer_unit_dir": str(self.units),
            # The clock of the simulator is ahead of the real one.
            "maintenance_notice": 3600,
            "systemctl": str(self.systemctl),
            **case.get("vars", {}),
        }
        return {name: variables[name] for name in variables if name not in case.get("without", [])}

    def state(self) -> dict[str, t.Any]:
        requests = self.control("GET", "requests")
        calls = self.systemctl / "calls.txt"
        return {
            "approvals": sum(request["method"] == "POST" for request in requests),
            "remembered": len(list(self.states.glob("*.json"))),
            "systemctl": [line for line in lines_of(calls) if not line.startswith(("show", "is-"))],
            "units": {unit.name: lines_of(unit) for unit in self.units.glob("*")},
        }


def lines_of(file: pathlib.Path) -> list[str]:
    """The lines of a file without empty lines and comments."""
    lines = file.read_text(encoding="utf-8").splitlines() if file.exists() else []
    return [line for line in lines if line and not line.startswith("#")]


def play(folder: pathlib.Path, cases: dict[Stage, Case]) -> str:
    """The output of one play with a host for each case."""
    case = next(iter(cases.values()))
    hosts = {stage.name: stage.begin(own) for stage, own in cases.items()}
    inventory = folder / "hosts.yml"
    inventory.write_text(json.dumps({"all": {"hosts": hosts}}), encoding="utf-8")
    file = HERE / f"{case.get('play', 'play')}.yml"
    # ansible-test also runs handlers of failed hosts, which is not the default of Ansible.
    command = ("ansible-playbook", "-i", str(inventory), str(file), *case.get("arguments", []))
    return run(*command, ANSIBLE_FORCE_HANDLERS="0").output


def said_by(host: str, output: str) -> str:
    """The parts of the output about one host. The last one is its line of the recap."""
    parts = PART.split(output)
    own = [part for part in parts if f"[{host}]" in part.partition("\n")[0]]
    return "\n".join([*own, *re.findall(rf"^{host} +: .*", output, re.MULTILINE)])


def problems(stage: Stage, case: Case, output: str) -> list[str]:
    said = said_by(stage.name, output)
    found = []
    if (" failed=0 " not in said) != ("fails" in case):
        found.append(f"it {'passes' if 'fails' in case else 'fails'}")
    wanted = case.get("fails", case.get("says", ""))
    if not re.search(wanted, " ".join(said.split())):
        found.append(f"it does not say {wanted!r}")
    # Older versions of ansible-core wrap warnings, even within words.
    warnings = "".join(output.split())
    for warning in case.get("warns", []):
        if not re.search("".join(warning.split()), warnings):
            found.append(f"it does not warn {warning!r}")
    if case.get("quiet") and "[WARNING]" in output:
        found.append("it warns")
    actual = {"log": SAID.findall(said), **stage.state()}
    expected = {"log": [], "approvals": 0, "systemctl": [], "units": {}, **case}
    if case.get("log_in_any_order"):
        actual["log"], expected["log"] = sorted(actual["log"]), sorted(expected["log"])
    for name, value in actual.items():
        if value != expected[name]:
            found.append(f"{name} is {value!r}, not {expected[name]!r}")
    return found


def chains(cases: list[Case]) -> list[list[Case]]:
    """Each chain is a case that begins on a new VM, and the cases that continue with its VM."""
    found: list[list[Case]] = []
    for case in cases:
        if "sequences" in case:
            found.append([])
        found[-1].append(case)
    return found


def plays(stages: dict[Stage, list[Case]], position: int) -> list[dict[Stage, Case]]:
    """The cases at this position of all chains, by the play that they share."""
    found: dict[t.Any, dict[Stage, Case]] = collections.defaultdict(dict)
    for stage, chain in stages.items():
        if position < len(chain):
            case = chain[position]
            found[case.get("play"), tuple(case.get("arguments", []))][stage] = case
    return list(found.values())


def main(path: str, *urls: str) -> int:
    folder = pathlib.Path(path)
    every = chains(yaml.safe_load((HERE / "cases.yml").read_text(encoding="utf-8")))
    stages = {
        Stage(f"case-{number}", url, folder / str(number)): chain
        for number, (url, chain) in enumerate(zip(urls, every, strict=True))
    }
    folder.mkdir(exist_ok=True)
    for position in range(max(map(len, every))):
        for cases in plays(stages, position):
            output = play(folder, cases)
            found = {case["name"]: problems(stage, case, output) for stage, case in cases.items()}
            for name, wrong in found.items():
                print(f"{name}: {'; '.join(wrong) or 'ok'}", flush=True)
            if any(found.values()):
                print(output, file=sys.stderr)
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
