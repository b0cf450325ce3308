# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the event source with the simulator: its events, its failures and its end."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
import itertools
import logging
import pathlib
import re
import threading
import time
import typing as t

import pytest
from doubles import HOSTILE

from imds_simulator import Fault, Maintenance, Sequence, Simulator, Vm

ROOT = pathlib.Path(__file__).resolve().parents[3]
SOURCE = ROOT / "extensions" / "eda" / "plugins" / "event_source" / "scheduled_events.py"
ROUTE = "/metadata/scheduledevents"
ID = "C7061BAC-AFDC-4513-B24B-AA5F13A16123"
PATIENCE = 20.0

# Loads the file by its path, as ansible-rulebook does.
_spec = importlib.util.spec_from_file_location("scheduled_events_source", SOURCE)
assert _spec
assert _spec.loader
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)
source = vars(_module)
MOST_EVENTS = source["_MOST_EVENTS"]


@pytest.fixture
def vm() -> t.Iterator[Vm]:
    vm = Vm("web-0", {"compute": {"name": "web-0"}}, maintenance=Maintenance())
    with Simulator([vm], rate_limit=0):
        yield vm


class Watch:
    """A running source and its events. It records the real lengths of its waits, but waits only shortly."""

    def __init__(self, vm: Vm, **options: t.Any) -> None:
        self.vm = vm
        self.queue: asyncio.Queue[dict[str, t.Any]] = asyncio.Queue()
        self.options = {"endpoint": vm.url, **options}
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        await asyncio.sleep(0.02)

    async def __aenter__(self) -> Watch:
        options = source["checked_options"](self.options)
        watching = source["watch"](self.queue, options, source["System"](sleep=self.sleep))
        self.task = asyncio.create_task(watching)
        return self

    async def __aexit__(self, *_exc: object) -> None:
        self.task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await self.task

    async def next(self) -> dict[str, t.Any]:
        getting = asyncio.ensure_future(self.queue.get())
        await asyncio.wait({getting, self.task}, timeout=PATIENCE, return_when="FIRST_COMPLETED")
        if self.task.done():
            self.task.result()
        assert getting.done(), "nothing was emitted"
        return getting.result()

    async def polled(self, times: int) -> None:
        """Waits until the source has sent this number of further requests."""
        enough = len(self.polls) + times
        deadline = time.monotonic() + PATIENCE
        while len(self.polls) < enough:
            assert time.monotonic() < deadline, "it does not ask"
            await asyncio.sleep(0.02)

    @property
    def polls(self) -> list[float]:
        return [request.time for request in self.vm.requests if request.path == ROUTE]


def brief(emitted: dict[str, t.Any]) -> tuple[str, str, str]:
    event = emitted["scheduled_event"]
    return emitted["change"], event["EventStatus"], emitted["previous_status"]


def test_a_whole_sequence(vm: Vm) -> None:
    async def scenario() -> None:
        async with Watch(vm) as watch:
            await watch.polled(1)
            vm.maintenance.add(Sequence("reboot", ["web-0"], event_id=ID))
            vm.maintenance.add(Sequence("freeze", ["web-1"]))
            first = await watch.next()
            assert brief(first) == ("appeared", "Scheduled", "")
            assert (first["resource"], first["incarnation"]) == ("web-0", 2)
            assert first["scheduled_event"]["EventId"] == ID
            assert first["scheduled_event"]["notice"] > 0
            await watch.polled(2)  # an unchanged document is no event
            assert watch.queue.empty()
            vm.maintenance.advance(900)
            assert brief(await watch.next()) == ("status_changed", "Started", "Scheduled")
            vm.maintenance.advance(120)
            assert brief(await watch.next()) == ("disappeared", "Started", "Started")
            await watch.polled(1)
            assert watch.queue.empty()

    asyncio.run(scenario())


def test_cancelled_and_straight_to_started(vm: Vm) -> None:
    vm.maintenance.add(Sequence("terminate", ["WEB-0"], cancel_after=60))

    async def scenario() -> None:
        async with Watch(vm) as watch:
            # The source emits the events that exist at its start.
            assert brief(await watch.next()) == ("appeared", "Scheduled", "")
            vm.maintenance.advance(60)
            assert brief(await watch.next()) == ("disappeared", "Scheduled", "Scheduled")
            vm.maintenance.add(Sequence("degraded", ["web-0"]))
            assert brief(await watch.next()) == ("appeared", "Started", "")

    asyncio.run(scenario())


def test_a_flood_of_events_is_cut(vm: Vm, caplog: pytest.LogCaptureFixture) -> None:
    for _number in range(MOST_EVENTS + 1):
        vm.maintenance.add(Sequence("reboot", ["web-0"]))

    async def scenario() -> None:
        async with Watch(vm) as watch:
            await watch.polled(1)
            await watch.polled(1)
            assert watch.queue.qsize() == MOST_EVENTS

    asyncio.run(scenario())
    assert f"IMDS lists {MOST_EVENTS + 1} events" in caplog.text


TEMPLATE = "{{ lookup('pipe', 'id') }}{% set x = 1 %}{# \x1b[31m #}\n"


def test_hostile_text_does_not_become_a_template(vm: Vm) -> None:
    fields = {
        "EventId": TEMPLATE,
        "EventStatus": TEMPLATE,
        "Description": TEMPLATE,
        "meta": {"hosts": TEMPLATE, TEMPLATE: [TEMPLATE], "__ansible_vault": TEMPLATE},
    }
    vm.document = {"compute": {"name": TEMPLATE}}
    vm.maintenance.add(Sequence("reboot", [TEMPLATE], fields=fields))

    async def scenario() -> None:
        async with Watch(vm, resource="*") as watch:
            emitted = await watch.next()
            assert set(emitted) == {
                *("change", "scheduled_event", "previous_status", "incarnation", "resource")
            }
            text = repr(emitted["scheduled_event"]["meta"])
            assert "__ansible_vault" not in text
            event = emitted["scheduled_event"]
            for said in (*event["meta"], *map(str, event.values()), event["meta"]["hosts"]):
                assert not re.search(r"[{][{%#]|[\x1b\n]", said)
            assert event["EventId"].startswith("(( lookup('pipe', 'id') ))")

    asyncio.run(scenario())


def test_events_of_all_resources(vm: Vm) -> None:
    vm.maintenance.add(Sequence("freeze", ["web-7"]))

    async def scenario() -> None:
        async with Watch(vm, resource="*") as watch:
            assert (await watch.next())["scheduled_event"]["Resources"] == ["web-7"]
        assert "/metadata/instance" not in {request.path for request in vm.requests}

    asyncio.run(scenario())


FAULTS = [
    Fault("status", status=400),
    Fault("status", status=403),
    Fault("status", status=404),
    Fault("status", status=410),
    Fault("status", status=429, body="Too many requests"),
    Fault("status", status=500, body="<html>"),
    Fault("status", status=302, headers={"Location": "http://127.0.0.1:1/"}),
    Fault("status", status=200, body="{}"),
    Fault("status", status=200, body="null"),
    Fault("status", status=200, body='{"Events": [1]}'),
    Fault("status", status=200, body="[" * 100000),
    Fault("status", status=200, body=b"\xff\xfe"),
    Fault("reset"),
    Fault("close"),
    Fault("truncate"),
    Fault("hang"),
    Fault("stall"),
    Fault("drip", bytes_per_second=1),
    Fault("drip_headers", bytes_per_second=1),
    Fault("endless_headers"),
    Fault("oversize", mebibytes=5),
    Fault("raw", body="HTTP/1.1 nonsense\r\n\r\n"),
    Fault("raw", body="HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n{}"),
    Fault("raw", body="HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
    Fault("raw", body=b"\x00\xff\x16\x03"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: f"{fault.kind}-{fault.status}")
def test_the_source_survives_failures(
    vm: Vm, caplog: pytest.LogCaptureFixture, fault: Fault
) -> None:
    """The event exists before and after the fault, so the source must not report its end."""
    caplog.set_level(logging.INFO)
    vm.maintenance.add(Sequence("reboot", ["web-0"]))

    async def scenario() -> None:
        async with Watch(vm, timeout=0.2) as watch:
            assert brief(await watch.next()) == ("appeared", "Scheduled", "")
            vm.faults = [fault]
            while not any("The next request is in" in message for message in caplog.messages):
                await asyncio.sleep(0.02)
            vm.faults = []
            vm.maintenance.advance(900)
            assert brief(await watch.next()) == ("status_changed", "Started", "Scheduled")
            assert watch.queue.empty()

    asyncio.run(asyncio.wait_for(scenario(), PATIENCE))
    # On a busy machine, a good answer can also be late, which is a further failure.
    failures = sum("The next request is in" in message for message in caplog.messages)
    assert f"IMDS answers again, after {failures} failed requests" in caplog.messages
    assert not [message for message in caplog.messages if "Traceback" in message]


@pytest.mark.parametrize("body", ["", "\r\n", '{"Events": null}'])
def test_an_empty_answer_means_that_there_are_no_events(
    vm: Vm, caplog: pytest.LogCaptureFixture, body: str
) -> None:
    nothing = Fault("status", status=200, body=body, path=ROUTE)
    vm.faults = [nothing]
    vm.maintenance.add(Sequence("reboot", ["web-0"]))

    async def scenario() -> None:
        async with Watch(vm) as watch:
            await watch.polled(2)
            assert watch.queue.empty()
            vm.faults = []
            assert brief(await watch.next()) == ("appeared", "Scheduled", "")
            vm.faults = [nothing]
            assert brief(await watch.next()) == ("disappeared", "Scheduled", "Scheduled")

    asyncio.run(scenario())
    assert not [message for message in caplog.messages if "The next request is in" in message]


def test_the_source_survives_a_missing_service_at_its_start(vm: Vm) -> None:
    vm.faults = [Fault("reset", times=1), Fault("status", times=1, status=503)]
    vm.maintenance.add(Sequence("reboot", ["web-0"]))

    async def scenario() -> None:
        async with Watch(vm) as watch:
            assert brief(await watch.next()) == ("appeared", "Scheduled", "")

    asyncio.run(scenario())


def test_nothing_writes_to_the_terminal(vm: Vm, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    vm.document = {"compute": {"name": HOSTILE[:-1]}}
    vm.faults = [Fault("status", status=500, times=3, body=HOSTILE[:-1], path=ROUTE)]

    async def scenario() -> None:
        async with Watch(vm, interval=1) as watch:
            await watch.polled(5)

    asyncio.run(scenario())
    said = [message for message in caplog.messages if not message.startswith("Using selector")]
    assert [message for message in said if not message.isprintable()] == []
    assert any("watching the scheduled events of" in message for message in said)
    assert any("status 500" in message for message in said)


def test_waits_grow_during_failures(vm: Vm, caplog: pytest.LogCaptureFixture) -> None:
    vm.faults = [Fault("status", status=500, times=4), Fault("status", status=400, times=4)]
    vm.maintenance.add(Sequence("reboot", ["web-0"]))

    async def scenario() -> list[float]:
        async with Watch(vm, interval=2, resource="web-0") as watch:
            await watch.next()
            return watch.slept

    slept = asyncio.run(scenario())[:8]
    assert all(2 <= seconds <= 16 for seconds in slept)
    assert slept[0] == 2  # at least the interval
    assert slept[3] <= 3.375 < 5.6953125 <= slept[6] <= 11.390625
    assert re.search(
        r"IMDS has a temporary problem.* The next request is in 2 s$", caplog.messages[0]
    )


def test_the_interval_is_from_request_to_request(vm: Vm) -> None:
    vm.faults = [Fault("delay", seconds=0.3, path=ROUTE)]

    async def scenario() -> list[float]:
        async with Watch(vm, interval=1.2) as watch:
            await watch.polled(2)
            return watch.slept

    # At least a second, because a slow answer must not cause an immediate request.
    assert asyncio.run(scenario())[0] == 1


def test_never_two_requests_within_a_second(vm: Vm) -> None:
    vm.faults = [Fault("status", status=500, times=1, path=ROUTE)]

    async def scenario() -> None:
        options = {"endpoint": vm.url, "interval": 1}
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(source["main"](asyncio.Queue(), options), 3.5)

    asyncio.run(scenario())
    times = [request.time for request in vm.requests if request.path == ROUTE]
    assert 3 <= len(times) <= 4
    assert min(later - sooner for sooner, later in itertools.pairwise(times)) >= 0.98


def test_a_hanging_request_blocks_neither_the_loop_nor_the_end(vm: Vm) -> None:
    vm.maintenance.first_call_seconds = 60

    async def scenario() -> None:
        async with Watch(vm) as watch:
            await watch.polled(1)
            started = time.monotonic()
            for _number in range(20):
                await asyncio.sleep(0.01)
            assert time.monotonic() - started < 2

    started = time.monotonic()
    asyncio.run(scenario())
    assert time.monotonic() - started < 10
    # The thread still runs, but does not prevent the end.
    assert all(
        thread.daemon for thread in threading.enumerate() if thread.name == "scheduled_events"
    )


def test_an_event_has_no_templates() -> None:
    hostile = "{{ lookup('pipe', 'touch x') }}{% raw %}{#"
    event = {"EventId": hostile, "Resources": [hostile, 5, None], hostile: {"a": "#jinja2: x"}}
    change = source["scheduled_events"].Change("appeared", event, "{")
    harmless = "(( lookup('pipe', 'touch x') ))(% raw %)(#"
    assert source["payload"](change, {"DocumentIncarnation": 3}, "{ x }") == {
        "change": "appeared",
        "scheduled_event": {
            "EventId": harmless,
            "Resources": [harmless, 5, None],
            harmless: {"a": "# jinja2: x"},
        },
        "previous_status": "(",
        "incarnation": 3,
        "resource": "( x )",
    }


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"interval": 0.5}, "interval must be at least 1 second, not 0.5"),
        ({"interval": "often"}, "interval must be a number of seconds above 0, not 'often'"),
        ({"interval": 0}, "interval must be a number of seconds above 0"),
        ({"timeout": -1}, "timeout must be a number of seconds above 0"),
        ({"resource": 7}, "resource must be the name of a VM"),
        ({"endpoint": "http://example.com"}, "is refused"),
        ({"api_version": "new"}, "api_version 'new' is neither 'latest' nor a date"),
        ({"intervall": 5}, "no option intervall: the options are api_version, endpoint, interval"),
    ],
)
def test_invalid_options_end_the_source_with_a_message(
    vm: Vm, options: dict[str, t.Any], message: str
) -> None:
    arguments = {"endpoint": vm.url, **options}
    with pytest.raises(source["_errors"].OptionError, match=message):
        asyncio.run(source["main"](asyncio.Queue(), arguments))
    assert vm.requests == []


def test_an_arc_enabled_server_ends_it_with_a_message() -> None:
    """An Arc-enabled server has no events, so the source sends no further request."""
    options = source["checked_options"]({"endpoint": "http://127.0.0.1:40342"})
    watching = source["watch"](asyncio.Queue(), options, source["System"]())
    with pytest.raises(Exception, match="Azure Arc has no scheduled events"):
        asyncio.run(watching)


def test_options_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AZURE_IMDS_ENDPOINT", raising=False)
    options = source["checked_options"](
        {"interval": "5", "resource": None, "eda_feedback_queue": 1}
    )
    assert options == {
        "api_version": "latest",
        "deadline": 90.0,
        "endpoint": "http://169.254.169.254",
        "interval": 5.0,
        "resource": None,
        "timeout": 10.0,
    }
    monkeypatch.setenv("AZURE_IMDS_ENDPOINT", "http://127.0.0.1:8169")
    assert source["checked_options"]({})["endpoint"] == "http://127.0.0.1:8169"
