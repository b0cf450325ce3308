# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the client with scripts of requests: the exact requests, and the result of each answer."""

from __future__ import annotations

import errno
import json
import typing as t

import pytest
from doubles import (
    BASE,
    HOSTILE,
    NETWORK,
    OLD_UNKNOWN_VERSION,
    WAITS,
    Always,
    Clock,
    Script,
    client,
    load,
    ok,
    refusal,
    text,
    unknown_version,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ansible_collections.imds.azure.plugins.module_utils._client import (
    DEFAULT_ENDPOINT,
    ImdsClient,
    Limits,
    checked_endpoint,
    checked_version,
)
from ansible_collections.imds.azure.plugins.module_utils._endpoints.scheduled_events import (
    scheduled_events,
)
from ansible_collections.imds.azure.plugins.module_utils._errors import (
    ImdsError,
    MalformedError,
    NotFoundError,
    OptionError,
    RefusedError,
    TransportError,
    UnavailableError,
    VersionError,
)
from ansible_collections.imds.azure.plugins.module_utils._http_reader import failed_attempt
from ansible_collections.imds.azure.plugins.module_utils._managed_identity.tokens import imds_token
from ansible_collections.imds.azure.plugins.module_utils._service import IMDS
from ansible_collections.imds.azure.plugins.module_utils._transport import Request, Response
from ansible_collections.imds.azure.plugins.plugin_utils._lookup.routes import ask_route

NEWEST_TESTED, FLOOR = IMDS.newest, IMDS.floor

DOCUMENT = {"compute": {"name": "web-1"}, "network": NETWORK}
quick = settings(derandomize=True, database=None, deadline=None, max_examples=150)
NO_HEADER = refusal(400, '{ "error": "Bad request: . Required metadata header not specified" }')
BAD_REQUEST = refusal(400, '{ "error": "Bad request" }')
NOT_FOUND = refusal(404, '{ "error": "Not found" }')
NEEDS_VERSION = unknown_version("2020-10-01", "2020-09-01", "2020-07-15")


def instance_url(version: str) -> str:
    return f"{BASE}/instance?api-version={version}"


VERSIONS_URL = f"{BASE}/versions"


# Requests


def test_one_request() -> None:
    with Script((instance_url(NEWEST_TESTED), ok(DOCUMENT))) as send:
        assert client(send).instance()[:2] == (NEWEST_TESTED, DOCUMENT)
    assert send.requests[0].headers == {
        "Metadata": "true",
        "Accept-Encoding": "identity",
        "User-Agent": "ansible-imds.azure",
    }


def test_another_endpoint() -> None:
    with Script(
        ("http://127.0.0.1:8080/metadata/instance?api-version=2025-04-07", ok(DOCUMENT))
    ) as send:
        ImdsClient(send, "http://127.0.0.1:8080/").instance()


def test_a_container_is_data() -> None:
    url = f"{BASE}/instance/compute/tagsList?api-version={NEWEST_TESTED}"
    with Script((url, ok([{"name": "a", "value": "b"}]))) as send:
        assert ask_route(client(send), "instance/compute/tagsList").data == [
            {"name": "a", "value": "b"}
        ]


@pytest.mark.parametrize("words", ["weu", "", " \n", "0", "true", "null", '{"a": 1}', "\ufeffü"])
def test_a_leaf_is_requested_as_text(words: str) -> None:
    url = f"{BASE}/instance/compute/location?api-version={NEWEST_TESTED}"
    with Script((url, BAD_REQUEST), (url + "&format=text", text(words))) as send:
        assert ask_route(client(send), "instance/compute/location").data == words


def test_params_are_quoted_and_come_after_the_version() -> None:
    url = f"{BASE}/attested/document?api-version={NEWEST_TESTED}&nonce=%2B%20%26%C3%A4"
    with Script((url, ok({}))) as send:
        ask_route(client(send), "attested/document", [("nonce", "+ &ä")])


def test_segments_are_quoted() -> None:
    url = f"{BASE}/instance/compute/%C3%A4%20b%3F?api-version={NEWEST_TESTED}"
    with Script((url, ok({}))) as send:
        ask_route(client(send), "instance/compute/ä b?")


@pytest.mark.parametrize("place", ["route", "name", "value"])
def test_invalid_unicode_is_not_sent(place: str) -> None:
    odd = "\udc80"
    path = f"instance/{odd}" if place == "route" else "attested/document"
    params = {"name": [(odd, "")], "value": [("nonce", odd)]}.get(place, [])
    with Script() as send, pytest.raises(OptionError, match="not Unicode"):
        ask_route(client(send), path, params)


def test_versions_need_no_version() -> None:
    with Script((VERSIONS_URL, ok({"apiVersions": []}))) as send:
        made = client(send, api_version="2017-04-02")
        assert ask_route(made, "versions").data == {"apiVersions": []}


def test_a_list_of_versions_that_requires_a_version() -> None:
    script = Script((VERSIONS_URL, unknown_version()))
    with script as send, pytest.raises(VersionError, match="rejected api-version none"):
        ask_route(client(send), "versions")


# Negotiation


def test_the_newest_that_imds_offers() -> None:
    with Script(
        (instance_url(NEWEST_TESTED), unknown_version("2026-01-01", "2021-12-13", "2023-07-01")),
        (instance_url("2023-07-01"), ok(DOCUMENT)),
        (f"{BASE}/instance/network?api-version=2023-07-01", ok({})),
    ) as send:
        made = client(send)
        assert made.instance()[:2] == ("2023-07-01", DOCUMENT)
        # The negotiated version is not negotiated again.
        assert ask_route(made, "instance/network") == ("2023-07-01", {})


def test_never_a_newer_one_than_the_tested() -> None:
    with Script(
        (instance_url(NEWEST_TESTED), unknown_version("2027-01-01", "2026-06-01", "2026-01-01")),
        (VERSIONS_URL, ok({"apiVersions": ["2026-01-01", "2019-06-01", "2018-04-02"]})),
        (instance_url("2019-06-01"), ok(DOCUMENT)),
    ) as send:
        assert client(send).instance().api_version == "2019-06-01"


def test_the_older_404_has_no_list() -> None:
    with Script(
        (instance_url(NEWEST_TESTED), OLD_UNKNOWN_VERSION),
        (VERSIONS_URL, ok({"apiVersions": ["2020-10-01", "2020-12-01"]})),
        (instance_url("2020-12-01"), ok(DOCUMENT)),
    ) as send:
        assert client(send).instance().api_version == "2020-12-01"


def test_the_older_installation_refuses_the_list_and_names_its_newest_in_that() -> None:
    with Script(
        (instance_url(NEWEST_TESTED), OLD_UNKNOWN_VERSION),
        (VERSIONS_URL, NEEDS_VERSION),
        (instance_url("2020-10-01"), ok(DOCUMENT)),
    ) as send:
        assert client(send).instance().api_version == "2020-10-01"


@pytest.mark.parametrize(
    "no_list",
    [
        NOT_FOUND,
        BAD_REQUEST,
        OLD_UNKNOWN_VERSION,
        unknown_version(),
        refusal(405),
        ok({}),
        ok([]),
        ok(None),
        ok(5),
        ok({"apiVersions": None}),
        ok({"apiVersions": "2020-10-01"}),
        ok({"apiVersions": []}),
        ok({"apiVersions": ["", "preview", "2999-01-01", None]}),
    ],
)
def test_the_oldest_version_is_the_last_candidate(no_list: Response) -> None:
    with Script(
        (instance_url(NEWEST_TESTED), OLD_UNKNOWN_VERSION),
        (VERSIONS_URL, no_list),
        (instance_url(FLOOR), ok(DOCUMENT)),
    ) as send:
        assert client(send).instance()[:2] == (FLOOR, DOCUMENT)


def test_no_version_at_all() -> None:
    script = Script(
        (instance_url(NEWEST_TESTED), unknown_version("2016-01-01")),
        (instance_url("2016-01-01"), unknown_version("2016-01-01")),
        (VERSIONS_URL, ok({"apiVersions": ["2016-01-01"]})),
        (instance_url(FLOOR), OLD_UNKNOWN_VERSION),
    )
    with script as send, pytest.raises(VersionError) as caught:
        client(send).instance()
    assert str(caught.value) == (
        f"GET {instance_url(FLOOR)} failed: IMDS rejected api-version 2025-04-07, 2016-01-01, "
        "2017-12-01 (status 404, 'Not found. Invalid version requested'). "
        "It offers 2016-01-01: set api_version."
    )
    assert caught.value.status == 404


def test_each_version_is_requested_once() -> None:
    with Script(
        (instance_url(NEWEST_TESTED), unknown_version(NEWEST_TESTED, "2020-12-01")),
        (VERSIONS_URL, ok({"apiVersions": [NEWEST_TESTED]})),
        (instance_url(FLOOR), ok(DOCUMENT)),
    ) as send:
        assert client(send).instance().api_version == FLOOR


def test_imds_may_reject_an_offered_version() -> None:
    with Script(
        (instance_url(NEWEST_TESTED), unknown_version("2023-07-01")),
        (instance_url("2023-07-01"), ok(DOCUMENT)),
        (instance_url("2023-07-01"), unknown_version("2024-03-15", "2021-12-13")),
        (instance_url("2024-03-15"), ok(DOCUMENT)),
    ) as send:
        made = client(send)
        made.instance()
        assert made.instance().api_version == "2024-03-15"


@pytest.mark.parametrize("rejection", [unknown_version("2023-07-01"), OLD_UNKNOWN_VERSION])
@pytest.mark.parametrize("path", ["instance", "instance/compute", "instance/compute/name"])
def test_a_date_is_never_replaced(path: str, rejection: Response) -> None:
    url = f"{BASE}/{path}?api-version=2024-01-01"
    with Script((url, rejection)) as send, pytest.raises(VersionError) as caught:
        ask_route(client(send, api_version="2024-01-01"), path)
    message = str(caught.value)
    assert message.startswith(f"GET {url} failed: IMDS rejected api-version 2024-01-01 (status ")
    assert message.endswith("set api_version to one that it knows, or to 'latest'.")


def test_a_date_is_used_as_it_is() -> None:
    with Script((instance_url("2029-12-31"), ok(DOCUMENT))) as send:
        assert client(send, api_version="2029-12-31").instance().api_version == "2029-12-31"


def test_negotiation_on_the_way_to_a_leaf() -> None:
    route = f"{BASE}/instance/compute/name?api-version="
    with Script(
        (route + NEWEST_TESTED, unknown_version("2023-07-01")),
        (route + "2023-07-01", BAD_REQUEST),
        # A version without an answer is not negotiated.
        (route + NEWEST_TESTED + "&format=text", unknown_version("2023-07-01")),
        (route + "2023-07-01&format=text", text("web-1")),
    ) as send:
        assert ask_route(client(send), "instance/compute/name") == ("2023-07-01", "web-1")


def test_scheduled_events_have_versions_of_their_own() -> None:
    with Script(
        (f"{BASE}/scheduledevents?api-version=2020-07-01", ok({"Events": []})),
        (instance_url(NEWEST_TESTED), ok(DOCUMENT)),
    ) as send:
        made = client(send)
        ask_route(made, "scheduledevents")
        assert made.instance().api_version == NEWEST_TESTED


dates = st.dates().map(lambda date: f"20{date.year % 100:02}-{date.month:02}-{date.day:02}")
versions = st.one_of(dates, st.sampled_from(["", "latest", "2020-13-01", NEWEST_TESTED, FLOOR]))


@quick
@given(
    known=st.sets(versions, max_size=5),
    offered=st.lists(versions, max_size=5),
    listed=st.lists(versions, max_size=5) | st.none(),
    old=st.booleans(),
)
@example(known=set(), offered=[], listed=None, old=True)
def test_negotiation_ends_with_any_known_offered_and_listed_versions(
    known: set[str], offered: list[str], listed: list[str] | None, old: bool
) -> None:
    asked: list[str] = []

    def send(request: Request, _timeout: float) -> Response:
        asked.append(request.url)
        if request.url == VERSIONS_URL:
            return NOT_FOUND if listed is None else ok({"apiVersions": listed})
        if request.url[len(instance_url("")) :] in known:
            return ok(DOCUMENT)
        return OLD_UNKNOWN_VERSION if old else unknown_version(*offered)

    clock = Clock()
    try:
        version = client(send, clock).instance().api_version
    except VersionError:
        version = ""
    assert len(asked) == len(set(asked)) <= 5
    assert clock.sleeps == []
    assert version in known or version == ""
    assert version <= NEWEST_TESTED
    if NEWEST_TESTED in known:
        assert version == NEWEST_TESTED


def test_a_failure_during_negotiation_shares_the_deadline() -> None:
    clock = Clock()

    def send(request: Request, _timeout: float) -> Response:
        if request.url == instance_url(NEWEST_TESTED):
            return unknown_version() if clock.now else refusal(503)
        return refusal(503)

    with pytest.raises(UnavailableError, match="503"):
        client(send, clock).instance()
    assert clock.now < 90


# Endpoints


@pytest.mark.parametrize(
    ("endpoint", "name"),
    [
        ("http://169.254.169.254", DEFAULT_ENDPOINT),
        ("http://169.254.169.254/", DEFAULT_ENDPOINT),
        ("http://169.254.169.254:80", DEFAULT_ENDPOINT),
        ("http://169.254.169.254:80/", DEFAULT_ENDPOINT),
        ("HTTP://169.254.169.254", DEFAULT_ENDPOINT),
        ("http://169.254.0.1:50342", "http://169.254.0.1:50342"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://127.9.8.7", "http://127.9.8.7"),
        ("http://LocalHost:65535", "http://localhost:65535"),
        ("http://LOCALHOST", "http://localhost"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("http://[::1]", "http://[::1]"),
        ("http://[FE80::1]/", "http://[fe80::1]"),
    ],
)
def test_local_endpoints(endpoint: str, name: str) -> None:
    assert checked_endpoint(endpoint) == name
    assert checked_endpoint(name) == name


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "169.254.169.254",
        "//169.254.169.254",
        "https://169.254.169.254",
        "ftp://127.0.0.1",
        "file:///etc/passwd",
        "unix:/run/imds.sock",
        "http://",
        "http:///metadata",
        "http://example.com",
        "http://metadata.azure.internal",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
        "http://10.0.0.4",
        "http://168.63.129.16",
        "http://169.253.255.255",
        "http://0.0.0.0",
        "http://255.255.255.255",
        "http://192.0.2.1",
        "http://[2001:db8::1]",
        "http://[::ffff:192.0.2.1]",
        "http://[::]",
        "http://[::1",
        "http://::1",
        "http://2130706433",
        "http://0x7f000001",
        "http://0x7f.0.0.1",
        "http://127.1",
        "http://2852039166",
        "http://①②⑦.⓪.⓪.①",
        "http://me@127.0.0.1",
        "http://me:secret@127.0.0.1",
        "http://127.0.0.1@example.com",
        "http://127.0.0.1\\@example.com",
        "http://127.0.0.1#@example.com",
        "http://127.0.0.1/metadata",
        "http://127.0.0.1/?x=1",
        "http://127.0.0.1?x=1",
        "http://127.0.0.1/#here",
        "http://127.0.0.1:0",
        "http://127.0.0.1:65536",
        "http://127.0.0.1:-1",
        "http://127.0.0.1:http",
        "http://127.0.0.1 ",
        "http://127.0.0.1\x00",
        "http://127.0.0.1 example.com",
        "http://127.0.0.1\t",
        "http://127.0.0.1\n",
        "http://127.0.0\t.1",
        "ht\ntp://127.0.0.1",
        " http://127.0.0.1",
        "\x00http://127.0.0.1",
        "http:127.0.0.1",
        "http:/127.0.0.1",
        "http:///127.0.0.1",
        "http://127.0.0.1//",
        "http://127.0.0.1/.",
        "http://127.0.0.1:",
        "http://127.0.0.1:0080",
        "http://127.0.0.1:+80",
        "http://127.0.0.1: 80",
        "http://127.0.0.1:80:80",
        "http://127.0.0.1:\u0661",
        "http://127.0.0.1:80.example.com",
        "http://127.0.0.1;x",
        "http://127.0.0.1.",
        "http://127.0.0.1..",
        "http://127.0.0.1%2eexample.com",
        "http://127.0.0.1\u3002example.com",
        "http://127\u30020\u30020\u30021",
        "http://127\uff0e0\uff0e0\uff0e1",
        "http://\u0661\u0662\u0667.0.0.1",
        "http://127.0.0.01",
        "http://0127.0.0.1",
        "http://127.0.0.010",
        "http://0x7f.0x0.0x0.0x1",
        "http://0177.0.0.1",
        "http://127.0.1",
        "http://127.0.0.0.1",
        "http://127.0.0.256",
        "http://0",
        "http://localhost.",
        "http://localhost.localdomain",
        "http://ip6-localhost",
        "http://.localhost",
        "http://local host",
        "http://localho\u017ft",
        "http://[localhost]",
        "http://[::1].example.com",
        "http://[::1]example",
        "http://[::1].127.0.0.1",
        "http://[::1]127.0.0.1",
        "http://example[::1]",
        "http://[::1]]",
        "http://[[::1]]",
        "http://[::1]:80:80",
        "http://[::1]:80[::1]",
        "http://[::1]@example.com",
        "http://[0:0:0:0:0:0:0:1]",
        "http://[::0001]",
        "http://[127.0.0.1]",
        "http://[::127.0.0.1]",
        "http://[::ffff:127.0.0.1]",
        "http://[::ffff:7f00:1]",
        "http://[::ffff:169.254.169.254]",
        "http://[::ffff:a9fe:a9fe]",
        "http://[64:ff9b::7f00:1]",
        "http://[fe80::1%eth0]",
        "http://[fe80::1%25eth0]",
        "http://[fe80::1%25eth0].example.com",
        "http://[::1%25lo]",
        "http://[v1.1]",
        "http://\udc80",
        "None",
        "{{ endpoint }}",
    ],
)
def test_every_other_endpoint_is_refused_before_a_packet_is_sent(endpoint: str) -> None:
    with Script() as send, pytest.raises(OptionError) as caught:
        ImdsClient(send, endpoint)
    assert "is refused: expected http://ADDRESS" in str(caught.value)
    assert "\n" not in str(caught.value)


@quick
@given(st.text(max_size=40) | st.text(max_size=20).map("http://{}".format))
@example("http://[fe80::1%x y]")
@example("http://[fe80::1%25eth0\r]:80")
def test_an_endpoint_is_itself_or_refused(endpoint: str) -> None:
    try:
        name = checked_endpoint(endpoint)
    except OptionError:
        return
    assert checked_endpoint(name) == name
    assert not set(name) & set(" \r\n\t?#@\\")


@pytest.mark.parametrize("version", ["2017-04-02", "2025-04-07", "2099-12-31"])
def test_valid_versions(version: str) -> None:
    assert checked_version(version) == version


@pytest.mark.parametrize(
    "version",
    [
        "",
        "newest",
        "LATEST",
        "latest ",
        "2025-4-7",
        "2025-00-01",
        "2025-13-01",
        "2025-12-32",
        "1999-01-01",
        "2025-04-07\n",
        "2025-04-07&format=text",
        "2025-04-07-preview",
        "٢٠٢٥-٠٤-٠٧",
        "2025-04-07 00:00:00",
        "\ud800",
    ],
)
def test_invalid_versions(version: str) -> None:
    with Script() as send, pytest.raises(OptionError, match="is neither 'latest' nor a date like"):
        client(send, api_version=version)


# All documented statuses: once, several times, and always

STATUSES = (400, 401, 403, 404, 405, 408, 410, 429, 500, 502, 503, 504)
FINAL = {400, 401, 403, 405}
KINDS = {400: VersionError, 401: RefusedError, 403: RefusedError, 405: RefusedError}
BODIES = {
    "nothing": "",
    "IMDS": '{ "error": "Some words of IMDS" }',
    "OAuth": '{"error":"invalid_request","error_description":"Some words of IMDS"}',
    "text": "Some words of IMDS",
    "HTML": "\n<!DOCTYPE html><html><body>Zscaler</body></html>",
    "not UTF-8": b"\xff\xfe\x00",
    "another shape": '["error"]',
    "error as an object": '{"error": {"code": 5}}',
    "brackets": "[" * 100_000,
}


# A 400 without a message counts as the refusal of a version, see the negotiation.
@pytest.mark.parametrize("status", STATUSES[1:])
@pytest.mark.parametrize("times", [1, 3])
def test_a_transient_status(status: int, times: int) -> None:
    clock = Clock()
    sent: list[str] = []

    def send(request: Request, _timeout: float) -> Response:
        sent.append(request.url)
        return refusal(status) if len(sent) <= times else ok(DOCUMENT)

    made = client(send, clock)
    if status in FINAL:
        with pytest.raises(RefusedError):
            made.instance()
        assert len(sent) == 1
    else:
        assert made.instance().data == DOCUMENT
        assert len(sent) == times + 1
    assert clock.sleeps == WAITS[: 0 if status in FINAL else times]


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_persistent_status(status: int, body: str | bytes) -> None:
    clock = Clock()
    send = Always(refusal(status, body))
    with pytest.raises(ImdsError) as caught:
        client(send, clock).instance()
    message = str(caught.value)
    assert caught.type is KINDS.get(status, UnavailableError)
    assert caught.value.status == status
    assert message.startswith(f"GET {send.requests[0].url} failed: ")
    assert f"status {status}" in message
    assert "\n" not in message
    assert len(message) < 900
    assert clock.now < 90
    if "words" in str(body):
        assert "Some words of IMDS" in message
    if status != 400:
        count = len(send.requests)
        assert f"after {count} attempt{'' if count == 1 else 's'} in " in message
        assert count == 1 if status in FINAL else count > 5


ADVICE = {
    401: "parameters",
    403: "proxy agent",
    404: "serves this address",
    405: "does not allow",
    408: "Try again later",
    410: "being updated",
    429: "(5 a second)",
    500: "temporary problem",
    302: "does not answer like IMDS",
    204: "does not answer like IMDS",
    418: "does not answer like IMDS",
    599: "does not answer like IMDS",
}


@pytest.mark.parametrize(("status", "words"), ADVICE.items())
def test_the_message_says_what_to_do(status: int, words: str) -> None:
    with pytest.raises(ImdsError, match=words):
        client(Always(refusal(status))).instance()


def test_the_message_of_a_route_says_what_to_do() -> None:
    with pytest.raises(NotFoundError) as caught:
        ask_route(client(Always(NOT_FOUND)), "instance/compute/nothing")
    assert str(caught.value) == (
        f"GET {BASE}/instance/compute/nothing?api-version=2025-04-07 failed: status 404, "
        "'Not found', after 1 attempt in 0 s. Check the route: this IMDS has nothing there"
    )


@pytest.mark.parametrize(
    ("route", "advice"),
    [
        (
            "location",
            "Check the route: routes of IMDS begin with instance, attested, scheduledevents",
        ),
        ("Instance/compute", "Check the route: routes of IMDS begin with instance, attested"),
        ("attested/nothing", "Check the route: this IMDS has nothing there"),
        ("instance/computer", "Check the route: this IMDS has nothing there"),
    ],
)
def test_a_route_without_its_root_is_completed(route: str, advice: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        ask_route(client(Always(NOT_FOUND)), route)
    assert f"after 1 attempt in 0 s. {advice}" in str(caught.value)


def test_a_removed_header_does_not_start_a_negotiation() -> None:
    with pytest.raises(RefusedError, match="it removes headers") as caught:
        client(Always(NO_HEADER)).instance()
    assert not isinstance(caught.value, VersionError)
    assert "Required metadata header not specified" in str(caught.value)


def test_no_answer_at_all() -> None:
    with pytest.raises(UnavailableError) as caught:
        client(Always(TransportError("no complete answer within 10 s"))).instance()
    assert str(caught.value) == (
        f"GET {instance_url(NEWEST_TESTED)} failed: no complete answer within 10 s, after 11 attempts in "
        "80.2 s. Check that this is an Azure VM, that it has a route to the address on its primary network "
        "interface and that no firewall drops the request. The role imds.azure.diagnose finds the "
        "cause on a host"
    )
    assert (caught.value.status, caught.value.answered) == (None, False)


SILENCE = [
    (errno.ECONNREFUSED, "nothing listens there, or something rejects the connection"),
    (errno.EHOSTUNREACH, "that it has a route to the address"),
    (errno.ENETUNREACH, "that it has a route to the address"),
    (errno.EACCES, "Check the firewall and the routes of this host"),
    (errno.ECONNRESET, "it closes the connection"),
    (errno.ETIMEDOUT, "no firewall drops the request"),
]


@pytest.mark.parametrize(
    ("code", "advice"), SILENCE, ids=[errno.errorcode[code] for code, _advice in SILENCE]
)
def test_the_advice_fits_the_kind_of_silence_and_names_the_role(code: int, advice: str) -> None:
    silence = failed_attempt(OSError(code, "x"), 10.0)
    for ask in (ImdsClient.instance, scheduled_events, lambda made: imds_token(made, "https://a")):
        with pytest.raises(UnavailableError) as caught:
            ask(client(Always(silence)))
        message = str(caught.value)
        assert advice in message
        assert ("firewall drops" in message) is (code == errno.ETIMEDOUT)
        assert message.endswith(". The role imds.azure.diagnose finds the cause on a host")
        assert not caught.value.answered


def test_a_connection_that_is_closed_without_a_word_names_the_role() -> None:
    with pytest.raises(
        UnavailableError, match=r"closes the connection\. The role imds.azure.diagnose"
    ):
        client(Always(TransportError("the connection was closed without an answer"))).instance()


DOCKER = "connecting to 169.254.169.254:80: dial tcp: connectex: A socket operation was attempted to an unreachable network."
SAID = {
    "the reason phrase": (Response(403, {}, b"", DOCKER), f"status 403, {DOCKER!r}, after"),
    "the reason phrase beside a page": (
        Response(403, {}, b"<html>", "Blocked by policy"),
        "status 403, 'Blocked by policy: an HTML page', after",
    ),
    "the body, where the reason phrase says the same": (
        Response(403, {}, b"Blocked by policy", "Blocked"),
        "status 403, 'Blocked by policy', after",
    ),
    "a code and a message": (
        refusal(403, '{"error": {"code": "AccessDenied", "message": "No rule allows it"}}'),
        "status 403, 'AccessDenied: No rule allows it', after",
    ),
    "a message alone": (
        refusal(409, '{"error": {"code": null, "message": "Not now"}}'),
        "status 409, 'Not now', after",
    ),
    "a code and what is within it": (
        refusal(403, '{"error": {"code": "A", "innererror": {"code": "B"}, "message": ["x"]}}'),
        "status 403, 'A', after",
    ),
    "a text": (refusal(403, '{"error": "no", "error_description": "rule"}'), "'no: rule', after"),
}


@pytest.mark.parametrize(("response", "words"), SAID.values(), ids=SAID)
def test_the_words_of_a_refusal_are_in_the_message(response: Response, words: str) -> None:
    with pytest.raises(RefusedError) as caught:
        client(Always(response)).instance()
    assert words in str(caught.value)
    assert caught.value.answered


@pytest.mark.parametrize(
    ("response", "advice"),
    [
        (Response(403, {}, b"", DOCKER), "answers instead of it"),
        (
            refusal(403, "A socket operation was attempted to an unreachable network"),
            "answers instead",
        ),
        (
            refusal(403, '{"error": {"message": "dial tcp 169.254.169.254:80"}}'),
            "answers instead of it",
        ),
        (refusal(403), "or another proxy"),
        (refusal(403, '{"error": "rule 7"}'), "or another proxy"),
    ],
)
def test_the_advice_on_403_depends_on_the_answer(response: Response, advice: str) -> None:
    with pytest.raises(RefusedError) as caught:
        client(Always(response)).instance()
    assert advice in str(caught.value)
    assert ("proxy agent" in str(caught.value)) is (advice == "or another proxy")


def test_no_status_line_beside_a_token_is_in_a_message() -> None:
    inner = {"code": "x", "message": "it is s3cret", "access_token": "s3cret"}
    for response in (
        Response(403, {}, b"", "s3cret"),
        refusal(403, json.dumps({"error": inner})),
        refusal(
            403,
            json.dumps({"error": {"message": "s3cret", "details": [{"AccessToken": "s3cret"}]}}),
        ),
    ):
        with pytest.raises(RefusedError) as caught:
            imds_token(client(Always(response)), "https://vault.azure.net")
        assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    "reason", ["the answer is larger than 4 MiB", "the answer ended too early"]
)
def test_a_useless_answer_is_not_a_missing_route(reason: str) -> None:
    with pytest.raises(
        UnavailableError, match=rf"{reason}, after .* does not answer like IMDS$"
    ) as caught:
        client(Always(TransportError(reason))).instance()
    assert caught.value.answered


def test_a_redirect_is_named_and_not_followed() -> None:
    elsewhere = refusal(302, location="http://login.example.com/\n\x1b[31mportal")
    with pytest.raises(RefusedError) as caught:
        client(Always(elsewhere)).instance()
    assert (
        "status 302, 'redirect to http://login.example.com/ [31mportal, which is not followed'"
        in str(caught.value)
    )


@pytest.mark.parametrize("path", ["instance", "instance/compute/name", "attested/document"])
@pytest.mark.parametrize("status", [200, 203, 302, 400, 401, 403, 404, 429, 500])
def test_no_answer_writes_to_the_terminal(path: str, status: int) -> None:
    names = ("content-type", "location", "retry-after", "server")
    headers = dict.fromkeys(names, HOSTILE)
    bodies: list[t.Any] = [
        {"error": HOSTILE, "error_description": HOSTILE},
        {"error": HOSTILE, "newest-versions": [HOSTILE, "2020-09-01"]},
        {"compute": HOSTILE, HOSTILE: HOSTILE},
        HOSTILE,
    ]
    messages = []
    for body in [*map(json.dumps, bodies), HOSTILE]:
        content = body.encode("utf-8", "surrogateescape")
        asked = Always(Response(status, headers, content), Clock())
        try:
            ask_route(client(asked, attempts=1), path, [("nonce", HOSTILE[:-1])])
        except ImdsError as exc:
            messages.append(str(exc))
    assert [message for message in messages if not message.isprintable()] == []
    assert len(messages) == (1 if status == 200 else 5)


def test_no_transport_writes_to_the_terminal() -> None:
    with pytest.raises(UnavailableError) as caught:
        client(Always(TransportError(f"OSError: {HOSTILE}"))).instance()
    assert str(caught.value).isprintable()


def test_a_long_wait_reads_well() -> None:
    with pytest.raises(UnavailableError, match=r"after \d+ attempts in 1\d\d\d s"):
        client(Always(refusal(503)), deadline=1800.0).instance()


# A document contains user data, and a text may be a value of it.
USER_DATA = "I2Nsb3VkLWNvbmZpZw"
PARTS = {
    "document": f'{{"compute":{{"userData":"{USER_DATA}","name":"x"}}}}',
    "half": f'{{"compute":{{"userData":"{USER_DATA}',
    "list": f'["{USER_DATA}"]',
    "half a list": f'["{USER_DATA}',
    "half a text": f'"{USER_DATA}',
    "an end": f'ta":"{USER_DATA}","name":"x"}}}}',
    "a middle": f'ta":"{USER_DATA}","na',
    "after a sign": f')]}}\', {{"userData":"{USER_DATA}"}}',
    "after a byte order mark": "\ufeff" + f'{{"userData":"{USER_DATA}"',
    "after blanks": f' \r\n{{"userData":"{USER_DATA}"',
    "base64": USER_DATA * 10,
    "UTF-16": f'{{"userData":"{USER_DATA}"}}'.encode("utf-16"),
    "UTF-16 without a mark": f'{{"userData":"{USER_DATA}"}}'.encode("utf-16-be"),
    "stored by gzip": b"\x1f\x8b\x08\x00\x00\x00" + USER_DATA.encode(),
    "many bytes": " " * 2000 + USER_DATA,
}


@pytest.mark.parametrize("body", PARTS.values(), ids=PARTS)
def test_no_part_of_a_document_is_in_a_message(body: str | bytes) -> None:
    for status in (*range(100, 200), *range(201, 600)):
        send = Always(refusal(status, body))
        with pytest.raises(ImdsError) as caught:
            client(send, attempts=1).instance()
        assert USER_DATA not in str(caught.value).replace(" ", "")
        assert f"status {status}" in str(caught.value)


@pytest.mark.parametrize("status", [203, 206, 299, 302, 400, 404, 500])
def test_no_leaf_is_in_a_message(status: int) -> None:
    for route in ("instance/compute/userData", "instance/compute/customData", "other"):
        with pytest.raises(ImdsError) as caught:
            ask_route(client(Always(refusal(status, USER_DATA)), attempts=1), route)
        assert USER_DATA not in str(caught.value)


@pytest.mark.parametrize("status", [203, 206, 299])
def test_a_text_that_is_not_an_error_is_not_quoted(status: int) -> None:
    with pytest.raises(ImdsError, match=rf"status {status}, after"):
        client(Always(refusal(status, "web-1"))).instance()


# All kinds of bodies with status 200

UNREADABLE = {
    "empty": b"",
    "blank": b" \r\n",
    "half": b'{"compute": {"name": "web',
    "text": b"Too many requests",
    "portal": b"<html><head><title>Sign in</title></head></html>",
    "not UTF-8": b'{"compute": {"name": "\xff"}}',
    "UTF-16": '{"compute": {}}'.encode("utf-16"),
    "NaN": b'{"compute": NaN}',
    "Infinity": b'{"compute": -Infinity}',
    "brackets": b"[" * 100_000,
    "deep": b'{"compute":' * 100 + b"{}" + b"}" * 100,
    "two": b"{}{}",
    "gzip": b"\x1f\x8b\x08\x00",
    "single quotes": b"{'compute': {}}",
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE)
def test_a_200_that_is_not_json_is_tried_again_and_then_reported(body: bytes) -> None:
    clock = Clock()
    headers = {"content-type": "text/html"}
    with pytest.raises(UnavailableError) as caught:
        client(Always(Response(200, headers, body)), clock).instance()
    message = str(caught.value)
    assert f"status 200 with {len(body)} bytes of text/html that are not JSON (" in message
    assert "after 11 attempts in 80.2 s" in message
    assert "\n" not in message
    assert len(message) < 400
    assert message.endswith("Check what serves this address: it does not answer like IMDS")
    # The text may be a token.
    assert "Sign" not in message
    assert "web" not in message
    clock = Clock()
    answers = iter([Response(200, {}, body), ok(DOCUMENT)])
    assert client(lambda _request, _timeout: next(answers), clock).instance().data == DOCUMENT


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (None, "it is null, not an instance document"),
        ([], "it is a list, not an instance document"),
        ("web-1", "it is a text, not an instance document"),
        (5, "it is a number, not an instance document"),
        (True, "it is a boolean, not an instance document"),
        ({"compute": []}, "its 'compute' is a list, not an object"),
        ({"compute": "x"}, "its 'compute' is a text, not an object"),
        ({"compute": {}, "network": 5}, "its 'network' is a number, not an object"),
    ],
)
def test_other_json_is_not_a_document(data: t.Any, what: str) -> None:
    script = Script((instance_url(NEWEST_TESTED), ok(data)))
    with script as send, pytest.raises(MalformedError) as caught:
        client(send).instance()
    assert str(caught.value) == (
        f"GET {instance_url(NEWEST_TESTED)} was answered, but {what}. "
        "Check what serves this address: it does not answer like IMDS"
    )
    assert caught.value.status == 200


@pytest.mark.parametrize(
    ("body", "data"),
    [
        (b'\xef\xbb\xbf{"compute":{"name":"x"}}', {"compute": {"name": "x"}}),
        (b'{"compute":{"name":"a","name":"b"}}', {"compute": {"name": "b"}}),
        (
            b' \n{"compute":{"x":1},"later": [1, {"x": true}]}\n',
            {"compute": {"x": 1}, "later": [1, {"x": True}]},
        ),
        (
            '{"compute":{"name":"wéb 日本 🦊 \\ud83e\\udd8a"}}'.encode(),
            {"compute": {"name": "wéb 日本 🦊 🦊"}},
        ),
    ],
)
def test_unusual_documents(body: bytes, data: t.Any) -> None:
    assert client(Always(Response(200, {}, body))).instance().data == data


def test_a_leaf_that_is_not_utf_8() -> None:
    route = f"{BASE}/instance/compute/name?api-version={NEWEST_TESTED}"

    def send(request: Request, _timeout: float) -> Response:
        return BAD_REQUEST if request.url == route else Response(200, {}, b"w\xe9b")

    with pytest.raises(
        UnavailableError, match=r"3 bytes of unknown type that are not text \(byte 1 is"
    ):
        ask_route(client(send), "instance/compute/name")


@quick
@given(
    status=st.sampled_from([*STATUSES, 200, 204, 302]),
    body=st.binary(max_size=30)
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=5,
    ).map(lambda data: json.dumps(data).encode()),
)
def test_any_answer_is_a_document_or_an_imds_error(status: int, body: bytes) -> None:
    try:
        outcome: t.Any = client(Always(refusal(status, body))).instance()
    except ImdsError as exc:
        outcome = str(exc)
    if isinstance(outcome, str):
        assert outcome.startswith("GET http://")
        assert "\n" not in outcome
    else:
        assert status == 200
        assert isinstance(outcome.data, dict)


def test_every_observed_error_has_a_readable_message() -> None:
    for case in load("errors"):
        answer = refusal(case["status"], case["body"])
        with pytest.raises(ImdsError) as caught:
            ask_route(client(Always(answer)), case["route"])
        assert case["words"] in str(caught.value)


@pytest.mark.parametrize(
    "versions",
    [
        ok({"apiVersions": [FLOOR, NEWEST_TESTED]}),
        refusal(400),
        NO_HEADER,
        TransportError("the answer is larger than 4 MiB", retry=False),
    ],
)
def test_a_400_without_text_is_not_blamed_on_a_listed_version(
    versions: Response | TransportError,
) -> None:
    """Otherwise one transient error would silently give a document of 2017 instead of the present one."""
    clock = Clock()
    script = Script((instance_url(NEWEST_TESTED), refusal(400)), (VERSIONS_URL, versions))
    with script as send, pytest.raises(VersionError) as caught:
        client(send, clock).instance()
    assert str(caught.value) == (
        f"GET {instance_url(NEWEST_TESTED)} failed: IMDS rejected the request (status 400) without "
        "naming api-version 2025-04-07 as the reason. Try again, or set another api_version"
    )
    assert caught.value.status == 400
    assert clock.sleeps == []


@pytest.mark.parametrize(
    ("versions", "used"), [(ok({"apiVersions": ["2020-12-01"]}), "2020-12-01"), (NOT_FOUND, FLOOR)]
)
def test_a_400_without_text_is_blamed_on_an_unlisted_version(versions: Response, used: str) -> None:
    with Script(
        (instance_url(NEWEST_TESTED), refusal(400)),
        (VERSIONS_URL, versions),
        (instance_url(used), ok(DOCUMENT)),
    ) as send:
        assert client(send).instance().api_version == used


# Time


def test_scheduled_events_may_take_two_minutes() -> None:
    send = Always(TransportError("silence"))
    with pytest.raises(UnavailableError):
        ask_route(client(send), "scheduledevents")
    assert send.timeouts[0] == 130.0


def test_scheduled_events_have_a_short_timeout_off_azure() -> None:
    send = Always(TransportError("silence"))
    limits = Limits(timeout=2.0, deadline=2.0, attempts=1, stretch=False)
    with pytest.raises(UnavailableError):
        ask_route(ImdsClient(send, limits=limits, system=Clock().system()), "scheduledevents")
    assert send.timeouts == [2.0]


def test_a_leaf_has_one_deadline_for_both_of_its_requests() -> None:
    clock = Clock()

    def send(request: Request, _timeout: float) -> Response:
        if request.url.endswith("&format=text"):
            return refusal(503)
        return BAD_REQUEST if clock.now > 60 else refusal(503)

    with pytest.raises(UnavailableError, match="503"):
        ask_route(client(send, clock), "instance/compute/name")
    assert 60 < clock.now < 90


def test_each_call_has_a_deadline_of_its_own() -> None:
    clock = Clock()
    made = client(Always(refusal(503)), clock)
    for _count in range(2):
        with pytest.raises(UnavailableError, match=r"after 11 attempts in 80\.2 s"):
            made.instance()


def test_an_attempt_after_a_late_wait_still_has_a_moment() -> None:
    clock = Clock()
    timeouts: list[float] = []

    def send(_request: Request, timeout: float) -> Response:
        timeouts.append(timeout)
        clock.now += 100  # the machine was suspended
        return refusal(503)

    with pytest.raises(UnavailableError, match="after 1 attempt in 100 s"):
        client(send, clock).instance()
    assert timeouts == [10.0]
