# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Simulates maintenance of virtual machines: sequences of events on a clock that tests control."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

from imds_simulator._given import is_seconds, list_of, listed, refuse_unknown

SCHEDULED = "Scheduled"
STARTED = "Started"
# IMDS turns scheduled events off after a day without requests.
_FORGOTTEN_AFTER = 24 * 3600.0


class Kind(NamedTuple):
    """The defaults of a kind of maintenance. A sequence can replace them."""

    event_type: str
    notice: float | None  # seconds; None: the event has already started when it appears
    takes: float  # seconds from its start to its end
    duration: int  # the announced event type
    source: str
    description: str


# The notices are the documented minimum. Assumption: the durations, and all descriptions except
# the first one, which is Microsoft's.
KINDS = {
    "freeze": Kind(
        "Freeze",
        900,
        10,
        5,
        "Platform",
        "Virtual machine is being paused because of a memory-preserving Live Migration operation.",
    ),
    "reboot": Kind("Reboot", 900, 120, -1, "User", "Virtual machine is going to be restarted."),
    "redeploy": Kind("Redeploy", 600, 300, -1, "User", "Virtual machine moves to another node."),
    "preempt": Kind("Preempt", 30, 60, -1, "Platform", "Spot virtual machine is being evicted."),
    "terminate": Kind("Terminate", 300, 60, -1, "User", "Virtual machine is being deleted."),
    "degraded": Kind("Redeploy", None, 300, -1, "Platform", "Host hardware is degraded."),
}


@dataclass(eq=False)
class Sequence:
    """One event from its appearance to its end. Times are seconds."""

    kind: str
    resources: list[str]
    after: float = 0.0  # from the time when the sequence is set until it appears
    notice: float | None = None  # None: that of the kind
    takes: float | None = None  # None: that of the kind
    cancel_after: float | None = None  # from its appearance; must be before its start
    event_id: str | None = None  # None: a new ID
    fields: dict[str, Any] = field(default_factory=dict)  # replace others

    appears_at: float = field(init=False, default=0.0)
    approved_at: float | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        _check(self)
        if self.event_id is None:
            self.event_id = str(uuid.uuid4()).upper()

    @property
    def _kind(self) -> Kind:
        return KINDS[self.kind]

    @property
    def not_before(self) -> float | None:
        notice = self._kind.notice if self.notice is None else self.notice
        return None if notice is None else self.appears_at + notice

    @property
    def starts_at(self) -> float:
        planned = self.appears_at if self.not_before is None else self.not_before
        return planned if self.approved_at is None else min(planned, self.approved_at)

    def moments(self) -> list[float]:
        """The times at which this event changes the document."""
        if self.cancel_after is not None and self.appears_at + self.cancel_after < self.starts_at:
            return [self.appears_at, self.appears_at + self.cancel_after]
        takes = self._kind.takes if self.takes is None else self.takes
        return sorted({self.appears_at, self.starts_at, self.starts_at + takes})

    def status(self, now: float) -> str | None:
        """The status of the event; None before it appears, and after its end or its cancellation."""
        moments = self.moments()
        if not moments[0] <= now < moments[-1]:
            return None
        return STARTED if now >= self.starts_at else SCHEDULED

    def event(self, status: str) -> dict[str, Any]:
        """The event with its names in the order of IMDS. The server formats the times."""
        usual = {
            "EventId": self.event_id,
            "EventStatus": status,
            "EventType": self._kind.event_type,
            "ResourceType": "VirtualMachine",
            "Resources": self.resources,
            "NotBefore": None if status == STARTED else self.not_before,
            "Description": self._kind.description,
            "EventSource": self._kind.source,
            "DurationInSeconds": self._kind.duration,
        }
        return usual | self.fields

    def as_json(self) -> dict[str, Any]:
        """What from_json takes."""
        given = {name: getattr(self, name) for name in sorted(_SETTINGS)}
        return {name: value for name, value in given.items() if value not in (None, {})}

    @classmethod
    def from_json(cls, value: Any) -> Sequence:
        if not isinstance(value, dict):
            raise ValueError("a sequence is an object")
        refuse_unknown(value, _SETTINGS)
        if missing := {"kind", "resources"} - set(value):
            raise ValueError(f"it has no {min(missing)}")
        return cls(**value)


_SETTINGS = {item.name for item in fields(Sequence) if item.init}


def _check(sequence: Sequence) -> None:
    if sequence.kind not in KINDS:
        raise ValueError(f"unknown kind {sequence.kind!r}; known: {listed(KINDS)}")
    names = sequence.resources
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError("resources is a list of texts")
    for name in ("after", "notice", "takes", "cancel_after"):
        value = getattr(sequence, name)
        if not is_seconds(value) and (value is not None or name == "after"):
            raise ValueError(f"{name} is a number of seconds, 0 or more")
    if not isinstance(sequence.event_id, (str, type(None))):
        raise ValueError("event_id is text")
    if not isinstance(sequence.fields, dict):
        raise ValueError("fields is an object")


class Maintenance:
    """The events of one machine, or of several machines that share this object.

    The clock begins with the real time and then stands still. It moves with `advance`, and also
    when other sequences are set at a later real time. All threads may use the object.
    """

    def __init__(
        self, sequences: Iterable[Sequence] = (), *, first_call_seconds: float = 0
    ) -> None:
        self.first_call_seconds = first_call_seconds
        self.now = _real_time()
        self._lock = threading.Lock()
        self._sequences: list[Sequence] = []
        self._passed = 1  # the number of changes of the document by earlier sequences
        self._asked_at: float | None = None
        self._known: set[str] = set()
        for sequence in sequences:
            self.add(sequence)

    def add(self, sequence: Sequence) -> Sequence:
        with self._lock:
            sequence.appears_at = self.now + sequence.after
            self._sequences.append(sequence)
        return sequence

    def advance(self, seconds: float) -> None:
        with self._lock:
            self.now += seconds

    def replace(self, other: Maintenance) -> None:
        """Replaces the sequences and settings. The clock and the count of changes continue."""
        with self._lock:
            there = bool(self._events())
            self._passed = self._incarnation() + (1 if there else 0)
            self._known |= self._listed()
            self.first_call_seconds = other.first_call_seconds
            self._asked_at = None
            self.now = max(self.now, _real_time())
            self._sequences = other._sequences
            for sequence in self._sequences:
                sequence.appears_at = self.now + sequence.after

    def waits(self) -> float:
        """The delay of a request in seconds. The first request turns the service on."""
        with self._lock:
            asleep = self._asked_at is None or self.now - self._asked_at > _FORGOTTEN_AFTER
            self._asked_at = self.now
            return self.first_call_seconds if asleep else 0

    def events(self) -> tuple[int, list[dict[str, Any]]]:
        """The incarnation of the document, and its events."""
        with self._lock:
            return self._incarnation(), self._events()

    def approve(self, event_ids: Iterable[str]) -> bool:
        """Approves all events or none. It is no error to approve an event twice, or after its start or its end."""
        wanted = {event_id.lower() for event_id in event_ids}
        with self._lock:
            # Assumption: an identifier stays known after the end of its event.
            if not wanted <= self._known | self._listed():
                return False
            for sequence in self._sequences:
                chosen = str(sequence.event_id).lower() in wanted
                if chosen and sequence.status(self.now) == SCHEDULED:
                    sequence.approved_at = self.now
            return True

    def _events(self) -> list[dict[str, Any]]:
        found = ((item, item.status(self.now)) for item in self._sequences)
        return [item.event(status) for item, status in found if status is not None]

    def _incarnation(self) -> int:
        moments = {moment for item in self._sequences for moment in item.moments()}
        return self._passed + sum(1 for moment in moments if moment <= self.now)

    def _listed(self) -> set[str]:
        """The identifiers of the present and earlier documents."""
        seen = (item for item in self._sequences if item.appears_at <= self.now)
        return {str(item.event_id).lower() for item in seen}

    def as_json(self) -> dict[str, Any]:
        """What from_json takes."""
        return {
            "first_call_seconds": self.first_call_seconds,
            "sequences": [sequence.as_json() for sequence in self._sequences],
        }

    @classmethod
    def from_json(cls, value: Any) -> Maintenance:
        """The settings of a JSON object. Raises ValueError with a message for the user."""
        if not isinstance(value, dict):
            raise ValueError("maintenance is an object")
        refuse_unknown(value, ("first_call_seconds", "sequences"))
        first_call = value.get("first_call_seconds", 0)
        if not is_seconds(first_call):
            raise ValueError("first_call_seconds is a number of seconds, 0 or more")
        sequences = list_of("sequences", value.get("sequences", []), Sequence.from_json)
        return cls(sequences, first_call_seconds=first_call)


def _real_time() -> float:
    return float(int(time.time()))
