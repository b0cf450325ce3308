# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the roles on hostile VMs, and checks each line of the output.

run.py FOLDER_FOR_ITS_FILES
"""

from __future__ import annotations

import json
import os
import pathlib
import re
import sys

DRAINED = "602D9444-D2CD-49C7-8624-8643E7171293"
HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, f"{os.environ['ANSIBLE_COLLECTIONS_PATH']}/ansible_collections/imds/azure/tests")
sys.path.insert(0, str(HERE))
from odd_python import ODD  # noqa: E402 - Ansible does not run this where it lies

from ansible_runs import run  # noqa: E402 - ansible-test copies targets to where nothing else is

# Texts that the output has only if the terminal or Ansible has obeyed a text of a host.
OBEYED = re.compile(r"^ok: \[x\]|templated|\bNone\b|chosen by the host")
# Texts of the roles in the output. Without them, the test would have checked nothing.
SAID = (
    "silent does not belong in this play",
    "odd does not belong in this play",
    '"diagnose_result.report"',
    "silent ready not installed equal",
    "answer.yml for silent => (item=",
    "is renamed to",
    "fleet: the place of these hosts is unknown: silent",
    "has 1 of 2 hosts, which is 50%",
    "1 of 2 hosts failed",
)


def hosts(folder: pathlib.Path) -> dict[str, object]:
    """Two hosts: the modules of the first fail or return odd results, and the second has odd facts."""
    states = folder / "states"
    states.mkdir()
    (states / f"{ODD}.json").write_text("{}", encoding="utf-8")
    drained = {"EventId": DRAINED, "EventType": "Freeze", "EventStatus": "Scheduled"}
    (states / f"{DRAINED}.json").write_text(json.dumps(drained), encoding="utf-8")
    tasks = [{"ansible.builtin.debug": {"msg": "chosen by the host"}}]
    (folder / "chosen.yml").write_text(json.dumps(tasks), encoding="utf-8")
    source = (HERE / "odd_python.py").read_text(encoding="utf-8")
    found: dict[str, object] = {}
    for name in ("silent", "odd"):
        python = folder / name
        python.write_text(f"#!{sys.executable}\n{source}", encoding="utf-8")
        python.chmod(0o755)
        found[name] = {
            "ansible_connection": "local",
            "ansible_python_interpreter": str(python),
            "maintenance_state_dir": str(states),
            # Variables of the inventory that facts replace.
            "maintenance_drain_tasks": str(HERE / "drain.yml"),
            "maintenance_restore_tasks": str(HERE / "drain.yml"),
        }
    return found


def main(path: str) -> int:
    folder = pathlib.Path(path)
    folder.mkdir()
    inventory = folder / "hosts.json"
    groups = {"all": {"children": {"fleet": {"hosts": hosts(folder)}}}}
    inventory.write_text(json.dumps(groups), encoding="utf-8")
    plays = (str(play) for play in sorted(HERE.glob("play_*.yml")))
    output = "".join(run("ansible-playbook", "-i", str(inventory), play).output for play in plays)
    odd = [line for line in output.split("\n") if not line.isprintable() or OBEYED.search(line)]
    missing = [words for words in SAID if words not in re.sub(r"\s+", " ", output)]
    for line in odd:
        print(f"not safe to print: {line!r}")
    for words in missing:
        print(f"it does not say {words!r}")
    if odd or missing:
        print(ascii(output).replace("\\n", "\n"), file=sys.stderr)
    return int(bool(odd or missing))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
