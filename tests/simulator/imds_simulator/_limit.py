# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Limits the requests of a virtual machine: in each second, and at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class RateLimit:
    """Allows at most this number of requests in any second.

    Assumption: IMDS documents five requests a second, but not how it counts them. Here, a sliding
    window of one second counts the allowed requests of all routes, with any answer. Refused
    requests do not count.
    """

    def __init__(self) -> None:
        self._passed: deque[float] = deque()

    def allows(self, now: float, per_second: int) -> bool:
        """Whether one more request is allowed at this time. 0 means no limit."""
        while self._passed and now - self._passed[0] >= 1:
            self._passed.popleft()
        if per_second and len(self._passed) >= per_second:
            return False
        self._passed.append(now)
        return True


class Concurrency:
    """Counts the requests that are in progress."""

    def __init__(self) -> None:
        self.busy = 0
        self.most = 0

    @contextmanager
    def entered(self) -> Iterator[int]:
        """Yields the number of requests in progress, including this one."""
        self.busy += 1
        self.most = max(self.most, self.busy)
        try:
            yield self.busy
        finally:
            self.busy -= 1
