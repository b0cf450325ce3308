# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the transport of Windows hosts: the arguments of win_uri, and the handling of any result."""

from __future__ import annotations

import contextlib
import typing as t

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.imds.azure.plugins.module_utils._errors import TransportError
from ansible_collections.imds.azure.plugins.module_utils._transport import (
    MAX_BODY,
    Request,
    Response,
)
from ansible_collections.imds.azure.plugins.plugin_utils._windows.win_uri import (
    ModuleFailedError,
    win_uri_transport,
)

HEADERS = {"Metadata": "true", "Accept-Encoding": "identity", "User-Agent": "ansible-imds.azure"}
GET = Request("GET", "http://169.254.169.254/metadata/instance", HEADERS)
SECRET = GET._replace(secret=True)
ANSWER = {"elapsed": 0.1, "status_code": 200, "content": "{}", "msg": "OK"}

Result = dict[str, t.Any]


def response(result: Result, request: Request = GET, timeout: float = 10) -> Response:
    return win_uri_transport(lambda _name, _arguments: result)(request, timeout)


def failure(result: Result, request: Request = GET, timeout: float = 10) -> TransportError:
    with pytest.raises(TransportError) as raised:
        response({"failed": True, "elapsed": 0.1, **result}, request, timeout)
    return raised.value


def arguments_of(request: Request, timeout: float = 10) -> Result:
    asked: list[tuple[str, Result]] = []

    def run(name: str, arguments: Result) -> Result:
        asked.append((name, arguments))
        return ANSWER

    win_uri_transport(run)(request, timeout)
    ((name, arguments),) = asked
    assert name == "ansible.windows.win_uri"
    return arguments


def test_a_request_is_one_run_of_the_module_without_proxy_and_redirects() -> None:
    arguments = arguments_of(GET)
    assert 100 not in arguments["status_code"]
    assert {200, 302, 404, 410, 429, 599} <= set(arguments.pop("status_code"))
    assert arguments == {
        "url": GET.url,
        "method": "GET",
        "headers": {"Metadata": "true", "Accept-Encoding": "identity"},
        "http_agent": "ansible-imds.azure",
        "use_proxy": False,
        "follow_redirects": "none",
        "url_timeout": 10,
        "return_content": True,
    }


def test_a_body_is_sent_as_text() -> None:
    headers = {**HEADERS, "Content-Type": "application/json"}
    arguments = arguments_of(Request("POST", GET.url, headers, b'{"a": "\xc3\xa9"}'))
    assert (arguments["method"], arguments["body"]) == ("POST", '{"a": "é"}')
    assert arguments["headers"]["Content-Type"] == "application/json"


@pytest.mark.parametrize(("timeout", "seconds"), [(0.05, 1), (1.0, 1), (2.1, 3), (130.0, 130)])
def test_a_timeout_is_rounded_up_to_whole_seconds(timeout: float, seconds: int) -> None:
    assert arguments_of(GET, timeout)["url_timeout"] == seconds


def test_localhost_is_always_loopback() -> None:
    local = GET._replace(url="http://localhost:50342/oauth2/token")
    assert arguments_of(local)["url"] == "http://127.0.0.1:50342/oauth2/token"


def test_an_answer_has_the_headers_that_the_client_reads() -> None:
    told = {"retry_after": "2", "location": "http://x", "content_type": "text/html", "etag": "x"}
    answer = response({**ANSWER, **told, "status_code": 302, "msg": "Elsewhere"})
    assert answer == Response(
        302,
        {"retry-after": "2", "location": "http://x", "content-type": "text/html"},
        b"{}",
        "Elsewhere",
    )


@pytest.mark.parametrize(
    ("content", "announced", "body"),
    [
        ("\ufeff{}", "5", b"\xef\xbb\xbf{}"),
        ("é", "2", "é".encode()),
        # Bytes that are not UTF-8, and a document that contains the replacement character.
        ("web-\ufffd", "5", b"web-\xff"),
        ("web-\ufffd", "7", "web-\ufffd".encode()),
        # Without a length, this is unknown.
        ("web-\ufffd", None, "web-\ufffd".encode()),
        ("{}", "9" * 5000, b"{}"),
        ("\ud800", None, b"\xed\xa0\x80"),
    ],
)
def test_the_body_has_the_sent_bytes(content: str, announced: str | None, body: bytes) -> None:
    assert response({**ANSWER, "content": content, "content_length": announced}).body == body


def test_a_body_that_is_cut_short_is_no_answer() -> None:
    with pytest.raises(TransportError, match="the answer ended after 2 of 10 bytes"):
        response({**ANSWER, "content_length": "10"})


@pytest.mark.parametrize("content", ["x" * (MAX_BODY + 1), "é" * (MAX_BODY // 2 + 1)])
def test_a_body_has_a_limit(content: str) -> None:
    with pytest.raises(TransportError, match="larger than 4 MiB") as raised:
        response({**ANSWER, "content": content})
    assert raised.value.retry is False


@pytest.mark.parametrize("elapsed", [3.0, 2.95, 300])
def test_a_timeout_is_known_by_the_time_in_any_language(elapsed: float) -> None:
    reason = failure({"elapsed": elapsed, "msg": "Zeitüberschreitung"}, timeout=2.5).reason
    assert reason == "no complete answer within 3 s"


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("the target machine actively refused it. (127.0.0.1:1)", "connection refused"),
        ("Connection refused (127.0.0.1:1)", "connection refused"),
        ("A socket operation was attempted to an unreachable host.", "no route to the host"),
        ("Network is unreachable", "the network is unreachable"),
        (
            'Exception calling "GetResponse" with "0" argument(s): "Unable to connect to the remote server"',
            "win_uri got no answer, 'Unable to connect to the remote server'",
        ),
    ],
)
def test_a_host_that_can_not_connect_is_unreachable(words: str, reason: str) -> None:
    error = failure({"msg": f"Unhandled exception occurred. Exception: {words}"})
    assert (error.reason, error.unreachable, error.retry) == (reason, True, True)


def test_other_causes_are_quoted_as_they_are() -> None:
    words = 'Ausnahme beim Aufrufen von "GetResponse" mit 0 Argument(en):  "Die Verbindung\x1b[2J wurde\n getrennt."'
    error = failure({"msg": words})
    assert error.reason == "win_uri got no answer, 'Die Verbindung [2J wurde getrennt.'"
    assert not error.unreachable
    assert len(failure({"msg": "x" * 10**6}).reason) < 300


def test_a_message_quotes_no_answer_that_may_contain_a_token() -> None:
    token = "eyJ0b2tlbg"
    assert token not in failure({"msg": f'Exception: "{token}"'}, SECRET).reason


@pytest.mark.parametrize(
    "result",
    [
        {},
        {"failed": True, "msg": "MODULE FAILURE"},
        {"failed": False, "status_code": 200, "content": "{}"},
        {**ANSWER, "status_code": "200"},
        {**ANSWER, "status_code": None},
        {**ANSWER, "status_code": True},
        {**ANSWER, "status_code": 99},
        {**ANSWER, "content": None},
        {**ANSWER, "content": {"compute": {}}},
    ],
)
def test_a_failed_module_is_not_run_again(result: Result) -> None:
    with pytest.raises(ModuleFailedError):
        response(result)


_ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3)
    ),
    max_leaves=5,
)
_KEYS = ("elapsed", "failed", "status_code", "content", "msg", "retry_after", "content_length")


@given(st.fixed_dictionaries({}, optional=dict.fromkeys(_KEYS, _ANYTHING)), st.booleans())
@settings(derandomize=True, database=None, deadline=None)
def test_any_result_of_a_host_is_an_answer_or_one_error(result: Result, secret: bool) -> None:
    with contextlib.suppress(TransportError, ModuleFailedError):
        assert isinstance(response(result, GET._replace(secret=secret)), Response)
