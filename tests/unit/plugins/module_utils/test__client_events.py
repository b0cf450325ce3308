# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the calls of the client for scheduled events: the requests, the waits and the results."""

from __future__ import annotations

import json
import typing as t

import pytest

from ansible_collections.imds.azure.plugins.module_utils._client import ImdsClient, Limits, System
from ansible_collections.imds.azure.plugins.module_utils._endpoints.scheduled_events import (
    own_name,
    scheduled_events,
    start_event,
)
from ansible_collections.imds.azure.plugins.module_utils._errors import (
    MalformedError,
    NotFoundError,
    RefusedError,
    TransportError,
    UnavailableError,
    VersionError,
)
from ansible_collections.imds.azure.plugins.module_utils._transport import Request, Response

ENDPOINT = "http://127.0.0.1:8169"
URL = f"{ENDPOINT}/metadata/scheduledevents?api-version=2020-07-01"
ID = "C7061BAC-AFDC-4513-B24B-AA5F13A16123"
NOTHING = b'{"DocumentIncarnation":1,"Events":[]}'

Step = t.Union[Response, TransportError]


def ok(body: bytes = NOTHING) -> Response:
    return Response(200, {"content-type": "application/json"}, body)


def refusal(status: int, body: bytes = b'{ "error": "Bad request" }') -> Response:
    return Response(status, {"content-type": "application/json"}, body)


class Script:
    """A transport with given answers, and a clock that moves only during waits."""

    def __init__(self, *steps: Step) -> None:
        self.steps = list(steps)
        self.requests: list[Request] = []
        self.timeouts: list[float] = []
        self.waits: list[float] = []
        self.now = 0.0

    def __call__(self, request: Request, timeout: float) -> Response:
        self.requests.append(request)
        self.timeouts.append(timeout)
        step = self.steps.pop(0)
        if isinstance(step, TransportError):
            raise step
        return step

    def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds

    def client(self, limits: Limits | None = None, version: str = "latest") -> ImdsClient:
        system = System(clock=lambda: self.now, sleep=self.sleep, jitter=lambda: 1.0)
        return ImdsClient(self, ENDPOINT, version, limits, system)


def test_reading_uses_the_newest_version_of_events() -> None:
    script = Script(ok())
    answer = scheduled_events(script.client())
    assert (answer.api_version, answer.data) == ("2020-07-01", json.loads(NOTHING))
    (request,) = script.requests
    assert (request.method, request.url, request.body) == ("GET", URL, None)
    assert request.headers["Metadata"] == "true"


def test_a_version_is_used_as_it_is() -> None:
    script = Script(ok())
    assert scheduled_events(script.client(version="2019-08-01")).api_version == "2019-08-01"


def test_an_older_version_where_the_newest_is_unknown() -> None:
    body = (
        b'{ "error": "Bad request. api-version is invalid", "newest-versions": [ "2019-08-01" ] }'
    )
    script = Script(refusal(400, body), ok(), ok())
    client = script.client()
    assert scheduled_events(client).api_version == "2019-08-01"


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, b'{ "error": "Bad request" }', RefusedError),
        (404, b'{ "error": "Not found" }', NotFoundError),
    ],
)
def test_a_version_that_events_do_not_have_is_named_as_a_cause(
    status: int, body: bytes, kind: type[Exception]
) -> None:
    script = Script(refusal(status, body))
    with pytest.raises(kind, match=r"the option api_version: .* up to 2020-07-01"):
        scheduled_events(script.client(version="2021-12-13"))


def test_the_first_answer_may_take_two_minutes_and_later_ones_not() -> None:
    script = Script(ok(), ok())
    client = script.client(Limits(timeout=5.0))
    scheduled_events(client)
    scheduled_events(client)
    assert script.timeouts == [130.0, 5.0]


def test_a_deadline_that_was_set_is_for_the_first_answer_too() -> None:
    script = Script(ok())
    scheduled_events(script.client(Limits(timeout=5.0, deadline=20.0)))
    assert script.timeouts == [20.0]


def test_an_attempt_that_may_take_longer_is_given_the_deadline_of_the_first_answer() -> None:
    script = Script(ok(), ok())
    client = script.client(Limits(timeout=200.0))
    scheduled_events(client)
    scheduled_events(client)
    assert script.timeouts == [130.0, 90.0]


def test_a_first_request_without_answer_leaves_the_next_its_time() -> None:
    script = Script(TransportError("no complete answer"), ok())
    client = script.client(Limits(timeout=5.0, attempts=1))
    with pytest.raises(UnavailableError):
        scheduled_events(client)
    scheduled_events(client)
    assert script.timeouts == [130.0, 130.0]


def test_off_azure_the_first_request_has_the_usual_timeout() -> None:
    script = Script(TransportError("no complete answer"))
    limits = Limits(timeout=2.0, deadline=2.0, attempts=1, stretch=False)
    with pytest.raises(UnavailableError):
        scheduled_events(script.client(limits))
    assert script.timeouts == [2.0]


@pytest.mark.parametrize("body", [b"{}", b"[]", b"null", b'{"Events":[1]}'])
def test_another_document_is_an_error(body: bytes) -> None:
    with pytest.raises(MalformedError) as caught:
        scheduled_events(Script(ok(body)).client())
    assert str(caught.value).startswith(f"GET {URL} was answered, but ")


@pytest.mark.parametrize("body", [b"", b" \r\n", b'{"Events":null}', b'{"Events":[]}'])
def test_an_answer_that_means_no_events(body: bytes) -> None:
    script = Script(ok(body))
    assert scheduled_events(script.client()).data == {"Events": []}
    assert script.waits == []


@pytest.mark.parametrize("body", [b"", b"\n"])
def test_an_empty_answer_is_an_error_for_other_endpoints(body: bytes) -> None:
    script = Script(ok(body))
    with pytest.raises(UnavailableError, match="bytes of application/json that are not JSON"):
        script.client(Limits(attempts=1)).instance()


def test_the_own_name_comes_from_the_newest_instance_document() -> None:
    script = Script(ok(b'{"compute":{"name":"web-0"}}'))
    assert own_name(script.client(version="2019-08-01")) == "web-0"
    assert script.requests[0].url == f"{ENDPOINT}/metadata/instance?api-version=2025-04-07"


def test_approving() -> None:
    script = Script(ok(b""))
    start_event(script.client(), ID)
    (request,) = script.requests
    assert (request.method, request.url) == ("POST", URL)
    assert request.headers["Metadata"] == "true"
    assert request.headers["Content-Type"] == "application/json"
    assert request.body is not None
    assert json.loads(request.body) == {"StartRequests": [{"EventId": ID}]}


@pytest.mark.parametrize(
    "failure", [TransportError("connection reset"), refusal(500), refusal(429), refusal(410)]
)
def test_an_approval_without_answer_is_repeated(failure: Step) -> None:
    script = Script(failure, ok(b""))
    start_event(script.client(), ID)
    assert [request.method for request in script.requests] == ["POST", "POST"]
    assert script.requests[0] == script.requests[1]
    assert script.waits == [1.0]


@pytest.mark.parametrize(("status", "kind"), [(400, RefusedError), (404, NotFoundError)])
def test_a_refused_approval_is_not_repeated(status: int, kind: type[Exception]) -> None:
    script = Script(refusal(status))
    with pytest.raises(kind, match=rf"^POST {ENDPOINT}\S+ failed: status {status}, 'Bad request'"):
        start_event(script.client(), ID)


def test_an_approval_with_an_unknown_version_names_the_version() -> None:
    script = Script(refusal(400, b'{ "error": "api-version is invalid" }'))
    with pytest.raises(VersionError, match=r"^POST .* rejected api-version 2019-08-01"):
        start_event(script.client(version="2019-08-01"), ID)
