# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The folder on a VM with the state of the role maintenance, and the decision what the role does next.

The file `lock` names the run that works on the VM. A run holds the lock over many tasks, so the lock is a lease. It
ends if the run stops renewing it, if the VM restarts, or at once if the run is known to be dead. Each change of
the folder checks and renews the lease, under a file lock that the kernel frees when the process dies.

Each other file NAME.json records one event and its progress: the VM is draining, drained or restoring. The role
records the beginning and the end of each step, so that the next run can complete unfinished steps.

Private to imds.azure.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import hashlib
import json
import os
import stat
import time
import typing as t
import uuid

from .._document import parse_json
from .._endpoints.scheduled_events import (
    SCHEDULED,
    Event,
    is_alone,
    is_ambiguous,
    is_event_id,
    key_of,
    shaped_events,
)
from .._errors import ImdsError, printable
from .._times import iso_8601

DRAINING = "draining"
DRAINED = "drained"
RESTORING = "restoring"

# The role sets this variable for the user's tasks, so that processes on the VM can be assigned to a run.
RUN_VARIABLE = "IMDS_AZURE_MAINTENANCE_RUN"

_LOCK = "lock"
_NEW = ".new"
_NAP = 0.5
# A process holds the file lock only while it writes a small file.
_FILE_LOCK_SECONDS = 20.0
# An upper limit in seconds for any clock or lease.
_LONGEST = 1e15
# An answer of IMDS has at most 4 MiB, and JSON may escape one byte as six.
_MAX_BYTES = 32 * 1024 * 1024
# The maximum number of due events in one run. Azure plans only a few for a VM, and the tasks of the user run for each.
MOST_DUE = 50

Process = t.Dict[str, t.Any]


class BusyError(ImdsError):
    """Another run works on the VM."""

    def __init__(self, message: str, holder: dict[str, t.Any]) -> None:
        super().__init__(message)
        self.holder = holder


class LostError(ImdsError):
    """This run has lost its lock, and another run works on the VM."""


class State(t.NamedTuple):
    """An event for which the VM is or was drained, and its progress."""

    event: Event
    done: str
    files: tuple[str, ...]


class Wanted(t.NamedTuple):
    """The events to handle, and which of them to approve."""

    types: t.Sequence[str]
    notice: int
    approve: str
    resource: str


class Plan(t.NamedTuple):
    due: list[Event]
    restore: list[Event]
    # Identifiers of events that may be approved after the VM is drained.
    approvable: list[str]
    warnings: list[str]


def process(pid: int) -> Process:
    """Identifies a process of this machine until the machine restarts; empty if that is not possible."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # The name of the program, which may have any characters, ends at the last bracket.
            started = file.read().rpartition(b")")[2].split()[19].decode("ascii")
        return {
            "boot_id": boot_id(),
            "namespace": os.readlink("/proc/self/ns/pid"),
            "pid": pid,
            "started": started,
        }
    except (OSError, IndexError, ValueError):
        return {}


def boot_id() -> str:
    try:
        with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
            return file.read().strip()
    except (OSError, ValueError):
        return ""


def is_dead(run: Process) -> bool:
    """Whether a process of this machine has ended. False for a process of another machine, whose state is unknown."""
    here = process(os.getpid())
    if not here or any(run.get(name) != here[name] for name in ("boot_id", "namespace")):
        return False
    pid = run.get("pid")
    return isinstance(pid, int) and process(pid) != run


class Folder:
    """The folder of one VM, for one run."""

    def __init__(
        self,
        path: str,
        clock: t.Callable[[], float] = time.monotonic,
        sleep: t.Callable[[float], None] = time.sleep,
    ) -> None:
        self.path = path
        self.clock = clock
        self.sleep = sleep

    # The lock.

    def take(
        self, run: Process, seconds: float, wait: float, dead: str = ""
    ) -> tuple[str, list[str]]:
        """Takes the lock. Returns the token of this run, and a warning if another run has died.

        `dead` is the token of a run that the caller knows to be dead.
        """
        token = uuid.uuid4().hex
        end = self.clock() + wait
        while True:
            with self._file() as file:
                held = _holder(file)
                if not self._is_alive(held, dead):
                    self._write_holder(file, {"token": token, "run": run, "seconds": seconds})
                    return token, [self._taken_over(held)] if held else []
            if self.clock() >= end:
                raise BusyError(self._busy(held), held)
            self.sleep(_NAP)

    def release(self, token: str) -> None:
        """Frees the lock, unless another run holds it now."""
        with self._file() as file:
            if _holder(file).get("token") == token:
                os.ftruncate(file, 0)

    @contextlib.contextmanager
    def _file(self) -> t.Iterator[int]:
        """The open lock file; no other process can change the folder in the meantime."""
        # The file is never removed, because two processes could then lock two different files with that name.
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        file = os.open(os.path.join(self.path, _LOCK), flags, 0o600)
        try:
            found = os.fstat(file)
            if not stat.S_ISREG(found.st_mode):
                raise PermissionError(f"{self.path}/{_LOCK} is not a regular file")
            if found.st_nlink != 1:
                # A hard link could be any other file of this user.
                raise PermissionError(f"{self.path}/{_LOCK} has other names: remove it")
            self._lock(file)
            yield file
        finally:
            os.close(file)

    def _lock(self, file: int) -> None:
        """Takes the file lock. Waits only a moment, so that a stopped process does not block runs."""
        end = self.clock() + _FILE_LOCK_SECONDS
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                if self.clock() >= end:
                    raise BusyError(
                        f"a process on the VM has locked {self.path}/{_LOCK} for more than "
                        f"{_FILE_LOCK_SECONDS:.0f} s and may be stopped: end that process",
                        {},
                    ) from None
            self.sleep(_NAP)

    @contextlib.contextmanager
    def _held(self, token: str) -> t.Iterator[dict[str, t.Any]]:
        """Renews the lease of this run. Within the context, the run may change the folder."""
        with self._file() as file:
            held = _holder(file)
            if held.get("token") != token:
                raise LostError(
                    "this run took so long that another run of the role maintenance took the lock over "
                    f"and works on the VM now ({self.path}/{_LOCK}): nothing was approved, and this run ends. "
                    "Set maintenance_lock_seconds to more than the longest drain or restore takes"
                )
            self._write_holder(file, held)
            yield held

    def _write_holder(self, file: int, held: dict[str, t.Any]) -> None:
        held = {"since": iso_8601(time.time()), **held}
        held.update(boot_id=boot_id(), expires=self.clock() + held["seconds"])
        _overwrite(file, held)

    def _is_alive(self, held: dict[str, t.Any], dead: str) -> bool:
        if not held or held["boot_id"] != boot_id():
            return False
        if not 0 < held["expires"] - self.clock() <= held["seconds"]:
            return False
        if held["token"] != dead and not is_dead(held["run"]):
            return True
        return _has_processes(held["token"])

    def _busy(self, held: dict[str, t.Any]) -> str:
        left = max(0, round(held["expires"] - self.clock()))
        return (
            f"another run of the role maintenance has worked on this VM since {held['since']} ({_started(held)}). "
            "Nothing was done: run the role again later. If the other run makes no progress, a new run can take over "
            f"the lock {self.path}/{_LOCK} in {left} s, or as soon as the VM has restarted"
        )

    def _taken_over(self, held: dict[str, t.Any]) -> str:
        return (
            f"a run of the role maintenance that began at {held['since']} ({_started(held)}) did not end. "
            "This run continues its work"
        )

    # The events.

    def states(self) -> tuple[list[State], list[str]]:
        """The recorded events, and a warning for each file that can't be read."""
        found: dict[str, State] = {}
        warnings = []
        for path in self._paths():
            state: State | None
            try:
                state = _read_state(path)
            except (OSError, ValueError) as exc:
                warnings.append(_unreadable(path, exc))
                state = _state_by_name(path)
            if state is None:
                continue
            key = key_of(state.event["EventId"])
            if key in found:
                state = state._replace(files=(*found[key].files, path))
            found[key] = state
        return list(found.values()), warnings

    def repair(self, token: str) -> list[str]:
        """Renames each file that can't be read, and records its event again by the file name. Returns warnings."""
        warnings = []
        with self._held(token):
            for path in self._paths():
                try:
                    _read_state(path)
                except (OSError, ValueError) as exc:
                    warnings.append(_unreadable(path, exc))
                    by_name = _state_by_name(path)
                    os.replace(path, f"{path}.unreadable")
                    if by_name:
                        self._write(by_name)
        return warnings

    def _paths(self) -> list[str]:
        return sorted(glob.glob(os.path.join(glob.escape(self.path), "*.json")))

    def remember(self, token: str, event: Event, done: str) -> None:
        """Records the progress for an event."""
        with self._held(token) as held:
            if done == DRAINED and held.get("disturbed"):
                raise LostError(
                    "an earlier run of the role maintenance, which had lost its lock, has restored the VM while "
                    "this run drained it: nothing was approved, and the next run drains it again. Set "
                    "maintenance_lock_seconds to more than the longest drain or restore takes"
                )
            self._write(State(event, done, self._files_of(event)))

    def remember_restoring(self, token: str) -> None:
        """Records that restoring begins. From then on, the VM no longer counts as drained for any event."""
        with self._held(token):
            for state in self.states()[0]:
                self._write(state._replace(done=RESTORING))

    def forget(self, token: str, event: Event) -> None:
        """Removes the record of an event after its restoring tasks."""
        try:
            with self._held(token):
                for path in self._files_of(event):
                    os.unlink(path)
        except LostError as exc:
            self._drain_again()
            raise LostError(
                f"{exc}. This run has restored the VM, so the next run drains it again if an event is due"
            ) from None

    def _drain_again(self) -> None:
        """Makes the next run drain the VM again, because this run restored it after another run had drained it."""
        with self._file() as file:
            held = _holder(file)
            if held:
                _overwrite(file, {**held, "disturbed": True})
            for state in self.states()[0]:
                if state.done == DRAINED:
                    self._write(state._replace(done=DRAINING))

    def _files_of(self, event: Event) -> tuple[str, ...]:
        key = key_of(event["EventId"])
        return next(
            (state.files for state in self.states()[0] if key_of(state.event["EventId"]) == key),
            (),
        )

    def _write(self, state: State) -> None:
        """Replaces the file atomically, even if the process is killed or the VM stops."""
        path = os.path.join(self.path, _name_for(state.event["EventId"]))
        new = os.path.join(self.path, _NEW)
        content = json.dumps({"state": state.done, "event": state.event}, indent=1).encode("ascii")
        # Only one process at a time writes, so a file with this name comes from a killed process.
        with contextlib.suppress(FileNotFoundError):
            os.unlink(new)
        file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(file, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(file)
        os.replace(new, path)
        for other in state.files:
            if other != path:
                os.unlink(other)
        folder = os.open(self.path, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _holder(file: int) -> dict[str, t.Any]:
    """The holder of the lock; empty if the lock is free."""
    try:
        held = parse_json(os.pread(file, 65536, 0))
    except ValueError:
        return {}
    kinds = {"token": str, "boot_id": str, "since": str, "run": dict}
    numbers = ("expires", "seconds")
    is_one = (
        isinstance(held, dict)
        and all(isinstance(held.get(name), kind) for name, kind in kinds.items())
        # Refuses values that are not numbers, and integers that are too large for a float.
        and all(isinstance(held.get(name), (int, float)) for name in numbers)
        and all(abs(held[name]) < _LONGEST for name in numbers)
    )
    return held if is_one else {}


def _overwrite(file: int, held: dict[str, t.Any]) -> None:
    # A truncated text counts as no lock. Its writer is dead, and so is that writer's task.
    os.ftruncate(file, 0)
    os.pwrite(file, json.dumps(held).encode("ascii"), 0)
    os.fsync(file)


def _started(held: dict[str, t.Any]) -> str:
    run = held["run"]
    if run.get("boot_id") == held["boot_id"]:
        return f"process {run.get('pid')} of this machine"
    return "started from another machine"


def _has_processes(token: str) -> bool:
    """Whether tasks of a run still work, even if the run itself was killed."""
    mark = f"{RUN_VARIABLE}={token}".encode("ascii", "replace")
    for path in glob.glob("/proc/[0-9]*/environ"):
        with contextlib.suppress(OSError), open(path, "rb") as file:
            if mark in file.read().split(b"\0"):
                return True
    return False


def _name_for(event_id: str) -> str:
    """The file name for an event: unique for each event, and never too long."""
    key = key_of(event_id)
    if not is_event_id(event_id):
        key = hashlib.sha256(key.encode("utf-8", "backslashreplace")).hexdigest()
    return f"{key}.json"


def _read_state(path: str) -> State:
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(file, "rb") as stream:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise ValueError("it is not a regular file")
        content = stream.read(_MAX_BYTES + 1)
    if len(content) > _MAX_BYTES:
        raise ValueError("it is too large")
    data = parse_json(content)
    done: t.Any = DRAINED
    # Version 0.1.0 of the collection wrote only the event, after the drain.
    if isinstance(data, dict) and "EventId" not in data:
        done, data = data.get("state"), data.get("event")
    event_id = data.get("EventId") if isinstance(data, dict) else None
    if not isinstance(event_id, str) or done not in (DRAINING, DRAINED, RESTORING):
        raise ValueError("it is not what the role maintenance writes")
    (event,) = shaped_events({"Events": [data]}, time.time())
    # The times are those of the drain.
    event.update({name: data[name] for name in ("not_before", "notice") if name in data})
    return State(event, done, (path,))


def _state_by_name(path: str) -> State | None:
    """The state of an event of which only the identifier is known. Its progress is unknown."""
    stem = os.path.basename(path)[: -len(".json")]
    if not is_event_id(stem):
        return None
    (event,) = shaped_events({"Events": [{"EventId": stem}]}, time.time())
    return State(event, DRAINING, ())


def _unreadable(path: str, exc: Exception) -> str:
    reason = exc.strerror if isinstance(exc, OSError) else exc
    meaning = (
        "The VM may be drained for the event of that name, so this run keeps a record of the event"
        if _state_by_name(path)
        else "If the VM is still drained for an event that is over, restore it by hand"
    )
    return (
        f"{printable(path)} can't be read ({printable(str(reason))}), and is renamed to "
        f"{printable(os.path.basename(path))}.unreadable. {meaning}"
    )


def plan(states: t.Sequence[State], events: t.Sequence[Event], wanted: Wanted) -> Plan:
    """The next work of the role: drain for due events, or restore if all events are over."""
    # A dictionary removes duplicate warnings and keeps their order.
    warnings: dict[str, None] = {}
    same: dict[str, list[Event]] = {}
    for event in events:
        same.setdefault(key_of(event["EventId"]), []).append(event)
    ambiguous = {key for key, listed in same.items() if is_ambiguous(listed)}
    drained = {key_of(state.event["EventId"]) for state in states if state.done == DRAINED}
    types = {name.strip().lower() for name in wanted.types} - {""}
    due: dict[str, Event] = {}
    approvable = []
    for event in events:
        key = key_of(event["EventId"])
        said = _unapprovable(event, key in ambiguous)
        if said:
            warnings[said] = None
        may = not said and _may_approve(event, wanted)
        if may:
            approvable.append(event["EventId"])
        is_chosen = not types or str(event["EventType"]).lower() in types
        if is_chosen and event["notice"] <= wanted.notice and (key not in drained or may):
            due.setdefault(key, event)
    remembered = {key_of(state.event["EventId"]) for state in states}
    if len(due) > MOST_DUE:
        warnings[f"{len(due)} events are due: this run handles the first {MOST_DUE}"] = None
    over = not due and not remembered & set(same)
    restore = [state.event for state in states] if over else []
    return Plan(list(due.values())[:MOST_DUE], restore, approvable, list(warnings))


def _unapprovable(event: Event, ambiguous: bool) -> str:
    """The reason why an approval would be ambiguous."""
    event_id = event["EventId"]
    if not event_id or event_id != event_id.strip():
        return (
            f"IMDS lists an event by the identifier {printable(event_id)!r}, which is empty or has blanks "
            "at its ends. The VM is drained for the event, but the event is not approved"
        )
    if ambiguous:
        return (
            f"IMDS lists different events by the identifier {printable(event_id)!r}, in this casing or "
            "another. The VM is drained once for all of them, but none of them is approved"
        )
    return ""


def _may_approve(event: Event, wanted: Wanted) -> bool:
    if event["EventStatus"] != SCHEDULED or wanted.approve == "never":
        return False
    return wanted.approve == "always" or is_alone(event, wanted.resource)


__all__ = (
    "DRAINED",
    "DRAINING",
    "MOST_DUE",
    "RESTORING",
    "RUN_VARIABLE",
    "BusyError",
    "Folder",
    "LostError",
    "Plan",
    "Process",
    "State",
    "Wanted",
    "boot_id",
    "is_dead",
    "plan",
    "process",
)
