# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why an attempt failed, for a person. Private to imds.azure.

Imported only when one did, as everything that a managed node can do without.
"""

from __future__ import annotations

import errno
import http.client
import socket
import typing as t

from ._errors import in_seconds

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


def reason_of(exc: BaseException, timeout: float) -> str:
    """Why an attempt failed, for a person; HTTP libraries wrap the cause several times over."""
    chain = list(_causes(exc))
    for cause in chain:
        # The kernel's own ETIMEDOUT is one of these, too, and has nothing to do with our seconds.
        if isinstance(cause, socket.timeout) and cause.errno is None:
            return f"no complete answer within {in_seconds(timeout)}"
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


__all__ = ("reason_of",)
