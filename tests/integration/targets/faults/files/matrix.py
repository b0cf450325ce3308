# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests complete runs of each plugin with some faults, while all proxy variables of known libraries are set.

    PYTHONPATH=tests:tests/simulator matrix.py FOLDER_FOR_ITS_FILES

Each combination of a plugin, a fault and how often it happens has a simulated VM of its own, so that all of
them can run side by side. What has to come of each is in tests/faults/cases.py.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import resource
import subprocess
import sys
import time
import typing as t

from faults.cases import ALWAYS, CASES, DOCUMENT, ONCE, PROXY_VARIABLES, THRICE, Case
from imds_simulator import Fault, Identity, Maintenance, Sequence, Simulator, Vm, _attested
from tools import isolation

HERE = pathlib.Path(__file__).resolve().parent
EVENT_ID = "C7061BAC-AFDC-4513-B24B-AA5F13A16123"
# The maximum time of all runs. It is much longer than they need, and short enough to notice a hanging run.
PATIENCE = 240
CROWD = 24
INVENTORY_RUNS = 10
NOBODY = "http://127.0.0.1:1"
# The faults for each plugin. The unit tests have all cases with each transport.
FEW = [
    case
    for case in CASES
    if case.tried in ("403", "503", "No answer", "The HTML of a captive portal")
]
MODULES = (
    "instance_facts",
    "access_token_info",
    "attested_info",
    "scheduled_events_info",
    "scheduled_event",
)
Result = dict[str, t.Any]


def is_whole(found: t.Any) -> bool:
    return isinstance(found, dict) and all(found.get(key) == DOCUMENT[key] for key in DOCUMENT)


RIGHT: dict[str, t.Callable[[Result], bool]] = {
    "instance_facts": lambda result: is_whole(result["ansible_facts"]["azure_imds"]),
    "access_token_info": lambda result: not result.get("failed"),
    "attested_info": lambda result: result["verified"] is True,
    "scheduled_events_info": lambda result: result["events"][0]["EventId"] == EVENT_ID,
    "scheduled_event": lambda result: result["changed"] is True,
    "metadata": lambda result: is_whole(result["msg"]),
    "crowd": lambda result: is_whole(result["msg"]),
    "access_token": lambda result: str(result["msg"]) == "3",
    "instances": is_whole,
}


def is_right(plugin: str, result: Result) -> bool:
    with contextlib.suppress(LookupError, TypeError):
        return not result.get("failed") and RIGHT[plugin](result)
    return False


class Asked(t.NamedTuple):
    """A plugin that sends its requests to one VM, or to an address where nothing listens."""

    name: str
    plugin: str
    vm: str
    wanted: str | None  # a part of its message; None for the right answer
    timeout: float
    deadline: float


def combination(number: int, plugin: str, case: Case, when: str) -> Asked:
    lasts = case.message(when) is not None
    timeout = 5.0
    if case.slow:
        timeout = 0.5 if when == ALWAYS else 2.0
    name = f"{plugin}-{number}-{when}".replace(" ", "-")
    return Asked(name, plugin, name, case.message(when), timeout, 5.0 if lasts else 60.0)


def plan() -> tuple[list[Asked], list[Vm]]:
    asked, vms = [], []

    def add(plugins: t.Iterable[str], cases: t.Iterable[Case], whens: t.Iterable[str]) -> None:
        for plugin in plugins:
            for case in cases:
                for when in whens:
                    # The first answer of scheduled events may take two minutes.
                    patient = plugin.startswith("scheduled_event") and when == ONCE
                    if case.slow and (when == THRICE or patient):
                        continue
                    one = combination(len(asked), plugin, case, when)
                    asked.append(one)
                    vms.append(vm(one.name, case, when))

    add(["metadata", "instances"], FEW, [ONCE, THRICE, ALWAYS])
    add(["access_token", *MODULES], FEW[1:3], [ONCE])
    add(["access_token", *MODULES], FEW, [ALWAYS])
    for plugin in ("metadata", "instances", "access_token", *MODULES):
        asked.append(
            Asked(f"{plugin}-nobody", plugin, "", "failed: connection refused, after", 5.0, 5.0)
        )
    for number in range(CROWD):
        asked.append(Asked(f"crowd-{number}", "crowd", "crowd", None, 10.0, 90.0))
    return asked, [*vms, Vm("crowd", DOCUMENT, rate_limit=5), Vm("trap", DOCUMENT)]


def vm(name: str, case: Case, when: str) -> Vm:
    return Vm(
        name,
        DOCUMENT,
        faults=[Fault(**case.settings(when, time.time()))],
        identities=[Identity(client_id="a", object_id="b")],
        maintenance=Maintenance([Sequence("reboot", ["web-1"], event_id=EVENT_ID)]),
    )


class Stage:
    """The folder with all files that the runs of Ansible read and write."""

    def __init__(self, folder: pathlib.Path, simulator: Simulator) -> None:
        self.folder = folder
        self.simulator = simulator
        self.local = folder / "local"
        self.local.mkdir()
        self.runs: list[tuple[subprocess.Popen[bytes], pathlib.Path]] = []

    def endpoint(self, one: Asked) -> str:
        return self.simulator[one.vm].url if one.vm else NOBODY

    def environment(self, name: str) -> dict[str, str]:
        trap = self.simulator["trap"].url
        kept = {key: value for key, value in os.environ.items() if key.lower() != "no_proxy"}
        return {
            **kept,
            **dict.fromkeys(PROXY_VARIABLES, trap),
            "ANSIBLE_CALLBACKS_ENABLED": "told",
            "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "plugins"),
            "ANSIBLE_INVENTORY_ENABLED": "ansible.builtin.yaml,imds.azure.instances",
            "ANSIBLE_LOCAL_TEMP": str(self.local),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PIPELINING": "1",
            "TOLD_PATH": str(self.folder / f"{name}.told"),
        }

    def start(self, name: str, *command: str) -> None:
        output = self.folder / f"{name}.txt"
        with output.open("wb") as out, (self.folder / f"{name}.err").open("wb") as err:
            run = subprocess.Popen(
                command,
                env=self.environment(name),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
        self.runs.append((run, output))

    def play(self, kind: str, asked: list[Asked], forks: int) -> None:
        groups: dict[str, t.Any] = {}
        for one in asked:
            group = groups.setdefault(one.plugin, {"hosts": {}})
            group["hosts"][one.name] = {
                "azure_imds_endpoint": self.endpoint(one),
                "azure_imds_timeout": one.timeout,
                "azure_imds_deadline": one.deadline,
            }
        shared = {
            "ansible_connection": "local",
            "ansible_python_interpreter": sys.executable,
            "event_id": EVENT_ID,
            **self.authorities(),
        }
        inventory = self.folder / f"{kind}.yml"
        inventory.write_text(json.dumps({"all": {"children": groups, "vars": shared}}))
        play = str(HERE / f"{kind}.yml")
        self.start(kind, "ansible-playbook", f"--forks={forks}", f"--inventory={inventory}", play)

    def authorities(self) -> dict[str, str]:
        paths = {}
        for name, pem in _attested.authorities().items():
            path = self.folder / f"{name}.pem"
            path.write_text(pem)
            paths[name] = str(path)
        return paths

    def read_inventories(self, asked: list[Asked]) -> None:
        for number in range(INVENTORY_RUNS):
            sources = [self.inventory(one) for one in asked[number::INVENTORY_RUNS]]
            arguments = [f"--inventory={source}" for source in sources]
            self.start(f"inventory-{number}", "ansible-inventory", "--list", *arguments)

    def inventory(self, one: Asked) -> pathlib.Path:
        source = self.folder / f"{one.name}.imds.yml"
        options = {
            "plugin": "imds.azure.instances",
            "endpoint": self.endpoint(one),
            "timeout": one.timeout,
            "deadline": one.deadline,
            "hostnames": [f"`{one.name}`"],
        }
        source.write_text(json.dumps(options))
        return source

    def wait(self) -> list[str]:
        """Waits for the end of all runs. Returns the problems of their output."""
        end = time.monotonic() + PATIENCE
        found = []
        for run, output in self.runs:
            try:
                run.wait(max(1.0, end - time.monotonic()))
            except subprocess.TimeoutExpired:
                run.kill()
                found.append(f"{output.stem} hangs")
            printed = output.read_text() + output.with_suffix(".err").read_text()
            if "Traceback" in printed:
                found.append(f"{output.stem} printed a traceback: {printed[-3000:]}")
        return found

    def told(self) -> dict[str, Result]:
        """The results of tasks, by host."""
        lines = [line for path in self.folder.glob("*.told") for line in path.open()]
        return {told["host"]: told["result"] for told in map(json.loads, lines)}

    def listed(self) -> tuple[dict[str, Result], str]:
        """The fact of each host in an inventory, and the whole output without white space.

        Older versions of ansible-core wrap messages at column 79, even within words.
        """
        facts: dict[str, Result] = {}
        said = ""
        for output in self.folder.glob("inventory-*.txt"):
            text = output.read_text()
            hosts = json.loads(text)["_meta"]["hostvars"] if text else {}
            facts.update({name: found["azure_imds"] for name, found in hosts.items()})
            said += output.with_suffix(".err").read_text()
        return facts, re.sub(r"\s+", "", said)


def problem_of_task(one: Asked, result: Result | None) -> str:
    if result is None:
        return "there is no result"
    if one.wanted is None:
        return "" if is_right(one.plugin, result) else "it is not right"
    if not result.get("failed") or "ansible_facts" in result:
        return "it did not fail"
    text = json.dumps(result)
    if "Traceback" in text:
        return "there is a traceback"
    said = " ".join(str(result.get("msg")).split())
    return "" if one.wanted in said else f"it does not say {one.wanted!r}"


def problem_of_inventory(one: Asked, fact: Result | None, said: str) -> str:
    if one.wanted is None:
        return "" if is_whole(fact) else "the host is not right"
    if fact is not None:
        return "there is a host"
    message = re.escape(re.sub(r"\s+", "", one.wanted))
    source = re.escape(f"{one.name}.imds.yml:GET")
    # Up to the next inventory source that a message names.
    if re.search(source + r"(?:(?!\.imds\.yml).)*?" + message, said):
        return ""
    return f"it does not say {one.wanted!r}"


def check_everything(stage: Stage, asked: list[Asked]) -> list[str]:
    found = stage.wait()
    told = stage.told()
    facts, said = stage.listed()
    for one in asked:
        if one.plugin == "instances":
            problem = problem_of_inventory(one, facts.get(one.name), said)
            evidence = facts.get(one.name)
        else:
            problem = problem_of_task(one, told.get(one.name))
            evidence = told.get(one.name)
        if problem:
            found.append(f"{one.name}: {problem}: {json.dumps(evidence)[:1500]}")
    trapped = [request.target for request in stage.simulator["trap"].requests]
    if trapped:
        found.append(f"a proxy was asked for {trapped}")
    left = [str(path) for path in stage.local.rglob("*") if path.is_file()]
    if left:
        found.append(f"the runs left {left}")
    return found


def without_a_network(folder: pathlib.Path) -> list[str]:
    """Tests the default endpoint without a route to it, because only a kernel can return that error."""
    prefix = isolation.prefix()
    if not prefix:
        print("no network namespaces here: no route was not tried")
        return []
    source = folder / "no-route.imds.yml"
    source.write_text('{"plugin": "imds.azure.instances", "deadline": 0.9}')
    options = "deadline=0.9"
    commands = [
        ["ansible", "localhost", "-m", "imds.azure.instance_facts", "-a", options],
        ["ansible-inventory", "-i", str(source), "--list"],
    ]
    found = []
    for command in commands:
        run = subprocess.run(
            [*prefix, *command],
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "ANSIBLE_NOCOLOR": "1"},
        )
        printed = re.sub(r"\s+", "", run.stdout + run.stderr)
        if "failed:thenetworkisunreachable,after" not in printed or "Traceback" in printed:
            found.append(f"{command[0]} without a route: {run.stdout}{run.stderr}")
    return found


def main(folder: pathlib.Path) -> int:
    # Each VM has a listener, and each connection has two ends.
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    asked, vms = plan()
    with Simulator(vms, rate_limit=0) as simulator:
        stage = Stage(folder, simulator)
        stage.play("lookups", [a for a in asked if a.plugin in LOOKUPS], forks=60)
        stage.read_inventories([a for a in asked if a.plugin == "instances"])
        stage.play("modules", [a for a in asked if a.plugin in MODULES], forks=20)
        found = check_everything(stage, asked)
    found += without_a_network(folder)
    print(f"{len(asked)} combinations, {len(found)} of them wrong")
    print("\n".join(found), file=sys.stderr)
    return 1 if found else 0


LOOKUPS = ("metadata", "crowd", "access_token")

if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
