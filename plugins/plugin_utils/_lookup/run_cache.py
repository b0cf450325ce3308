# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Results for a whole run of Ansible, whatever the number of its worker processes.

A result is a file in Ansible's own temp folder, which belongs to this run, can be entered by
its user only and goes with it. If the run is killed, the folder stays. Private to imds.azure.
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

# Seconds between two looks at a lock that another process holds.
_NAP = 0.02
# What the last wait for a lock leaves for a request: enough to get an answer of a healthy IMDS.
_AT_LEAST = 0.05
# The part of the time that a request may take. Processes that wait learn of its failure in the rest.
_PART = 0.95

# Gets a function that tells how many seconds a request may take from now on; returns the name under
# which its result is kept, and the result.
Make = t.Callable[[t.Callable[[], float]], tuple[str, t.Any]]


class RunCache:
    """Results under names, with one lock for all of them."""

    def __init__(self, folder: str, *key: str) -> None:
        self._path = os.path.join(folder, _file_name(key))
        # The last failure, for the processes that waited meanwhile; beside the results.
        self._failure_path = self._path + ".failed"

    def get(self, names: t.Sequence[str], make: Make, deadline: t.Callable[[], float]) -> t.Any:
        """The run's result under the first of these names; else the result that `make` gives.

        One process makes it, and others that come meanwhile wait for it. The wait and `make` together
        stay within the deadline, which is a number of seconds. It is a function because most callers
        find a result and need no deadline.

        All callers share the result, so a caller that gives a part of it away gives a copy.

        A failure is raised for those who waited too, so that a group of callers fails after one
        deadline and not one after the other; whoever comes later tries anew.
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
        # The kernel frees the lock of a process that dies, so a killed one blocks nobody. A stopped
        # process keeps it, so nobody waits for longer than the deadline.
        try:
            lock = os.open(self._path + ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            yield  # No place for a cache: everybody asks for themselves.
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
    """Whether this process holds the lock now, or may do without because the file system has none."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # Some file systems of networks have no locks.
    with contextlib.suppress(OSError):
        os.pwrite(lock, f"{os.getpid():<20}".encode(), 0)
    return True


def _held(lock: int, patience: float) -> str:
    try:
        holder = f"the process {int(os.pread(lock, 20, 0))}"
    except (OSError, ValueError):
        holder = "another process"
    return (
        f"no instance document within the deadline of {in_seconds(patience)}: {holder} of this run asks "
        "IMDS for the document of all processes and has not finished. If that process is stopped, "
        "continue it or end it. Otherwise raise the option deadline"
    )


@functools.lru_cache(maxsize=16)
def _file_name(key: tuple[str, ...]) -> str:
    return f"imds_azure_{hashlib.sha256(chr(10).join(key).encode()).hexdigest()[:16]}"


@functools.lru_cache(maxsize=16)
def _read(path: str, key: str, stamp: tuple[int, int] | None) -> dict[str, t.Any] | None:
    """The file as it is at this stamp. A template may have a thousand lookups in it, so what was read is kept."""
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
    """Whole or not at all; a full or read-only folder costs the cache, not the run."""
    temporary = None
    try:
        # Made with mode 0600.
        handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path), prefix="imds_azure_")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(data, file)
        os.replace(temporary, path)
    except OSError:
        if temporary is not None:
            with contextlib.suppress(OSError):
                os.unlink(temporary)


__all__ = ("Make", "RunCache")
