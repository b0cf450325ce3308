# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a project as AWX does, but without AWX: jobs with ansible-runner, and inventory sources with ansible-inventory.

AWX runs an inventory source of a project in the folder of the project, and stores the result without the values of the
fact cache (`--export`). A job gets the stored inventory as a script, and has no terminal. With "Enable fact storage", it
gets the facts of earlier jobs in its own cache of files.
"""

from __future__ import annotations

import json
import pathlib
import shutil
import sys
import typing as t

from fleet.controller import Answer, Controller

JOB = pathlib.Path(__file__).resolve().with_name("job.py")
TOLD = """\
- name: Use the facts of an earlier job
  hosts: all
  gather_facts: false
  tasks:
    - name: Say what is known
      ansible.builtin.debug:
        msg: "{{ inventory_hostname }} is {{ ansible_facts.azure_imds.compute.name }}"
"""


class Project:
    def __init__(self, *files: str) -> None:
        self._controller = Controller("project-of-awx", files=files)
        self._folder = self._controller.folder
        self._jobs = 0
        (self._folder / "told.yml").write_text(TOLD, encoding="utf-8")

    def update(self) -> t.Any:
        """Updates the inventory source `inventory`."""
        answer = self._controller.run(
            "ansible-inventory --list --export -i inventory --playbook-dir inventory"
        )
        assert answer.status == 0, answer
        return answer.data

    def job(
        self, playbook: str, inventory: t.Any, limit: str, fact_storage: bool = False
    ) -> Answer:
        self._jobs += 1
        folder = self._folder.with_name(f"job-{self._jobs}")
        shutil.copytree(self._folder, folder / "project")
        self._write_inventory(folder, inventory)
        if fact_storage and self._facts(self._jobs - 1).exists():
            shutil.copytree(self._facts(self._jobs - 1), self._facts(self._jobs))
        settings = {
            "private_data_dir": str(folder),
            "ident": str(self._jobs),
            "playbook": playbook,
            "inventory": str(folder / "inventory" / "hosts"),
            "limit": limit,
            "forks": 20,
            "fact_cache_type": "jsonfile" if fact_storage else "",
            # The answer to any question of a program.
            "passwords": {r"(?i)pass(word|phrase).*:\s*?$": ""},
        }
        (folder / "job.json").write_text(json.dumps(settings), encoding="utf-8")
        return self._controller.run(f"{sys.executable} {JOB} {folder}/job.json")

    def _facts(self, job: int) -> pathlib.Path:
        return self._folder.with_name(f"job-{job}") / "artifacts" / str(job) / "fact_cache"

    def _write_inventory(self, folder: pathlib.Path, inventory: t.Any) -> None:
        data = folder / "inventory" / "hosts.json"
        data.parent.mkdir()
        data.write_text(json.dumps(inventory), encoding="utf-8")
        script = data.with_name("hosts")
        script.write_text(f"#!/bin/sh\ncat {data}\n", encoding="utf-8")
        script.chmod(0o700)

    def constructed(self) -> t.Any:
        """Updates a constructed inventory. AWX passes the stored facts to it."""
        hosts = self._folder.with_name(f"job-{self._jobs}") / "inventory" / "hosts"
        answer = self._controller.run(
            "env ANSIBLE_CACHE_PLUGIN=jsonfile"
            f" ANSIBLE_CACHE_PLUGIN_CONNECTION={self._facts(self._jobs)}"
            f" ansible-inventory --list --export -i {hosts} -i constructed.yml"
        )
        assert answer.status == 0, answer
        return answer.data
