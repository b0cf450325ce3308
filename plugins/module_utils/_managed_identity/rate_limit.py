# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Turns at IMDS' tokens: five requests at once and twenty a second, over any number of processes.

There are five places. Whoever holds one may send one request, and each is given four times a second.
A place is a file: its lock says that it is taken, and it holds nothing but the time when it last was.
The kernel frees the lock of a process that dies. Private to imds.azure.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import stat
import time
import typing as t

from .._client import Turns
from .._errors import TransportError

PLACES = 5
# A bit more than a quarter of a second, because requests don't all take the same time to arrive.
INTERVAL = 0.26
_NAP = 0.02
_NONE_FREE = -1
# The folder can't hold them: then IMDS' own limits and the retries must do.
_NO_PLACES = -2


def turns_in(
    folder: str,
    clock: t.Callable[[], float] = time.monotonic,
    sleep: t.Callable[[float], None] = time.sleep,
    jitter: t.Callable[[], float] = random.random,
) -> Turns:
    """Turns among all processes of this user that name the same folder.

    The clock must be one for all of them, as the kernel's monotonic one is.
    """
    # With the user's id, because the folder may be one that all users share.
    paths = [os.path.join(folder, f"imds_azure_token_{os.getuid()}_{n}") for n in range(PLACES)]

    @contextlib.contextmanager
    def turn(patience: float) -> t.Iterator[None]:
        end = clock() + patience
        place = _place(paths, clock)
        while place == _NONE_FREE:
            if clock() >= end:
                raise TransportError("other processes took all turns at IMDS' tokens", retry=False)
            # Part of it is drawn, so that those who wait do not all look at the same moment.
            sleep(_NAP * (0.5 + jitter()))
            place = _place(paths, clock)
        try:
            yield
        finally:
            if place != _NO_PLACES:
                os.close(place)

    return turn


def _place(paths: list[str], clock: t.Callable[[], float]) -> int:
    """The open file of a place that was free and has rested, and is now taken."""
    try:
        for path in paths:
            place = _opened(path)
            with contextlib.ExitStack() as unless_taken:
                unless_taken.callback(os.close, place)
                if _taken(place, clock()):
                    unless_taken.pop_all()
                    return place
    except OSError:
        return _NO_PLACES
    return _NONE_FREE


def _opened(path: str) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    place = os.open(path, flags, 0o600)
    found = os.fstat(place)
    if not stat.S_ISREG(found.st_mode) or found.st_uid != os.getuid() or found.st_nlink != 1:
        # Somebody else laid it there, and must not be able to keep this user waiting. With a second
        # name it may be any other file of this user.
        os.close(place)
        raise PermissionError(f"{path} is not a file of this user")
    return place


def _taken(place: int, now: float) -> bool:
    try:
        fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    # A time that is yet to come is from before the machine was started, unless it is only rounded.
    if abs(now - _last_taken(place)) < INTERVAL:
        return False
    os.pwrite(place, f"{now:<24.6f}".encode(), 0)
    return True


def _last_taken(place: int) -> float:
    try:
        return float(os.pread(place, 24, 0))
    except ValueError:
        return float("-inf")  # new


__all__ = ("INTERVAL", "PLACES", "turns_in")
