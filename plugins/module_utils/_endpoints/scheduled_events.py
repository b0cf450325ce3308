# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scheduled events: requests, their form, their resources, and changes between two documents.

The requests come first. All other functions are pure functions over plain data. Private to imds.azure.
"""

from __future__ import annotations

import json
import re
import time
import typing as t

from .._client import Answer, Endpoint, ImdsClient
from .._document import folded, part
from .._errors import MalformedError
from .._options import GetOption, shared_argument_spec
from .._times import iso_8601
from .dates import moment_of

# The newest version of scheduled events, which have versions of their own.
NEWEST = "2020-07-01"


def _advice(status: int | None, _cause: str) -> str:
    """IMDS does not name a rejected version as the reason, so each of these statuses may have this reason."""
    if status not in (400, 404):
        return ""
    return f"Check the parameters, and the option api_version: scheduled events have versions of their own, up to {NEWEST}"


# The first request enables the service, which is documented to take up to two minutes.
# IMDS has been observed to answer with an empty body if there are no events.
EVENTS = Endpoint(
    "scheduledevents",
    version=NEWEST,
    timeout=130.0,
    advise=_advice,
    default_body=b'{"Events": []}',
)
SCHEDULED = "Scheduled"
STARTED = "Started"
# Instead of a resource: selects the events of all resources.
ANYBODY = "*"
# The value of DurationInSeconds for an unknown duration.
UNKNOWN_DURATION = -1

Event = t.Dict[str, t.Any]

# Fields that older versions lack, or that IMDS leaves out after an event has started.
_ABSENT: Event = {
    "EventStatus": "",
    "EventType": "",
    "ResourceType": "",
    "NotBefore": "",
    "Description": "",
    "EventSource": "",
}
# The identifier of an event is documented as a GUID, so the type of an event or the name of a VM is refused.
_EVENT_ID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\Z")
_INTEGER = re.compile(r"-?[0-9]{1,9}\Z")
# Names in Azure are shorter. The limit matters because each event is compared with the name.
_LONGEST_NAME = 1000
# The key for Resources that are a text instead of a list.
_RESOURCES_TEXT = "resources_text"
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")
# In a result, such a key makes the task fail, or Ansible converts its value.
_RESERVED = "__ansible_"


def argument_spec() -> dict[str, t.Any]:
    """The options of the module scheduled_events_info."""
    return dict(shared_argument_spec(), resource={"type": "str"})


def events_by_options(option: GetOption, client: ImdsClient) -> dict[str, t.Any]:
    """The result of that module. Seconds of notice are counted by the clock of the machine that runs this function."""
    resource = option("resource") or own_name(client)
    document = scheduled_events(client).data
    events = about(shaped_events(document, time.time()), resource)
    return {"incarnation": incarnation_of(document), "resource": resource, "events": events}


def scheduled_events(client: ImdsClient) -> Answer:
    """The document of scheduled events."""
    return client.get(EVENTS, shape=events_document)


def start_event(client: ImdsClient, event_id: str) -> None:
    """Approves an event, so that it starts now. A second approval has no further effect."""
    client.post(EVENTS, start_request(event_id))


def own_name(client: ImdsClient) -> str:
    """The name of this VM in events. Raises AbsentError, without a request, if the service has no events."""
    client.adapted(EVENTS)
    return name_in(client.newest_instance())


def events_document(data: t.Any) -> dict[str, t.Any]:
    """The data as a document of events; raises MalformedError that names its actual type."""
    if isinstance(data, dict) and data.get("Events", "") is None:
        # IMDS has been observed to return null if there are no events.
        data = {**data, "Events": []}
    events = data.get("Events") if isinstance(data, dict) else None
    if not isinstance(data, dict) or not isinstance(events, list):
        raise MalformedError("it has no list of Events")
    for event in events:
        if not isinstance(event, dict) or not isinstance(event.get("EventId"), str):
            raise MalformedError("one of its Events has no EventId")
    return data


def start_request(event_id: str) -> bytes:
    """The body of an approval."""
    return json.dumps({"StartRequests": [{"EventId": event_id}]}).encode("ascii")


def incarnation_of(document: dict[str, t.Any]) -> int:
    """IMDS' counter of changes of the document; 0 if it is missing."""
    return _integer(document.get("DocumentIncarnation"), 0)


def shaped_events(document: dict[str, t.Any], now: float) -> list[Event]:
    """The events with all documented fields, and with the remaining notice."""
    return [_shaped(event, now) for event in document["Events"]]


def _shaped(event: Event, now: float) -> Event:
    sent = _plain(event)
    shaped = {**_ABSENT, **{key: value for key, value in sent.items() if value is not None}}
    names = shaped.get("Resources")
    if isinstance(names, str):
        # Kept unchanged, so that `is_alone` can detect that Resources were not a list.
        shaped[_RESOURCES_TEXT] = names
        names = [name.strip() for name in names.split(",") if name.strip()]
    # An entry that is not a text becomes an empty name, so that `is_alone` can detect the invalid entry.
    shaped["Resources"] = (
        [name if isinstance(name, str) else "" for name in names] if isinstance(names, list) else []
    )
    duration = shaped.get("DurationInSeconds")
    shaped["DurationInSeconds"] = _integer(duration, UNKNOWN_DURATION)
    begins = moment_of(str(shaped["NotBefore"]))
    shaped["not_before"] = "" if begins is None else iso_8601(begins)
    shaped["notice"] = _notice(shaped, begins, now)
    return shaped


def _plain(value: t.Any) -> t.Any:
    """The value without keys that have a special meaning in Ansible, and without lone surrogates."""
    if isinstance(value, str):
        return _HALF_CHARACTER.sub("\ufffd", value)
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {
            _plain(key): _plain(item)
            for key, item in value.items()
            if not key.startswith(_RESERVED)
        }
    return value


def _notice(event: Event, begins: float | None, now: float) -> int:
    # An event that has started, or that has no time of its start, has no reliable notice.
    if begins is None or event["EventStatus"] == STARTED:
        return 0
    return max(0, int(begins - now))


def _integer(value: t.Any, otherwise: int) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, str) and _INTEGER.match(value) else otherwise


def name_in(document: dict[str, t.Any]) -> str:
    """The name of this VM in events, from its instance document."""
    name = part(document, "compute").get("name")
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME or name == ANYBODY:
        raise MalformedError(
            "the name of this VM in events is unknown, because its instance document has no compute.name of at most "
            f"{_LONGEST_NAME} characters: set resource to the name, or to {ANYBODY!r} for all events"
        )
    return name


def about(events: t.Iterable[Event], resource: str) -> list[Event]:
    """The events that name a resource. Azure ignores the casing of names."""
    return [event for event in events if resource == ANYBODY or _names(event, resource)]


def others_in(event: Event, resource: str) -> list[str]:
    """The other resources of an event."""
    return [name for name in event["Resources"] if folded(name) != folded(resource)]


def is_alone(event: Event, resource: str) -> bool:
    """Whether the only resource of an event is this one."""
    names = event["Resources"]
    if _RESOURCES_TEXT in event or resource in ("", ANYBODY):
        return False
    return len(names) == 1 and not others_in(event, resource)


def _names(event: Event, resource: str) -> bool:
    return folded(resource) in map(folded, event["Resources"])


def key_of(event_id: str) -> str:
    """The key of an event. IMDS ignores the casing of identifiers."""
    return event_id.lower()


def events_by_id(events: t.Iterable[Event], event_id: str) -> list[Event]:
    """The events with an identifier: at most one, unless the document is invalid."""
    wanted = key_of(event_id)
    return [event for event in events if key_of(event["EventId"]) == wanted]


def is_ambiguous(events: t.Sequence[Event]) -> bool:
    """Whether several different events have one identifier. The same event twice counts once."""
    return any(event != events[0] for event in events)


def is_event_id(text: str) -> bool:
    return _EVENT_ID.match(text) is not None


class Change(t.NamedTuple):
    """The change of an event between two documents."""

    change: str  # appeared, status_changed or disappeared
    event: Event  # its current state, or the last one
    previous_status: str  # empty for a new event


def changes(before: t.Sequence[Event], after: t.Sequence[Event]) -> list[Change]:
    """One change for each appearance, each new status and each disappearance.

    Disappearances come first, because they can make new events possible.
    """
    old, new = _by_id(before), _by_id(after)
    found = [
        Change("disappeared", event, event["EventStatus"])
        for event_id, event in old.items()
        if event_id not in new
    ]
    for event_id, event in new.items():
        if event_id not in old:
            found.append(Change("appeared", event, ""))
        elif old[event_id]["EventStatus"] != event["EventStatus"]:
            found.append(Change("status_changed", event, old[event_id]["EventStatus"]))
    return found


def _by_id(events: t.Iterable[Event]) -> dict[str, Event]:
    by_id: dict[str, Event] = {}
    for event in events:
        by_id.setdefault(event["EventId"], event)
    return by_id


__all__ = (
    "ANYBODY",
    "EVENTS",
    "SCHEDULED",
    "STARTED",
    "UNKNOWN_DURATION",
    "Change",
    "Event",
    "about",
    "argument_spec",
    "changes",
    "events_by_id",
    "events_by_options",
    "events_document",
    "incarnation_of",
    "is_alone",
    "is_ambiguous",
    "is_event_id",
    "key_of",
    "name_in",
    "others_in",
    "own_name",
    "scheduled_events",
    "shaped_events",
    "start_event",
    "start_request",
)
