# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two runs of the role at once on one VM, and runs that are killed in each phase.

    run_together.py FOLDER_FOR_ITS_FILES URL_OF_A_SIMULATED_VM

The draining and restoring tasks write their begin and end to a journal. They wait while the file `hold-drain` or `hold-restore` exists.
"""

from __future__ import annotations

import json
import pathlib
import sys
import time
import typing as t

from run_cases import HERE, Stage, lines_of  # isort: skip - it sets the path for the next import
from ansible_runs import start

ROUTE = "/metadata/scheduledevents"
FREEZE = "602D9444-D2CD-49C7-8624-8643E7171293"
REBOOT = "C7061BAC-AFDC-4513-B24B-AA5F13A16123"
PATIENCE = 300.0
Sequences = list[dict[str, t.Any]]


class Run:
    """A run of the role in its own process."""

    def __init__(self, vm: Vm, number: int, **variables: t.Any) -> None:
        self.output = vm.folder / f"run-{number}.txt"
        extra = {"folder": str(vm.folder), "maintenance_lock_wait": 240, **variables}
        play = ("-i", vm.inventory, str(HERE / "play.yml"), "-e", json.dumps(extra))
        with self.output.open("w", encoding="utf-8") as output:
            self.process = start("ansible-playbook", *play, output=output)

    @property
    def said(self) -> str:
        return " ".join(self.output.read_text(encoding="utf-8").split())

    def ends(self, status: int = 0) -> str:
        actual = self.process.wait(PATIENCE)
        must(
            actual == status,
            f"the run ends with {actual}, not {status}:\n{self.output.read_text()}",
        )
        return self.said

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


class Vm(Stage):
    """The VM and its runs."""

    def __init__(self, url: str, folder: pathlib.Path) -> None:
        super().__init__("together", url, folder)
        self.runs: list[Run] = []

    def begin_scenario(self, name: str) -> None:
        print(name, flush=True)
        self.set([])
        self.control("PUT", "faults", [])
        variables = {
            "maintenance_drain_tasks": str(HERE / "together_drain.yml"),
            "maintenance_restore_tasks": str(HERE / "together_restore.yml"),
            "azure_imds_timeout": 5,
        }
        inventory = {"all": {"hosts": {self.name: self.begin({"vars": variables})}}}
        self.inventory = str(self.folder / "hosts.json")
        pathlib.Path(self.inventory).write_text(json.dumps(inventory), encoding="utf-8")

    def run(self, **variables: t.Any) -> Run:
        self.runs.append(Run(self, len(self.runs), **variables))
        return self.runs[-1]

    def schedule(self, *sequences: dict[str, t.Any]) -> None:
        self.control("PUT", "maintenance", {"sequences": list(sequences)})

    def advance(self, seconds: float) -> None:
        self.control("PUT", "clock", {"advance": seconds})

    def hold(self, step: str) -> None:
        (self.folder / f"hold-{step}").touch()

    def go_on(self, step: str) -> None:
        (self.folder / f"hold-{step}").unlink(missing_ok=True)

    def asked(self, method: str) -> int:
        requests = self.control("GET", "requests")
        return sum(each["method"] == method and each["path"] == ROUTE for each in requests)

    @property
    def journal(self) -> list[str]:
        return lines_of(self.folder / "journal.txt")

    def until(self, condition: t.Callable[[], t.Any], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            must(time.monotonic() < deadline, f"waited in vain: {what}. {self.journal}")
            time.sleep(0.1)

    def until_waiting(self, run: Run) -> None:
        self.until(lambda: "TASK [imds.azure.maintenance : Wait until" in run.said, "the lock")
        # A run that does not wait for the lock goes on within this time.
        time.sleep(4)

    def expect(self, *journal: str, approvals: int, remembered: int) -> None:
        actual = (self.journal, self.asked("POST"), len(list(self.states.glob("*.json"))))
        must(actual == (list(journal), approvals, remembered), f"{actual}")


def must(condition: bool, message: str) -> None:
    if not condition:
        sys.exit(message)


def event(kind: str, event_id: str, **fields: t.Any) -> dict[str, t.Any]:
    return {"kind": kind, "resources": ["web-1"], "event_id": event_id, **fields}


def both(step: str) -> list[str]:
    return [f"{step} begins", f"{step} ends"]


def drained_and_over(vm: Vm) -> None:
    """Writes a record in the format of version 0.1.0."""
    remembered = {"EventId": FREEZE, "EventType": "Freeze", "EventStatus": "Scheduled"}
    vm.states.mkdir(mode=0o700)
    (vm.states / f"{FREEZE}.json").write_text(json.dumps(remembered), encoding="utf-8")


def second_run_while_the_first_restores(vm: Vm) -> None:
    drained_and_over(vm)
    vm.hold("restore")
    first = vm.run()
    vm.until(lambda: "restore Freeze begins" in vm.journal, "the restoring tasks")
    vm.schedule(event("reboot", REBOOT))
    impatient, patient = vm.run(maintenance_lock_wait=0), vm.run()
    said = impatient.ends(2)
    must("another run of the role maintenance has worked on this VM since" in said, said)
    vm.until_waiting(patient)
    must(vm.journal[-1] == "restore Freeze begins", f"{vm.journal}")
    vm.go_on("restore")
    first.ends()
    patient.ends()
    # The VM is not in service when the event begins.
    vm.expect(*both("restore Freeze"), *both("drain Reboot"), approvals=1, remembered=1)


def restoring_run_that_was_taken_for_dead(vm: Vm) -> Run:
    drained_and_over(vm)
    vm.hold("restore")
    first = vm.run(maintenance_lock_seconds=5)
    vm.until(lambda: "restore Freeze begins" in vm.journal, "the restoring tasks")
    vm.schedule(event("reboot", REBOOT))
    return first


def restored_after_a_drain(vm: Vm) -> None:
    first = restoring_run_that_was_taken_for_dead(vm)
    vm.run().ends()
    must(vm.journal[-1] == "drain Reboot ends", f"{vm.journal}")
    vm.go_on("restore")
    said = first.ends(2)
    must("another run of the role maintenance took the lock over" in said, said)
    vm.run().ends()
    must(vm.journal[-3:] == ["restore Freeze ends", *both("drain Reboot")], f"{vm.journal}")


def restored_during_a_drain(vm: Vm) -> None:
    first = restoring_run_that_was_taken_for_dead(vm)
    vm.hold("drain")
    second = vm.run()
    vm.until(lambda: "drain Reboot begins" in vm.journal, "the second run")
    vm.go_on("restore")
    first.ends(2)
    vm.go_on("drain")
    said = second.ends(2)
    must("has restored the VM while this run drained it" in said, said)
    must(vm.asked("POST") == 0, "it was approved")
    vm.run().ends()
    must(vm.journal[-2:] == both("drain Reboot"), f"{vm.journal}")
    must(vm.asked("POST") == 1, "it was not approved")


def killed_while_it_asks(vm: Vm) -> None:
    vm.schedule(event("reboot", REBOOT))
    vm.control("PUT", "faults", [{"kind": "hang", "path": ROUTE, "method": "GET", "times": 1}])
    killed = vm.run()
    vm.until(lambda: vm.asked("GET"), "its request")
    killed.kill()
    said = vm.run().ends()
    must("did not end. This run continues its work" in said, said)
    vm.expect(*both("drain Reboot"), approvals=1, remembered=1)


def killed_while_it_drains(vm: Vm) -> None:
    vm.schedule(event("reboot", REBOOT))
    vm.hold("drain")
    killed = vm.run()
    vm.until(lambda: "drain Reboot begins" in vm.journal, "the draining tasks")
    killed.kill()
    following = vm.run()
    vm.until_waiting(following)
    must(vm.journal == ["drain Reboot begins"], f"{vm.journal}")
    vm.go_on("drain")
    following.ends()
    vm.expect(*both("drain Reboot"), *both("drain Reboot"), approvals=1, remembered=1)


def killed_while_it_approves(vm: Vm) -> None:
    """IMDS has not acted on the approval, so the next run drains again and approves."""
    vm.schedule(event("reboot", REBOOT))
    fault = {"kind": "delay", "seconds": 600, "path": ROUTE, "method": "POST", "times": 1}
    vm.control("PUT", "faults", [fault])
    # The module outlives its run. Its deadline ends with its first attempt, so it never approves anything.
    killed = vm.run(azure_imds_timeout=60, azure_imds_deadline=60)
    vm.until(lambda: vm.asked("POST"), "its approval")
    killed.kill()
    vm.run().ends()
    vm.expect(*both("drain Reboot"), *both("drain Reboot"), approvals=2, remembered=1)
    vm.advance(1200)
    vm.run().ends()
    must(vm.journal[-2:] == both("restore Reboot"), f"{vm.journal}")


def killed_while_its_approval_is_answered(vm: Vm) -> None:
    """IMDS has acted on the approval, so the next run has nothing to do until the event is over."""
    vm.schedule(event("reboot", REBOOT))
    vm.control("PUT", "faults", [{"kind": "hang", "path": ROUTE, "method": "POST", "times": 1}])
    killed = vm.run(azure_imds_timeout=60, azure_imds_deadline=60)
    vm.until(lambda: vm.asked("POST"), "its approval")
    killed.kill()
    vm.run().ends()
    vm.expect(*both("drain Reboot"), approvals=1, remembered=1)
    vm.advance(1200)
    vm.run().ends()
    vm.expect(*both("drain Reboot"), *both("restore Reboot"), approvals=1, remembered=0)


def killed_while_it_restores(vm: Vm) -> None:
    drained_and_over(vm)
    vm.hold("restore")
    killed = vm.run()
    vm.until(lambda: "restore Freeze begins" in vm.journal, "the restoring tasks")
    killed.kill()
    vm.schedule(event("reboot", REBOOT))
    following = vm.run()
    # The tasks of the killed run still run, and would restore the VM after a drain.
    vm.until_waiting(following)
    must(vm.journal[-1] == "restore Freeze begins", f"{vm.journal}")
    vm.go_on("restore")
    following.ends()
    vm.expect(*both("restore Freeze"), *both("drain Reboot"), approvals=1, remembered=2)
    vm.advance(300)
    vm.run().ends()
    must(
        sorted(vm.journal[-4:]) == sorted(both("restore Freeze") + both("restore Reboot")),
        f"{vm.journal}",
    )
    must(len(list(vm.states.glob("*.json"))) == 0, "something is still remembered")


def gone_while_it_drains(vm: Vm) -> None:
    vm.schedule(event("reboot", REBOOT, cancel_after=100))
    vm.hold("drain")
    run = vm.run()
    vm.until(lambda: "drain Reboot begins" in vm.journal, "the draining tasks")
    vm.advance(100)
    vm.go_on("drain")
    run.ends()
    vm.expect(*both("drain Reboot"), approvals=0, remembered=1)
    vm.run().ends()
    vm.expect(*both("drain Reboot"), *both("restore Reboot"), approvals=0, remembered=0)


SCENARIOS = (
    second_run_while_the_first_restores,
    restored_after_a_drain,
    restored_during_a_drain,
    killed_while_it_asks,
    killed_while_it_drains,
    killed_while_it_approves,
    killed_while_its_approval_is_answered,
    killed_while_it_restores,
    gone_while_it_drains,
)


def main(path: str, url: str) -> int:
    vm = Vm(url, pathlib.Path(path))
    try:
        for scenario in SCENARIOS:
            vm.begin_scenario(scenario.__name__.replace("_", " "))
            scenario(vm)
    finally:
        vm.go_on("drain")
        vm.go_on("restore")
        for run in vm.runs:
            run.kill()
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
