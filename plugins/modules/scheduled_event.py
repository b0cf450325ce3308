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
  - imds.azure._attributes.windows
attributes:
  check_mode:
    support: full
    details:
      - An O(event_id) that IMDS no longer lists is accepted without a check.
  diff_mode:
    support: none
  idempotent:
    support: full
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

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.imds.azure.plugins.module_utils._endpoints.approval import (
    approved,
    argument_spec,
    failure,
)
from ansible_collections.imds.azure.plugins.module_utils._errors import ImdsError
from ansible_collections.imds.azure.plugins.module_utils._options import client_from
from ansible_collections.imds.azure.plugins.module_utils._transport import http_transport


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    option = module.params.__getitem__
    try:
        result = approved(option, client_from(option, http_transport), module.check_mode)
    except ImdsError as exc:
        module.fail_json(**failure(exc))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
