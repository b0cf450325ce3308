#!/usr/bin/python
# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: scheduled_event
short_description: Approve maintenance that Azure has scheduled for a VM
version_added: 0.1.0
description:
  - Approves a scheduled event of an Azure VM through its Instance Metadata Service (IMDS), so that it starts now and not at the end of its notice.
  - B(An approval counts for all resources of the event) and can't be withdrawn. If these are several VMs of an availability set or a scale set, the
    approval of one VM counts for all. See RV(resources) and O(only_if_alone).
  - Approve an event when the VM is ready for it, for example after it has been drained.
author:
  - The imds.azure contributors (@imds-azure)
extends_documentation_fragment:
  - imds.azure._imds
  - imds.azure._imds.modules_own_version
  - imds.azure._attributes
  - imds.azure._attributes.actiongroup
attributes:
  check_mode:
    support: full
    details:
      - An O(event_id) that IMDS no longer lists is accepted without a check.
  diff_mode:
    support: none
  idempotent:
    support: full
  platform:
    support: full
    platforms: posix
options:
  api_version:
    description:
      - The API version of the scheduled events. They have their own versions, and V(latest) means 2020-07-01 here.
      - The name of this VM is always read with the newest version that this collection and IMDS support.
  event_id:
    description:
      - The C(EventId) of the event, as M(imds.azure.scheduled_events_info) and the event source C(imds.azure.scheduled_events) return it.
      - For an event that has started, is over or was cancelled, the module changes nothing. IMDS no longer lists events that are over or cancelled,
        but still knows their identifiers. An identifier that IMDS does not know is refused, with a message that lists the known identifiers.
      - An empty identifier is refused. An identifier that several different events share, in any casing, is refused as well.
    type: str
    required: true
  state:
    description:
      - The desired state of the event.
    type: str
    choices:
      - started
    default: started
  only_if_alone:
    description:
      - Whether to refuse an approval unless the C(Resources) of the event are only O(resource). Other resources would have to be ready as well.
      - An event is also refused if its C(Resources) are missing, empty, not a list, or contain anything but names. With V(*) as O(resource), every
        event is refused.
      - An O(event_id) that IMDS no longer lists is not checked, because its resources are unknown.
    type: bool
    default: false
  resource:
    description:
      - The name of this VM in events, for O(only_if_alone). The default is the name in its instance document, which needs a second request.
    type: str
notes:
  - A request without an answer is repeated. A second approval of the same event has no further effect.
seealso:
  - module: imds.azure.scheduled_events_info
  - name: Scheduled Events for Linux VMs
    description: Microsoft's documentation of the events.
    link: https://learn.microsoft.com/azure/virtual-machines/linux/scheduled-events
"""

EXAMPLES = r"""
- name: Read the scheduled events of this VM
  imds.azure.scheduled_events_info:
  register: maintenance

- name: Approve reboots
  imds.azure.scheduled_event:
    event_id: "{{ item.EventId }}"
  loop: "{{ maintenance.events | selectattr('EventType', 'eq', 'Reboot') }}"
  loop_control:
    label: "{{ item.EventId }}"

- name: Approve reboots of this VM alone
  imds.azure.scheduled_event:
    event_id: "{{ item.EventId }}"
    only_if_alone: true
  loop: "{{ maintenance.events | selectattr('EventType', 'eq', 'Reboot') }}"
  loop_control:
    label: "{{ item.EventId }}"
"""

RETURN = r"""
event:
  description:
    - The event before the approval, in the form of RV(imds.azure.scheduled_events_info#module:events). Empty if IMDS no longer lists it.
  returned: success
  type: dict
  sample:
    EventId: C7061BAC-AFDC-4513-B24B-AA5F13A16123
    EventStatus: Scheduled
    EventType: Reboot
    ResourceType: VirtualMachine
    Resources: [web-0, web-1]
    NotBefore: Sat, 11 Apr 2026 22:26:58 GMT
    Description: Virtual machine is going to be restarted as requested by authorized user.
    EventSource: User
    DurationInSeconds: -1
    not_before: '2026-04-11T22:26:58Z'
    notice: 871
resources:
  description: All resources for which the approval counts, or would have counted if O(only_if_alone) had not refused it.
  returned: success, and when O(only_if_alone) refuses
  type: list
  elements: str
  sample: [web-0, web-1]
msg:
  description: The reason why there was nothing to approve.
  returned: when IMDS no longer lists the event
  type: str
  sample: "IMDS lists no event C7061BAC-AFDC-4513-B24B-AA5F13A16123 any more: it is over or was cancelled"
"""

import time
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.imds.azure.plugins.module_utils._client import ImdsClient
from ansible_collections.imds.azure.plugins.module_utils._endpoints.scheduled_events import (
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
from ansible_collections.imds.azure.plugins.module_utils._errors import (
    ImdsError,
    OptionError,
    RefusedError,
    listed,
    printable,
)
from ansible_collections.imds.azure.plugins.module_utils._options import (
    client_from,
    shared_argument_spec,
)
from ansible_collections.imds.azure.plugins.module_utils._transport import http_transport


def argument_spec() -> dict[str, t.Any]:
    return dict(
        shared_argument_spec(),
        event_id={"type": "str", "required": True},
        state={"type": "str", "choices": ["started"], "default": "started"},
        only_if_alone={"type": "bool", "default": False},
        resource={"type": "str"},
    )


class NotAlone(OptionError):
    def __init__(self, message: str, resources: list[str]) -> None:
        super().__init__(message)
        self.resources = resources


class Approval(t.NamedTuple):
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
        said = f"event {printable(event['EventId'])} is not only for {printable(resource)!r}"
        others = [name for name in others_in(event, resource) if name]
        if others:
            raise NotAlone(
                f"{said}, and an approval would be for {listed(others)} as well: approve it with "
                "only_if_alone=false when they are also ready",
                event["Resources"],
            )
        raise NotAlone(
            f"{said} as far as IMDS says: its Resources are missing, empty, or not a list of exactly "
            "that one name. Find out what an approval would be for before you approve it with "
            "only_if_alone=false",
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
            msg = f"IMDS lists no event {self.event_id}: it is over, was cancelled or never was"
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


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    option = module.params.__getitem__
    try:
        approval = Approval(
            client_from(option, http_transport),
            option("event_id").strip(),
            option("only_if_alone"),
            option("resource"),
            module.check_mode,
        )
        result = approval.run()
    except NotAlone as exc:
        module.fail_json(msg=str(exc), resources=exc.resources)
    except ImdsError as exc:
        module.fail_json(msg=str(exc))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
