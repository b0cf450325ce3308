# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""How many requests a virtual machine may make, and how many of them at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager


class RateLimit:
    """At most so many requests in any one second.

    Assumption: IMDS documents five a second and not how it counts. Here, a sliding window of one
    second holds the requests that were let through, to whatever route and with whatever answer;
    the refused ones cost nothing.
    """

    def __init__(self) -> None:
        self._passed: deque[float] = deque()

    def allows(self, now: float, per_second: int) -> bool:
        """Whether one more may pass at this time. A limit of 0 is none."""
        while self._passed and now - self._passed[0] >= 1:
            self._passed.popleft()
        if per_second and len(self._passed) >= per_second:
            return False
        self._passed.append(now)
        return True


class Concurrency:
    """How many requests are being answered."""

    def __init__(self) -> None:
        self.busy = 0
        self.most = 0

    @contextmanager
    def entered(self) -> Iterator[int]:
        """How many there are with this one, which counts until it is answered."""
        self.busy += 1
        self.most = max(self.most, self.busy)
        try:
            yield self.busy
        finally:
            self.busy -= 1
