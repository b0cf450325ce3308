# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Doubles for unit tests: answers from a script, a clock, and a server that sends bytes.

send = Script((URL, ok(document)))       a transport that expects exactly these requests
clock = Clock()                          time that passes only during sleeps
with RawServer(answering(HTTP)) as url   any bytes over a real socket
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import socket
import struct
import threading
import typing as t

from ansible_collections.imds.azure.plugins.module_utils._client import ImdsClient, Limits, System
from ansible_collections.imds.azure.plugins.module_utils._transport import Request, Response

FIXTURES = pathlib.Path(__file__).with_name("fixtures")
BASE = "http://169.254.169.254/metadata"
JSON = {"content-type": "application/json; charset=utf-8"}
# A loopback address for an Azure Arc agent of this process, whose port is fixed.
ARC_HOST = f"127.{os.getpid() >> 16 & 127 | 64}.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"
ARC_URL = f"http://{ARC_HOST}:40342"
# The moment at which every fake clock starts: Saturday, 31 January 2026, 12:00:00 UTC.
WALL = 1769860800.0
# The waits between attempts with the longest jitter, up to the default deadline of 90 s.
WAITS = [1.0, 1.5, 2.25, 3.375, 5.0625, 7.59375, 11.390625, 16.0, 16.0, 16.0]


# A network part with an interface.
NETWORK = {"interface": [{"macAddress": "000D3A123456"}]}


def load(name: str) -> t.Any:
    return json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))


def ok(data: t.Any) -> Response:
    """An answer with status 200 and JSON in the form of IMDS."""
    body = json.dumps(data, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return Response(200, JSON, body.encode("utf-8", "surrogatepass"))


def text(value: str) -> Response:
    return Response(200, {"content-type": "text/plain; charset=utf-8"}, value.encode())


def refusal(status: int, body: str | bytes = "", **headers: str) -> Response:
    """An answer with another status. In the names of headers, "_" stands for "-"."""
    raw = body.encode() if isinstance(body, str) else body
    return Response(status, {name.replace("_", "-"): value for name, value in headers.items()}, raw)


def unknown_version(*newest: str) -> Response:
    """The present answer of IMDS to an unknown version."""
    words = "Bad request. api-version is invalid or was not specified in the request."
    return refusal(400, json.dumps({"error": words, "newest-versions": list(newest)}))


OLD_UNKNOWN_VERSION = refusal(404, '{ "error": "Not found. Invalid version requested" }')


# The title of the window, a line break, an 8-bit colour, and a mark that reverses the rest of a line.
HOSTILE = "\x1b]0;x\x07\r\nok: [x]\x9b31m\u202e\u2028\x7f\udcff"


class Clock:
    """A clock that moves only during sleeps and slow requests."""

    def __init__(self) -> None:
        self.now = 0.0
        self.sleeps: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)
        self.now += seconds

    def system(self, jitter: float = 1.0, in_azure: bool | None = None) -> System:
        return System(
            clock=lambda: self.now,
            wall=lambda: WALL + self.now,
            sleep=self.sleep,
            jitter=lambda: jitter,
            in_azure=lambda: in_azure,
            has_arc_agent=lambda: False,
        )


Outcome = Response | Exception


class Script:
    """A transport that expects exactly these requests in this order. Each has a URL and an outcome."""

    def __init__(self, *steps: tuple[str, Outcome]) -> None:
        self._steps = list(steps)
        self.requests: list[Request] = []

    def __call__(self, request: Request, timeout: float) -> Response:
        assert timeout > 0
        assert self._steps, f"one request too many: {request.method} {request.url}"
        url, outcome = self._steps.pop(0)
        assert (request.method, request.url) == ("GET", url)
        assert request.headers["Metadata"] == "true"
        assert "x-forwarded-for" not in {name.lower() for name in request.headers}
        assert request.body is None
        self.requests.append(request)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def __enter__(self) -> Script:
        return self

    def __exit__(self, kind: object, *_rest: object) -> None:
        if kind is None:
            assert not self._steps, f"never asked for: {self._steps}"


class Always:
    """A transport with the same answer to all requests, after this number of seconds of its clock."""

    def __init__(self, outcome: Outcome, clock: Clock | None = None, seconds: float = 0.0) -> None:
        self._outcome = outcome
        self._clock = clock
        self._seconds = seconds
        self.requests: list[Request] = []
        self.timeouts: list[float] = []

    def __call__(self, request: Request, timeout: float) -> Response:
        self.requests.append(request)
        self.timeouts.append(timeout)
        if self._clock is not None:
            self._clock.now += min(self._seconds, timeout)
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome


def client(
    send: t.Callable[[Request, float], Response],
    clock: Clock | None = None,
    api_version: str = "latest",
    **limits: t.Any,
) -> ImdsClient:
    system = (clock or Clock()).system()
    return ImdsClient(send, api_version=api_version, limits=Limits(**limits), system=system)


# The interval in which the threads of a server check whether the test has ended.
_POLL = 0.02

Behaviour = t.Callable[[socket.socket, threading.Event], None]


class RawServer:
    """A server with a behaviour for each connection. The last one also applies to all further connections."""

    def __init__(self, *behaviours: Behaviour) -> None:
        self._behaviours = behaviours
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self.received: list[bytes] = []

    @property
    def connections(self) -> int:
        return len(self._threads) - 1

    def __enter__(self) -> RawServer:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(_POLL)
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self.url = f"http://{self.address}"
        self._start(self._accept)
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stopping.set()
        for thread in self._threads:
            thread.join(5)
            assert not thread.is_alive()
        self._listener.close()

    def _start(self, target: t.Callable[..., None], *args: t.Any) -> None:
        thread = threading.Thread(target=target, args=args, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self._stopping.is_set():
            with contextlib.suppress(socket.timeout):
                connection, _peer = self._listener.accept()
                index = min(self.connections, len(self._behaviours) - 1)
                self._start(self._serve, connection, self._behaviours[index])

    def _serve(self, connection: socket.socket, behave: Behaviour) -> None:
        connection.settimeout(_POLL)
        # The client may close the connection at any time. Many tests need this.
        with connection, contextlib.suppress(OSError):
            behave(_Recorded(connection, self), self._stopping)


class _Recorded:
    """A socket. The server records the data that was read from it."""

    def __init__(self, connection: socket.socket, server: RawServer) -> None:
        self._connection = connection
        self._server = server

    def __getattr__(self, name: str) -> t.Any:
        return getattr(self._connection, name)

    def recv(self, size: int) -> bytes:
        data = self._connection.recv(size)
        self._server.received.append(data)
        return data


def read_request(connection: socket.socket, stopping: threading.Event) -> bytes:
    """The head of the next request; b"" after the end of the connection or of the test."""
    head = b""
    while b"\r\n\r\n" not in head and not stopping.is_set():
        try:
            data = connection.recv(65536)
        except TimeoutError:
            continue
        if not data:
            return b""
        head += data
    return head


def http(body: bytes, *headers: str, status: str = "200 OK") -> bytes:
    lines = (f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", "")
    return "\r\n".join(lines).encode("latin-1") + body


def answering(data: bytes, keep: bool = False) -> Behaviour:
    """Answers a request with these bytes and closes the connection, or answers each request until the client closes it."""

    def behave(connection: socket.socket, stopping: threading.Event) -> None:
        while read_request(connection, stopping):
            connection.settimeout(10)
            connection.sendall(data)
            connection.settimeout(_POLL)
            if not keep:
                return

    return behave


def endless(head: bytes, block: bytes) -> Behaviour:
    """Sends bytes endlessly, as fast as the client reads them."""

    def behave(connection: socket.socket, stopping: threading.Event) -> None:
        read_request(connection, stopping)
        connection.sendall(head)
        while not stopping.is_set():
            with contextlib.suppress(socket.timeout):
                connection.send(block)

    return behave


def dripping(head: bytes, drop: bytes, every: float = 0.02) -> Behaviour:
    """Sends small pieces, so that no read waits for long."""

    def behave(connection: socket.socket, stopping: threading.Event) -> None:
        read_request(connection, stopping)
        connection.sendall(head)
        while not stopping.wait(every):
            connection.sendall(drop)

    return behave


def silent(connection: socket.socket, stopping: threading.Event) -> None:
    """Reads the request and sends no answer."""
    read_request(connection, stopping)
    stopping.wait(30)


def reset(connection: socket.socket, stopping: threading.Event) -> None:
    read_request(connection, stopping)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def closing(connection: socket.socket, stopping: threading.Event) -> None:
    read_request(connection, stopping)
