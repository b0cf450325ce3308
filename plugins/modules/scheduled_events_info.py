#!/usr/bin/python
# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: scheduled_events_info
short_description: Read the maintenance that Azure has scheduled for a VM
version_added: 0.1.0
description:
  - Reads the scheduled events of an Azure VM (reboots, redeployments, pauses, evictions and deletions) from the Azure Instance Metadata Service
    (IMDS).
  - The first request for events enables the service for the VM and may take two minutes. So it has 130 seconds, regardless of O(timeout), unless
    O(deadline) has a value other than its default. Azure disables the service again after a day without requests.
  - An empty answer, and one whose C(Events) are V(null), mean that there are no events.
  - Microsoft's minimum notices are 15 minutes for V(Freeze) and V(Reboot), 10 minutes for V(Redeploy), 30 seconds for V(Preempt) and 5 to 15 minutes,
    as set for the VM, for V(Terminate). An event after a failure of the host has no notice.
author:
  - The imds.azure contributors (@imds-azure)
extends_documentation_fragment:
  - imds.azure._imds
  - imds.azure._imds.modules_own_version
  - imds.azure._attributes
  - imds.azure._attributes.windows
  - imds.azure._attributes.reads
  - imds.azure._attributes.actiongroup
options:
  api_version:
    description:
      - The API version of the scheduled events. They have their own versions, and V(latest) means 2020-07-01 here.
      - The name of this VM is always read with the newest version that this collection and IMDS support.
  resource:
    description:
      - Return only events that name this resource, in any casing.
      - The default is the name of this VM in its instance document, which needs a second request.
      - V(*) returns all events that IMDS lists, including those of the other VMs of its availability set or placement group.
    type: str
seealso:
  - module: imds.azure.scheduled_event
  - name: Scheduled Events for Linux VMs
    description: Microsoft's documentation of the events.
    link: https://learn.microsoft.com/azure/virtual-machines/linux/scheduled-events
"""

EXAMPLES = r"""
- name: Read the scheduled events of this VM
  imds.azure.scheduled_events_info:
  register: maintenance

- name: Show the events
  ansible.builtin.debug:
    msg: "{{ item.EventType }} {{ item.EventStatus }}, {{ item.notice }} seconds left: {{ item.Description }}"
  loop: "{{ maintenance.events }}"
  loop_control:
    label: "{{ item.EventId }}"

- name: Read the events of all VMs of the set
  imds.azure.scheduled_events_info:
    resource: '*'
"""

RETURN = r"""
incarnation:
  description: IMDS' counter of changes. While it stays the same, the events stay the same.
  returned: success
  type: int
  sample: 2
resource:
  description: The resource of the returned events.
  returned: success
  type: str
  sample: web-0
events:
  description:
    - The events, in the order and with the names of IMDS. Every documented field is present, with any API version and status. Unknown fields and
      unknown types are included. Fields whose names begin with C(__ansible_) are left out, because Ansible gives them a special meaning.
    - The list has no events that are over or cancelled. There is no status for that.
  returned: success
  type: list
  elements: dict
  contains:
    EventId:
      description: Identifies the event, for O(imds.azure.scheduled_event#module:event_id).
      returned: success
      type: str
      sample: C7061BAC-AFDC-4513-B24B-AA5F13A16123
    EventStatus:
      description: V(Scheduled), or V(Started) after it was approved or after the end of its notice.
      returned: success
      type: str
      sample: Scheduled
    EventType:
      description: V(Freeze), V(Reboot), V(Redeploy), V(Preempt), V(Terminate), or one that Azure adds later.
      returned: success
      type: str
      sample: Freeze
    ResourceType:
      description: The type of the resources.
      returned: success
      type: str
      sample: VirtualMachine
    Resources:
      description:
        - The affected VMs. An approval counts for all of them.
        - Empty if IMDS sends neither a list nor a text. An entry that is not a text becomes an empty name.
        - The names in a text are separated by commas. RV(events[].resources_text) has that text.
      returned: success
      type: list
      elements: str
      sample: [web-0, web-1]
    NotBefore:
      description: The time, as IMDS sent it, at which the event starts if it is not approved earlier. Empty after the start.
      returned: success
      type: str
      sample: Sat, 11 Apr 2026 22:26:58 GMT
    Description:
      description: A short description. Empty in versions before 2019-04-01.
      returned: success
      type: str
      sample: Virtual machine is being paused because of a memory-preserving Live Migration operation.
    EventSource:
      description: V(Platform), or V(User) for an event that a user requested. Empty in versions before 2019-08-01.
      returned: success
      type: str
      sample: Platform
    DurationInSeconds:
      description: Expected seconds of the interruption. V(0) means no interruption, V(-1) an unknown duration. V(-1) in versions before 2020-07-01.
      returned: success
      type: int
      sample: 5
    not_before:
      description: C(NotBefore) as UTC in ISO 8601. Empty if C(NotBefore) is empty, or neither an HTTP date nor in ISO 8601.
      returned: success
      type: str
      sample: '2026-04-11T22:26:58Z'
    notice:
      description:
        - Seconds left until C(NotBefore), by the clock of the VM. For a Windows host, by the clock of the controller.
        - V(0) if that time has passed or is unknown.
      returned: success
      type: int
      sample: 871
    resources_text:
      description:
        - C(Resources) as IMDS sent them, if that is a text.
        - O(imds.azure.scheduled_event#module:only_if_alone) refuses such an event, because only a list proves that there are no other resources.
      returned: when IMDS sends a text instead of a list
      type: str
      sample: web-0, web-1
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.imds.azure.plugins.module_utils._endpoints.scheduled_events import (
    argument_spec,
    events_by_options,
)
from ansible_collections.imds.azure.plugins.module_utils._errors import ImdsError
from ansible_collections.imds.azure.plugins.module_utils._options import client_from
from ansible_collections.imds.azure.plugins.module_utils._transport import http_transport


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    option = module.params.__getitem__
    try:
        result = events_by_options(option, client_from(option, http_transport))
    except ImdsError as exc:
        module.fail_json(msg=str(exc))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
