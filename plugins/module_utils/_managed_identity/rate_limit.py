# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The rate limit for tokens, shared by any number of processes. Private to imds.azure.

Five lock files act as slots. Holding one allows one request, and each slot can be taken about four
times a second, which gives IMDS' limits of 5 requests at once and 20 a second. A file contains only the time
when a process last took it. The kernel frees the lock of a process that dies.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import stat
import time
import typing as t

from .._client import RateLimit
from .._errors import TransportError

SLOTS = 5
# Slightly more than a quarter of a second, because requests take different times to arrive.
INTERVAL = 0.26
_NAP = 0.02


def rate_limit_in(
    folder: str,
    clock: t.Callable[[], float] = time.monotonic,
    sleep: t.Callable[[float], None] = time.sleep,
    jitter: t.Callable[[], float] = random.random,
) -> RateLimit:
    """The rate limit for all processes of this user that use the same folder.

    All processes must share the clock, as they do with the kernel's monotonic clock.
    """
    # With the user's ID, because all users may share the folder.
    paths = [os.path.join(folder, f"imds_azure_token_{os.getuid()}_{n}") for n in range(SLOTS)]

    @contextlib.contextmanager
    def permission(patience: float) -> t.Iterator[None]:
        end = clock() + patience
        with contextlib.ExitStack() as held:
            # If the files can't be created, requests are not limited here. IMDS' own limits and the retries still apply.
            with contextlib.suppress(OSError):
                while not _took_slot(paths, clock, held):
                    if clock() >= end:
                        raise TransportError(
                            "other processes use up the rate limit for tokens", retry=False
                        )
                    # A part of the wait is random, so that waiting processes do not all try at the same moment.
                    sleep(_NAP * (0.5 + jitter()))
            yield

    return permission


def _took_slot(paths: list[str], clock: t.Callable[[], float], held: contextlib.ExitStack) -> bool:
    """Takes the first free slot whose last use is long enough ago. `held` closes its file."""
    for path in paths:
        slot = _opened(path)
        with contextlib.ExitStack() as unless_taken:
            unless_taken.callback(os.close, slot)
            if _taken(slot, clock()):
                held.push(unless_taken.pop_all())
                return True
    return False


def _opened(path: str) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    slot = os.open(path, flags, 0o600)
    found = os.fstat(slot)
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid() or found.st_nlink != 1:
        # A file of another user must not block this user. A hard link may be any other file
        # of this user.
        os.close(slot)
        raise PermissionError(f"{path} is not a file of this user")
    return slot


def _taken(slot: int, now: float) -> bool:
    try:
        fcntl.flock(slot, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    # A time in the future is from before the last boot, unless it was only rounded.
    if abs(now - _last_taken(slot)) < INTERVAL:
        return False
    os.pwrite(slot, f"{now:<24.6f}".encode(), 0)
    return True


def _last_taken(slot: int) -> float:
    try:
        return float(os.pread(slot, 24, 0))
    except ValueError:
        return float("-inf")  # new


__all__ = ("INTERVAL", "SLOTS", "rate_limit_in")
