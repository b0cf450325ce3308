# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replaces the Python of a hostile VM. It returns results instead of the modules of this collection.

odd_python.py MODULE_FILE, or with the module as its input
"""

from __future__ import annotations

import json
import os
import pathlib
import re
import subprocess
import sys
import typing as t

# The title of the window, a line break, an 8-bit colour, a mark that reverses the rest of a line, and a template.
ODD = "\x1b]0;x\x07\r\nok: [x]\x9b31m\u202e\u2028\x7f{{ 'tem' ~ 'plated' }}"
EVENT = {
    "EventId": ODD,
    "EventType": ODD.replace("\r\n", ""),
    "EventStatus": "Scheduled",
    "Resources": [ODD],
    "notice": 5,
}
TOKEN = {"claims": {"aud": ODD, "oid": ODD, "tid": ODD, "appid": ""}, "error": ODD}
COMPUTE = {"location": ODD, "zone": ODD, "platformFaultDomain": ODD, "azEnvironment": ODD}
FACTS = {"azure_imds": {"compute": COMPUTE, "tags": {ODD: ODD, "Env": ODD}}}
ANSWERS: dict[str, dict[str, t.Any]] = {
    "instance_facts": {"failed": True, "msg": ODD},
    "diagnose_info": {"healthy": False, "causes": [], "observed": {}, "report": [ODD, ODD]},
    "scheduled_events_info": {"incarnation": 1, "resource": ODD, "events": [EVENT]},
    "vm_extension_info": {
        "state": "ready",
        "vm": {"name": ODD},
        "removal": [{"target": "vm", "name": ODD, "az": [ODD], "powershell": [ODD]}],
        "ports": [50342],
        "listening": [{"address": ODD, "port": 50342}],
        "files": [ODD],
        "services": [ODD],
        "references": [{"path": ODD, "line": ODD, "kind": ODD, "found": ODD, "change_to": ODD}],
        "unread": [ODD],
        "tokens": {"same": True, "different": [ODD], "imds": TOKEN, "extension": TOKEN},
    },
}


# Files of tasks that the host tries to run. They are in the folder of this Python.
CHOSEN = dict.fromkeys(
    ("maintenance_drain_tasks", "maintenance_restore_tasks"),
    os.path.join(os.path.dirname(os.path.abspath(sys.argv[0])), "chosen.yml"),
)


def main(*arguments: str) -> int:
    files = [argument for argument in arguments if os.path.isfile(argument)]
    module = pathlib.Path(files[0]).read_text(encoding="utf-8") if files else sys.stdin.read()
    found = re.search(r"ansible_collections\.imds\.azure\.plugins\.modules\.(\w+)", module)
    if found and found[1] == "instance_facts" and sys.argv[0].endswith("odd"):
        print(json.dumps({"changed": False, "ansible_facts": FACTS}))
        return 0
    if found and found[1] in ANSWERS:
        # With such facts in an earlier answer, the role would refuse the host.
        facts = CHOSEN if found[1] == "scheduled_events_info" else {}
        print(json.dumps({"changed": False, "ansible_facts": facts, **ANSWERS[found[1]]}))
        return 0
    given = None if files else module
    return subprocess.run(
        [sys.executable, *arguments], input=given, text=True, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
