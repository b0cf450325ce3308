# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Scheduled events: asking for them, their shape, whom they are about, what changed between two looks.

All but the calls, which come first, are pure functions over plain data. Private to imds.azure.
"""

from __future__ import annotations

import json
import re
import time
import typing as t

from .._client import Answer, Endpoint, ImdsClient
from .._document import part
from .._errors import MalformedError
from .._options import GetOption, shared_argument_spec
from .._times import iso_8601
from .dates import moment_of

# The newest version of events. The first request switches the service on, which is documented to take up to two minutes.
# IMDS was seen to answer with an empty body where there are no events.
EVENTS = Endpoint(
    "scheduledevents", version="2020-07-01", timeout=130.0, default_body=b'{"Events": []}'
)
SCHEDULED = "Scheduled"
STARTED = "Started"
# Instead of a resource: events that name whomever.
ANYBODY = "*"
# What DurationInSeconds says where nobody knows.
UNKNOWN_DURATION = -1

Event = t.Dict[str, t.Any]

# What older versions lack, and what IMDS leaves out once an event has started.
_ABSENT: Event = {
    "EventStatus": "",
    "EventType": "",
    "ResourceType": "",
    "NotBefore": "",
    "Description": "",
    "EventSource": "",
}
# Documented as a globally unique identifier; never the type of an event or the name of a VM.
_EVENT_ID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\Z")
_INTEGER = re.compile(r"-?[0-9]{1,9}\Z")
# Names in Azure are shorter. Each event is compared with the name.
_LONGEST_NAME = 1000
# The text that an event has instead of a list of Resources.
_RESOURCES_TEXT = "resources_text"
_HALF_CHARACTER = re.compile("[\ud800-\udfff]")
# A key like this in a result fails the task, or is read as something else than data.
_RESERVED = "__ansible_"


def argument_spec() -> dict[str, t.Any]:
    """The options of the module scheduled_events_info."""
    return dict(shared_argument_spec(), resource={"type": "str"})


def events_by_options(option: GetOption, client: ImdsClient) -> dict[str, t.Any]:
    """The result of that module. Seconds of notice are counted by the clock of the machine this runs on."""
    resource = option("resource") or own_name(client)
    document = scheduled_events(client).data
    events = about(shaped_events(document, time.time()), resource)
    return {"incarnation": incarnation_of(document), "resource": resource, "events": events}


def scheduled_events(client: ImdsClient) -> Answer:
    """The document of scheduled events."""
    return client.get(EVENTS, shape=events_document)


def start_event(client: ImdsClient, event_id: str) -> None:
    """Approves an event: it starts now instead of when its notice ends. Approving twice is the same as once."""
    client.post(EVENTS, start_request(event_id))


def own_name(client: ImdsClient) -> str:
    """What events call this VM."""
    return name_in(client.newest_instance())


def events_document(data: t.Any) -> dict[str, t.Any]:
    """The data as a document of events, or MalformedError that says what it is instead."""
    if isinstance(data, dict) and data.get("Events", "") is None:
        # IMDS was seen to write it where there are none.
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
    """IMDS counts the changes of the document; 0 where it doesn't say."""
    return _integer(document.get("DocumentIncarnation"), 0)


def shaped_events(document: dict[str, t.Any], now: float) -> list[Event]:
    """The events in IMDS' own names, all of these there, and with the time that is left."""
    return [_shaped(event, now) for event in document["Events"]]


def _shaped(event: Event, now: float) -> Event:
    sent = _plain(event)
    shaped = {**_ABSENT, **{key: value for key, value in sent.items() if value is not None}}
    names = shaped.get("Resources")
    if isinstance(names, str):
        # Kept as it was sent, so that `is_alone` can tell that there was no list.
        shaped[_RESOURCES_TEXT] = names
        names = [name.strip() for name in names.split(",") if name.strip()]
    # An entry that is not text becomes an empty name, so that `is_alone` can tell that something odd was there.
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
    """The value without what Ansible's own readers take for a mark of theirs, and without half characters."""
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
    # An event that has started, or that doesn't say when it will, leaves no time to count on.
    if begins is None or event["EventStatus"] == STARTED:
        return 0
    return max(0, int(begins - now))


def _integer(value: t.Any, otherwise: int) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    return int(value) if isinstance(value, str) and _INTEGER.match(value) else otherwise


def name_in(document: dict[str, t.Any]) -> str:
    """What events call this VM, by its instance document."""
    name = part(document, "compute").get("name")
    if not isinstance(name, str) or not 0 < len(name) <= _LONGEST_NAME or name == ANYBODY:
        raise MalformedError(
            "the instance document of this VM has no compute.name of at most "
            f"{_LONGEST_NAME} characters to find its events by: set resource to the name that "
            f"events give it, or to {ANYBODY!r} for all events"
        )
    return name


def about(events: t.Iterable[Event], resource: str) -> list[Event]:
    """The events that name a resource. Azure's names are not case-sensitive."""
    return [event for event in events if resource == ANYBODY or _names(event, resource)]


def others_in(event: Event, resource: str) -> list[str]:
    """The resources of an event other than this one."""
    return [name for name in event["Resources"] if name.lower() != resource.lower()]


def is_alone(event: Event, resource: str) -> bool:
    """Whether an event has a list of exactly one resource, which is this one."""
    names = event["Resources"]
    if _RESOURCES_TEXT in event or resource in ("", ANYBODY):
        return False
    return len(names) == 1 and not others_in(event, resource)


def _names(event: Event, resource: str) -> bool:
    return resource.lower() in (name.lower() for name in event["Resources"])


def key_of(event_id: str) -> str:
    """Identifies an event. IMDS takes identifiers in any casing."""
    return event_id.lower()


def events_by_id(events: t.Iterable[Event], event_id: str) -> list[Event]:
    """The events that IMDS may mean by an identifier: one, or none, unless the document is odd."""
    wanted = key_of(event_id)
    return [event for event in events if key_of(event["EventId"]) == wanted]


def is_ambiguous(events: t.Sequence[Event]) -> bool:
    """Whether events with one identifier are different ones. The same event twice is one."""
    return any(event != events[0] for event in events)


def is_event_id(text: str) -> bool:
    return _EVENT_ID.match(text) is not None


class Change(t.NamedTuple):
    """What happened to an event between two looks."""

    change: str  # appeared, status_changed or disappeared
    event: Event  # as it is, or as it was last
    previous_status: str  # empty where it wasn't there before


def changes(before: t.Sequence[Event], after: t.Sequence[Event]) -> list[Change]:
    """One change for each appearance, each other status and each disappearance.

    What has gone comes first, as it makes room for what comes.
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
