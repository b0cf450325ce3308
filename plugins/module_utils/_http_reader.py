# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers that take `http.client` to read, and why there is none, for a person.

Imported only then, as everything that a managed node can do without. Private to imds.azure.
"""

from __future__ import annotations

import errno
import http.client
import io
import socket
import types
import typing as t

from . import _errors

# What an attempt can come to; http.client lets a chunk of a negative length be a ValueError.
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
    """Status, headers, body and own words of whatever HTTP there is to be read."""
    # HTTPResponse only calls makefile() on its socket.
    opened = types.SimpleNamespace(makefile=lambda _mode: reader)
    with http.client.HTTPResponse(t.cast(socket.socket, opened), method=method) as answer:
        answer.begin()
        body = read_body(answer.read, answer.length, limit)
        if answer.length:
            raise cut_short(len(body), answer.length)
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return answer.status, headers, body, own_words(answer.status, answer.reason)


def own_words(status: int, reason: str | None) -> str:
    """The reason phrase of an answer; an empty text where it only repeats the status."""
    words = (reason or "").strip()
    return "" if words.lower() == http.client.responses.get(status, "").lower() else words


def read_body(read: t.Callable[[int], bytes], announced: int | None, limit: int) -> bytes:
    """The body, refused as soon as it is known to be too large."""
    body = b"" if announced and announced > limit else read(limit + 1)
    if len(body) > limit or (announced or 0) > limit:
        raise too_large(limit)
    return body


def too_large(limit: int) -> _errors.TransportError:
    size = f"{limit // 1024**2} MiB" if limit >= 1024**2 else f"{limit // 1024} KiB"
    return _errors.TransportError(f"the answer is larger than {size}", retry=False)


def cut_short(got: int, missing: int) -> _errors.TransportError:
    return _errors.TransportError(f"the answer ended after {got} of {got + missing} bytes")


def failed_attempt(exc: BaseException, timeout: float) -> _errors.TransportError:
    """The failure of an attempt, for both transports."""
    reason = reason_of(exc, timeout)
    return _errors.TransportError(reason, unreachable=reason in _UNREACHABLE)


def reason_of(exc: BaseException, timeout: float) -> str:
    """Why an attempt failed, for a person; HTTP libraries wrap the cause several times over."""
    chain = list(_causes(exc))
    for cause in chain:
        # The kernel's own ETIMEDOUT is one of these, too, and has nothing to do with our seconds.
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
    "cut_short",
    "failed_attempt",
    "own_words",
    "read_answer",
    "read_body",
    "reason_of",
    "too_large",
)
