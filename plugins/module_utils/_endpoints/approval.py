# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The approval of a scheduled event: the options and the result of the module scheduled_event. Private to imds.azure."""

from __future__ import annotations

import time
import typing as t

from .._client import ImdsClient
from .._errors import ImdsError, OptionError, RefusedError, listed, printable
from .._options import GetOption, shared_argument_spec
from .scheduled_events import (
    STARTED,
    Event,
    events_by_id,
    is_alone,
    is_ambiguous,
    is_event_id,
    others_in,
    own_name,
    scheduled_events,
    shaped_events,
    start_event,
)


def argument_spec() -> dict[str, t.Any]:
    return dict(
        shared_argument_spec(),
        event_id={"type": "str", "required": True},
        state={"type": "str", "choices": ["started"], "default": "started"},
        only_if_alone={"type": "bool", "default": False},
        resource={"type": "str"},
    )


def approved(option: GetOption, client: ImdsClient, check_mode: bool) -> dict[str, t.Any]:
    """The result of the module, or ImdsError."""
    event_id = option("event_id").strip()
    approval = _Approval(client, event_id, option("only_if_alone"), option("resource"), check_mode)
    return approval.run()


def failure(exc: ImdsError) -> dict[str, t.Any]:
    """The result of the module for an error."""
    more = {"resources": exc.resources} if isinstance(exc, NotAlone) else {}
    return {"msg": str(exc), **more}


class NotAlone(OptionError):
    """An approval would be for other resources as well."""

    def __init__(self, message: str, resources: list[str]) -> None:
        super().__init__(message)
        self.resources = resources


class _Approval(t.NamedTuple):
    """The requested approval, and its limits."""

    client: ImdsClient
    event_id: str
    only_if_alone: bool
    resource: str | None
    check_mode: bool

    def run(self) -> dict[str, t.Any]:
        """The module's result."""
        events = self._events()
        found = events_by_id(events, self.event_id)
        if not found or not self.event_id:
            return self._unlisted(events)
        event = found[0]
        if is_ambiguous(found):
            raise OptionError(
                f"IMDS lists {len(found)} different events by the identifier "
                f"{printable(self.event_id)!r}, in this casing or another, so it is unclear "
                "which of them an approval would start: none was approved"
            )
        if event["EventStatus"] == STARTED:
            return _result(event, changed=False)
        if self.only_if_alone:
            self._refuse_others(event)
        return _result(event, changed=self.check_mode or self._start(event))

    def _events(self) -> list[Event]:
        return shaped_events(scheduled_events(self.client).data, time.time())

    def _start(self, event: Event) -> bool:
        """Whether this approval started the event."""
        try:
            start_event(self.client, event["EventId"])
        except RefusedError:
            # Another approval, or the end of the notice, may have started it first.
            now = events_by_id(self._events(), event["EventId"])
            if not now or now[0]["EventStatus"] == STARTED:
                return False
            raise
        return True

    def _refuse_others(self, event: Event) -> None:
        resource = self.resource or own_name(self.client)
        if is_alone(event, resource):
            return
        others = [name for name in others_in(event, resource) if name]
        if others:
            raise NotAlone(
                f"event {printable(event['EventId'])} is not only for {printable(resource)!r}, and an approval would "
                f"be for {listed(others)} as well: approve it with only_if_alone=false when they are also ready",
                event["Resources"],
            )
        raise NotAlone(
            f"event {printable(event['EventId'])} may be for other resources than {printable(resource)!r}: its "
            "Resources are missing, empty, or not a list of exactly that one name. Find out which resources an "
            "approval would affect before you approve it with only_if_alone=false",
            event["Resources"],
        )

    def _unlisted(self, events: list[Event]) -> dict[str, t.Any]:
        """The result for an event that IMDS no longer lists; IMDS refuses an identifier that it never had."""
        refusal = OptionError(
            f"IMDS knows no event {printable(self.event_id)!r}. It lists "
            f"{listed(event['EventId'] for event in events)}"
        )
        if not is_event_id(self.event_id):
            raise refusal
        if self.check_mode or self.only_if_alone:
            msg = f"IMDS lists no event {self.event_id}: it is over, was cancelled or never existed"
            return dict(_result({}, changed=False), msg=msg)
        try:
            start_event(self.client, self.event_id)
        except RefusedError as exc:
            if exc.status in (400, 404):
                raise refusal from None
            raise
        msg = f"IMDS lists no event {self.event_id} any more: it is over or was cancelled"
        return dict(_result({}, changed=False), msg=msg)


def _result(event: Event, changed: bool) -> dict[str, t.Any]:
    return {"changed": changed, "event": event, "resources": event.get("Resources", [])}


__all__ = ("NotAlone", "approved", "argument_spec", "failure")
