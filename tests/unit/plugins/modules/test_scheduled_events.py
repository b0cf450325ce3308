# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the two modules for scheduled events with the simulator. They run as Ansible runs them."""

from __future__ import annotations

import io
import json
import typing as t

import pytest
from ansible.module_utils import basic

from ansible_collections.imds.azure.plugins.modules import scheduled_event, scheduled_events_info
from imds_simulator import Fault, Maintenance, Sequence, Simulator, Vm

ID = "C7061BAC-AFDC-4513-B24B-AA5F13A16123"
OTHER_ID = "602D9444-D2CD-49C7-8624-8643E7171293"
ROUTE = "/metadata/scheduledevents"

Run = t.Callable[..., dict[str, t.Any]]


@pytest.fixture
def vm() -> t.Iterator[Vm]:
    vm = Vm("web-0", {"compute": {"name": "web-0"}}, maintenance=Maintenance())
    with Simulator([vm], rate_limit=0):
        yield vm


@pytest.fixture
def run(vm: Vm, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a module until its end, and returns its output."""

    def run(module: t.Any, check_mode: bool = False, **options: t.Any) -> dict[str, t.Any]:
        given = {"endpoint": vm.url, "_ansible_check_mode": check_mode, **options}
        given.update(_ansible_remote_tmp="/tmp", _ansible_keep_remote_files=False)  # noqa: S108
        arguments = json.dumps({"ANSIBLE_MODULE_ARGS": given}).encode()
        monkeypatch.setattr(basic, "_ANSIBLE_ARGS", arguments)
        # Since ansible-core 2.19, there are several formats of arguments.
        monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy", raising=False)
        monkeypatch.setattr("sys.stdin", io.StringIO())
        with pytest.raises(SystemExit) as ended:
            module.main()
        result: dict[str, t.Any] = json.loads(capsys.readouterr().out)
        assert bool(ended.value.code) == result.get("failed", False)
        return result

    return run


def posts(vm: Vm) -> list[t.Any]:
    return [json.loads(request.body) for request in vm.requests if request.method == "POST"]


def test_info_of_this_vm(vm: Vm, run: Run) -> None:
    vm.maintenance.add(Sequence("reboot", ["WEB-0", "web-1"], event_id=ID))
    vm.maintenance.add(Sequence("freeze", ["web-1"]))
    result = run(scheduled_events_info)
    assert (result["resource"], result["incarnation"]) == ("web-0", 2)
    (event,) = result["events"]
    assert (event["EventId"], event["Resources"]) == (ID, ["WEB-0", "web-1"])
    assert 840 < event["notice"] <= 900
    assert event["not_before"].endswith("Z")


def test_info_of_a_resource_takes_one_request(vm: Vm, run: Run) -> None:
    vm.maintenance.add(Sequence("freeze", ["web-1"]))
    assert len(run(scheduled_events_info, resource="web-1")["events"]) == 1
    assert [request.path for request in vm.requests] == [ROUTE]


def test_info_of_all(vm: Vm, run: Run) -> None:
    for name in ("web-0", "web-1"):
        vm.maintenance.add(Sequence("freeze", [name]))
    result = run(scheduled_events_info, resource="*")
    assert (len(result["events"]), result["resource"]) == (2, "*")


@pytest.mark.parametrize("body", ["", " ", '{"DocumentIncarnation": 3, "Events": null}'])
def test_no_events_at_all(vm: Vm, run: Run, body: str) -> None:
    vm.faults = [Fault("status", status=200, body=body, path=ROUTE, method="GET")]
    for resource in ("web-0", "*"):
        result = run(scheduled_events_info, resource=resource)
        assert (result["events"], result["incarnation"]) == ([], 3 if "3" in body else 0)
    assert len(vm.requests) == 2
    assert run(scheduled_event, event_id="none")["msg"].endswith("It lists nothing")


@pytest.mark.parametrize("resources", ["WEB-0", "web-1,web-0", " web-1 , web-0 "])
def test_resources_as_a_text_name_this_vm(vm: Vm, run: Run, resources: str) -> None:
    fields = {"Resources": resources, "NotBefore": "2030-01-01T00:00:00Z"}
    vm.maintenance.add(Sequence("reboot", [], event_id=ID, fields=fields))
    (event,) = run(scheduled_events_info)["events"]
    assert event["Resources"] == [name.strip() for name in resources.split(",")]
    assert event["resources_text"] == resources
    assert event["not_before"] == "2030-01-01T00:00:00Z"
    assert event["notice"] > 0


def test_info_asks_for_the_name_in_the_newest_version(vm: Vm, run: Run) -> None:
    run(scheduled_events_info, api_version="2019-08-01")
    assert [request.parameter("api-version") for request in vm.requests] == [
        "2025-04-07",
        "2019-08-01",
    ]


def test_info_without_an_answer(vm: Vm, run: Run) -> None:
    vm.faults = [Fault("status", status=403)]
    result = run(scheduled_events_info)
    assert result["failed"]
    assert result["msg"].startswith(f"GET {vm.url}/metadata/instance")


def test_info_of_a_vm_without_name(vm: Vm, run: Run) -> None:
    vm.document = {"compute": {"location": "westeurope"}}
    assert "set resource" in run(scheduled_events_info)["msg"]


def test_a_bad_option(run: Run) -> None:
    for module, options in ((scheduled_events_info, {}), (scheduled_event, {"event_id": ID})):
        result = run(module, endpoint="http://example.com", **options)
        assert "is refused" in result["msg"]


def test_approval(vm: Vm, run: Run) -> None:
    vm.maintenance.add(Sequence("reboot", ["web-0", "web-1"], event_id=ID))
    result = run(scheduled_event, event_id=ID)
    assert result["changed"]
    assert result["resources"] == ["web-0", "web-1"]
    assert (result["event"]["EventId"], result["event"]["EventStatus"]) == (ID, "Scheduled")
    assert posts(vm) == [{"StartRequests": [{"EventId": ID}]}]
    assert vm.maintenance.events()[1][0]["EventStatus"] == "Started"


def test_approval_is_idempotent_until_the_end_and_beyond(vm: Vm, run: Run) -> None:
    vm.maintenance.add(Sequence("reboot", ["web-0"], event_id=ID))
    assert run(scheduled_event, event_id=ID)["changed"]
    started = run(scheduled_event, event_id=ID)
    assert (started["changed"], started["event"]["EventStatus"]) == (False, "Started")
    assert len(posts(vm)) == 1
    vm.maintenance.advance(120)
    gone = run(scheduled_event, event_id=ID)
    assert (gone["changed"], gone["event"], gone["resources"]) == (False, {}, [])
    assert "it is over or was cancelled" in gone["msg"]


def test_approval_sends_the_identifier_as_imds_writes_it(vm: Vm, run: Run) -> None:
    vm.maintenance.add(Sequence("reboot", ["web-0"], event_id=ID))
    assert run(scheduled_event, event_id=f" {ID.lower()} ")["changed"]
    assert posts(vm) == [{"StartRequests": [{"EventId": ID}]}]


def test_approval_in_check_mode_sends_nothing(vm: Vm, run: Run) -> None:
    vm.maintenance.add(Sequence("reboot", ["web-0"], event_id=ID))
    result = run(scheduled_event, check_mode=True, event_id=ID)
    assert (result["changed"], result["resources"]) == (True, ["web-0"])
    unlisted = run(scheduled_event, check_mode=True, event_id=OTHER_ID)
    assert not unlisted["changed"]
    # The event may have existed before, without a request.
    assert unlisted["msg"].endswith("it is over, was cancelled or never existed")
    assert posts(vm) == []


@pytest.mark.parametrize("event_id", ["Reboot", "", OTHER_ID])
def test_an_unknown_identifier_is_refused(vm: Vm, run: Run, event_id: str) -> None:
    vm.maintenance.add(Sequence("reboot", ["web-0"], event_id=ID))
    result = run(scheduled_event, event_id=event_id)
    assert result["failed"]
    assert result["msg"] == f"IMDS knows no event {event_id!r}. It lists {ID}"
    assert vm.maintenance.events()[1][0]["EventStatus"] == "Scheduled"


def test_an_invalid_identifier_is_not_sent(vm: Vm, run: Run) -> None:
    assert run(scheduled_event, event_id="web-0")["msg"].endswith("It lists nothing")
    assert posts(vm) == []


def test_an_unlisted_identifier_without_an_answer(vm: Vm, run: Run) -> None:
    vm.faults = [Fault("status", status=403, method="POST")]
    result = run(scheduled_event, event_id=OTHER_ID)
    assert result["msg"].startswith(f"POST {vm.url}{ROUTE}?api-version=2020-07-01 failed: ")


def test_only_if_alone(vm: Vm, run: Run) -> None:
    vm.maintenance.add(Sequence("reboot", ["WEB-0"], event_id=ID))
    assert run(scheduled_event, event_id=ID, only_if_alone=True)["changed"]


def test_only_if_alone_refuses_events_of_other_vms(vm: Vm, run: Run) -> None:
    vm.maintenance.add(Sequence("reboot", ["web-0", "web-1", "web-2"], event_id=ID))
    result = run(scheduled_event, event_id=ID, only_if_alone=True)
    assert result["failed"]
    assert "would be for web-1, web-2 as well" in result["msg"]
    assert result["resources"] == ["web-0", "web-1", "web-2"]
    assert posts(vm) == []
    # The VM of these events is known.
    assert run(scheduled_event, event_id=ID, only_if_alone=True, resource="web-9")["failed"]


ODD = [None, "web-0", {}, [], [""], ["web-0", None], ["web-0", ""], ["web-0", 1], ["web-0"] * 2]


@pytest.mark.parametrize("resources", ODD)
def test_only_if_alone_refuses_odd_resources(vm: Vm, run: Run, resources: t.Any) -> None:
    vm.maintenance.add(Sequence("reboot", [], event_id=ID, fields={"Resources": resources}))
    result = run(scheduled_event, event_id=ID, only_if_alone=True, resource="web-0")
    assert result["failed"]
    assert "may be for other resources than 'web-0'" in result["msg"]
    assert posts(vm) == []


def test_only_if_alone_with_all_resources_is_refused(vm: Vm, run: Run) -> None:
    vm.maintenance.add(Sequence("reboot", ["*"], event_id=ID))
    assert run(scheduled_event, event_id=ID, only_if_alone=True, resource="*")["failed"]
    assert posts(vm) == []


def test_an_identifier_of_several_events_is_refused(vm: Vm, run: Run) -> None:
    vm.maintenance.add(Sequence("reboot", ["web-0"], event_id=ID))
    vm.maintenance.add(Sequence("freeze", ["web-0", "web-1"], event_id=ID.lower()))
    result = run(scheduled_event, event_id=ID, only_if_alone=True)
    assert result["msg"].startswith("IMDS lists 2 different events by the identifier")
    assert posts(vm) == []


def test_an_empty_identifier_is_refused_although_imds_lists_it(vm: Vm, run: Run) -> None:
    vm.maintenance.add(Sequence("reboot", ["web-0"], event_id=""))
    assert run(scheduled_event, event_id="")["msg"].startswith("IMDS knows no event ''")
    assert posts(vm) == []


def test_only_if_alone_does_not_check_unlisted_events(vm: Vm, run: Run) -> None:
    result = run(scheduled_event, event_id=OTHER_ID, only_if_alone=True)
    assert not result["changed"]
    assert result["msg"].endswith("it is over, was cancelled or never existed")
    assert posts(vm) == []


def test_only_if_alone_accepts_started_events(vm: Vm, run: Run) -> None:
    vm.maintenance.add(Sequence("degraded", ["web-0", "web-1"], event_id=ID))
    assert not run(scheduled_event, event_id=ID, only_if_alone=True)["changed"]


class Elsewhere(Maintenance):
    """Changes the event between the first request and the approval."""

    def __init__(self, seconds: float) -> None:
        super().__init__([Sequence("reboot", ["web-0"], event_id=ID)])
        self.seconds = seconds

    def approve(self, _event_ids: t.Iterable[str]) -> bool:
        self.advance(self.seconds)
        return False


@pytest.mark.parametrize("seconds", [900, 1020])
def test_another_approval_came_first(vm: Vm, run: Run, seconds: float) -> None:
    vm.maintenance = Elsewhere(seconds)
    result = run(scheduled_event, event_id=ID)
    assert not result.get("failed")
    assert (result["changed"], result["resources"]) == (False, ["web-0"])


def test_a_refused_approval_of_a_scheduled_event_fails(vm: Vm, run: Run) -> None:
    vm.maintenance = Elsewhere(0)
    result = run(scheduled_event, event_id=ID)
    assert result["failed"]
    assert "status 400, 'Bad request'" in result["msg"]
