# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads unusual HTTP answers with `http.client`, and names the reason of a failed attempt. Private to imds.azure.

Imported only after a failure or for an unusual answer, because on a managed node the import of
`http.client` takes longer than a whole request.
"""

from __future__ import annotations

import errno
import http.client
import io
import socket
import types
import typing as t

from . import _errors

# The exceptions that one attempt can raise. http.client raises ValueError for a negative chunk length.
BROKEN = (OSError, http.client.HTTPException, ValueError)

_BY_ERRNO = {
    errno.ECONNREFUSED: "connection refused",
    errno.ECONNRESET: "the connection was reset",
    errno.EPIPE: "the connection was reset",
    errno.EHOSTUNREACH: "no route to the host",
    errno.ENETUNREACH: "the network is unreachable",
    errno.ETIMEDOUT: "no answer to the connection attempt",
    errno.EACCES: "the connection was forbidden by this host",
    errno.EPERM: "the connection was forbidden by this host",
}
_UNREACHABLE = frozenset(
    _BY_ERRNO[code]
    for code in (
        *(errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH),
        *(errno.EACCES, errno.EPERM),
    )
)


def read_answer(
    reader: io.BufferedIOBase, method: str, limit: int
) -> tuple[int, dict[str, str], bytes, str]:
    """Status, headers, body and reason phrase of any HTTP answer."""
    # HTTPResponse only calls makefile() on its socket.
    opened = types.SimpleNamespace(makefile=lambda _mode: reader)
    with http.client.HTTPResponse(t.cast(socket.socket, opened), method=method) as answer:
        answer.begin()
        body = read_body(answer.read, answer.length, limit)
        if answer.length:
            raise _errors.cut_short(len(body), answer.length)
        # Several headers with one name become one header with all values, as in the library requests.
        headers = {
            name.lower(): answer.getheader(name) or "" for name, _value in answer.getheaders()
        }
        return answer.status, headers, body, own_words(answer.status, answer.reason)


def own_words(status: int, reason: str | None) -> str:
    """The reason phrase of an answer; an empty text if it only repeats the status."""
    words = (reason or "").strip()
    return "" if words.lower() == http.client.responses.get(status, "").lower() else words


def read_body(read: t.Callable[[int], bytes], announced: int | None, limit: int) -> bytes:
    """The body; raises an error as soon as it is too large."""
    body = b"" if announced and announced > limit else read(limit + 1)
    if len(body) > limit or (announced or 0) > limit:
        raise _errors.too_large(limit)
    return body


def failed_attempt(exc: BaseException, timeout: float) -> _errors.TransportError:
    """The error of a failed attempt, for both transports."""
    reason = reason_of(exc, timeout)
    return _errors.TransportError(reason, unreachable=reason in _UNREACHABLE)


def reason_of(exc: BaseException, timeout: float) -> str:
    """The reason of a failed attempt, for a message. HTTP libraries wrap the cause several times."""
    chain = list(_causes(exc))
    for cause in chain:
        # The kernel's ETIMEDOUT is also a socket.timeout, but it does not come from the option timeout.
        if isinstance(cause, socket.timeout) and cause.errno is None:
            return f"no complete answer within {_errors.in_seconds(timeout)}"
    for cause in chain:
        if isinstance(cause, socket.gaierror):
            return "the name could not be resolved"
        if isinstance(cause, http.client.RemoteDisconnected):
            return "the connection was closed without an answer"
        if isinstance(cause, OSError) and cause.errno in _BY_ERRNO:
            return _BY_ERRNO[cause.errno]
    for cause in chain:
        if isinstance(cause, http.client.IncompleteRead):
            return "the answer ended too early"
        if isinstance(cause, (http.client.HTTPException, ValueError)):
            return f"the answer is not proper HTTP ({type(cause).__name__})"
    return f"{type(chain[-1]).__name__}: {chain[-1]}"


def _causes(exc: BaseException) -> t.Iterator[BaseException]:
    seen: list[BaseException] = []
    waiting = [exc]
    while waiting:
        cause = waiting.pop(0)
        if cause in seen:
            continue
        seen.append(cause)
        yield cause
        linked = (*cause.args, getattr(cause, "reason", None), cause.__cause__, cause.__context__)
        waiting.extend(link for link in linked if isinstance(link, BaseException))


__all__ = (
    "BROKEN",
    "failed_attempt",
    "own_words",
    "read_answer",
    "read_body",
    "reason_of",
)
