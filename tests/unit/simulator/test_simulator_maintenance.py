# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests simulated maintenance: complete sequences on a clock that the test controls."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from imds_simulator import FleetError, Maintenance, Sequence, Simulator, Vm, load_fleet

ROUTE = "/metadata/scheduledevents"
ID = "C7061BAC-AFDC-4513-B24B-AA5F13A16123"
OTHER_ID = "602D9444-D2CD-49C7-8624-8643E7171293"
WORDS = "api-version is invalid or was not specified"

Get = Callable[..., requests.Response]
Ask = Callable[..., dict[str, Any]]


@pytest.fixture
def ask(get: Get) -> Ask:
    def ask(version: str = "2020-07-01") -> dict[str, Any]:
        answer = get(ROUTE, version=version)
        assert answer.status_code == 200
        document: dict[str, Any] = answer.json()
        return document

    return ask


@pytest.fixture
def post(get: Get) -> Get:
    def post(body: Any, **options: Any) -> requests.Response:
        data = {"data": body} if isinstance(body, (str, bytes)) else {"json": body}
        return get(ROUTE, method="POST", version="2020-07-01", **data, **options)

    return post


def approval(*event_ids: str) -> dict[str, Any]:
    return {"StartRequests": [{"EventId": event_id} for event_id in event_ids]}


def walk(vm: Vm, ask: Ask, *steps: float) -> list[tuple[int, list[str]]]:
    """The incarnation and the states, now and after each step."""
    seen = []
    for seconds in (0, *steps):
        vm.maintenance.advance(seconds)
        document = ask()
        states = [f"{event['EventType']} {event['EventStatus']}" for event in document["Events"]]
        seen.append((document["DocumentIncarnation"], states))
    return seen


def test_no_event_appears_before_the_clock_advances(ask: Ask) -> None:
    assert ask() == {"DocumentIncarnation": 1, "Events": []}


@pytest.mark.parametrize(
    ("kind", "event_type", "notice", "takes"),
    [
        ("freeze", "Freeze", 900, 10),
        ("reboot", "Reboot", 900, 120),
        ("redeploy", "Redeploy", 600, 300),
        ("preempt", "Preempt", 30, 60),
        ("terminate", "Terminate", 300, 60),
    ],
)
def test_a_whole_sequence(
    vm: Vm, ask: Ask, kind: str, event_type: str, notice: int, takes: int
) -> None:
    vm.maintenance.add(Sequence(kind, ["worker-1"], after=5))
    assert walk(vm, ask, 4, 1, notice - 1, 1, takes - 1, 1) == [
        (1, []),
        (1, []),
        (2, [f"{event_type} Scheduled"]),
        (2, [f"{event_type} Scheduled"]),
        (3, [f"{event_type} Started"]),
        (3, [f"{event_type} Started"]),
        (4, []),
    ]


def test_degraded_hardware_goes_straight_to_started(vm: Vm, ask: Ask) -> None:
    vm.maintenance.add(Sequence("degraded", ["worker-1"], after=1))
    assert walk(vm, ask, 1, 300) == [(1, []), (2, ["Redeploy Started"]), (3, [])]


def test_degraded_hardware_with_days_of_notice(vm: Vm, ask: Ask) -> None:
    vm.maintenance.add(Sequence("degraded", ["worker-1"], notice=172800))
    assert walk(vm, ask, 172799, 1)[1:] == [(2, ["Redeploy Scheduled"]), (3, ["Redeploy Started"])]


def test_cancelled(vm: Vm, ask: Ask) -> None:
    vm.maintenance.add(Sequence("reboot", ["worker-1"], cancel_after=60))
    assert walk(vm, ask, 59, 1) == [
        (2, ["Reboot Scheduled"]),
        (2, ["Reboot Scheduled"]),
        (3, []),
    ]


def test_a_started_event_is_not_cancelled(vm: Vm, ask: Ask) -> None:
    vm.maintenance.add(Sequence("preempt", ["worker-1"], cancel_after=60))
    assert walk(vm, ask, 60, 29, 1)[1:] == [
        (3, ["Preempt Started"]),
        (3, ["Preempt Started"]),
        (4, []),
    ]


def test_several_at_once_are_one_change(vm: Vm, ask: Ask) -> None:
    for _number in range(2):
        vm.maintenance.add(Sequence("freeze", ["worker-1"], after=1))
    assert walk(vm, ask, 1)[1] == (2, ["Freeze Scheduled"] * 2)


def test_the_event_is_as_documented(vm: Vm, get: Get) -> None:
    vm.maintenance.now = 1776000000.0
    vm.maintenance.add(Sequence("freeze", ["worker-1", "worker-2"], event_id=ID))
    answer = get(ROUTE, version="2020-07-01")
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer.text == (
        '{"DocumentIncarnation":2,"Events":[{"EventId":"C7061BAC-AFDC-4513-B24B-AA5F13A16123",'
        '"EventStatus":"Scheduled","EventType":"Freeze","ResourceType":"VirtualMachine",'
        '"Resources":["worker-1","worker-2"],"NotBefore":"Sun, 12 Apr 2026 13:35:00 GMT",'
        '"Description":"Virtual machine is being paused because of a memory-preserving Live '
        'Migration operation.","EventSource":"Platform","DurationInSeconds":5}]}'
    )
    vm.maintenance.advance(900)
    (event,) = get(ROUTE, version="2020-07-01").json()["Events"]
    assert (event["EventStatus"], event["NotBefore"]) == ("Started", "")


def test_the_clock_begins_now_and_stands_still(vm: Vm, ask: Ask) -> None:
    vm.maintenance.add(Sequence("reboot", ["worker-1"]))
    (event,) = ask()["Events"]
    assert abs(parsedate_to_datetime(event["NotBefore"]).timestamp() - time.time() - 900) < 60
    time.sleep(1.1)
    assert ask()["Events"] == [event]


def test_fields_of_the_event_can_be_replaced(vm: Vm, ask: Ask) -> None:
    fields = {"EventType": "Levitate", "NotBefore": "soon", "New": [1]}
    vm.maintenance.add(Sequence("reboot", [], fields=fields))
    (event,) = ask()["Events"]
    assert {name: event[name] for name in fields} == fields


@pytest.mark.parametrize(
    ("version", "missing"),
    [
        ("2020-07-01", set()),
        ("2019-08-01", {"DurationInSeconds"}),
        ("2019-04-01", {"DurationInSeconds", "EventSource"}),
        ("2017-08-01", {"DurationInSeconds", "EventSource", "Description"}),
    ],
)
def test_older_versions_have_less(vm: Vm, ask: Ask, version: str, missing: set[str]) -> None:
    vm.maintenance.add(Sequence("reboot", ["worker-1"]))
    (newest,), (event,) = ask()["Events"], ask(version)["Events"]
    assert set(newest) - set(event) == missing


def test_the_first_version_has_names_with_an_underline(vm: Vm, ask: Ask) -> None:
    vm.maintenance.add(Sequence("reboot", ["worker-1"]))
    assert ask("2017-03-01")["Events"][0]["Resources"] == ["_worker-1"]


@pytest.mark.parametrize(
    ("kind", "before", "since"),
    [("preempt", "2017-08-01", "2017-11-01"), ("terminate", "2017-11-01", "2019-01-01")],
)
def test_types_came_with_versions(vm: Vm, ask: Ask, kind: str, before: str, since: str) -> None:
    vm.maintenance.add(Sequence(kind, ["worker-1"]))
    assert (len(ask(before)["Events"]), len(ask(since)["Events"])) == (0, 1)


def test_no_version(get: Get) -> None:
    answer = get(ROUTE, version=None)
    assert answer.status_code == 400
    assert WORDS in answer.json()["error"]
    assert answer.json()["newest-versions"] == ["2020-07-01", "2019-08-01", "2019-04-01"]


@pytest.mark.parametrize(
    ("version", "status", "body"),
    [
        ("2021-12-13", 404, '{ "error": "Not found" }'),
        ("2025-04-07", 404, '{ "error": "Not found" }'),
        ("2018-03-01", 400, '{ "error": "Bad request" }'),
        ("latest", 400, '{ "error": "Bad request" }'),
    ],
)
def test_versions_that_events_do_not_have(get: Get, version: str, status: int, body: str) -> None:
    answer = get(ROUTE, version=version)
    assert (answer.status_code, answer.text) == (status, body)


def test_old_versions_of_events(vm: Vm, get: Get) -> None:
    vm.legacy_versions = True
    assert get(ROUTE, version="2099-01-01").status_code == 404
    assert "was not specified" in get(ROUTE, version=None).json()["error"]


@pytest.mark.parametrize(
    ("path", "options", "status"),
    [
        (f"{ROUTE}/", {}, 200),
        (f"{ROUTE}/Events", {}, 404),
        (ROUTE, {"text": True}, 400),
        (f"{ROUTE}?format=json", {}, 200),
        (ROUTE, {"method": "PUT"}, 405),
        (ROUTE, {"headers": {}}, 400),
        (ROUTE, {"headers": {}, "method": "POST"}, 400),
    ],
)
def test_rules(get: Get, path: str, options: dict[str, Any], status: int) -> None:
    assert get(path, version="2020-07-01", **options).status_code == status


def test_approval_starts_the_event(vm: Vm, ask: Ask, post: Get) -> None:
    vm.maintenance.add(Sequence("reboot", ["worker-1"], event_id=ID))
    vm.maintenance.add(Sequence("freeze", ["worker-1"]))
    answer = post(approval(ID.lower()))
    assert (answer.status_code, answer.text) == (200, "")
    assert walk(vm, ask, 119, 1) == [
        (2, ["Reboot Started", "Freeze Scheduled"]),
        (2, ["Reboot Started", "Freeze Scheduled"]),
        (3, ["Freeze Scheduled"]),
    ]


def test_several_approvals_in_one_request(vm: Vm, ask: Ask, post: Get) -> None:
    for event_id in (ID, OTHER_ID):
        vm.maintenance.add(Sequence("reboot", ["worker-1"], event_id=event_id))
    vm.maintenance.advance(1)
    assert post(approval(ID, OTHER_ID)).status_code == 200
    assert [event["EventStatus"] for event in ask()["Events"]] == ["Started"] * 2


def test_a_second_approval_has_no_further_effect(vm: Vm, ask: Ask, post: Get) -> None:
    vm.maintenance.add(Sequence("reboot", ["worker-1"], event_id=ID))
    for seconds, states in ((0, ["Scheduled"]), (50, ["Started"]), (69, ["Started"]), (1, [])):
        vm.maintenance.advance(seconds)
        assert [event["EventStatus"] for event in ask()["Events"]] == states
        assert post(approval(ID)).status_code == 200
    assert ask()["Events"] == []


def test_an_unknown_event_cannot_be_approved(vm: Vm, ask: Ask, post: Get) -> None:
    vm.maintenance.add(Sequence("reboot", ["worker-1"], event_id=ID))
    vm.maintenance.add(Sequence("reboot", ["worker-1"], event_id=OTHER_ID, after=60))
    # Nor an event that has not appeared yet. One wrong event prevents all approvals.
    assert post(approval(ID, OTHER_ID)).status_code == 400
    assert ask()["Events"][0]["EventStatus"] == "Scheduled"


@pytest.mark.parametrize(
    "body",
    ["", "[", "[]", "{}", '{"StartRequests": 1}', '{"StartRequests": []}', '{"StartRequests": [1]}',
     '{"StartRequests": [{}]}', '{"StartRequests": [{"EventId": 1}]}', b"\xff", "[" * 100_000],
)  # fmt: skip
def test_a_bad_approval(post: Get, body: str | bytes) -> None:
    assert post(body).status_code == 400


def test_machines_of_a_set_share_their_events() -> None:
    shared = Maintenance([Sequence("reboot", ["a", "b"], event_id=ID)])
    vms = [Vm(name, {}, maintenance=shared) for name in "ab"]
    headers = {"Metadata": "true"}
    with Simulator(vms, rate_limit=0) as simulator, requests.Session() as session:
        session.trust_env = False
        a, b = (f"{simulator[name].url}{ROUTE}?api-version=2020-07-01" for name in "ab")
        assert session.post(a, json=approval(ID), headers=headers, timeout=5).status_code == 200
        (event,) = session.get(b, headers=headers, timeout=5).json()["Events"]
        assert event["EventStatus"] == "Started"


def test_the_first_request_is_slow(vm: Vm, get: Get) -> None:
    vm.maintenance.first_call_seconds = 0.3

    def seconds() -> float:
        return get(ROUTE, version="2020-07-01").elapsed.total_seconds()

    assert seconds() >= 0.3
    assert seconds() < 0.3
    # A day without requests turns scheduled events off.
    vm.maintenance.advance(24 * 3600)
    assert seconds() < 0.3
    vm.maintenance.advance(24 * 3600 + 1)
    assert seconds() >= 0.3


def test_maintenance_in_a_fleet_file(tmp_path: Path) -> None:
    file = tmp_path / "fleet.json"
    maintenance = {"sequences": [{"kind": "freeze", "resources": ["a"]}]}
    file.write_text(json.dumps([{"name": "a", "document": {}, "maintenance": maintenance}]))
    (vm,) = load_fleet(file)
    assert vm.maintenance.events()[1][0]["Resources"] == ["a"]
    file.write_text(json.dumps([{"name": "a", "document": {}, "maintenance": []}]))
    with pytest.raises(FleetError, match=r"vms\[0\]: maintenance is an object"):
        load_fleet(file)


# Over HTTP, which tests in other processes use.


@pytest.fixture
def control(vm: Vm, session: requests.Session) -> Any:
    def control(method: str, name: str, **options: Any) -> requests.Response:
        return session.request(method, f"{vm.url}/simulator/{name}", timeout=5, **options)

    return control


def test_control_sets_sequences_and_advances_the_clock(ask: Ask, control: Any) -> None:
    maintenance = {
        "first_call_seconds": 0,
        "sequences": [
            {
                "kind": "reboot",
                "resources": ["worker-1"],
                "event_id": ID,
                "notice": 60,
                "after": 0.0,
            }
        ],
    }
    assert control("PUT", "maintenance", json=maintenance).status_code == 204
    assert control("GET", "maintenance").json() == maintenance
    assert [event["EventId"] for event in ask()["Events"]] == [ID]
    before = control("GET", "clock").json()["now"]
    assert control("PUT", "clock", json={"advance": 60}).json() == {"now": before + 60}
    assert ask()["Events"][0]["EventStatus"] == "Started"


def test_replacing_sequences_goes_on_counting(vm: Vm, ask: Ask, post: Get, control: Any) -> None:
    vm.maintenance.add(Sequence("freeze", ["worker-1"], event_id=ID))
    assert ask()["DocumentIncarnation"] == 2
    new = {"sequences": [{"kind": "reboot", "resources": ["worker-1"]}]}
    assert control("PUT", "maintenance", json=new).status_code == 204
    assert ask()["DocumentIncarnation"] > 2
    assert [event["EventType"] for event in ask()["Events"]] == ["Reboot"]
    # An identifier stays known forever.
    assert post(approval(ID)).status_code == 200


def test_the_clock_is_never_behind_when_sequences_are_set(vm: Vm, control: Any) -> None:
    for behind in (1000.0, -1000.0):
        vm.maintenance.now = before = float(int(time.time() - behind))
        control("PUT", "maintenance", json={"sequences": []})
        assert abs(vm.maintenance.now - max(time.time(), before)) < 60


@pytest.mark.parametrize(
    ("name", "body", "message"),
    [
        ("clock", "{}", 'the clock takes {"advance": SECONDS}, 0 or more'),
        ("clock", "[]", "the clock takes"),
        ("clock", '{"advance": -1}', "the clock takes"),
        ("clock", '{"advance": true}', "the clock takes"),
        ("clock", '{"advance": 1, "x": 1}', "the clock takes"),
        ("maintenance", "[]", "maintenance is an object"),
        ("maintenance", '{"x": 1}', "unknown field 'x'; known: first_call_seconds, sequences"),
        ("maintenance", '{"first_call_seconds": "1"}', "first_call_seconds is a number"),
        ("maintenance", '{"sequences": {}}', "sequences is a list"),
        ("maintenance", '{"sequences": [1]}', "sequences[0]: a sequence is an object"),
        ("maintenance", '{"sequences": [{}]}', "sequences[0]: it has no kind"),
        ("maintenance", '{"sequences": [{"kind": "reboot"}]}', "sequences[0]: it has no resources"),
        (
            "maintenance",
            '{"sequences": [{"kind": "x", "resources": []}]}',
            "sequences[0]: unknown kind 'x'; known: degraded, freeze, preempt, reboot",
        ),
        (
            "maintenance",
            '{"sequences": [{"kind": "reboot", "resources": "a"}]}',
            "sequences[0]: resources is a list of texts",
        ),
        (
            "maintenance",
            '{"sequences": [{"kind": "reboot", "resources": [], "notice": -1}]}',
            "sequences[0]: notice is a number of seconds, 0 or more",
        ),
        (
            "maintenance",
            '{"sequences": [{"kind": "reboot", "resources": [], "after": null}]}',
            "sequences[0]: after is a number of seconds, 0 or more",
        ),
        (
            "maintenance",
            '{"sequences": [{"kind": "reboot", "resources": [], "event_id": 1}]}',
            "sequences[0]: event_id is text",
        ),
        (
            "maintenance",
            '{"sequences": [{"kind": "reboot", "resources": [], "fields": []}]}',
            "sequences[0]: fields is an object",
        ),
        (
            "maintenance",
            '{"sequences": [{"kind": "reboot", "resources": [], "when": 1}]}',
            "sequences[0]: unknown field 'when'; known: after, cancel_after",
        ),
    ],
)
def test_bad_control(vm: Vm, ask: Ask, control: Any, name: str, body: str, message: str) -> None:
    vm.maintenance.add(Sequence("freeze", ["worker-1"]))
    answer = control("PUT", name, data=body)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(message)
    assert len(ask()["Events"]) == 1
