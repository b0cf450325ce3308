# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shares results among all worker processes of a run of Ansible.

A result is a file in Ansible's own temp folder. That folder belongs to this run, only its user can enter it, and it is
removed at the end. If the run is killed, the folder stays. Private to imds.azure.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import json
import os
import tempfile
import time
import typing as t

from ansible_collections.imds.azure.plugins.module_utils._errors import (
    ImdsError,
    UnavailableError,
    in_seconds,
)

# Seconds between two attempts to take a lock that another process holds.
_NAP = 0.02
# The seconds that the last wait for a lock leaves for a request: enough for an answer of a healthy IMDS.
_AT_LEAST = 0.05
# The part of the remaining time that a request may take. In the rest, waiting processes learn of its failure.
_PART = 0.95

# Takes a function that returns how many seconds a request may take; returns the name under
# which its result is kept, and the result.
Make = t.Callable[[t.Callable[[], float]], tuple[str, t.Any]]


class RunCache:
    """Named results, with one lock for all of them."""

    def __init__(self, folder: str, *key: str) -> None:
        self._path = os.path.join(folder, _file_name(key))
        # The file with the last failure, for the processes that waited for the result.
        self._failure_path = self._path + ".failed"

    def get(self, names: t.Sequence[str], make: Make, deadline: t.Callable[[], float]) -> t.Any:
        """The run's result under the first of these names that exists, or else the result of `make`.

        One process calls `make`, and other processes wait for it. The wait and `make` together
        stay within the deadline in seconds. The deadline is a function because most callers
        find a result and need no deadline.

        All callers share the result, so a caller that returns a part of it must return a copy.

        A failure is raised in all waiting processes, so that a group of callers fails after one
        deadline and not one after the other. Later callers try again.
        """
        found = self._found(names)
        if found is not None:
            return found["result"]
        failures = _stamp(self._failure_path)
        patience = deadline()
        end = time.monotonic() + patience
        with self._lock(end, patience):
            found = self._found(names)
            if found is not None:
                return found["result"]
            if _stamp(self._failure_path) != failures:
                failed = _read(self._failure_path, "message", _stamp(self._failure_path))
                if failed is not None:
                    raise UnavailableError(failed["message"])
            return self._make(make, lambda: max((end - time.monotonic()) * _PART, _AT_LEAST))

    def _found(self, names: t.Sequence[str]) -> dict[str, t.Any] | None:
        for name in names:
            path = self._result_path(name)
            found = _read(path, "result", _stamp(path))
            if found is not None:
                return found
        return None

    def _result_path(self, name: str) -> str:
        return f"{self._path}.{name}.json"

    def _make(self, make: Make, left: t.Callable[[], float]) -> t.Any:
        try:
            name, result = make(left)
        except ImdsError as exc:
            _write(self._failure_path, {"message": str(exc)})
            raise
        _write(self._result_path(name), {"result": result})
        return result

    @contextlib.contextmanager
    def _lock(self, end: float, patience: float) -> t.Iterator[None]:
        # The kernel frees the lock of a process that dies, so a killed process does not block others. A stopped
        # process keeps it, so the others wait no longer than their deadline.
        try:
            lock = os.open(self._path + ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            yield  # No cache is possible: each caller sends its own request.
            return
        try:
            while not _locked(lock):
                if time.monotonic() >= end:
                    raise UnavailableError(_held(lock, patience))
                time.sleep(_NAP)
            yield
        finally:
            os.close(lock)


def _locked(lock: int) -> bool:
    """Whether this process holds the lock now, or needs none because the file system does not support locks."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # Some network file systems do not support locks.
    with contextlib.suppress(OSError):
        os.pwrite(lock, f"{os.getpid():<20}".encode(), 0)
    return True


def _held(lock: int, patience: float) -> str:
    try:
        holder = f"the process {int(os.pread(lock, 20, 0))}"
    except (OSError, ValueError):
        holder = "another process"
    return (
        f"no instance document within the deadline of {in_seconds(patience)}: {holder} of this run requests "
        "the document for all processes and has not finished. If that process is stopped, "
        "continue it or end it. Otherwise raise the option deadline"
    )


@functools.lru_cache(maxsize=16)
def _file_name(key: tuple[str, ...]) -> str:
    return f"imds_azure_{hashlib.sha256(chr(10).join(key).encode()).hexdigest()[:16]}"


@functools.lru_cache(maxsize=16)
def _read(path: str, key: str, stamp: tuple[int, int] | None) -> dict[str, t.Any] | None:
    """The content of the file at this stamp. A template may have a thousand lookups, so the content is cached."""
    if stamp is None:
        return None
    try:
        with open(path, encoding="utf-8") as file:
            data = json.load(file)
    except (OSError, ValueError):
        return None
    return data if isinstance(data, dict) and key in data else None


def _stamp(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns


def _write(path: str, data: t.Any) -> None:
    """Writes the file atomically. In a full or read-only folder, there is no cache, but the run continues."""
    temporary = None
    try:
        # Created with mode 0600.
        handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix="imds_azure_")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(data, file)
        os.replace(temporary, path)
    except OSError:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


__all__ = ("Make", "RunCache")
