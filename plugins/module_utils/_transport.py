# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One request, one answer: the types of a transport, and the transport of managed nodes.

It is made of the standard library, so a managed node needs nothing installed. It knows no proxy,
netrc, cookie or redirect, so none can get between a host and its IMDS. Private to imds.azure.
"""

from __future__ import annotations

import socket
import time
import typing as t

from . import _errors, _plain_http

MAX_BODY = 4 * 1024 * 1024
# What every request of this collection says, whoever answers it.
HEADERS = {"Accept-Encoding": "identity", "User-Agent": "ansible-imds.azure"}
# Enough for a body in the smallest chunks, and its headers. Without this limit, a chunk of -1 bytes
# would make http.client read without end.
_MAX_RECEIVED = 8 * MAX_BODY


class Request(t.NamedTuple):
    method: str
    url: str
    headers: dict[str, str]
    body: bytes | None = None
    # The answer holds a secret: no message quotes its text.
    secret: bool = False

    @property
    def line(self) -> str:
        """The request for a message."""
        return f"{self.method} {self.url}"


class Response(t.NamedTuple):
    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes
    # The reason phrase, where it is not the usual one of the status.
    words: str = ""


# Sends a request and gives the answer, whatever its status, or raises TransportError.
# The number is the seconds that all of it may take.
Transport = t.Callable[[Request, float], Response]


class DeadlineSocket(socket.socket):
    """A socket whose reads all end at one moment: a server that drips can't outlast it.

    Neither can one that sends without end fill the memory.
    """

    deadline: float | None = None
    received: int = 0

    def begin(self, deadline: float) -> None:
        """Resets the deadline and the byte counter for the next response."""
        self.deadline = deadline
        self.received = 0

    def recv_into(self, *args: t.Any, **kwargs: t.Any) -> int:
        if self.deadline is not None:
            self.settimeout(seconds_until(self.deadline))
        count = super().recv_into(*args, **kwargs)
        self.received += count
        if self.received > _MAX_RECEIVED:
            raise _errors.too_large(MAX_BODY)
        return count


def seconds_until(deadline: float) -> float:
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise socket.timeout("timed out")
    return remaining


def with_deadline(plain: socket.socket, deadline: float) -> DeadlineSocket:
    """The same connection with a deadline. If the deadline is over already, the caller keeps the plain socket."""
    remaining = seconds_until(deadline)
    timed = DeadlineSocket(fileno=plain.detach())
    timed.settimeout(remaining)
    timed.begin(deadline)
    return timed


def http_transport(request: Request, timeout: float) -> Response:
    """The transport of the managed node."""
    host, target = _host_and_target(request.url)
    try:
        with connected(*_name_and_port(host), time.monotonic() + timeout) as connection:
            connection.sendall(_written(request, host, target))
            # Both readers use this buffer. The first one reads nothing if the answer is not plain.
            with connection.makefile("rb") as reader:
                return Response(*(_plain_http.read_answer(reader) or _read(reader, request)))
    except Exception as exc:
        # Imported here because only a failure needs it.
        from . import _http_reader

        if isinstance(exc, _http_reader.BROKEN):
            raise _http_reader.failed_attempt(exc, timeout) from exc
        raise


def _read(reader: t.Any, request: Request) -> _plain_http.Parts:
    # Imported here because only an unusual answer needs it.
    from . import _http_reader

    return _http_reader.read_answer(reader, request.method, MAX_BODY)


def _host_and_target(url: str) -> tuple[str, str]:
    """The parts of http://HOST/TARGET, where the host may have a port. Every URL here has this form."""
    host, _slash, target = url[len("http://") :].partition("/")
    return host, f"/{target}"


def _name_and_port(host: str) -> tuple[str, int]:
    name, colon, port = host.rpartition(":")
    if not colon or host.endswith("]"):
        name, port = host, "80"
    return name.strip("[]"), int(port)


def connected(host: str, port: int, deadline: float) -> DeadlineSocket:
    """A connection to a host.

    `localhost` means the loopback addresses. It is never looked up, because a resolver or a hosts
    file may have the address of another machine for it.
    """
    if host != "localhost":
        return _connected(host, port, deadline)
    try:
        return _connected("127.0.0.1", port, deadline)
    except ConnectionRefusedError as refused:
        try:
            return _connected("::1", port, deadline)
        except OSError:  # This host may not even have IPv6.
            raise refused from None


def _connected(host: str, port: int, deadline: float) -> DeadlineSocket:
    with socket.create_connection((host, port), timeout=seconds_until(deadline)) as plain:
        return with_deadline(plain, deadline)


def _written(request: Request, host: str, target: str) -> bytes:
    headers = {"Host": host, **request.headers}
    if request.body is not None:
        headers["Content-Length"] = str(len(request.body))
    lines = [f"{request.method} {target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join((*lines, "", "")).encode("ascii") + (request.body or b"")


__all__ = (
    "HEADERS",
    "MAX_BODY",
    "DeadlineSocket",
    "Request",
    "Response",
    "Transport",
    "connected",
    "http_transport",
    "seconds_until",
    "with_deadline",
)
