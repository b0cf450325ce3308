#!/usr/bin/python
# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: scheduled_events_info
short_description: Maintenance that Azure has scheduled for a VM
version_added: 0.1.0
description:
  - Reads the scheduled events of an Azure VM, that is reboots, redeployments, pauses, evictions and deletions that are about to happen, from the Azure
    Instance Metadata Service (IMDS).
  - The first request of all switches the service on for the VM and may take two minutes. It has 130 seconds for that, whatever O(timeout) says, unless
    O(deadline) is set to something else than its default. Azure switches the service off again after a day without requests.
  - An empty answer, and one whose C(Events) are V(null), mean that there are no events.
  - Microsoft's minimum notices are 15 minutes for V(Freeze) and V(Reboot), 10 minutes for V(Redeploy), 30 seconds for V(Preempt) and 5 to 15 minutes,
    as set for the VM, for V(Terminate). An event that follows a failure of the host comes without notice.
author:
  - The imds.azure contributors (@imds-azure)
extends_documentation_fragment:
  - imds.azure._imds
  - imds.azure._imds.modules_own_version
  - imds.azure._attributes
  - imds.azure._attributes.reads
  - imds.azure._attributes.actiongroup
options:
  api_version:
    description:
      - The version of the scheduled events to ask for. They have versions of their own, and V(latest) stands for 2020-07-01 here.
      - The name of this VM is always asked for in the newest version that this collection and IMDS know.
  resource:
    description:
      - Return only events that name this resource, in any casing.
      - By default that is this VM, by the name in its instance document, which takes a second request.
      - V(*) returns every event that IMDS knows. Besides those of this VM these are the ones of all VMs of its availability set or placement group.
    type: str
seealso:
  - module: imds.azure.scheduled_event
  - name: Scheduled Events for Linux VMs
    description: Microsoft's documentation of the events.
    link: https://learn.microsoft.com/azure/virtual-machines/linux/scheduled-events
"""

EXAMPLES = r"""
- name: What is going to happen to this VM?
  imds.azure.scheduled_events_info:
  register: maintenance

- name: Say so
  ansible.builtin.debug:
    msg: "{{ item.EventType }} {{ item.EventStatus }}, {{ item.notice }} seconds left: {{ item.Description }}"
  loop: "{{ maintenance.events }}"
  loop_control:
    label: "{{ item.EventId }}"

- name: What is going to happen to any VM of the set?
  imds.azure.scheduled_events_info:
    resource: '*'
"""

RETURN = r"""
incarnation:
  description: IMDS' count of the changes of its document. As long as it is the same, so are the events.
  returned: success
  type: int
  sample: 2
resource:
  description: The resource whose events these are.
  returned: success
  type: str
  sample: web-0
events:
  description:
    - The events in the order and the names of IMDS. Every documented field is there, whatever the version and the status; other fields are passed through, as
      are types that this collection does not know. Fields whose names begin with C(__ansible_) are left out, because Ansible reads them as marks of its own.
    - An event that is over, or cancelled, is in it no more. There is no status for that.
  returned: success
  type: list
  elements: dict
  contains:
    EventId:
      description: Identifies the event. O(imds.azure.scheduled_event#module:event_id) takes it.
      returned: success
      type: str
      sample: C7061BAC-AFDC-4513-B24B-AA5F13A16123
    EventStatus:
      description: V(Scheduled), or V(Started) once it was approved or its notice was over.
      returned: success
      type: str
      sample: Scheduled
    EventType:
      description: V(Freeze), V(Reboot), V(Redeploy), V(Preempt), V(Terminate), or one that Azure adds later.
      returned: success
      type: str
      sample: Freeze
    ResourceType:
      description: The type of its resources.
      returned: success
      type: str
      sample: VirtualMachine
    Resources:
      description:
        - The VMs that it affects. An approval is for all of them.
        - Empty where IMDS sends neither a list nor a text. An entry that is no text is an empty name.
        - The names in a text are separated by commas. RV(events[].resources_text) has that text.
      returned: success
      type: list
      elements: str
      sample: [web-0, web-1]
    NotBefore:
      description: When it starts unless it is approved earlier, as IMDS sent it. Empty once it has started.
      returned: success
      type: str
      sample: Sat, 11 Apr 2026 22:26:58 GMT
    Description:
      description: What happens, in a sentence. Empty in versions before 2019-04-01.
      returned: success
      type: str
      sample: Virtual machine is being paused because of a memory-preserving Live Migration operation.
    EventSource:
      description: V(Platform), or V(User) for what somebody asked for. Empty in versions before 2019-08-01.
      returned: success
      type: str
      sample: Platform
    DurationInSeconds:
      description: Seconds that the interruption is expected to take. V(0) is no interruption, V(-1) an unknown one. V(-1) also in versions before 2020-07-01.
      returned: success
      type: int
      sample: 5
    not_before:
      description: C(NotBefore), which is an HTTP date or in ISO 8601, as UTC in ISO 8601. Empty when that is empty or no date.
      returned: success
      type: str
      sample: '2026-04-11T22:26:58Z'
    notice:
      description: Seconds that are left until C(NotBefore), by the clock of the VM. V(0) when none are, also where IMDS does not say.
      returned: success
      type: int
      sample: 871
    resources_text:
      description:
        - C(Resources) as IMDS sent them, where that is a text.
        - O(imds.azure.scheduled_event#module:only_if_alone) refuses such an event, because only a list says for sure that there is nobody else.
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
