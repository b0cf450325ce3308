# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Gathers a fleet whose first host has cached facts with the names of variables.

The second host fails, and the third answers. With any facts of the first host, the run must
name the second host, gather the third one, and end with the exit status 2.

facts.py FOLDER_FOR_ITS_FILES PYTHON ENDPOINT_OF_THE_FIRST ENDPOINT_OF_THE_THIRD
"""

from __future__ import annotations

import json
import os
import pathlib
import re
import sys
import typing as t

sys.path.insert(0, f"{os.environ['ANSIBLE_COLLECTIONS_PATH']}/ansible_collections/imds/azure/tests")

from ansible_runs import Done, cached_in, run

FIRST, SECOND, THIRD = "mallory", "victim", "bystander"
IN_BATCHES = ("-e", "imds_serial=1", "-e", "imds_snapshot_dir=snapshots")


class Case(t.NamedTuple):
    """The odd facts of the first host, and whether they make it fail."""

    facts: dict[str, object]
    options: tuple[str, ...] = ()
    fails: bool = False
    variables: dict[str, object] | None = None


CASES = (
    Case({"imds_serial": "5"}),
    Case({"imds_serial": "5"}, ("-e", "imds_snapshot_dir=snapshots")),
    Case({"imds_snapshot_dir": "elsewhere"}, fails=True),
    Case({"imds_snapshot_dir": ["odd"]}, ("-e", "imds_serial=1"), fails=True),
    Case({"inventory_hostname": SECOND}, IN_BATCHES, fails=True),
    Case({"imds_keep_fuller": ["odd"]}, IN_BATCHES, fails=True),
    Case(
        {
            "_imds_asked": {"ansible_facts": {"azure_imds": {}}},
            "_imds_written": {},
            "_imds_gathered": 3,
            "_imds_keep_fuller": ["odd"],
            "_imds_problem": "",
            "ansible_play_hosts_all": [FIRST],
            "ansible_play_batch": [FIRST],
            "hostvars": {},
        }
    ),
    # Mistakes in the inventory that Ansible finds before the task runs.
    Case({}, IN_BATCHES, fails=True, variables={"ansible_connection": "imds.azure.absent"}),
    Case({}, IN_BATCHES, fails=True, variables={"azure_imds_deadline": "{{ absent }}"}),
    Case({}, ("-e", "imds_serial=1"), fails=True, variables={"imds_snapshot_dir": "{{ 1 // 0 }}"}),
)


class Fleet:
    def __init__(self, folder: pathlib.Path, hosts: dict[str, dict[str, object]]) -> None:
        self.folder = folder
        folder.mkdir()
        inventory = {"all": {"vars": {"azure_imds_deadline": 2}, "hosts": hosts}}
        (folder / "hosts.json").write_text(json.dumps(inventory), encoding="utf-8")

    def run(self, program: str, *arguments: str) -> Done:
        cache = cached_in(self.folder / "cache")
        return run(program, "-i", "hosts.json", *arguments, cwd=self.folder, **cache)


def complaints(fleet: Fleet, case: Case) -> list[str]:
    if case.facts:
        facts = json.dumps({**case.facts, "cacheable": True})
        _status, said = fleet.run("ansible", FIRST, "-m", "ansible.builtin.set_fact", "-a", facts)
        if "SUCCESS" not in said:
            return [f"the facts are not set: {said}"]
    status, said = fleet.run("ansible-playbook", "imds.azure.gather", *case.options)
    end = said.split("TASK [Fail for each host")[-1]
    failed = set(re.findall(r"^fatal: \[(\w+)\]: FAILED! => \{.*\"msg\": \"\S", end, re.MULTILINE))
    should = {SECOND, FIRST} if case.fails else {SECOND}
    # Newer releases of ansible-core put a prefix before the name of the host.
    cached = [path.read_text(encoding="utf-8") for path in fleet.folder.glob(f"cache/*{THIRD}")]
    snapshots = {path.name for path in fleet.folder.glob("snapshots/*")}
    wanted = {f"{THIRD}.json"} if "imds_snapshot_dir=snapshots" in case.options else set()
    count = f"{len(should)} of 3 hosts failed"
    found = {
        f"the exit status is {status}": status == 2,
        f"{sorted(failed)} failed": failed == should,
        f"it does not say {count!r}": count in said,
        f"{THIRD} has no facts": any("azure_imds" in text for text in cached),
        f"there are the snapshots {snapshots}": snapshots - {f"{FIRST}.json"} == wanted,
        "the first host said where to write": not (fleet.folder / "elsewhere").exists(),
    }
    wrong = [text for text, is_right in found.items() if not is_right]
    return [*wrong, said] if wrong else []


def main(path: str, python: str, first: str, third: str) -> int:
    folder = pathlib.Path(path)
    folder.mkdir()
    reached = {"ansible_connection": "local", "ansible_python_interpreter": python}
    endpoints = {FIRST: first, SECOND: "http://127.0.0.1:9", THIRD: third}
    wrong = False
    for number, case in enumerate(CASES):
        hosts: dict[str, dict[str, object]] = {
            name: {**reached, "azure_imds_endpoint": url} for name, url in endpoints.items()
        }
        hosts[FIRST].update(case.variables or {})
        found = complaints(Fleet(folder / str(number), hosts), case)
        if found:
            wrong = True
            print(f"{case}:", *found, sep="\n")
    return int(wrong)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
