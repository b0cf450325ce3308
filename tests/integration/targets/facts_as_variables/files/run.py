# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a play on a host whose cached facts have the names of variables.

run.py FOLDER_FOR_ITS_FILES PYTHON
"""

from __future__ import annotations

import json
import os
import pathlib
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, f"{os.environ['ANSIBLE_COLLECTIONS_PATH']}/ansible_collections/imds/azure/tests")

from ansible_runs import cached_in, run  # noqa: E402 - ansible-test copies targets to where nothing else is

FACTS = {
    "ordered_vm_id": "mallory",
    "inventory_hostname": "victim",
    "inventory_hostname_short": "victim",
}
REFUSED = (
    "snapshot: this host has a fact with the name inventory_hostname",
    "attested_info: this host has facts that are variables: inventory_hostname, inventory_hostname_short, ordered_vm_id",
    "guard: Facts of this host would replace variables of the same name: inventory_hostname",
    "placement: Facts of this host would replace variables of the same name: inventory_hostname",
    "maintenance: Facts of this host would replace variables of the same name: inventory_hostname",
    "managed_identity_migration: Facts of this host would replace variables of the same name: inventory_hostname",
    "after clear_facts: attested_info expects honest",
    "late: Facts of this host would replace variables of the same name: inventory_hostname",
)


def main(path: str, python: str) -> int:
    folder = pathlib.Path(path)
    folder.mkdir()
    common = {
        "ansible_connection": "local",
        "ansible_python_interpreter": python,
        "azure_imds_endpoint": "http://127.0.0.1:9",
        "azure_imds_deadline": 1,
    }
    late = folder / "late"
    source = (HERE / "late_python.py").read_text(encoding="utf-8")
    late.write_text(f"#!{sys.executable}\n{source}", encoding="utf-8")
    late.chmod(0o755)
    hosts = {
        "mallory": {"ordered_vm_id": "honest"},
        "victim": {},
        "late": {"ansible_python_interpreter": str(late)},
    }
    inventory = folder / "hosts.json"
    inventory.write_text(json.dumps({"all": {"vars": common, "hosts": hosts}}), encoding="utf-8")
    facts = json.dumps({**FACTS, "cacheable": True})
    cache = cached_in(folder / "cache")
    set_facts = ("mallory", "-m", "ansible.builtin.set_fact", "-a", facts)
    run("ansible", "-i", str(inventory), *set_facts, **cache)
    play = (str(HERE / "play.yml"), "-e", f"folder={folder}/snapshots")
    output = run("ansible-playbook", "-i", str(inventory), *play, **cache).output
    missing = [words for words in REFUSED if words not in output]
    if missing or list((folder / "snapshots").glob("*")):
        print(output)
        print("\n".join(f"it does not say {words!r}" for words in missing))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
