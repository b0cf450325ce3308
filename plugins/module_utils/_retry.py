# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decides whether to retry, and after how many seconds. This file never sleeps.

Imported only after an attempt failed. Private to imds.azure.
"""

from __future__ import annotations

import re
import typing as t

from . import _times

# Every other status is final. A 404 is retried only if the document always exists: IMDS returns it
# for a moment while it starts. For all other routes, it means that the route is wrong.
_RETRIED = frozenset((408, 410, 429, 500, 502, 503, 504))
# Seconds after which the client stops retrying a status. 410 means that IMDS is being updated,
# which is documented to take up to 70 s. Other statuses are retried until the deadline.
_PATIENCE = {404: 30.0, 410: 70.0}
# The same for a refused connection or a missing route. These are transient only while a service restarts
# or the network starts, which takes a moment.
_UNREACHABLE_PATIENCE = 15.0
# If IMDS does not count refused requests, slow growth serves many processes of a VM sooner. If IMDS
# counts them, only growing waits let any request succeed.
_GROWTH = 1.5
_LONGEST_WAIT = 16.0
# The minimum also applies to a Retry-After of zero, or with a date that is almost reached.
_SHORTEST_WAIT = 0.2


class Failure(t.NamedTuple):
    """The reason why one attempt failed. Without a status, there was no usable answer."""

    status: int | None = None
    retry: bool = True
    retry_after: str | None = None
    cause: str = ""  # for the message
    unreachable: bool = False  # refused, or without a route
    answered: bool = False  # something answered, even if it was not IMDS


class RetryPolicy(t.NamedTuple):
    deadline: float  # seconds for all attempts and waits of one call
    attempts: int | None = None  # None: as many as fit into the deadline

    def wait(
        self,
        failure: Failure,
        attempt: int,
        elapsed: float,
        jitter: float,
        now: float,
        always_there: bool = False,
        refused_for: float = 0.0,
    ) -> float | None:
        """Seconds until the next attempt, or None if there must be none.

        `attempt` counts from 1, `elapsed` from the start of the call; `jitter` is between 0 and
        1; `now` is the wall clock, for a Retry-After that names a date. `refused_for` are the seconds
        since the first of the last attempts in a row that were refused or had no route.
        """
        if not _may_retry(failure, always_there) or attempt == self.attempts:
            return None
        if failure.status in _PATIENCE and elapsed >= _PATIENCE[failure.status]:
            return None
        asked = _retry_after(failure.retry_after, now)
        # Without a minimum wait, "Retry-After: 0" or a date in the past would cause a loop that uses up
        # the rate limit.
        wait = max(asked, _SHORTEST_WAIT) if asked else backoff(attempt, jitter)
        if failure.unreachable:
            left = _UNREACHABLE_PATIENCE - refused_for
            if left < _SHORTEST_WAIT:
                return None
            wait = min(wait, left)
        return wait if elapsed + wait < self.deadline else None


def _may_retry(failure: Failure, always_there: bool) -> bool:
    if failure.status is None:
        return failure.retry
    return failure.status in _RETRIED or (failure.status == 404 and always_there)


def backoff(attempt: int, jitter: float) -> float:
    """Seconds to wait after that many failed attempts; `jitter` is between 0 and 1."""
    # Half of the wait is fixed and half is random, so that many processes on one VM spread out.
    longest = min(_LONGEST_WAIT, _GROWTH ** min(attempt - 1, 16))
    return longest * (0.5 + jitter / 2)


def _retry_after(value: str | None, now: float) -> float | None:
    if value is None:
        return None
    text = value.strip()
    if re.match(r"[0-9]{1,9}\Z", text):
        return float(text)
    moment = _times.epoch_of(text)
    return None if moment is None else max(0.0, moment - now)


__all__ = ("Failure", "RetryPolicy", "backoff")
