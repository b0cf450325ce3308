# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the decisions about retries and waits, and then complete calls with a simulated clock."""

from __future__ import annotations

import typing as t

import pytest
from doubles import BASE, NETWORK, WAITS, WALL, Always, Clock, client, ok, refusal
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ansible_collections.imds.azure.plugins.module_utils._client import ImdsClient, Limits
from ansible_collections.imds.azure.plugins.module_utils._endpoints.scheduled_events import (
    scheduled_events,
)
from ansible_collections.imds.azure.plugins.module_utils._errors import (
    NotFoundError,
    TransportError,
    UnavailableError,
)
from ansible_collections.imds.azure.plugins.module_utils._managed_identity.tokens import imds_token
from ansible_collections.imds.azure.plugins.module_utils._retry import Failure, RetryPolicy
from ansible_collections.imds.azure.plugins.module_utils._transport import Request, Response
from ansible_collections.imds.azure.plugins.plugin_utils._lookup.routes import ask_route

DOCUMENT = {"compute": {"name": "web-1"}, "network": NETWORK}
RETRIED = (408, 410, 429, 500, 502, 503, 504)
FINAL = (204, 301, 302, 400, 401, 403, 405, 409, 418, 501, 505)
quick = settings(derandomize=True, database=None, deadline=None, max_examples=200)


def wait(failure: Failure, policy: RetryPolicy | None = None, **about: t.Any) -> float | None:
    known = {"attempt": 1, "elapsed": 0.0, "jitter": 1.0, "now": WALL, **about}
    return (policy or RetryPolicy(90.0)).wait(failure, **known)


@pytest.mark.parametrize("status", RETRIED)
def test_transient_statuses_are_retried(status: int) -> None:
    assert wait(Failure(status)) == 1.0


@pytest.mark.parametrize("status", FINAL)
@pytest.mark.parametrize("root", [True, False])
def test_every_other_status_is_final(status: int, root: bool) -> None:
    assert wait(Failure(status), always_there=root) is None
    assert wait(Failure(status, retry_after="1"), always_there=root) is None


def test_404_is_retried_only_for_root_documents() -> None:
    assert wait(Failure(404), always_there=True) == 1.0
    assert wait(Failure(404), always_there=False) is None


def test_a_missing_answer_is_retried_unless_retries_can_not_help() -> None:
    assert wait(Failure()) == 1.0
    assert wait(Failure(retry=False)) is None


def test_waits_grow_up_to_a_limit() -> None:
    policy = RetryPolicy(deadline=1e9)
    waits = [wait(Failure(500), policy, attempt=attempt) for attempt in (*range(1, 11), 5000)]
    assert waits == [*WAITS, 16.0]


@quick
@given(attempt=st.integers(1, 10**6), jitter=st.floats(0, 1))
def test_half_of_a_wait_is_random(attempt: int, jitter: float) -> None:
    policy = RetryPolicy(deadline=1e9)
    longest = wait(Failure(503), policy, attempt=attempt)
    drawn = wait(Failure(503), policy, attempt=attempt, jitter=jitter)
    assert longest is not None
    assert drawn is not None
    assert longest / 2 <= drawn <= longest


@pytest.mark.parametrize(
    ("status", "root", "seconds"), [(410, False, 70), (410, True, 70), (404, True, 30)]
)
def test_retries_of_a_status_end(status: int, root: bool, seconds: float) -> None:
    assert wait(Failure(status), elapsed=seconds - 0.01, always_there=root) == 1.0
    assert wait(Failure(status), elapsed=seconds, always_there=root) is None


@pytest.mark.parametrize("jitter", [0.0, 0.5, 1.0])
def test_a_refused_connection_is_final_after_15_seconds(jitter: float) -> None:
    def next_wait(seconds: float) -> float | None:
        failure = Failure(cause="connection refused", unreachable=True)
        return wait(failure, elapsed=60 + seconds, attempt=5, jitter=jitter, refused_for=seconds)

    assert next_wait(0.0) == wait(Failure(), attempt=5, jitter=jitter, elapsed=60)
    # The last attempt is at the end of the time.
    assert next_wait(14.0) == 1.0
    assert next_wait(14.9) is None
    assert next_wait(15.0) is None


def test_other_connection_failures_are_retried_until_the_deadline() -> None:
    assert wait(Failure(), elapsed=60, refused_for=0.0) == 1.0


def test_no_wait_exceeds_the_deadline() -> None:
    assert wait(Failure(500), elapsed=88.9) == 1.0
    assert wait(Failure(500), elapsed=89.0) is None
    assert wait(Failure(429, retry_after="89.9"), elapsed=0) == 1.0  # not a number in RFC 9110
    assert wait(Failure(429, retry_after="89")) == 89.0
    assert wait(Failure(429, retry_after="90")) is None


def test_attempts_can_be_limited() -> None:
    policy = RetryPolicy(90.0, attempts=2)
    assert wait(Failure(500), policy, attempt=1) == 1.0
    assert wait(Failure(500), policy, attempt=2) is None


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("0", 1.0),
        ("000", 1.0),
        ("Sat, 31 Jan 2026 12:00:05 GMT", 5.0),
        ("Sat, 31 Jan 2026 13:00:05 +0100", 5.0),
        ("Saturday, 31-Jan-26 12:00:05 GMT", 5.0),
        ("Sat Jan 31 12:00:05 2026", 5.0),
        ("Sat, 31 Jan 2026 11:59:00 GMT", 1.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 1.0),
        ("Sat, 31 Jan 2099 12:00:05 GMT", None),
        ("999999999", None),
        # An empty value counts as no value.
        ("9999999999", 1.0),
        ("-5", 1.0),
        ("1e1", 1.0),
        ("٧", 1.0),
        ("soon", 1.0),
        ("", 1.0),
        ("Sat, 31 Feb 99999 12:00:05 GMT", 1.0),
        ("Sat, 31 Jan 0000 12:00:05 GMT", None),
        (", , , , ,", 1.0),
    ],
)
def test_retry_after_takes_precedence(value: str, seconds: float | None) -> None:
    if value == "Sat, 31 Jan 0000 12:00:05 GMT":  # a year of two digits is in this century
        seconds = 1.0
    assert wait(Failure(429, retry_after=value)) == seconds


@quick
@given(
    st.text(max_size=60)
    | st.text(alphabet="Sat,31 Jn2026:05GM+-0", max_size=40)
    | st.lists(
        st.sampled_from(["Sat", ",", "31", "Jan", "2026", "12:00:05", "GMT", "+0100", "-", ":"]),
        max_size=8,
    ).map(" ".join)
)
@example("Sat, 31 , 12:00:05 GMT")
@example("1 Jan 2026 99999999999999999999:00:00 +99999999999999999999")
def test_no_retry_after_is_a_traceback_or_a_busy_loop(value: str) -> None:
    found = wait(Failure(429, retry_after=value))
    assert found is None or 0.2 <= found < 90


# Complete calls


def own_token(made: ImdsClient) -> t.Any:
    return imds_token(made, "https://vault.azure.net")


def answers_until(clock: Clock, seconds: float, status: int) -> t.Callable[..., Response]:
    """A transport with this status for the given seconds, and then with the document."""

    def send(_request: Request, _timeout: float) -> Response:
        return refusal(status) if clock.now < seconds else ok(DOCUMENT)

    return send


def instance(send: t.Callable[..., Response], clock: Clock, **limits: t.Any) -> t.Any:
    return client(send, clock, **limits).instance().data


def test_an_update_of_70_seconds_is_survived() -> None:
    clock = Clock()
    assert instance(answers_until(clock, 70.0, 410), clock) == DOCUMENT
    assert clock.sleeps == WAITS


@pytest.mark.parametrize("jitter", [0.0, 0.3, 0.5, 0.99])
def test_an_update_of_70_seconds_is_survived_with_any_jitter(jitter: float) -> None:
    clock = Clock()
    made = ImdsClient(answers_until(clock, 70.0, 410), system=clock.system(jitter=jitter))
    assert made.instance().data == DOCUMENT


def test_retries_of_an_endless_update_end() -> None:
    clock = Clock()
    with pytest.raises(UnavailableError) as caught:
        instance(answers_until(clock, 1e9, 410), clock)
    assert str(caught.value) == (
        f"GET {BASE}/instance?api-version=2025-04-07 failed: status 410, after 11 attempts in 80.2 s. "
        "IMDS is being updated. Try again later, or raise the option deadline"
    )
    assert caught.value.status == 410


def test_a_start_of_30_seconds_is_survived() -> None:
    clock = Clock()
    assert instance(answers_until(clock, 30.0, 404), clock) == DOCUMENT
    assert clock.sleeps == WAITS[:7]


def test_a_persistent_404_is_final() -> None:
    clock = Clock()
    with pytest.raises(UnavailableError) as caught:
        instance(answers_until(clock, 1e9, 404), clock)
    assert clock.sleeps == WAITS[:7]
    assert str(caught.value) == (
        f"GET {BASE}/instance?api-version=2025-04-07 failed: status 404, after 8 attempts in 32.2 s. "
        "Check what serves this address: it does not answer like IMDS"
    )


def test_a_404_for_a_route_is_final() -> None:
    clock = Clock()
    with pytest.raises(NotFoundError):
        ask_route(client(answers_until(clock, 1e9, 404), clock), "instance/compute/nothing")
    assert clock.sleeps == []


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_other_transient_failures_are_retried_until_the_deadline(status: int) -> None:
    clock = Clock()
    with pytest.raises(UnavailableError, match=f"status {status}, after 11 attempts in 80.2 s"):
        instance(answers_until(clock, 1e9, status), clock)
    assert clock.sleeps == WAITS


REFUSED = TransportError("connection refused", unreachable=True)


@pytest.mark.parametrize("deadline", [16.0, 90.0, 3600.0])
@pytest.mark.parametrize("jitter", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("ask", [ImdsClient.instance, scheduled_events, own_token])
def test_a_call_that_is_refused_ends_after_15_seconds(
    ask: t.Callable[[ImdsClient], t.Any], jitter: float, deadline: float
) -> None:
    clock = Clock()
    limits = Limits(deadline=deadline)
    made = ImdsClient(Always(REFUSED), limits=limits, system=clock.system(jitter=jitter))
    with pytest.raises(UnavailableError, match=r"connection refused, after \d+ attempts in 15 s\."):
        ask(made)
    assert clock.now == pytest.approx(15)


@pytest.mark.parametrize("deadline", [0.5, 5.0, 13.0])
def test_a_shorter_deadline_applies_to_refused_calls(deadline: float) -> None:
    refused, silent = Clock(), Clock()
    for clock, outcome in ((refused, REFUSED), (silent, TransportError("silence"))):
        with pytest.raises(UnavailableError):
            instance(Always(outcome), clock, deadline=deadline)
    assert refused.sleeps == silent.sleeps


@pytest.mark.parametrize("reason", ["the connection was reset", "no complete answer within 10 s"])
def test_failures_of_a_restart_are_retried_until_the_deadline(reason: str) -> None:
    clock = Clock()
    with pytest.raises(UnavailableError, match=r"after 11 attempts in 80\.2 s"):
        instance(Always(TransportError(reason)), clock)


def test_a_restart_of_the_service_is_survived() -> None:
    """Only successive refusals count. The answer 503 ends a series of refusals."""
    clock = Clock()
    answers = iter([*[503] * 6, None, 503, None, 200])

    def send(_request: Request, _timeout: float) -> Response:
        status = next(answers)
        if status is None:
            raise REFUSED
        return refusal(status) if status == 503 else ok(DOCUMENT)

    assert instance(send, clock) == DOCUMENT
    assert clock.sleeps == [*WAITS[:8], 15.0]


def test_a_refused_list_of_versions_is_final_after_15_seconds() -> None:
    clock = Clock()

    def send(request: Request, _timeout: float) -> Response:
        if "/versions" in request.url:
            raise REFUSED
        return refusal(400, '{"error": "Bad request. api-version is invalid"}')

    with pytest.raises(
        UnavailableError, match=r"/versions failed: connection refused, after .* 15 s"
    ):
        instance(send, clock)
    assert clock.now == pytest.approx(15)


def test_a_server_that_hangs_takes_no_longer_than_the_deadline() -> None:
    clock = Clock()
    send = Always(TransportError("no complete answer within 10 s"), clock, seconds=1e9)
    with pytest.raises(UnavailableError, match="no complete answer"):
        instance(send, clock)
    assert clock.now <= 90
    assert send.timeouts[0] == 10
    assert send.timeouts[-1] <= 10


def test_the_last_attempt_has_the_rest_of_the_deadline() -> None:
    clock = Clock()
    send = Always(TransportError("silence"), clock, seconds=1e9)
    with pytest.raises(UnavailableError):
        instance(send, clock, timeout=10.0, deadline=12.0)
    assert send.timeouts == [10.0, 1.0]
    assert clock.now == 12.0


@pytest.mark.parametrize(
    ("header", "sleeps"),
    [("3", [3.0]), ("0", [1.0]), ("Sat, 31 Jan 2026 12:00:04 GMT", [4.0]), ("soon", [1.0])],
)
def test_a_retry_after_of_imds_is_respected(header: str, sleeps: list[float]) -> None:
    clock = Clock()
    busy = refusal(429, "Too many requests", retry_after=header)

    def send(_request: Request, _timeout: float) -> Response:
        return ok(DOCUMENT) if clock.sleeps else busy

    assert instance(send, clock) == DOCUMENT
    assert clock.sleeps == sleeps


def test_a_retry_after_beyond_the_deadline_ends_the_call_at_once() -> None:
    clock = Clock()
    with pytest.raises(UnavailableError, match="429, 'Too many requests', after 1 attempt in 0 s"):
        instance(Always(refusal(429, "Too many requests", retry_after="3600")), clock)
    assert clock.sleeps == []


def test_a_short_last_attempt_does_not_hide_the_error() -> None:
    clock = Clock()
    outcomes = iter([refusal(503), refusal(503), TransportError("no complete answer within 1 s")])

    def send(_request: Request, _timeout: float) -> Response:
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    with pytest.raises(UnavailableError, match=r"status 503, after 3 attempts in 2\.5 s") as caught:
        instance(send, clock, timeout=10.0, deadline=4.0)
    assert caught.value.status == 503


def test_an_answer_to_a_short_last_attempt_is_reported() -> None:
    outcomes = iter([TransportError("connection refused")] * 2 + [refusal(503)])

    def send(_request: Request, _timeout: float) -> Response:
        outcome = next(outcomes)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    with pytest.raises(UnavailableError, match=r"status 503, after 3 attempts") as caught:
        instance(send, Clock(), timeout=10.0, deadline=4.0)
    assert caught.value.status == 503


def test_a_single_attempt() -> None:
    clock = Clock()
    send = Always(TransportError("connection refused"))
    with pytest.raises(UnavailableError, match="connection refused, after 1 attempt in"):
        instance(send, clock, attempts=1)
    assert len(send.requests) == 1


def test_permanent_failures_are_not_retried() -> None:
    send = Always(TransportError("the answer is larger than 4 MiB", retry=False))
    with pytest.raises(UnavailableError, match="larger than 4 MiB, after 1 attempt"):
        instance(send, Clock())
    assert len(send.requests) == 1
