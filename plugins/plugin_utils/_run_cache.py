# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One result for a whole run of Ansible, whatever the number of its worker processes.

The result is a file in Ansible's own temp folder, which belongs to this run, can be entered by
its user only and goes with it. Private to imds.azure.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import hashlib
import json
import os
import tempfile
import typing as t

from ansible_collections.imds.azure.plugins.module_utils._errors import (
    ImdsError,
    UnavailableError,
)


class RunCache:
    def __init__(self, folder: str, *key: str) -> None:
        self._path = os.path.join(folder, _file_name(key))
        # What failed last, for those who waited meanwhile; beside the result, never instead of it.
        self._failure_path = self._path + ".failed"

    def get(self, make: t.Callable[[], t.Any]) -> t.Any:
        """The run's result; the first caller makes it, and whoever comes meanwhile waits for it.

        It is everybody's: who gives a part of it away gives a copy.

        A failure is raised for those who waited too, so that a group of callers fails after one
        deadline and not one after the other; whoever comes later tries anew.
        """
        found = _read(self._path, "result", _stamp(self._path))
        if found is not None:
            return found["result"]
        failures = _stamp(self._failure_path)
        with self._lock():
            found = _read(self._path, "result", _stamp(self._path))
            if found is not None:
                return found["result"]
            if _stamp(self._failure_path) != failures:
                failed = _read(self._failure_path, "message", _stamp(self._failure_path))
                if failed is not None:
                    raise UnavailableError(failed["message"])
            return self._make(make)

    def _make(self, make: t.Callable[[], t.Any]) -> t.Any:
        try:
            result = make()
        except ImdsError as exc:
            _write(self._failure_path, {"message": str(exc)})
            raise
        _write(self._path, {"result": result})
        return result

    @contextlib.contextmanager
    def _lock(self) -> t.Iterator[None]:
        # The kernel frees the lock of a process that dies, so a killed one blocks nobody.
        try:
            lock = os.open(self._path + ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            yield  # No place for a cache: everybody asks for themselves.
            return
        try:
            with contextlib.suppress(OSError):  # Some file systems of networks have no locks.
                fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)


@functools.lru_cache(maxsize=16)
def _file_name(key: tuple[str, ...]) -> str:
    return f"imds_azure_{hashlib.sha256(chr(10).join(key).encode()).hexdigest()[:16]}.json"


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


__all__ = ("RunCache",)
