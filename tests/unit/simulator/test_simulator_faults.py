# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests each fault from the view of a client."""

from __future__ import annotations

import base64
import gzip
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from imds_simulator import Fault, Simulator, Vm

Get = Callable[..., requests.Response]

ROOT = "/metadata/instance"
PLAIN = b"GET /metadata/versions HTTP/1.1\r\nHost: x\r\nMetadata: true\r\n\r\n"


@pytest.fixture(autouse=True)
def _nothing_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Turns off the log of aiohttp, because the simulator causes these errors deliberately."""
    yield
    assert caplog.get_records("call") == []


def received(vm: Vm, request: bytes = PLAIN, *, wait: float = 0.5, enough: int = 1 << 20) -> Any:
    """All bytes, and the end of the connection: "closed", "reset", "silent" or "enough"."""
    host, port = vm.url.removeprefix("http://").split(":")
    data = b""
    with socket.create_connection((host, int(port)), timeout=wait) as client:
        client.sendall(request)
        while len(data) < enough:
            try:
                part = client.recv(65536)
            except TimeoutError:
                return data, "silent"
            except ConnectionResetError:
                return data, "reset"
            if not part:
                return data, "closed"
            data += part
    return data, "enough"


def split(data: bytes) -> tuple[bytes, bytes, int]:
    """The head, the body, and the length of the body according to the head."""
    head, _end, body = data.partition(b"\r\n\r\n")
    (length,) = (
        int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"Content-L")
    )
    return head, body, length


@pytest.mark.parametrize("status", [200, 299, 301, 403, 404, 410, 418, 429, 500, 503, 599])
def test_any_status(get: Get, vm: Vm, status: int) -> None:
    vm.faults = [
        Fault("status", status=status, body="gone", headers={"Retry-After": "7", "Server": "IIS"})
    ]
    answer = get(ROOT)
    assert (answer.status_code, answer.text) == (status, "gone")
    assert answer.headers["Retry-After"] == "7"
    assert answer.headers["Server"] == "IIS"


def test_a_redirect(get: Get, vm: Vm) -> None:
    vm.faults = [Fault("status", status=302, headers={"Location": "http://192.0.2.1/"})]
    answer = get(ROOT)
    assert (answer.status_code, answer.headers["Location"]) == (302, "http://192.0.2.1/")
    assert answer.content == b""


@pytest.mark.parametrize(
    "body",
    [
        "<html>Sign in</html>",
        "",
        "null",
        b"\xff\xfe",
        b"\xef\xbb\xbf{}",
        "[" * 100_000,
        gzip.compress(b"{}", mtime=0),
    ],
    ids=["portal", "empty", "null", "not-utf8", "bom", "deep", "gzip"],
)
def test_a_wrong_body(get: Get, vm: Vm, body: str | bytes) -> None:
    vm.faults = [Fault("status", status=200, body=body, headers={"Content-Type": "text/html"})]
    answer = get(ROOT)
    assert answer.content == (body.encode() if isinstance(body, str) else body)
    assert answer.headers["Content-Type"] == "text/html"


def test_a_compressed_body_is_sent_unchanged(vm: Vm) -> None:
    packed = gzip.compress(b"{}", mtime=0)
    vm.faults = [Fault("status", status=200, body=packed, headers={"Content-Encoding": "gzip"})]
    data, _end = received(vm, wait=0.1)
    head, body, _length = split(data)
    assert body == packed
    assert b"Content-Encoding: gzip" in head


def test_headers_of_the_real_answer(get: Get, vm: Vm) -> None:
    vm.faults = [Fault("headers", headers={"server": "other", "X-New": "1"})]
    answer = get(ROOT)
    assert answer.json() == vm.document
    assert (answer.headers["Server"], answer.headers["X-New"]) == ("other", "1")


def test_faults_apply_in_order_and_are_counted(get: Get, vm: Vm) -> None:
    vm.faults = [Fault("status", status=500, times=2), Fault("status", status=410, times=1)]
    assert [get(ROOT).status_code for _number in range(4)] == [500, 500, 410, 200]
    assert [fault.used for fault in vm.faults] == [2, 1]


def test_a_fault_for_some_requests_only(get: Get, vm: Vm) -> None:
    vm.faults = [
        Fault("status", status=500, path="/metadata/versions"),
        Fault("status", status=501, method="POST"),
    ]
    assert get(ROOT).status_code == 200
    assert get("/metadata/versions").status_code == 500
    assert get(ROOT, method="POST").status_code == 501


def test_a_fault_for_some_time(session: requests.Session) -> None:
    now = [0.0]
    updating = Fault("status", status=410, for_seconds=70)
    vm = Vm("one", {}, faults=[updating], rate_limit=0)
    with Simulator([vm], clock=lambda: now[0]):
        statuses = []
        # The duration begins with the first request.
        for now[0] in (1000.0, 1069.9, 1070.0, 1071.0):
            url = f"{vm.url}/metadata/versions"
            statuses.append(session.get(url, headers={"Metadata": "true"}).status_code)
    assert statuses == [410, 410, 200, 200]


def test_delay(get: Get, vm: Vm) -> None:
    vm.faults = [Fault("delay", seconds=0.2)]
    start = time.monotonic()
    assert get(ROOT).json() == vm.document
    assert time.monotonic() - start >= 0.2


def test_the_answer_is_made_after_the_delay(get: Get, vm: Vm) -> None:
    vm.faults = [Fault("delay", seconds=0.2)]
    new = {"compute": {"name": "new"}}
    threading.Timer(0.05, lambda: setattr(vm, "document", new)).start()
    assert get(ROOT).json() == new


def test_another_answer_after_a_delay(get: Get, vm: Vm) -> None:
    vm.faults = [Fault("delay", seconds=0, status=503, body="later")]
    answer = get(ROOT)
    assert (answer.status_code, answer.text) == (503, "later")


def test_a_request_that_hangs(get: Get, vm: Vm) -> None:
    vm.faults = [Fault("hang", times=1)]
    with pytest.raises(requests.ReadTimeout):
        get(ROOT, timeout=0.1)
    assert len(vm.requests) == 1
    # The next connection is not delayed.
    assert get(ROOT).status_code == 200


def test_reset_instead_of_an_answer(vm: Vm) -> None:
    vm.faults = [Fault("reset")]
    assert received(vm) == (b"", "reset")


def test_reset_within_the_body(vm: Vm) -> None:
    vm.faults = [Fault("reset", after_bytes=5)]
    data, end = received(vm)
    assert end == "reset"
    _head, body, length = split(data)
    assert body == b'{"api'
    assert length > 5


def test_closed_without_an_answer(vm: Vm) -> None:
    vm.faults = [Fault("close")]
    assert received(vm) == (b"", "closed")


@pytest.mark.parametrize(("after", "sent"), [(None, b"0123"), (0, b""), (7, b"0123456")])
def test_truncation(vm: Vm, after: int | None, sent: bytes) -> None:
    vm.faults = [Fault("truncate", body="01234567", after_bytes=after)]
    data, end = received(vm)
    _head, body, length = split(data)
    assert (body, length, end) == (sent, 8, "closed")


def test_truncation_of_the_real_answer(get: Get, vm: Vm) -> None:
    vm.faults = [Fault("truncate")]
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        get(ROOT)


def test_a_body_that_stops(vm: Vm) -> None:
    vm.faults = [Fault("stall", body="01234567", after_bytes=3)]
    data, end = received(vm, wait=0.15)
    _head, body, length = split(data)
    assert (body, length, end) == (b"012", 8, "silent")


def test_a_body_that_drips(vm: Vm) -> None:
    vm.faults = [Fault("drip", body="0123456789", bytes_per_second=50)]
    start = time.monotonic()
    data, end = received(vm)
    assert time.monotonic() - start > 0.15
    _head, body, _length = split(data)
    assert (body, end) == (b"0123456789", "closed")


def test_headers_that_drip(vm: Vm) -> None:
    vm.faults = [Fault("drip_headers", bytes_per_second=100)]
    data, end = received(vm, enough=20)
    assert data.startswith(b"HTTP/1.1 200 OK\r\n")
    assert len(data) < 30
    assert end == "enough"
    vm.faults = [Fault("drip_headers", bytes_per_second=5000, body="{}")]
    data, end = received(vm)
    assert (split(data)[1], end) == (b"{}", "closed")


def test_headers_that_never_end(vm: Vm) -> None:
    vm.faults = [Fault("endless_headers", bytes_per_second=100_000)]
    data, end = received(vm, enough=400)
    assert b"X-Filler-2: 2\r\n" in data
    assert b"\r\n\r\n" not in data
    assert end == "enough"


def test_an_oversized_body(get: Get, vm: Vm) -> None:
    vm.faults = [Fault("oversize", mebibytes=1.5)]
    answer = get(ROOT)
    assert "Content-Length" not in answer.headers
    assert len(answer.json()["compute"]["name"]) == 1.5 * 1024 * 1024


def test_an_oversized_body_for_an_old_client(vm: Vm) -> None:
    vm.faults = [Fault("oversize", mebibytes=0.01)]
    data, end = received(vm, PLAIN.replace(b"1.1", b"1.0"))
    assert end == "closed"
    assert data.endswith(b'xxx"}}')


def test_raw_bytes(vm: Vm) -> None:
    vm.faults = [Fault("raw", body="nothing like HTTP\n")]
    assert received(vm) == (b"nothing like HTTP\n", "closed")


def test_the_base64_of_a_body(vm: Vm) -> None:
    vm.faults = [Fault("raw", body_base64=base64.b64encode(b"\xff\0").decode())]
    assert received(vm) == (b"\xff\0", "closed")


def test_faults_precede_throttling_and_throttled_requests_are_recorded(
    session: requests.Session,
) -> None:
    vm = Vm("one", {}, rate_limit=1, faults=[Fault("status", status=500, times=1)])
    with Simulator([vm], clock=lambda: 0.0):
        url = f"{vm.url}/metadata/versions"
        assert [session.get(url).status_code for _number in range(2)] == [500, 429]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"kind": "wrong"}, "unknown kind 'wrong'; known: close, delay, "),
        ({"kind": "status"}, "a fault of kind 'status' needs 'status'"),
        ({"kind": "raw"}, "needs 'body'"),
        ({"kind": "headers"}, "needs 'headers'"),
        ({"kind": "status", "status": 99}, "from 200 to 599"),
        ({"kind": "status", "status": "500"}, "status is a whole number"),
        ({"kind": "status", "status": True}, "status is a whole number"),
        ({"kind": "hang", "times": 1.5}, "times is a whole number, 0 or more"),
        ({"kind": "delay", "seconds": -1}, "seconds is a number, 0 or more"),
        ({"kind": "delay", "seconds": float("inf")}, "seconds is a number"),
        ({"kind": "drip", "bytes_per_second": 0}, "of kind 'stall'"),
        ({"kind": "hang", "path": 1}, "path is text"),
        ({"kind": "raw", "body": 1}, "body is text"),
        ({"kind": "raw", "body_base64": "?"}, "body_base64 is not base64"),
        ({"kind": "raw", "body_base64": 1}, "body_base64 is not base64"),
        ({"kind": "raw", "body": "x", "body_base64": "eA=="}, "both body and body_base64"),
        ({"kind": "headers", "headers": ["x"]}, "headers is an object"),
        ({"kind": "headers", "headers": {"x": 1}}, "headers is an object of texts"),
        ({"kind": "headers", "headers": {"x": "a\r\nb: c"}}, "header 'x' can't be sent"),
        ({"kind": "headers", "headers": {"x y": "a"}}, "header 'x y' can't be sent"),
        ({"kind": "headers", "headers": {"content-length": "1"}}, "use kind 'raw'"),
    ],
)
def test_invalid_faults(fault: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError) as caught:
        Fault(**fault)
    assert message in str(caught.value)


@pytest.mark.parametrize("lost", [["network"], ["compute"], ["compute", "network"]])
def test_an_incomplete_answer(get: Get, vm: Vm, lost: list[str]) -> None:
    whole = get(ROOT).json()
    vm.faults = [Fault.from_json({"kind": "partial", "parts": lost, "times": 2})]
    assert vm.faults[0].as_json()["parts"] == tuple(lost)
    assert get(ROOT).json() == {name: whole[name] for name in whole if name not in lost}
    assert get(f"{ROOT}?extended=true").status_code == 500
    assert get(ROOT).json() == whole
    vm.lost = lost
    assert get(f"{ROOT}/{lost[0]}").status_code == 404
    assert get(f"{ROOT}?extended=true", version="2021-05-01").status_code == 200


@pytest.mark.parametrize("parts", ["network", ["storage"], [5], {"network": 1}, None, []])
def test_unknown_parts(parts: Any) -> None:
    with pytest.raises(ValueError, match="parts"):
        Fault.from_json({"kind": "partial", "parts": parts})
