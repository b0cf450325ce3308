# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One request, one answer: the port to HTTP, and its form on the standard library.

`http.client` knows no proxy, netrc, cookie or redirect, so none can get between a host and its
IMDS, and it costs a managed node nothing to install. Private to imds.azure.
"""

from __future__ import annotations

import http.client
import socket
import time
import typing as t
from urllib.parse import urlsplit

from ._errors import TransportError

MAX_BODY = 4 * 1024 * 1024
# With headers, and the lengths of the smallest chunks. Whoever announces a chunk of -1 bytes makes
# http.client read without end.
_MAX_RECEIVED = 8 * MAX_BODY


class Request(t.NamedTuple):
    method: str
    url: str
    headers: dict[str, str]
    body: bytes | None = None


class Response(t.NamedTuple):
    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes


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
        """Another answer."""
        self.deadline = deadline
        self.received = 0

    def recv_into(self, *args: t.Any, **kwargs: t.Any) -> int:
        if self.deadline is not None:
            self.settimeout(seconds_until(self.deadline))
        count = super().recv_into(*args, **kwargs)
        self.received += count
        if self.received > _MAX_RECEIVED:
            raise too_large(MAX_BODY)
        return count


def seconds_until(deadline: float) -> float:
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise socket.timeout("timed out")
    return remaining


def with_deadline(plain: socket.socket, deadline: float) -> DeadlineSocket:
    """The same connection with a deadline; when that is over, the plain socket stays to be closed."""
    remaining = seconds_until(deadline)
    timed = DeadlineSocket(fileno=plain.detach())
    timed.settimeout(remaining)
    timed.begin(deadline)
    return timed


class _Connection(http.client.HTTPConnection):
    deadline: float = 0.0

    def connect(self) -> None:
        address = (self.host, self.port)
        self.sock = socket.create_connection(address, timeout=seconds_until(self.deadline))
        self.sock = with_deadline(self.sock, self.deadline)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def http_transport(request: Request, timeout: float) -> Response:
    """The transport of the managed node."""
    parts = urlsplit(request.url)
    connection = _Connection(parts.hostname or "", parts.port or 80)
    connection.deadline = time.monotonic() + timeout
    answer: http.client.HTTPResponse | None = None
    target = parts.path + (f"?{parts.query}" if parts.query else "")
    try:
        connection.request(request.method, target, request.body, request.headers)
        # Closed by itself: the answer keeps the socket open where the server ends the connection.
        with connection.getresponse() as answer:
            body = read_body(answer.read, answer.length)
            if answer.length:
                raise TransportError(cut_short(len(body), answer.length))
            headers = {name.lower(): value for name, value in answer.getheaders()}
            return Response(answer.status, headers, body)
    except BROKEN as exc:
        from ._reasons import reason_of

        raise TransportError(reason_of(exc, timeout)) from exc
    finally:
        # An answer that ends with its connection is no longer the connection's to close.
        if answer is not None:
            answer.close()
        connection.close()


def read_body(
    read: t.Callable[[int], bytes], announced: int | None, limit: int = MAX_BODY
) -> bytes:
    """The body, refused as soon as it is known to be too large."""
    body = b"" if announced and announced > limit else read(limit + 1)
    if len(body) > limit or (announced or 0) > limit:
        raise too_large(limit)
    return body


def too_large(limit: int) -> TransportError:
    size = f"{limit // 1024**2} MiB" if limit >= 1024**2 else f"{limit // 1024} KiB"
    return TransportError(f"the answer is larger than {size}", retry=False)


def cut_short(got: int, missing: int) -> str:
    return f"the answer ended after {got} of {got + missing} bytes"


# What an attempt can come to; http.client lets a chunk of a negative length be a ValueError.
BROKEN = (OSError, http.client.HTTPException, ValueError)


__all__ = (
    "BROKEN",
    "MAX_BODY",
    "DeadlineSocket",
    "Request",
    "Response",
    "Transport",
    "cut_short",
    "http_transport",
    "read_body",
    "seconds_until",
    "with_deadline",
)
