# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the fault matrix with all requests of the client, with all transports, over real HTTP.

Only the sleeps are not real: the clock jumps instead, so that each wait is exact.
"""

from __future__ import annotations

import heapq
import itertools
import multiprocessing
import random
import re
import time
import typing as t

import pytest
from doubles import WAITS, WALL
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.imds.azure.plugins.module_utils._client import ImdsClient, Limits, System
from ansible_collections.imds.azure.plugins.module_utils._endpoints.attested import (
    attested_document,
)
from ansible_collections.imds.azure.plugins.module_utils._endpoints.scheduled_events import (
    scheduled_events,
    start_event,
)
from ansible_collections.imds.azure.plugins.module_utils._errors import ImdsError
from ansible_collections.imds.azure.plugins.module_utils._managed_identity.tokens import imds_token
from ansible_collections.imds.azure.plugins.module_utils._retry import Failure, RetryPolicy
from ansible_collections.imds.azure.plugins.module_utils._transport import (
    Transport,
    http_transport,
)
from ansible_collections.imds.azure.plugins.plugin_utils._requests_transport import (
    requests_transport,
)
from ansible_collections.imds.azure.plugins.plugin_utils._windows.win_uri import win_uri_transport
from faults.cases import ALWAYS, CASES, DOCUMENT, ONCE, THRICE, WHEN, Case
from imds_simulator import Fault, Identity, Maintenance, Sequence, Simulator, Vm
from imds_simulator._limit import RateLimit
from windows import doubles as doubles_of_windows
from windows.differences import OTHER_SIZE, SAYS, WITHOUT_END, on_windows

EVENT_ID = "C7061BAC-AFDC-4513-B24B-AA5F13A16123"
# The additional time that a slow machine may need after the deadline.
GRACE = 5.0
SLOW_DEADLINE = {"http.client": 1.3, "requests": 1.3, "win_uri": 3.3}


class Clock:
    """The real time plus all sleeps. A sleep itself takes no real time."""

    def __init__(self) -> None:
        self._begun = time.monotonic()
        self.sleeps: list[float] = []

    def __call__(self) -> float:
        return time.monotonic() - self._begun + sum(self.sleeps)

    def system(self) -> System:
        # The wall clock moves only during sleeps, so that dates are exact.
        return System(
            clock=self,
            wall=lambda: WALL + sum(self.sleeps),
            sleep=self.sleeps.append,
            jitter=lambda: 1.0,
            in_azure=lambda: None,
        )


class Ask(t.NamedTuple):
    """A method of the client, and its right answer."""

    name: str
    ask: t.Callable[[ImdsClient], t.Any]
    is_right: t.Callable[[t.Any], bool]
    # Whether it requests the instance document, uses an endpoint that always exists, and needs a body.
    instance: bool = False
    root: bool = True
    reads: bool = True


ASKS = (
    Ask("instance", lambda c: c.instance().data, DOCUMENT.__eq__, instance=True),
    Ask("attested", lambda c: attested_document(c, "n").data, lambda found: found[:3] == "MII"),
    Ask(
        "token",
        lambda c: imds_token(c, "https://vault.azure.net"),
        lambda found: found["access_token"].count(".") == 2,
    ),
    Ask(
        "events",
        lambda c: scheduled_events(c).data,
        lambda found: [event["EventId"] for event in found["Events"]] == [EVENT_ID],
        root=False,
    ),
    Ask(
        "approval",
        lambda c: start_event(c, EVENT_ID),
        lambda found: found is None,
        False,
        False,
        False,
    ),
)
INSTANCE = ASKS[0]


SENDS: dict[str, t.Callable[[], Transport]] = {
    "http.client": lambda: http_transport,
    "requests": requests_transport,
    "win_uri": lambda: win_uri_transport(by_double),
}


def by_double(_name: str, arguments: dict[str, t.Any]) -> dict[str, t.Any]:
    return doubles_of_windows.win_uri(arguments, read_timeout=1.0)


@pytest.fixture(params=SENDS)
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def send(transport: str) -> Transport:
    return SENDS[transport]()


@pytest.fixture(scope="module")
def simulated() -> t.Iterator[Vm]:
    with Simulator([fresh_vm()], rate_limit=0) as simulator:
        yield simulator["web-1"]


@pytest.fixture
def vm(simulated: Vm) -> Vm:
    simulated.__dict__.update(fresh_vm().__dict__, url=simulated.url)
    return simulated


def fresh_vm() -> Vm:
    return Vm(
        "web-1",
        DOCUMENT,
        identities=[Identity(client_id="a", object_id="b")],
        token_rate_limit=0,
        maintenance=Maintenance([Sequence("reboot", ["web-1"], event_id=EVENT_ID)]),
    )


def client(
    send: Transport, vm: Vm, clock: Clock, case: Case, transport: str = "http.client"
) -> ImdsClient:
    # A separate deadline, because the default of events is longer.
    limits = Limits(deadline=89.99)
    if case.slow:
        # On a Windows host, the timeout has whole seconds, and a further attempt needs a whole second.
        limits = limits._replace(timeout=0.15, deadline=SLOW_DEADLINE[transport])
    return ImdsClient(send, vm.url, limits=limits, system=clock.system())


def outcome(ask: Ask, made: ImdsClient) -> str | None:
    """The message of the error; None for the right answer."""
    try:
        found = ask.ask(made)
    except ImdsError as exc:
        return str(exc)
    assert ask.is_right(found)
    return None


def waits(case: Case, when: str, root: bool) -> list[float]:
    """The number of attempts until the right answer or the end."""
    if case.harmless or case.message(ONCE, root) is not None:
        return []
    if case.attempts is not None and case.message(when, root) is not None:
        return WAITS[: case.attempts - 1]
    if when == ALWAYS:
        # The client gives up after 30 seconds of 404. It retries other faults until the deadline.
        return WAITS[:7] if case.roots else WAITS
    count = WHEN[when] or 0
    if case.wait is None:
        return WAITS[:count]
    if "GMT" in case.settings(when, WALL)["headers"]["Retry-After"]:
        # The date has passed after the first wait. Then it has no effect.
        return [case.wait, *WAITS[1:count]]
    return [case.wait] * count


def combinations() -> t.Iterator[t.Any]:
    """Each case with each call for which it matters."""
    for case, ask, when in itertools.product(CASES, ASKS, WHEN):
        if (case.instance and not ask.instance) or (case.content and not ask.reads):
            continue  # the fault is in a part that this answer lacks
        if case.no_events and ask.name == "events":
            continue  # this is no fault for this call
        if case.slow and (ask is not INSTANCE or when == THRICE):
            continue  # this is slow, and a timeout is the same for each request
        yield pytest.param(case, ask, when, id=f"{case.tried}-{ask.name}-{when}")


@pytest.mark.parametrize(("case", "ask", "when"), [*combinations()])
def test_the_matrix(
    send: Transport, transport: str, vm: Vm, case: Case, ask: Ask, when: str
) -> None:
    if transport == "win_uri":
        if case.tried in WITHOUT_END:
            pytest.skip("no option bounds how long this takes on a Windows host")
        case = on_windows(case)
    clock = Clock()
    vm.faults = [Fault(**case.settings(when, WALL))]
    message = outcome(ask, client(send, vm, clock, case, transport))
    wanted = case.message(when, ask.root)
    if wanted is None:
        assert message is None
    else:
        check_message(message, unquoted(wanted) if ask.name == "token" else wanted)
    if case.slow:
        assert clock() < SLOW_DEADLINE[transport] + GRACE
    elif case.wait is None or when != ALWAYS:
        assert clock.sleeps == waits(case, when, ask.root)
    assert sum(clock.sleeps) < 90


def test_differences_of_windows_hosts_are_about_cases() -> None:
    assert {*SAYS, *WITHOUT_END, *OTHER_SIZE} <= {case.tried for case in CASES}


def unquoted(wanted: str) -> str:
    """Tests the same for tokens. No message quotes a body or the target of a redirect, which may contain a token."""
    wanted = re.sub(r"redirect to \S+,", "a redirect,", wanted.replace(", 'Too many requests'", ""))
    return re.sub(r"(win_uri got no answer), '.*", r"\1", wanted)


def check_message(message: str | None, wanted: str) -> None:
    """Checks that the message is one line that says what happened and what to do."""
    assert message is not None
    assert wanted in message
    assert message.startswith(("GET http://127.0.0.1:", "POST http://127.0.0.1:"))
    assert message == " ".join(message.split())
    assert "Traceback" not in message
    assert len(message) < 900


def test_an_update_of_70_seconds_is_survived_with_the_defaults(send: Transport) -> None:
    clock = Clock()
    updated = Fault("status", status=410, for_seconds=70)
    with Simulator([Vm("web-1", DOCUMENT, faults=[updated])], rate_limit=0, clock=clock) as found:
        made = ImdsClient(send, found["web-1"].url, system=clock.system())
        assert made.instance().data == DOCUMENT
        assert len(found["web-1"].requests) == 11
    assert clock.sleeps == WAITS


def test_a_longer_update_is_reported(send: Transport, vm: Vm) -> None:
    clock = Clock()
    vm.faults = [Fault("status", status=410)]
    made = ImdsClient(send, vm.url, system=clock.system())
    message = outcome(INSTANCE, made)
    check_message(message, "status 410, after 11 attempts in ")
    check_message(message, " s. IMDS is being updated.")
    assert clock.sleeps == WAITS


def test_24_processes_at_once_all_get_their_answer() -> None:
    """With the real clock: IMDS answers five requests a second, and refuses the others."""
    fork = multiprocessing.get_context("fork")
    with Simulator([Vm("web-1", DOCUMENT)]) as simulator:
        vm = simulator["web-1"]
        results = fork.SimpleQueue()
        together = fork.Barrier(24)

        def work() -> None:
            together.wait(60)
            try:
                results.put(ImdsClient(http_transport, vm.url).instance().data)
            except ImdsError as exc:
                results.put(str(exc))

        workers = [fork.Process(target=work) for _number in range(24)]
        for worker in workers:
            worker.start()
        assert [results.get() for _worker in workers] == [DOCUMENT] * 24
        for worker in workers:
            worker.join(10)
        assert vm.throttled
    results.close()


@given(seed=st.integers(0, 2**32), count=st.integers(24, 60))
@settings(derandomize=True, database=None, deadline=None, max_examples=60)
def test_any_number_of_processes_within_the_deadline(seed: int, count: int) -> None:
    """The same with a simulated clock, for any lengths of the waits."""
    chance, policy, limit = random.Random(seed), RetryPolicy(Limits().deadline), RateLimit()
    coming = [(0.0, number, 1) for number in range(count)]
    while coming:
        now, number, attempt = heapq.heappop(coming)
        if not limit.allows(now, 5):
            wait = policy.wait(Failure(429), attempt, now, chance.random(), WALL)
            assert wait is not None, f"{count} processes: one gave up after {now} s"
            heapq.heappush(coming, (now + wait, number, attempt + 1))
