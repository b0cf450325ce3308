# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""/metadata/scheduledevents: reads and approves the scheduled events of the machine."""

from __future__ import annotations

import json
from email.utils import formatdate
from typing import Any

from imds_simulator._api_versions import missing, unknown
from imds_simulator._instance import BAD_REQUEST, NOT_FOUND
from imds_simulator._messages import Answer, RefusedError, Request
from imds_simulator._vm import Vm

# This route has its own versions, and does not know those of other routes.
VERSIONS = (
    "2017-03-01",
    "2017-08-01",
    "2017-11-01",
    "2019-01-01",
    "2019-04-01",
    "2019-08-01",
    "2020-07-01",
)
_SINCE = {
    "Description": "2019-04-01",
    "EventSource": "2019-08-01",
    "DurationInSeconds": "2020-07-01",
}
# Assumption: older versions do not list events of these types.
_TYPE_SINCE = {"Preempt": "2017-11-01", "Terminate": "2019-01-01"}
_UNDERLINED = "2017-03-01"


def scheduledevents(vm: Vm, request: Request) -> Answer:
    version = _version(vm, request)
    if request.segments[2:] not in ([], [""]):
        return NOT_FOUND
    # Assumption: only JSON. Another format is a bad request.
    if request.parameter("format") not in (None, "json"):
        return BAD_REQUEST
    seconds = vm.maintenance.waits()
    if request.method == "POST":
        # Assumption: the answer has only a status, which is 400 for an unknown event.
        approved = vm.maintenance.approve(_start_requests(request))
        return Answer(200, seconds=seconds) if approved else BAD_REQUEST
    return _document(vm, version, seconds)


def _version(vm: Vm, request: Request) -> str:
    version = request.parameter("api-version")
    if version is None:
        # Assumption: this answer, with the newest versions of this route.
        raise RefusedError(missing(vm, VERSIONS))
    if version in VERSIONS:
        return version
    if vm.legacy_versions:
        raise RefusedError(unknown(vm))
    # Two captures: "Not found" for a version of the other routes, "Bad request" for one that no route knew.
    # Assumption: the status of the first, and that neither contains the newest versions of today.
    raise RefusedError(NOT_FOUND if version in vm.versions else BAD_REQUEST)


def _start_requests(request: Request) -> list[str]:
    try:
        items = json.loads(request.body)["StartRequests"]
        event_ids = [item["EventId"] for item in items]
    except (ValueError, TypeError, KeyError, RecursionError):
        raise RefusedError(BAD_REQUEST) from None
    if not event_ids or not all(isinstance(event_id, str) for event_id in event_ids):
        raise RefusedError(BAD_REQUEST)
    return event_ids


def _document(vm: Vm, version: str, seconds: float) -> Answer:
    incarnation, events = vm.maintenance.events()
    shown = [
        _as_of(version, event)
        for event in events
        if _TYPE_SINCE.get(str(event["EventType"]), version) <= version
    ]
    document = {"DocumentIncarnation": incarnation, "Events": shown}
    # The keys of this document are not in alphabetical order, unlike those of other documents of IMDS.
    text = json.dumps(document, ensure_ascii=False, separators=(",", ":"))
    return Answer(200, text.encode(), seconds=seconds)


def _as_of(version: str, event: dict[str, Any]) -> dict[str, Any]:
    known = {name: value for name, value in event.items() if _SINCE.get(name, version) <= version}
    begins = known.get("NotBefore")
    if begins is None:
        known["NotBefore"] = ""
    elif not isinstance(begins, str):
        known["NotBefore"] = formatdate(begins, usegmt=True)
    if version == _UNDERLINED:
        known["Resources"] = [f"_{name}" for name in event["Resources"]]
    return known
