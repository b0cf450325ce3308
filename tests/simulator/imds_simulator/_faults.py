# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Faults: what goes wrong with an answer, how often, and for which requests."""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

from imds_simulator._given import listed, refuse_unknown
from imds_simulator._messages import JSON, Answer, Request

# Each kind, and the field it can't do without.
KINDS: dict[str, str | None] = {
    "status": "status",  # another answer instead
    "partial": "parts",  # the answer of an IMDS that can't get these parts, as Vm.lost says
    "headers": "headers",  # the answer, with headers added or replaced
    "delay": "seconds",  # the answer, later
    "hang": None,  # no answer, until the client goes
    "reset": None,  # a TCP reset instead of the answer; after_bytes: within its body
    "close": None,  # the connection closed in order, without an answer
    "truncate": None,  # closed within the body; after_bytes, else half of it
    "stall": None,  # nothing more within the body, and not closed; after_bytes, else half of it
    "drip": "bytes_per_second",  # the body bit by bit
    "drip_headers": "bytes_per_second",  # the status line and the headers bit by bit, then the body
    "endless_headers": None,  # one header after the other, until the client goes
    "oversize": "mebibytes",  # a body of that size, JSON all right
    "raw": "body",  # these bytes instead of an HTTP answer, then closed
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
# What frames a message is for the simulator to say; a fault of kind raw may lie about it.
_FRAMING = {"connection", "content-length", "transfer-encoding"}


@dataclass(eq=False)
class Fault:
    """With `status` or `body`, whatever its kind, it is about that answer, else the real one."""

    kind: str
    times: int | None = None  # how many requests; None: all
    for_seconds: float | None = None  # how long, counted from its first use; None: for ever
    path: str | None = None  # only routes that begin like this
    method: str | None = None  # only this verb
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    parts: Sequence[str] = ()  # of the instance document
    body: str | bytes | None = None
    body_base64: str | None = None
    seconds: float | None = None
    after_bytes: int | None = None
    bytes_per_second: float | None = None
    mebibytes: float | None = None
    foreign: bool = False  # the answer of somebody else, without the headers of IMDS

    used: int = field(init=False, default=0)
    _first_used: float | None = field(init=False, default=None, repr=False)

    def __post_init__(self) -> None:
        _check(self)
        self.headers, self.parts = dict(self.headers), tuple(self.parts)
        if self.body_base64 is not None:
            self.body, self.body_base64 = base64.b64decode(self.body_base64), None

    def applies(self, request: Request) -> bool:
        """Whether it is about this request and not yet over."""
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
        """The answer that this fault is about."""
        answer = normal
        if self.status is not None or self.body is not None:
            answer = Answer(
                self.status or 200, self.body_bytes or b"", JSON, request_id=normal.request_id
            )
        return replace(
            answer,
            headers=(*answer.headers, *self.headers.items()),
            seconds=0,
            foreign=self.foreign,
        )

    @property
    def body_bytes(self) -> bytes | None:
        return self.body.encode() if isinstance(self.body, str) else self.body

    def as_json(self) -> dict[str, Any]:
        """What from_json takes, and how often it was used."""
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
        """A fault from outside the process. Raises ValueError with a message for a person."""
        if not isinstance(value, dict):
            raise ValueError("a fault is an object")
        refuse_unknown(set(value) - {"used"}, _SETTINGS)
        if "kind" not in value:
            raise ValueError(f"it has no kind; known: {listed(KINDS)}")
        return cls(**{name: item for name, item in value.items() if name != "used"})


_SETTINGS = {item.name for item in fields(Fault) if item.init}


def take(faults: Iterable[Fault], request: Request) -> Fault | None:
    """The first fault that applies; it is counted."""
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
    # By type and not by isinstance: true is an int to Python, and not to who writes a fault.
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
