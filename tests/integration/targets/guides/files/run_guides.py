# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the examples of the guides. Each guide runs in its own copy of a folder with the files that the examples need.

    run_guides.py ROOT STAGE ENDPOINT...

The vault of the examples accepts the tokens of each ENDPOINT.

First, the files of a guide are written. Then one playbook runs its plays and its lists of tasks in their order, and then its
commands run. The variables of the hosts contain the endpoint of the simulator. The defaults of modules contain only its
authority. The guide to fleets is left out here, because the fleet test runs it over SSH.
"""

from __future__ import annotations

import json
import os
import pathlib
import shlex
import shutil
import sys
import typing as t

import yaml

ROOT, STAGE = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
sys.path.insert(0, str(ROOT / "tests"))

import guides  # noqa: E402
import vault  # noqa: E402
from ansible_runs import cached_in, shown  # noqa: E402
from ansible_runs import run as run_it  # noqa: E402

GUIDES = (
    "start_here",
    "sovereign_clouds",
    "attested_documents",
    "managed_identity",
    "maintenance",
)
# Their plays write to /etc, so they run in check mode.
CHECKED = {"sovereign_clouds", "attested_documents", "maintenance"}
DEFAULTS = {
    "imds.azure.attested_info": {
        "trusted_roots": [str(STAGE / "files" / "root.pem")],
        "intermediates": [str(STAGE / "files" / "intermediate.pem")],
    },
}


def main() -> int:
    with vault.serving("correct horse", sys.argv[3:]) as url:
        return max(run_guide(name, url) for name in GUIDES)


def run_guide(name: str, url: str) -> int:
    folder = STAGE.parent / name
    shutil.copytree(STAGE, folder)
    blocks = guides.blocks(name)
    for block in blocks:
        if block.name:
            path = folder / block.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
    variables = {"vault": url, "password_file": str(folder / "password")}
    playbook = ["ansible-playbook", "-i", "hosts.yml", "-e", "@variables.json", "guide.yml"]
    playbook += ["-e", json.dumps(variables), *(["--check"] if name in CHECKED else [])]
    plays = playbook_of([b.text for b in blocks if b.kind == "yaml" and not b.name])
    (folder / "guide.yml").write_text(yaml.safe_dump(plays, sort_keys=False), encoding="utf-8")
    lines = [line for b in blocks if b.kind == "shell" for line in b.commands]
    failed = run(folder, playbook) if plays else 0
    for line in lines:
        failed = max(failed, run(folder, line))
    return failed


def playbook_of(texts: t.Iterable[str]) -> list[dict[str, t.Any]]:
    """Plays stay unchanged. Successive tasks become one play for two VMs in two clouds."""
    plays: list[dict[str, t.Any]] = []
    for entry in (entry for text in texts for entry in yaml.safe_load(text)):
        if "hosts" in entry:
            plays.append({**entry, "module_defaults": DEFAULTS})
        elif plays and plays[-1]["name"] == "Tasks":
            plays[-1]["tasks"].append(entry)
        else:
            plays.append(
                {
                    "name": "Tasks",
                    "hosts": "examples",
                    "gather_facts": False,
                    "module_defaults": DEFAULTS,
                    "tasks": [entry],
                }
            )
    return plays


def run(folder: pathlib.Path, command: str | list[str]) -> int:
    text = command if isinstance(command, str) else shlex.join(command)
    env = {
        # Before the folder of ansible-test, which contains wrappers of the programs of this environment.
        "PATH": f"{pathlib.Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "ANSIBLE_TRANSPORT": "local",
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        **cached_in(pathlib.Path("facts")),
    }
    return int(not shown(text, run_it("sh", "-c", text, cwd=folder, **env)))


if __name__ == "__main__":
    sys.exit(main())
