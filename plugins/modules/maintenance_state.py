#!/usr/bin/python
# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: maintenance_state
short_description: Keep the state of the role maintenance on a VM
version_added: 1.0.0
description:
  - B(This module is for the role) P(imds.azure.maintenance#role) B(only), and its options may change with each release. Use the role.
  - Keeps a folder on the VM with a lock, so that only one run of the role at a time works on the VM, and with a record of the work for each event.
  - Decides which events the role handles next.
author:
  - The imds.azure contributors (@imds-azure)
extends_documentation_fragment:
  - imds.azure._attributes
attributes:
  check_mode:
    support: full
    details:
      - Takes no lock and changes nothing.
  diff_mode:
    support: none
  idempotent:
    support: none
    details:
      - O(step=take) fails while another run has the lock.
  platform:
    support: full
    platforms: linux
options:
  folder:
    description:
      - The folder on the VM, which has to exist outside check mode.
    type: path
    required: true
  step:
    description:
      - V(begin) fails on a host that is not a Linux host, and does nothing else.
      - V(take) takes the lock. V(release) frees it.
      - V(plan) returns the next work.
      - V(draining), V(drained) and V(restoring) record the progress for O(event). V(restored) removes the record of O(event).
      - If another run has the lock, V(release) does nothing, and all other steps except V(begin) fail.
    type: str
    choices: [begin, take, plan, draining, drained, restoring, restored, release]
    required: true
  token:
    description:
      - The RV(token) that V(take) returned.
    type: str
    default: ""
  seconds:
    description:
      - If a run has made no progress for this many seconds, another run may take the lock over.
    type: int
    default: 900
  wait:
    description:
      - Seconds to wait until another run frees the lock.
    type: int
    default: 60
  run:
    description:
      - Identifies the process of this run on its controller. The action plugin of this module sets it.
    type: dict
    default: {}
  dead:
    description:
      - The token of a run that is known to be dead. The action plugin of this module sets it.
    type: str
    default: ""
  event:
    description:
      - The event, in the form of RV(imds.azure.scheduled_events_info#module:events).
    type: dict
  events:
    description:
      - All events, in the form of RV(imds.azure.scheduled_events_info#module:events).
    type: list
    elements: dict
    default: []
  resource:
    description:
      - The name of the VM in events.
    type: str
    default: ""
  types:
    description:
      - The types of events to handle. An empty list selects all types.
    type: list
    elements: str
    default: []
  notice:
    description:
      - Handle events that begin within this many seconds.
    type: int
    default: 900
  approve:
    description:
      - Which events to approve.
    type: str
    choices: [alone, always, never]
    default: alone
seealso:
  - module: imds.azure.scheduled_events_info
"""

EXAMPLES = r"""
- name: Take the lock
  imds.azure.maintenance_state:
    folder: /var/lib/imds-azure-maintenance
    step: take
  register: maintenance_lock

- name: Free the lock
  imds.azure.maintenance_state:
    folder: /var/lib/imds-azure-maintenance
    step: release
    token: "{{ maintenance_lock.token }}"
"""

RETURN = r"""
token:
  description: Identifies the run that has the lock. Empty in check mode.
  returned: when O(step=take) succeeds
  type: str
  sample: 0b5a7d7e0d4b4d0b9d7b4c0f2f1d6a55
holder:
  description: The run that has the lock.
  returned: when O(step=take) fails because of another run
  type: dict
  sample: {"since": "2026-04-11T22:26:58Z", "token": 0b5a7d7e0d4b4d0b9d7b4c0f2f1d6a55}
due:
  description: The events for which the VM has to be drained now.
  returned: when O(step=plan)
  type: list
  elements: dict
  sample: []
restore:
  description: The events for which the VM was drained, if all of them are over.
  returned: when O(step=plan)
  type: list
  elements: dict
  sample: []
approvable:
  description: The identifiers of the events that may be approved after the VM is drained.
  returned: when O(step=plan)
  type: list
  elements: str
  sample: []
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.imds.azure.plugins.module_utils._errors import ImdsError
from ansible_collections.imds.azure.plugins.module_utils._maintenance.state import (
    RESTORING,
    BusyError,
    Folder,
    Wanted,
    plan,
)

BEGIN = "begin"
TAKE = "take"
PLAN = "plan"
RELEASE = "release"
RESTORED = "restored"


def argument_spec() -> dict[str, t.Any]:
    return {
        "folder": {"type": "path", "required": True},
        "step": {
            "type": "str",
            "required": True,
            "choices": [BEGIN, TAKE, PLAN, "draining", "drained", RESTORING, RESTORED, RELEASE],
        },
        "token": {"type": "str", "default": "", "no_log": False},
        "seconds": {"type": "int", "default": 900},
        "wait": {"type": "int", "default": 60},
        "run": {"type": "dict", "default": {}},
        "dead": {"type": "str", "default": ""},
        "event": {"type": "dict"},
        "events": {"type": "list", "elements": "dict", "default": []},
        "resource": {"type": "str", "default": ""},
        "types": {"type": "list", "elements": "str", "default": []},
        "notice": {"type": "int", "default": 900},
        "approve": {"type": "str", "choices": ["alone", "always", "never"], "default": "alone"},
    }


def main() -> None:
    needs_event = [("step", step, ["event"]) for step in ("draining", "drained", RESTORED)]
    module = AnsibleModule(
        argument_spec=argument_spec(), required_if=needs_event, supports_check_mode=True
    )
    try:
        result = done(module)
    except BusyError as exc:
        module.fail_json(msg=str(exc), holder=exc.holder)
    except ImdsError as exc:
        module.fail_json(msg=str(exc))
    except OSError as exc:
        where = exc.filename or module.params["folder"]
        module.fail_json(
            msg=f"maintenance_state_dir can't be used: {where}: {exc.strerror or exc}. Name a folder "
            "on a local disk that the user of the role may write to"
        )
    for warning in result.pop("warnings", []):
        module.warn(warning)
    module.exit_json(**result)


def done(module: AnsibleModule) -> dict[str, t.Any]:
    """The module's result, with its warnings."""
    option = module.params
    folder, step, token = Folder(option["folder"]), option["step"], option["token"]
    if step == BEGIN:
        return {"changed": False}
    if step == PLAN:
        return planned(folder, option, module.check_mode)
    if step == TAKE:
        if module.check_mode:
            return {"changed": False, "token": ""}
        token, warnings = folder.take(
            option["run"], max(1, option["seconds"]), option["wait"], option["dead"]
        )
        return {"changed": False, "token": token, "warnings": warnings}
    if not module.check_mode:
        change(folder, step, token, option["event"])
    return {"changed": step != RELEASE}


def change(folder: Folder, step: str, token: str, event: dict[str, t.Any]) -> None:
    if step == RELEASE:
        folder.release(token)
    elif step == RESTORING:
        folder.remember_restoring(token)
    elif step == RESTORED:
        folder.forget(token, event)
    else:
        folder.remember(token, event, step)


def planned(folder: Folder, option: dict[str, t.Any], check_mode: bool) -> dict[str, t.Any]:
    repaired = [] if check_mode else folder.repair(option["token"])
    states, unreadable = folder.states()
    wanted = Wanted(option["types"], option["notice"], option["approve"], option["resource"])
    found = plan(states, option["events"], wanted)
    return {
        **found._asdict(),
        "changed": bool(repaired or unreadable),
        "warnings": [*repaired, *unreadable, *found.warnings],
    }


if __name__ == "__main__":
    main()
