# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults of answers: the kind of each fault, how often it happens, and for which requests."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from imds_simulator._given import listed, refuse_unknown
from imds_simulator._messages import JSON, Answer, Request

# Each kind of fault, and its required field.
KINDS: dict[str, str | None] = {
    "status": "status",  # replaces the answer
    "partial": "parts",  # the answer without these parts, see Vm.lost
    "headers": "headers",  # adds or replaces headers of the answer
    "delay": "seconds",  # delays the answer
    "hang": None,  # sends no answer until the client closes the connection
    "reset": None,  # a TCP reset instead of the answer; with after_bytes, within the body
    "close": None,  # closes the connection regularly without an answer
    "truncate": None,  # closes the connection within the body, after after_bytes or half of the body
    "stall": None,  # stops within the body, after after_bytes or half of it, and keeps the connection open
    "drip": "bytes_per_second",  # sends the body slowly in small pieces
    "drip_headers": "bytes_per_second",  # sends the status line and the headers slowly in small pieces, and then the body
    "endless_headers": None,  # sends headers endlessly until the client closes the connection
    "oversize": "mebibytes",  # a body of this size that is valid JSON
    "raw": "body",  # sends these bytes instead of an HTTP answer, and closes the connection
}

PARTS = {"compute", "network"}
_NUMBERS = {
    "times": int,
    "status": int,
    "after_bytes": int,
    "for_seconds": float,
    "seconds": float,
    "bytes_per_second": float,
    "mebibytes": float,
}
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
# Headers that only the simulator may set, because they frame the message. A fault of the kind raw can contain false ones.
_FRAMING = {"connection", "content-length", "transfer-encoding"}


@dataclass(eq=False)
class Fault:
    """A fault of an answer. Any kind with `status` or `body` applies to that answer, and otherwise to the real answer."""

    kind: str
    times: int | None = None  # the number of requests; None: all
    for_seconds: float | None = None  # the duration from the first use; None: no end
    path: str | None = None  # only routes that begin with this path
    method: str | None = None  # only requests with this method
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    parts: Sequence[str] = ()  # the lost parts of the instance document
    body: str | bytes | None = None
    body_base64: str | None = None
    seconds: float | None = None
    after_bytes: int | None = None
    bytes_per_second: float | None = None
    mebibytes: float | None = None
    foreign: bool = False  # the answer is not from IMDS, so it lacks the headers of IMDS

    used: int = field(init=False, default=0)
    _first_used: float | None = field(init=False, default=None, repr=False)

    def __post_init__(self) -> None:
        _check(self)
        self.headers, self.parts = dict(self.headers), tuple(self.parts)
        if self.body_base64 is not None:
            self.body, self.body_base64 = base64.b64decode(self.body_base64), None

    def applies(self, request: Request) -> bool:
        """Whether the fault applies to this request and is still active."""
        if self.times is not None and self.used >= self.times:
            return False
        begun = request.time if self._first_used is None else self._first_used
        if self.for_seconds is not None and request.time - begun >= self.for_seconds:
            return False
        return self.method in (None, request.method) and request.path.startswith(self.path or "")

    def use(self, now: float) -> None:
        self.used += 1
        if self._first_used is None:
            self._first_used = now

    def spoils(self, normal: Answer) -> Answer:
        """The answer to which this fault applies."""
        answer = normal
        if self.status is not None or self.body is not None:
            answer = Answer(
                self.status or 200, self.body_bytes or b"", JSON, request_id=normal.request_id
            )
        return replace(
            answer,
            headers=(*answer.headers, *self.headers.items()),
            seconds=0,
            foreign=self.foreign or normal.foreign,
        )

    @property
    def body_bytes(self) -> bytes | None:
        return self.body.encode() if isinstance(self.body, str) else self.body

    def as_json(self) -> dict[str, Any]:
        """The fields of from_json, and the number of uses."""
        given = {
            name: value
            for name in sorted(_SETTINGS)
            if (value := getattr(self, name)) is not False and value not in (None, {}, ())
        }
        if isinstance(self.body, bytes):
            del given["body"]
            given["body_base64"] = base64.b64encode(self.body).decode()
        return given | {"used": self.used}

    @classmethod
    def from_json(cls, value: Any) -> Fault:
        """The fault of a JSON object. Raises ValueError with a message for the user."""
        if not isinstance(value, dict):
            raise ValueError("a fault is an object")
        refuse_unknown(set(value) - {"used"}, _SETTINGS)
        if "kind" not in value:
            raise ValueError(f"it has no kind; known: {listed(KINDS)}")
        return cls(**{name: item for name, item in value.items() if name != "used"})


_SETTINGS = {item.name for item in fields(Fault) if item.init}


def take(faults: Iterable[Fault], request: Request) -> Fault | None:
    """The first fault that applies. This counts as a use of the fault."""
    for fault in list(faults):
        if fault.applies(request):
            fault.use(request.time)
            return fault
    return None


def _check(fault: Fault) -> None:
    if fault.kind not in KINDS:
        raise ValueError(f"unknown kind {fault.kind!r}; known: {listed(KINDS)}")
    needed = KINDS[fault.kind]
    given = fault.body_base64 if needed == "body" and fault.body is None else None
    if needed is not None and (given or getattr(fault, needed)) in (None, {}, (), []):
        raise ValueError(f"a fault of kind {fault.kind!r} needs {needed!r}")
    for name in ("path", "method"):
        if not isinstance(getattr(fault, name), (str, type(None))):
            raise ValueError(f"{name} is text")
    for name, number in _NUMBERS.items():
        _check_number(name, number, getattr(fault, name))
    if fault.status is not None and not 200 <= fault.status <= 599:
        raise ValueError("status is a number from 200 to 599")
    if fault.bytes_per_second == 0:
        raise ValueError("bytes_per_second is more than 0; a body that stops is of kind 'stall'")
    if not isinstance(fault.parts, (list, tuple)) or set(map(str, fault.parts)) - PARTS:
        raise ValueError(f"parts is a list of {listed(PARTS)}")
    if not isinstance(fault.foreign, bool):
        raise ValueError("foreign is true or false")
    _check_headers(fault.headers)
    _check_body(fault.body, fault.body_base64)


def _check_number(name: str, number: type, value: Any) -> None:
    if value is None:
        return
    # Compares types without isinstance, because a boolean is an int in Python, but not in JSON.
    if type(value) not in (int, number) or not 0 <= value < math.inf:
        what = "whole number" if number is int else "number"
        raise ValueError(f"{name} is a {what}, 0 or more")


def _check_body(body: Any, encoded: Any) -> None:
    if not isinstance(body, (str, bytes, type(None))):
        raise ValueError("body is text")
    if encoded is None:
        return
    if body is not None:
        raise ValueError("it has both body and body_base64")
    try:
        base64.b64decode(encoded, validate=True)
    except (TypeError, ValueError) as exc:
        raise ValueError(f"body_base64 is not base64: {exc}") from exc


def _check_headers(headers: Any) -> None:
    if not isinstance(headers, Mapping):
        raise ValueError("headers is an object of texts")
    for name, value in headers.items():
        if not isinstance(name, str) or not isinstance(value, str):
            raise ValueError("headers is an object of texts")
        if not _TOKEN.fullmatch(name) or re.search(r"[\r\n\0]", value):
            raise ValueError(f"header {name!r} can't be sent; a fault of kind 'raw' can send it")
        if name.lower() in _FRAMING:
            raise ValueError(f"header {name!r} is the simulator's own; use kind 'raw'")
