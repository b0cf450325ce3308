# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares the results of each fault on a Linux host and on a Windows host, field by field.

    PYTHONPATH=tests:tests/simulator matrix.py FOLDER_FOR_ITS_FILES

Only tests/windows/differences.py lists allowed differences.
"""

from __future__ import annotations

import itertools
import json
import pathlib
import re
import sys
import time
import typing as t

from faults.cases import ALWAYS, CASES, DOCUMENT, ONCE, Case
from imds_simulator import Fault, Identity, Maintenance, Sequence, Simulator, Vm, _attested
from windows.differences import OTHER_SIZE, SAYS, WITHOUT_END
from windows.stage import LINUX, TESTS, WINDOWS, Stage

FAULTS = TESTS / "integration" / "targets" / "faults" / "files"
EVENT_ID = "C7061BAC-AFDC-4513-B24B-AA5F13A16123"
KINDS = {"linux": LINUX, "windows": {**WINDOWS, "double_read_timeout": 1}}
# The faults for each module.
FEW = [case for case in CASES if case.tried in ("403", "503", "The HTML of a captive portal")]
OTHERS = ("access_token_info", "attested_info", "scheduled_events_info", "scheduled_event")
# Fields that differ between two requests of one VM, and fields that Ansible adds to the result of a module.
_CHANGING = ("nonce", "signature", "certificate", "timeStamp", "gathered_at", "notice")
_ADDED = ("invocation", "discovered_interpreter_python", "deprecations", "exception")

Result = dict[str, t.Any]


class Asked(t.NamedTuple):
    name: str
    module: str
    case: Case | None
    when: str

    def host(self, kind: str) -> str:
        return f"{kind}-{self.name}"


def plan() -> t.Iterator[Asked]:
    count = itertools.count()

    def asked(module: str, case: Case | None, when: str) -> Asked:
        return Asked(f"{module}-{next(count)}", module, case, when)

    for case in CASES:
        if case.tried not in WITHOUT_END:
            yield asked("instance_facts", case, ALWAYS)
    for module, case in itertools.product(OTHERS, FEW):
        yield asked(module, case, ALWAYS)
    for module in ("instance_facts", *OTHERS):
        yield asked(module, FEW[1], ONCE)
        yield asked(module, None, ONCE)


def vm(asked: Asked, kind: str) -> Vm:
    faults = []
    if asked.case is not None:
        faults = [Fault(**asked.case.settings(asked.when, time.time()))]
    return Vm(
        asked.host(kind),
        DOCUMENT,
        faults=faults,
        identities=[Identity(client_id="a", object_id="b")],
        maintenance=Maintenance([Sequence("reboot", ["web-1"], event_id=EVENT_ID)]),
    )


def inventory(stage: Stage, every: list[Asked], simulator: Simulator) -> str:
    groups: dict[str, t.Any] = {}
    for asked, (kind, connection) in itertools.product(every, KINDS.items()):
        hosts = groups.setdefault(asked.module, {"hosts": {}})["hosts"]
        lasts = asked.when == ALWAYS
        hosts[asked.host(kind)] = {
            **connection,
            "azure_imds_endpoint": simulator[asked.host(kind)].url,
            "azure_imds_timeout": 1.0 if asked.case and asked.case.slow else 5.0,
            "azure_imds_deadline": 4.0 if lasts else 60.0,
        }
    path = stage.folder / "hosts.yml"
    variables = {"event_id": EVENT_ID}
    for name, pem in _attested.authorities().items():
        (stage.folder / f"{name}.pem").write_text(pem)
        variables[name] = str(stage.folder / f"{name}.pem")
    path.write_text(json.dumps({"all": {"children": groups, "vars": variables}}))
    return str(path)


def comparable(value: t.Any, url: str) -> t.Any:
    """The value without the fields that always differ between two requests."""
    if isinstance(value, dict):
        return {
            key: "" if key in _CHANGING else comparable(item, url)
            for key, item in value.items()
            if key not in _ADDED and not key.startswith("_ansible_")
        }
    if isinstance(value, list):
        return [comparable(item, url) for item in value]
    return comparable_text(value, url) if isinstance(value, str) else value


def comparable_text(text: str, url: str) -> str:
    text = text.replace(url, "URL").removeprefix("Action failed: ")
    text = re.sub(r"after ([2-9]|\d\d) attempts in [\d.]+ s", "after some attempts", text)
    text = re.sub(r"after 1 attempt in [\d.]+ s", "after 1 attempt", text)
    text = re.sub(r"nonce=[0-9a-f]{32}", "nonce=", text)
    for advice in (
        "The role imds.azure.diagnose finds the cause on a host",
        "The guide to Windows hosts of this collection lists the checks for this case",
    ):
        text = text.replace(advice, "ADVICE")
    return text


def problem(asked: Asked, results: dict[str, Result], simulator: Simulator) -> str:
    found = {
        kind: comparable(results.get(asked.host(kind)), simulator[asked.host(kind)].url)
        for kind in KINDS
    }
    linux, windows = found["linux"], found["windows"]
    if not linux or not windows:
        return "there is no result"
    case = asked.case
    if case is not None and asked.when == ALWAYS:
        if case.tried in SAYS and asked.module == "instance_facts":
            said, wanted = windows.pop("msg", ""), SAYS[case.tried]
            if wanted not in said or case.says not in linux.pop("msg", ""):
                return f"it does not say {wanted!r} but {said!r}"
        elif not case.harmless and not linux["failed"]:
            return "it did not fail"
        if case.retried:
            # How many attempts fit into the deadline depends on the load of this machine.
            for result in (linux, windows):
                result.update(msg=result.get("msg", "").replace("1 attempt", "some attempts"))
        if case.tried in OTHER_SIZE:
            for result in (linux, windows):
                result["msg"] = re.sub(r"with \d+ bytes", "with some bytes", result["msg"])
    return "" if linux == windows else f"{json.dumps(linux)[:1500]}\n  {json.dumps(windows)[:1500]}"


def main(folder: pathlib.Path) -> None:
    stage = Stage(folder / "matrix")
    every = [*plan()]
    vms = [vm(asked, kind) for asked, kind in itertools.product(every, KINDS)]
    told = stage.folder / "told"
    with Simulator(vms, rate_limit=0) as simulator:
        stage.run(
            *("ansible-playbook", "-f", "16", "-i", inventory(stage, every, simulator)),
            str(FAULTS / "modules.yml"),
            ANSIBLE_CALLBACKS_ENABLED="told",
            ANSIBLE_CALLBACK_PLUGINS=str(FAULTS / "plugins"),
            TOLD_PATH=str(told),
        )
        lines = map(json.loads, told.read_text().splitlines())
        results = {line["host"]: line["result"] for line in lines}
        problems = [
            f"{asked.name} ({asked.case.tried if asked.case else 'no fault'}): {words}"
            for asked in every
            if (words := problem(asked, results, simulator))
        ]
    if problems:
        sys.exit("\n".join(problems))
    print(f"{len(every)} pairs of results are equal")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
