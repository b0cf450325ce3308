# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the contract of both transports. Each test runs over a real socket with each of them."""

from __future__ import annotations

import contextlib
import gc
import gzip
import io
import ipaddress
import logging
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import time
import traceback
import typing as t

import pytest
from doubles import (
    Behaviour,
    RawServer,
    answering,
    closing,
    dripping,
    endless,
    http,
    reset,
    silent,
)
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ansible_collections.imds.azure.plugins.module_utils import _fast_http_reader
from ansible_collections.imds.azure.plugins.module_utils._client import ImdsClient, Limits
from ansible_collections.imds.azure.plugins.module_utils._errors import ImdsError, TransportError
from ansible_collections.imds.azure.plugins.module_utils._http_reader import (
    failed_attempt,
    own_words,
    read_answer,
    reason_of,
)
from ansible_collections.imds.azure.plugins.module_utils._managed_identity.tokens import imds_token
from ansible_collections.imds.azure.plugins.module_utils._transport import (
    MAX_BODY,
    Request,
    Response,
    Transport,
    http_transport,
)
from ansible_collections.imds.azure.plugins.plugin_utils._requests_transport import (
    requests_transport,
)
from imds_simulator import Fault, Simulator, Vm
from tools import isolation

HEADERS = {"Metadata": "true", "Accept-Encoding": "identity", "User-Agent": "tests"}
# The additional time that a slow machine may need after the timeout.
GRACE = 1.5
DOCUMENT = {"compute": {"name": "wéb-1"}, "network": {}}


@pytest.fixture(params=["http.client", "requests"])
def send(request: pytest.FixtureRequest) -> Transport:
    return http_transport if request.param == "http.client" else requests_transport()


@pytest.fixture(scope="module")
def simulated() -> t.Iterator[Vm]:
    with Simulator([Vm("web-1", DOCUMENT)], rate_limit=0) as simulator:
        yield simulator["web-1"]


@pytest.fixture
def vm(simulated: Vm) -> Vm:
    simulated.faults.clear()
    simulated.requests.clear()
    return simulated


def get(url: str, **headers: str) -> Request:
    return Request("GET", url, {**HEADERS, **headers})


def instance(vm: Vm) -> Request:
    return get(f"{vm.url}/metadata/instance?api-version=2025-04-07")


def failure(send: Transport, request: Request, timeout: float = 5.0) -> TransportError:
    """The error. It must occur at the latest soon after the timeout."""
    begun = time.monotonic()
    with pytest.raises(TransportError) as caught:
        send(request, timeout)
    assert time.monotonic() - begun < timeout + GRACE
    return caught.value


# Requests


def test_an_answer_is_status_headers_and_body(send: Transport, vm: Vm) -> None:
    answer = send(instance(vm), 5)
    assert answer.status == 200
    assert answer.body == '{"compute":{"name":"wéb-1"},"network":{}}'.encode()
    assert answer.headers["content-type"] == "application/json; charset=utf-8"
    assert answer.headers["server"].startswith("IMDS/")


def test_exactly_these_headers_are_sent(send: Transport, vm: Vm) -> None:
    send(instance(vm), 5)
    (request,) = vm.requests
    assert request.method == "GET"
    assert request.target == "/metadata/instance?api-version=2025-04-07"
    assert sorted(request.headers) == [
        ("Accept-Encoding", "identity"),
        ("Host", vm.url[len("http://") :]),
        ("Metadata", "true"),
        ("User-Agent", "tests"),
    ]
    assert request.body == b""


@pytest.mark.parametrize(
    "target",
    [
        "/metadata/instance/compute/tagsList/0/n%C3%A4me?format=text&api-version=2025-04-07",
        "/metadata/instance/a~b/c%26d?x=%2B%20%3D%3F",
        "/metadata/instance/..a/b..?nonce=",
    ],
)
def test_the_url_arrives_as_it_was_given(send: Transport, vm: Vm, target: str) -> None:
    send(get(vm.url + target), 5)
    assert vm.requests[0].target == target


def test_a_body_is_sent_whole(send: Transport, vm: Vm) -> None:
    body = b'{"StartRequests":[{"EventId":"\xc3\xa4"}]}'
    send(Request("POST", f"{vm.url}/metadata/scheduledevents", HEADERS, body), 5)
    (request,) = vm.requests
    assert (request.method, request.body) == ("POST", body)
    assert sorted(name for name, _value in request.headers) == [
        "Accept-Encoding",
        "Content-Length",
        "Host",
        "Metadata",
        "User-Agent",
    ]


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
def test_proxies_of_the_environment_get_no_request(
    send: Transport, vm: Vm, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    # In a CGI program, urllib ignores HTTP_PROXY.
    monkeypatch.delenv("REQUEST_METHOD", raising=False)
    with RawServer(answering(http(b"trapped"))) as trap:
        monkeypatch.setenv(name, trap.url)
        assert send(instance(vm), 5).body != b"trapped"
        assert trap.connections == 0
    assert vm.requests[0].target.startswith("/")


def test_netrc_is_not_read(
    send: Transport, vm: Vm, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    netrc = tmp_path / ".netrc"
    netrc.write_text(
        "machine 127.0.0.1 login me password secret\ndefault login me password secret\n"
    )
    netrc.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("NETRC", str(netrc))
    send(instance(vm), 5)
    assert vm.requests[0].header("Authorization") is None


def test_cookies_are_not_sent_back(send: Transport, vm: Vm) -> None:
    vm.faults = [Fault("headers", headers={"Set-Cookie": "session=1; Path=/"}, times=1)]
    assert send(instance(vm), 5).headers["set-cookie"].startswith("session=1")
    send(instance(vm), 5)
    assert [request.header("Cookie") for request in vm.requests] == [None, None]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(send: Transport, vm: Vm, status: int) -> None:
    with RawServer(answering(http(b"trapped"))) as trap:
        vm.faults = [Fault("status", status=status, headers={"Location": trap.url})]
        answer = send(instance(vm), 5)
        assert (answer.status, answer.headers["location"]) == (status, trap.url)
        assert trap.connections == 0
    assert len(vm.requests) == 1


# Answers


@pytest.mark.parametrize("status", [200, 204, 400, 401, 403, 404, 405, 410, 429, 500, 503, 599])
def test_every_status_is_an_answer(send: Transport, vm: Vm, status: int) -> None:
    vm.faults = [Fault("status", status=status, body="" if status == 204 else "words")]
    answer = send(instance(vm), 5)
    assert (answer.status, answer.body) == (status, b"" if status == 204 else b"words")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("403 connecting to 169.254.169.254:80: unreachable network", "connecting to 169.254"),
        ("403 Forbidden", ""),
        ("403 FORBIDDEN", ""),
        ("403 ", ""),
        ("403", ""),
        ("599 Network Timeout", "Network Timeout"),
        ("200 Fine", "Fine"),
        ("500 caf\xe9", "caf\xe9"),
    ],
)
def test_the_status_line_may_have_an_unusual_reason(send: Transport, line: str, words: str) -> None:
    sent = f"HTTP/1.1 {line}\r\nContent-Length: 2\r\nX: 1\r\nX: 2\r\n\r\nok".encode("latin-1")
    with RawServer(answering(sent)) as server:
        answer = send(get(server.url), 5)
    assert answer.body == b"ok"
    assert answer.words.startswith(words)
    assert bool(answer.words) is bool(words)


def test_an_answer_need_not_have_a_reason_phrase() -> None:
    assert own_words(599, None) == own_words(200, None) == ""


def test_an_unrequested_compression_is_not_decoded(send: Transport) -> None:
    packed = gzip.compress(b'{"compute":{}}')
    with RawServer(answering(http(packed, "Content-Encoding: gzip"))) as server:
        assert send(get(server.url), 5).body == packed


@pytest.mark.parametrize(
    ("sent", "body"),
    [
        (b"HTTP/1.1 200 OK\r\n\r\nto the end", b"to the end"),
        (b"HTTP/1.0 200 OK\r\n\r\nold", b"old"),
        (b"HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok", b"ok"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok and more", b"ok"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\nok", b"ok"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nok", b"ok"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", b"ok"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
        (b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", b"ok"),
    ],
)
def test_bodies_framed_in_every_way(send: Transport, sent: bytes, body: bytes) -> None:
    with RawServer(answering(sent)) as server:
        answer = send(get(server.url), 5)
        assert (answer.status, answer.body) == (200, body)


def test_a_plain_answer_needs_no_library(vm: Vm) -> None:
    """On managed nodes, the import of the library would take longer than the request."""
    script = (
        "import sys\n"
        "from ansible_collections.imds.azure.plugins.module_utils import _transport\n"
        f"request = _transport.Request('GET', {instance(vm).url!r}, {HEADERS!r})\n"
        "assert _transport.http_transport(request, 5).status == 200\n"
        "assert not {'http.client', 'email', 'ssl', 'urllib.parse'} & set(sys.modules)\n"
    )
    path = {"PYTHONPATH": os.environ["ANSIBLE_COLLECTIONS_PATH"]}
    subprocess.run([sys.executable, "-S", "-c", script], env=path, check=True)


@settings(derandomize=True, database=None, deadline=None, max_examples=1500)
@given(
    status=st.sampled_from(
        ["HTTP/1.1 200 OK", "HTTP/1.1 200 ", "HTTP/1.1 404 No", "HTTP/1.0 200 OK"]
    ),
    headers=st.lists(
        st.sampled_from(
            [
                *(
                    "Content-Length: 5",
                    "content-length:5",
                    "Content-Length: 05",
                    "Content-Length: 7",
                ),
                *(
                    "Content-Length: ",
                    "Content-Length: 5, 5",
                    "Content-Length : 5",
                    "Content-Length",
                ),
                *(
                    "Transfer-Encoding: chunked",
                    "TRANSFER-ENCODING: identity",
                    "X: y",
                    " folded: 1",
                ),
                *(
                    "Server: IMDS/1",
                    "X: y\n",
                    "X: y\nContent-Length: 3",
                    "X:\x00",
                    ": 5",
                    "",
                    "é: ü",
                ),
            ]
        ),
        max_size=4,
    ),
    end=st.sampled_from(["\r\n\r\n", "\n\n", "\r\n", ""]),
    body=st.sampled_from([b"", b"abc", b"abcde", b"abcdefgh", b"5\r\nabcde\r\n0\r\n\r\n"]),
)
@example("HTTP/1.1 200 OK", ["Content-Length: 5", "Server: IMDS/1"], "\r\n\r\n", b"abcde")
def test_both_readers_agree_on_plain_answers(
    status: str, headers: list[str], end: str, body: bytes
) -> None:
    data = ("\r\n".join((status, *headers)) + end).encode("latin-1") + body
    try:
        plain = _fast_http_reader.read_answer(reader_of(data))
    except TransportError as exc:
        with pytest.raises(TransportError, match=str(exc)):
            read_answer(reader_of(data), "GET", MAX_BODY)
        return
    if plain is None:
        return
    code, found, content, _words = read_answer(reader_of(data), "GET", MAX_BODY)
    stripped = {name: value.strip() for name, value in found.items()}
    assert plain == (code, stripped, content, "")


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK",
        # The library reads the part after a line feed as a header.
        b"HTTP/1.1 200 OK\nTransfer-Encoding: chunked\r\nContent-Length: 4",
        b"HTTP/1.1 200 \xc3\xa9\r\nContent-Length: 4",
        # The library ends the headers at a line without a colon.
        b"HTTP/1.1 200 OK\r\nFoo\r\nContent-Length: 4",
    ],
)
def test_an_unusual_answer_is_left_unread(head: bytes) -> None:
    data = head + b"\r\n\r\nto the end"
    reader = reader_of(data)
    assert _fast_http_reader.read_answer(reader) is None
    assert reader.read() == data


def reader_of(data: bytes) -> io.BufferedReader:
    return io.BufferedReader(t.cast(io.RawIOBase, io.BytesIO(data)))


def test_a_large_body_is_read_whole(send: Transport) -> None:
    body = bytes(range(256)) * (MAX_BODY // 256)
    with RawServer(answering(http(body))) as server:
        assert send(get(server.url), 10).body == body


def test_a_connection_that_the_server_closed_meanwhile_is_replaced(send: Transport) -> None:
    with RawServer(answering(http(b"ok"))) as server:
        for _count in range(3):
            assert send(get(server.url), 5).body == b"ok"
            time.sleep(0.05)
        assert server.connections == 3


def test_a_deadline_is_for_one_request_also_on_a_kept_connection(send: Transport) -> None:
    with RawServer(answering(http(b"ok"), keep=True)) as server:
        assert send(get(server.url), 0.3).body == b"ok"
        time.sleep(0.4)
        assert send(get(server.url), 0.3).body == b"ok"


@pytest.fixture
def no_resolver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fails the test if a name is resolved, even localhost."""
    original = socket.getaddrinfo

    def guarded(host: t.Any, *arguments: t.Any, **options: t.Any) -> t.Any:
        ipaddress.ip_address(host)
        return original(host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", guarded)


@pytest.mark.usefixtures("no_resolver")
def test_localhost_is_not_looked_up(send: Transport) -> None:
    with RawServer(answering(http(b"ok"))) as server:
        port = server.address.partition(":")[2]
        assert send(get(f"http://localhost:{port}/x"), 5).body == b"ok"
        head = b"".join(server.received)
    assert head.startswith(b"GET /x HTTP/1.1\r\n")
    assert f"\r\nHost: localhost:{port}\r\n".encode() in head


@pytest.mark.usefixtures("no_resolver")
def test_localhost_is_ipv6_loopback_if_ipv4_refuses(
    send: Transport,
) -> None:
    with Simulator([Vm("six", DOCUMENT)], rate_limit=0, host="::1") as simulator:
        vm = simulator["six"]
        port = vm.url.rpartition(":")[2]
        url = f"http://localhost:{port}/metadata/instance?api-version=2025-04-07"
        assert send(get(url), 5).status == 200
        assert vm.requests[0].header("Host") == f"localhost:{port}"


@pytest.mark.usefixtures("no_resolver")
def test_localhost_without_a_listener(send: Transport) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    error = failure(send, get(f"http://localhost:{port}"))
    assert (error.reason, error.retry) == ("connection refused", True)


@pytest.mark.usefixtures("no_resolver")
def test_both_addresses_of_localhost_have_one_time_limit(send: Transport) -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        port = server.getsockname()[1]
        error = failure(send, get(f"http://localhost:{port}"), 0.3)
    assert error.reason == "no complete answer within 0.3 s"


def test_no_hosts_file_leads_localhost_to_another_machine() -> None:
    """Runs in separate namespaces, with such a hosts file and with a service at that address."""
    namespaces = isolation.prefix()
    if not namespaces or not shutil.which("ip"):
        pytest.skip("takes namespaces and the program ip")
    path = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    script = pathlib.Path(__file__).parents[2] / "another_localhost.py"
    done = subprocess.run(
        [*namespaces, sys.executable, str(script)],
        env=path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "localhost is this machine\n"), done.stderr


def test_ipv6(send: Transport) -> None:
    with Simulator([Vm("six", DOCUMENT)], rate_limit=0, host="::1") as simulator:
        assert send(instance(simulator["six"]), 5).status == 200
        (request,) = simulator["six"].requests
        assert request.header("Host") == simulator["six"].url[len("http://") :]


# Failures


@pytest.mark.parametrize(
    "fault",
    [
        Fault("hang"),
        Fault("stall"),
        Fault("stall", after_bytes=0),
        Fault("drip", bytes_per_second=20),
        Fault("drip_headers", bytes_per_second=20),
        Fault("endless_headers", bytes_per_second=200),
        Fault("delay", seconds=3),
    ],
    ids=lambda fault: fault.kind,
)
def test_slow_answers_end_with_the_timeout(send: Transport, vm: Vm, fault: Fault) -> None:
    vm.faults = [fault]
    assert failure(send, instance(vm), 0.2).reason == "no complete answer within 0.2 s"


@pytest.mark.parametrize(
    "behaviour",
    [
        silent,
        dripping(b"", b"H"),
        dripping(b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        dripping(b"HTTP/1.1 200 OK\r\n\r\n", b" "),
        dripping(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n"),
        dripping(b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["silent", "status", "headers", "body", "chunks", "continue"],
)
def test_answers_byte_by_byte_end_with_the_timeout(send: Transport, behaviour: Behaviour) -> None:
    with RawServer(behaviour) as server:
        assert failure(send, get(server.url), 0.2).reason == "no complete answer within 0.2 s"


def test_a_server_that_does_not_accept_ends_with_the_timeout(send: Transport) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        address = listener.getsockname()
        waiting = []
        for _count in range(4):  # until the queue of the kernel is full
            early = socket.socket()
            early.setblocking(False)
            early.connect_ex(address)
            waiting.append(early)
        error = failure(send, get(f"http://127.0.0.1:{address[1]}"), 0.2)
        for early in waiting:
            early.close()
    assert error.reason == "no complete answer within 0.2 s"


@pytest.mark.parametrize(
    ("behaviour", "reason"),
    [
        (closing, "the connection was closed without an answer"),
        (reset, "the connection was reset"),
        (answering(http(b"12345")[:-2]), "the answer ended after 3 of 5 bytes"),
        (answering(http(b"12345")[:-5]), "the answer ended after 0 of 5 bytes"),
        (
            answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nff\r\nabc"),
            "the answer ended too early",
        ),
        (
            answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"),
            "the answer ended too early",
        ),
        (
            answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nabc\r\n"),
            "the answer ended too early",
        ),
        (
            answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-f\r\nabc\r\n"),
            "the answer is not proper HTTP (ValueError)",
        ),
        (answering(b"SSH-2.0-OpenSSH_9.2\r\n"), "the answer is not proper HTTP (BadStatusLine)"),
        (answering(b"\x16\x03\x01\x02\x00\x01"), "the answer is not proper HTTP (BadStatusLine)"),
        (answering(b"HTTP/1.1 abc OK\r\n\r\n"), "the answer is not proper HTTP (BadStatusLine)"),
        (answering(b"HTTP/2 200\r\n\r\n"), "the answer is not proper HTTP (UnknownProtocol)"),
        (answering(b"HTTP/1.1 " + b"2" * 70000), "the answer is not proper HTTP (LineTooLong)"),
        (
            answering(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n"),
            "the answer is not proper HTTP (HTTPException)",
        ),
        (
            answering(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70000 + b"\r\n\r\n"),
            "the answer is not proper HTTP (LineTooLong)",
        ),
    ],
)
def test_the_reason_is_readable(send: Transport, behaviour: Behaviour, reason: str) -> None:
    with RawServer(behaviour) as server:
        error = failure(send, get(server.url))
    assert (error.reason, error.retry, error.unreachable) == (reason, True, False)


def test_refused(send: Transport) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    error = failure(send, get(f"http://127.0.0.1:{port}"))
    assert (error.reason, error.retry, error.unreachable) == ("connection refused", True, True)


@pytest.mark.parametrize("kind", ["reset", "close", "truncate"])
def test_half_of_a_real_answer(send: Transport, vm: Vm, kind: str) -> None:
    vm.faults = [Fault(kind, after_bytes=7)] if kind != "close" else [Fault(kind)]
    reasons = {
        "reset": ("the connection was reset", "the answer ended after 7 of 42 bytes"),
        "close": ("the connection was closed without an answer",),
        "truncate": ("the answer ended after 7 of 42 bytes",),
    }
    assert failure(send, instance(vm)).reason in reasons[kind]


@pytest.mark.parametrize(
    "behaviour",
    [
        answering(b"HTTP/1.1 200 OK\r\nContent-Length: 209715200\r\n\r\n{"),
        endless(b"HTTP/1.1 200 OK\r\n\r\n", b" " * 65536),
        endless(
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"10000\r\n" + b" " * 65536 + b"\r\n",
        ),
        endless(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n", b" " * 65536),
        answering(http(b" " * (MAX_BODY + 1))),
        endless(b"HTTP/1.1 302 Found\r\nLocation: /\r\n\r\n", b" " * 65536),
        endless(b"HTTP/1.1 500 Trouble\r\n\r\n", b" " * 65536),
    ],
    ids=["announced", "endless", "chunks", "a chunk of -1", "a byte too many", "redirect", "error"],
)
def test_an_answer_that_is_too_large_is_not_retried(send: Transport, behaviour: Behaviour) -> None:
    with RawServer(behaviour) as server:
        error = failure(send, get(server.url), 10)
    assert (error.reason, error.retry) == ("the answer is larger than 4 MiB", False)


def test_200_mib_of_json(send: Transport, vm: Vm) -> None:
    vm.faults = [Fault("oversize", mebibytes=200)]
    assert failure(send, instance(vm), 10).reason == "the answer is larger than 4 MiB"


@pytest.mark.parametrize(
    "behaviour",
    [
        answering(b"HTTP/1.1 200 OK\r\nno colon at all\r\n: no name\r\n\x00\xff: \xfe\r\n\r\n"),
        answering(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nok"),
        answering(b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\nok"),
        answering(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\nok"),
        answering(b"HTTP/1.1 302 Found\r\nLocation: http://[::1\r\nContent-Length: 0\r\n\r\n"),
        answering(b"HTTP/1.1 101 Switching Protocols\r\n\r\n\x81\x00"),
        answering(b"HTTP/1.1 200 OK\r\nSet-Cookie: \xff=\x01; expires=never\r\n\r\n"),
        answering(b"\r\n\r\n\r\n"),
        answering(b"<html>"),
        answering(b"\xff" * 1000),
        answering(b""),
    ],
)
def test_unusual_answers_are_answers_or_transport_errors(
    send: Transport, behaviour: Behaviour
) -> None:
    with RawServer(behaviour) as server:
        try:
            outcome: Response | TransportError = send(get(server.url), 1)
        except TransportError as exc:
            outcome = exc
    if isinstance(outcome, TransportError):
        assert outcome.reason == " ".join(outcome.reason.split()) != ""


# urllib3 leaves the connection of such an answer to the garbage collector. It is called here, so that
# its warning does not appear in another test.
@pytest.mark.filterwarnings("ignore:.*DeadlineSocket:pytest.PytestUnraisableExceptionWarning")
@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
def test_two_lengths_cause_no_traceback(send: Transport) -> None:
    sent = b"HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\nok"
    with RawServer(answering(sent)) as server, contextlib.suppress(TransportError):
        assert send(get(server.url), 1).body == b"ok"
    gc.collect()


@pytest.mark.parametrize(
    ("exc", "reason", "unreachable"),
    [
        (OSError(113, "No route to host"), "no route to the host", True),
        (OSError(101, "Network is unreachable"), "the network is unreachable", True),
        (OSError(110, "Connection timed out"), "no answer to the connection attempt", False),
        (
            PermissionError(1, "Operation not permitted"),
            "the connection was forbidden by this host",
            True,
        ),
        (
            PermissionError(13, "Permission denied"),
            "the connection was forbidden by this host",
            True,
        ),
        (BrokenPipeError(32, "Broken pipe"), "the connection was reset", False),
        (socket.gaierror(-2, "Name or service not known"), "the name could not be resolved", False),
        (TimeoutError("timed out"), "no complete answer within 2 s", False),
        (OSError("odd"), "OSError: odd", False),
    ],
)
def test_reasons_that_loopback_can_not_produce(
    exc: OSError, reason: str, unreachable: bool
) -> None:
    error = failed_attempt(exc, 2.0)
    assert (error.reason, error.retry, error.unreachable) == (reason, True, unreachable)


def test_the_reason_is_found_however_deep_it_is_wrapped() -> None:
    outer = RuntimeError("gave up", ValueError("not this one"))
    outer.__cause__ = RuntimeError("in between")
    outer.__cause__.__context__ = ConnectionRefusedError(111, "Connection refused")
    outer.__cause__.__context__.__context__ = outer  # a cycle of causes, in which a search must end
    assert reason_of(outer, 2.0) == "connection refused"


# Messages about answers with a secret


TOKEN = "eyJhbGciOiJSUzI1NiJ9." + "c2VjcmV0" * 30
TOLD = f'{{"access_token":"{TOKEN}","expires_in":"3599"}}'.encode()


@pytest.mark.parametrize(
    "sent",
    [
        *(http(TOLD, status=f"{status} Odd") for status in (101, 203, 206, 302, 404, 418, 500)),
        http(TOLD, f"Location: http://there/{TOKEN}", status="302 Found"),
        http(gzip.compress(TOLD, 0), "Content-Encoding: gzip", status="203 Odd"),
        http(gzip.compress(TOLD, 0), "Content-Encoding: gzip"),
        http(TOLD[:-1]),
        http(TOKEN.encode(), f"Content-Type: {TOKEN}"),
        http(TOLD)[:-9],
        TOLD,
        TOKEN.encode(),
        b"HTTP/1.1 " + TOKEN.encode(),
        b"HTTP/1.1 200 " + TOKEN.encode() + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nodd\r\n" + TOLD + b"\r\n\r\n",
        b"HTTP/1.1 203 OK\r\nContent-Length: " + TOKEN.encode() + b"\r\n\r\nx",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + TOLD,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: " + TOKEN.encode() + b"\r\n\r\nx",
    ],
)
def test_neither_a_message_nor_a_log_has_a_token(
    send: Transport,
    sent: bytes,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(logging.DEBUG)
    with RawServer(answering(sent)) as server:
        client = ImdsClient(send, server.url, limits=Limits(timeout=2.0, attempts=1))
        with pytest.raises(ImdsError) as caught:
            imds_token(client, "https://vault.azure.net")
    written = "".join(capfd.readouterr())
    logged = "".join(map(logging.Formatter().format, caplog.records))
    chain = "".join(traceback.format_exception(caught.type, caught.value, caught.tb))
    for place in (str(caught.value), written, logged, chain):
        assert TOKEN[:20] not in place
        assert "c2VjcmV0" not in place
