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
  - Approves a scheduled event of an Azure VM through its Instance Metadata Service (IMDS), so that it starts now instead of when its notice is over.
  - B(An approval is for all resources of the event) and cannot be taken back. Where these are several VMs of an availability set or a scale set, one of
    them speaks for all. See RV(resources) and O(only_if_alone).
  - Approve an event when the VM is ready for it, for example when it serves nobody any more.
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
      - An O(event_id) that IMDS does not list any more is not looked into.
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
      - The version of the scheduled events to use. They have versions of their own, and V(latest) stands for 2020-07-01 here.
      - The name of this VM is always asked for in the newest version that this collection and IMDS know.
  event_id:
    description:
      - The C(EventId) of the event, as M(imds.azure.scheduled_events_info) and the event source C(imds.azure.scheduled_events) return it.
      - Nothing changes for an event that has started, and neither for one that is over or cancelled. IMDS lists the latter no more, but still knows their
        identifiers; what IMDS does not know is refused, with the identifiers that it lists.
      - An empty identifier is refused. So is one that IMDS gives to several different events, or to events that differ in its casing only.
    type: str
    required: true
  state:
    description:
      - The state that the event shall have reached.
    type: str
    choices:
      - started
    default: started
  only_if_alone:
    description:
      - Refuse to approve an event unless its C(Resources) name O(resource) and nothing else. Other resources would have to be ready for it, too.
      - An event whose C(Resources) are missing, empty, no list, or hold something else than names is refused as well. So is every event when O(resource)
        is V(*).
      - An O(event_id) that IMDS does not list any more is not looked into, as nobody could say what else it is for.
    type: bool
    default: false
  resource:
    description:
      - The name of this VM in events, for O(only_if_alone). By default the one in its instance document, which takes a second request.
    type: str
notes:
  - A request that gets no answer is repeated. IMDS takes the second approval of an event like the first.
seealso:
  - module: imds.azure.scheduled_events_info
  - name: Scheduled Events for Linux VMs
    description: Microsoft's documentation of the events.
    link: https://learn.microsoft.com/azure/virtual-machines/linux/scheduled-events
"""

EXAMPLES = r"""
- name: What is going to happen to this VM?
  imds.azure.scheduled_events_info:
  register: maintenance

- name: Let reboots begin
  imds.azure.scheduled_event:
    event_id: "{{ item.EventId }}"
  loop: "{{ maintenance.events | selectattr('EventType', 'eq', 'Reboot') }}"
  loop_control:
    label: "{{ item.EventId }}"

- name: The same, but never on behalf of another VM
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
    - The event as it was before the approval, in the shape of RV(imds.azure.scheduled_events_info#module:events). Empty when IMDS does not list it any more.
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
  description: All that the approval covers. On a failure because of O(only_if_alone), all that it would have covered.
  returned: success, and when O(only_if_alone) refuses
  type: list
  elements: str
  sample: [web-0, web-1]
msg:
  description: Why there was nothing to approve.
  returned: when IMDS does not list the event any more
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
