# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A folder for plays with one task. The programs are those of the benchmark's environment, and the collection is this repository."""

from __future__ import annotations

import os
import pathlib
import sys
import typing as t

import yaml

from benchmarks._measure import Candidate, Counter
from project import ROOT

PROGRAMS = pathlib.Path(sys.executable).parent


class Folder:
    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        collections = path / "ansible_collections" / "imds"
        collections.mkdir(parents=True)
        (collections / "azure").symlink_to(ROOT)

    @property
    def env(self) -> dict[str, str]:
        return {
            "PATH": f"{PROGRAMS}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "HOME": str(self.path),
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_COLLECTIONS_PATH": str(self.path),
            # The plays need no inventory.
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
            "ANSIBLE_LOCALHOST_WARNING": "false",
        }

    def play(self, name: str, tasks: list[dict[str, t.Any]], hosts: str = "localhost") -> str:
        file = self.path / f"{name}.yml"
        play = {"hosts": hosts, "gather_facts": False, "tasks": tasks}
        file.write_text(yaml.safe_dump([play]), encoding="utf-8")
        return file.name

    def candidate(
        self, name: str, tasks: list[dict[str, t.Any]], count: Counter = lambda: (0, 0), **env: str
    ) -> Candidate:
        file = self.play("".join(c if c.isalnum() else "-" for c in name), tasks)
        return Candidate(
            name,
            [str(PROGRAMS / "ansible-playbook"), file],
            self.path,
            {**self.env, **env},
            lambda printed: f"ok={len(tasks)} " in printed and "failed=0 " in printed,
            count,
        )
