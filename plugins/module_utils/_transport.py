# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One request, one answer: the port to HTTP, and its form on the standard library.

It knows no proxy, netrc, cookie or redirect, so none can get between a host and its IMDS, and it
costs a managed node nothing to install. `http.client` reads the answers, all but the plainest: to
import it takes a managed node longer than all of the request, so what needs no library is read
without it. Private to imds.azure.
"""

from __future__ import annotations

import io
import socket
import time
import typing as t

MAX_BODY = 4 * 1024 * 1024
# With headers, and the lengths of the smallest chunks. Whoever announces a chunk of -1 bytes makes
# http.client read without end.
_MAX_RECEIVED = 8 * MAX_BODY


class Request(t.NamedTuple):
    method: str
    url: str
    headers: dict[str, str]
    body: bytes | None = None
    # The answer holds a secret: no message quotes its text.
    secret: bool = False


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
        """Another answer."""
        self.deadline = deadline
        self.received = 0

    def recv_into(self, *args: t.Any, **kwargs: t.Any) -> int:
        if self.deadline is not None:
            self.settimeout(seconds_until(self.deadline))
        count = super().recv_into(*args, **kwargs)
        self.received += count
        if self.received > _MAX_RECEIVED:
            from . import _http_reader

            raise _http_reader.too_large(MAX_BODY)
        return count


def seconds_until(deadline: float) -> float:
    remaining = deadline - time.monotonic()
    if remaining <= 0:
        raise socket.timeout("timed out")
    return remaining


def with_deadline(plain: socket.socket, deadline: float) -> DeadlineSocket:
    """The same connection with a deadline; when that is over, the plain socket is still the caller's."""
    remaining = seconds_until(deadline)
    timed = DeadlineSocket(fileno=plain.detach())
    timed.settimeout(remaining)
    timed.begin(deadline)
    return timed


def http_transport(request: Request, timeout: float) -> Response:
    """The transport of the managed node."""
    place, target = _place_and_target(request.url)
    try:
        with connected(*_host_and_port(place), time.monotonic() + timeout) as connection:
            connection.sendall(_written(request, place, target))
            # Both readings take their bytes from here, and the first takes none that it can't use.
            with connection.makefile("rb") as reader:
                return _plain_answer(reader) or _any_answer(reader, request.method)
    except _broken() as exc:
        from . import _http_reader

        raise _http_reader.failed_attempt(exc, timeout) from exc


def _broken() -> tuple[type[Exception], ...]:
    """The exceptions that one attempt can raise. Imported lazily, because only a failure needs them."""
    from . import _http_reader

    return _http_reader.BROKEN


def _place_and_target(url: str) -> tuple[str, str]:
    """The parts of http://PLACE/TARGET, which every URL of this collection is."""
    place, _slash, target = url[len("http://") :].partition("/")
    return place, f"/{target}"


def _host_and_port(place: str) -> tuple[str, int]:
    host, colon, port = place.rpartition(":")
    if not colon or place.endswith("]"):
        host, port = place, "80"
    return host.strip("[]"), int(port)


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


def _written(request: Request, place: str, target: str) -> bytes:
    headers = {"Host": place, **request.headers}
    if request.body is not None:
        headers["Content-Length"] = str(len(request.body))
    lines = [f"{request.method} {target} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join((*lines, "", "")).encode("ascii") + (request.body or b"")


def _plain_answer(reader: io.BufferedReader) -> Response | None:
    """A 200 of known length in which nothing is odd, or None and every byte is still to be read."""
    head, end, _body = reader.peek().decode("latin-1").partition("\r\n\r\n")
    status, *lines = head.split("\r\n")
    if not end or not status.startswith("HTTP/1.1 200 "):
        return None
    headers = {}
    for line in lines:
        name, _colon, value = line.partition(":")
        headers[name.lower()] = value.strip()
        is_plain = line.isascii() and line.isprintable() and name.replace("-", "").isalnum()
        if not is_plain:
            return None
    length = headers.get("content-length", "")
    # So few digits are below the limit, to which the other reading holds everything else.
    is_known = length.isdecimal() and len(length) < 7 and "transfer-encoding" not in headers
    if not is_known or len(headers) < len(lines):  # something is said twice
        return None
    reader.read(len(head) + len(end))
    body = reader.read(int(length))
    if len(body) < int(length):
        from . import _http_reader

        raise _http_reader.cut_short(len(body), int(length) - len(body))
    return Response(200, headers, body)


def _any_answer(reader: io.BufferedReader, method: str) -> Response:
    from . import _http_reader

    return Response(*_http_reader.read_answer(reader, method, MAX_BODY))


__all__ = (
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
