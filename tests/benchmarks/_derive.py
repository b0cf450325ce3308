# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the forms of a fleet that Ansible itself creates: the fact cache, and the finished inventory as JSON and YAML.

    _derive.py FOLDER [finished]

Runs in the environment of the benchmark. Environment variables of Ansible configure the fact cache.
"""

from __future__ import annotations

import json
import pathlib
import sys

import yaml
from ansible import constants
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import cache_loader, init_plugin_loader


def main(folder: pathlib.Path, wanted: list[str]) -> None:
    init_plugin_loader()
    manager = InventoryManager(DataLoader(), [str(folder / "documents.imds.yml")])
    cache = cache_loader.get(constants.config.get_config_value("CACHE_PLUGIN"))
    for host in manager.get_hosts():
        cache.set(host.name, {"azure_imds": host.vars["azure_imds"]})
    if "finished" in wanted:
        write_finished(folder, manager)


def write_finished(folder: pathlib.Path, manager: InventoryManager) -> None:
    finished = {
        "all": {
            "hosts": {
                host.name: {key: host.vars[key] for key in ("ansible_host", "azure_imds")}
                for host in manager.get_hosts()
            },
            "children": {
                group.name: {
                    "children": {child.name: {} for child in group.child_groups},
                    "hosts": {host.name: {} for host in group.hosts},
                }
                for group in manager.groups.values()
                if group.name not in ("all", "ungrouped")
            },
        }
    }
    # Each JSON text is also YAML. With this extension, Ansible's YAML plugin reads the file.
    (folder / "finished.json.yml").write_text(json.dumps(finished), encoding="utf-8")
    text = yaml.dump(finished, Dumper=yaml.CSafeDumper, default_flow_style=False)
    (folder / "finished.yml").write_text(text, encoding="utf-8")


main(pathlib.Path(sys.argv[1]), sys.argv[2:])
