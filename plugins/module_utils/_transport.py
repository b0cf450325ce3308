# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The types of a transport, which sends one request and returns one answer, and the transport of managed nodes.

It uses only the standard library, so managed nodes need no installation. It does not support proxies, netrc,
cookies or redirects, so none of these can interfere. Private to imds.azure.
"""

from __future__ import annotations

import socket
import time
import typing as t

from . import _errors, _fast_http_reader

MAX_BODY = 4 * 1024 * 1024
# The headers of every request of this collection.
HEADERS = {"Accept-Encoding": "identity", "User-Agent": "ansible-imds.azure"}
# Enough for a body in the smallest chunks and its headers. Without this limit, a chunk of -1 bytes
# would make http.client read without end.
_MAX_RECEIVED = 8 * MAX_BODY


class Request(t.NamedTuple):
    method: str
    url: str
    headers: dict[str, str]
    body: bytes | None = None
    # The answer contains a secret, so no message quotes it.
    secret: bool = False

    @property
    def line(self) -> str:
        """The request, as text for a message."""
        return f"{self.method} {self.url}"


class Response(t.NamedTuple):
    status: int
    headers: dict[str, str]  # names in lower case
    body: bytes
    # The reason phrase, if it is not the usual one of the status.
    words: str = ""


# Sends a request and returns the answer with any status, or raises TransportError.
# The number is the limit in seconds for both.
Transport = t.Callable[[Request, float], Response]


class DeadlineSocket(socket.socket):
    """A socket with one deadline for all reads, even if the answer arrives byte by byte.

    It also limits the number of bytes, so an endless answer can't fill the memory.
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
    """The same connection with a deadline. If the deadline has already passed, the caller keeps the plain socket."""
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
            # Both readers use this buffer. If the answer is not plain, the first reader consumes nothing.
            with connection.makefile("rb") as reader:
                return Response(*(_fast_http_reader.read_answer(reader) or _read(reader, request)))
    except Exception as exc:
        # Imported here because only a failure needs it.
        from . import _http_reader

        if isinstance(exc, _http_reader.BROKEN):
            raise _http_reader.failed_attempt(exc, timeout) from exc
        raise


def _read(reader: t.Any, request: Request) -> _fast_http_reader.Parts:
    # Imported here because only an unusual answer needs it.
    from . import _http_reader

    return _http_reader.read_answer(reader, request.method, MAX_BODY)


def _host_and_target(url: str) -> tuple[str, str]:
    """The parts of http://HOST/TARGET; HOST may include a port. All URLs here have this form."""
    host, _slash, target = url[len("http://") :].partition("/")
    return host, f"/{target}"


def _name_and_port(host: str) -> tuple[str, int]:
    name, colon, port = host.rpartition(":")
    if not colon or host.endswith("]"):
        name, port = host, "80"
    return name.strip("[]"), int(port)


def connected(host: str, port: int, deadline: float) -> DeadlineSocket:
    """A connection to a host.

    `localhost` means the loopback addresses. It is never resolved, because a resolver or a hosts
    file may return the address of another machine.
    """
    if host != "localhost":
        return _connected(host, port, deadline)
    try:
        return _connected("127.0.0.1", port, deadline)
    except ConnectionRefusedError as refused:
        try:
            return _connected("::1", port, deadline)
        except OSError:  # This host may not have IPv6.
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
