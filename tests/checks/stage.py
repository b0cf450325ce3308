# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where Ansible runs as users run it, beside a simulated fleet: nothing of whoever tests gets in, nothing gets out."""

from __future__ import annotations

import json
import pathlib
import shutil
import typing as t

from checks import isolation, report
from environments import ROOT


class Stage:
    """A folder of its own with a home in it, the programs of a virtual environment, and a fleet."""

    def __init__(self, folder: pathlib.Path, programs: pathlib.Path, fleet: t.Any) -> None:
        self.folder = folder
        self.programs = programs
        shutil.rmtree(folder, ignore_errors=True)
        (folder / "home").mkdir(parents=True)
        self.write("fleet.json", fleet)

    def write(self, name: str, value: t.Any) -> None:
        (self.folder / name).write_text(json.dumps(value, indent=1) + "\n", encoding="utf-8")

    def run(
        self,
        name: str,
        collections: pathlib.Path,
        commands: t.Sequence[t.Sequence[str]],
        python: pathlib.Path,
    ) -> report.Answer:
        """Runs commands with the collections of that folder; the Python is one that the simulator can run with."""
        script = str(ROOT / "tests" / "simulated.py")
        inside = [str(python), script, str(self.folder), json.dumps(commands)]
        env = {**self.environment(), "ANSIBLE_COLLECTIONS_PATH": str(collections)}
        return report.run(name, [*isolation.prefix(), *inside], self.folder, env)

    def environment(self) -> dict[str, str]:
        """This process' own, without all that could change what Ansible does."""
        kept = {
            name: value
            for name, value in report.with_programs(self.programs).items()
            if not name.startswith(("ANSIBLE_", "AZURE_", "PYTHON"))
            and not name.lower().endswith("_proxy")
        }
        return {**kept, "HOME": str(self.folder / "home")}
