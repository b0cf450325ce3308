# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests scheduled events with a real ansible-rulebook: rules, playbooks, faults and the end."""

from __future__ import annotations

import pathlib
import time
import typing as t

import pytest

import guides
from imds_simulator import Fault, Sequence, Vm

if t.TYPE_CHECKING:
    from conftest import Rulebook

FILES = pathlib.Path(__file__).resolve().parent / "files"
SOURCES = (
    pathlib.Path(__file__).resolve().parents[3] / "extensions" / "eda" / "plugins" / "event_source"
)
ROUTE = "/metadata/scheduledevents"


def lines(file: pathlib.Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def statuses(vm: Vm) -> list[str]:
    return [event["EventStatus"] for event in vm.maintenance.events()[1]]


def asked(vm: Vm) -> int:
    return sum(request.path == ROUTE and request.method == "GET" for request in vm.requests)


def test_the_example_drains_approves_and_restores(vm: Vm, rulebook: Rulebook) -> None:
    """Tests the rulebook of the collection by its name. It has the full name of the source."""
    log = rulebook.folder / "log.txt"
    for name in ("drain", "restore"):
        task = {"line": f"{name} {{{{ maintenance_event.EventType }}}}", "path": str(log)}
        task_file = [{"name": name, "ansible.builtin.lineinfile": {**task, "create": True}}]
        rulebook.write(f"{name}.yml", task_file)
    rulebook.start(
        "--rulebook",
        "imds.azure.maintenance",
        maintenance_drain_tasks=str(rulebook.folder / "drain.yml"),
        maintenance_restore_tasks=str(rulebook.folder / "restore.yml"),
        maintenance_state_dir=str(rulebook.folder / "state"),
        maintenance_poll=1,
    )
    rulebook.until(lambda: asked(vm), "its first request")
    vm.maintenance.add(Sequence("reboot", ["web-0"]))
    rulebook.until(lambda: statuses(vm) == ["Started"], "the approval")
    assert lines(log) == ["drain Reboot"]
    vm.maintenance.advance(120)
    rulebook.until(lambda: lines(log) == ["drain Reboot", "restore Reboot"], "the restoring tasks")
    assert [request.method for request in vm.requests].count("POST") == 1


def test_rules_see_each_change_once(vm: Vm, rulebook: Rulebook) -> None:
    """Tests a rulebook that calls a playbook. It has the short name of the source, which is in a folder."""
    log = rulebook.folder / "log.txt"
    vm.faults = [Fault("status", status=503, times=1), Fault("reset", times=1)]
    rulebook.start(
        "--rulebook",
        str(FILES / "rulebook.yml"),
        "--source-dir",
        str(SOURCES),
        approve=str(FILES / "approve.yml"),
        log=str(log),
    )
    rulebook.until(lambda: asked(vm) >= 2, "requests in spite of faults")
    vm.maintenance.add(Sequence("terminate", ["web-0", "web-1"]))
    vm.maintenance.add(Sequence("freeze", ["web-1"]))
    rulebook.until(lambda: "Started" in statuses(vm), "the approval")
    rulebook.until(lambda: "status_changed" in rulebook.text(), "the start")
    vm.faults = [Fault("status", status=200, body="{", path=ROUTE, times=2)]
    rulebook.until(lambda: vm.faults[0].used == 2, "requests in spite of faults")
    vm.maintenance.advance(60)
    # The rule for the disappeared event ends ansible-rulebook.
    assert rulebook.ended() == 0
    assert lines(log) == ["Terminate of web-0, web-1 approved"]
    for change in ("appeared: Scheduled", "status_changed: Started", "disappeared: Started"):
        assert rulebook.text().count(f"Terminate {change}") == 1, rulebook.text()
    assert "Freeze" not in rulebook.text()
    assert "Traceback" not in rulebook.text()


def test_the_rules_of_the_guide(
    vm: Vm, rulebook: Rulebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tests the guide to maintenance: a Spot VM uses its half minute for a checkpoint."""
    (rules,) = (block for block in guides.blocks("maintenance") if block.name == "evictions.yml")
    (rulebook.folder / rules.name).write_text(rules.text, encoding="utf-8")
    log = rulebook.folder / "log.txt"
    line = {"line": "{{ event_id }}", "path": str(log), "create": True}
    task = {"name": "Say which", "ansible.builtin.lineinfile": line}
    play = {"name": "Checkpoint", "hosts": "all", "gather_facts": False, "tasks": [task]}
    rulebook.write("checkpoint.yml", [play])
    monkeypatch.setenv("AZURE_IMDS_ENDPOINT", vm.url)
    rulebook.start("--rulebook", rules.name)
    rulebook.until(lambda: asked(vm), "its first request")
    vm.maintenance.add(Sequence("preempt", ["web-0"]))
    rulebook.until(log.exists, "the checkpoint")
    assert lines(log) == [event["EventId"] for event in vm.maintenance.events()[1]]


def test_it_ends_while_a_request_hangs(vm: Vm, rulebook: Rulebook) -> None:
    vm.faults = [Fault("hang", path=ROUTE)]
    rulebook.start("--rulebook", "imds.azure.maintenance", maintenance_drain_tasks="/none.yml")
    rulebook.until(lambda: asked(vm), "its first request")
    begun = time.monotonic()
    rulebook.interrupt()
    rulebook.ended(30)
    assert time.monotonic() - begun < 30


def test_a_bad_option_is_said(rulebook: Rulebook) -> None:
    rulebook.start(
        "--rulebook", "imds.azure.maintenance", maintenance_drain_tasks="/x", maintenance_poll=0.1
    )
    assert rulebook.ended() != 0
    assert "interval must be at least 1 second, not 0.1" in rulebook.text()
