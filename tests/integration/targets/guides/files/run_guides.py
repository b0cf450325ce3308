# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the examples of the guides, each guide in a copy of a folder with what its examples speak of.

    run_guides.py ROOT STAGE

Files of a guide are written first. Its plays, and its lists of tasks as plays of their own, are one playbook, in their order; then
come its commands. The variables of the hosts say where the simulator is. Defaults of modules say only which authority it has.
The fleet test runs the guide to fleets, over SSH. tests/system/simulator runs the guide to the simulator, with packages from pip.
"""

from __future__ import annotations

import http.server
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import threading
import typing as t

import yaml

ROOT, STAGE = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
sys.path.insert(0, str(ROOT / "tests"))

import guides  # noqa: E402

GUIDES = (
    "start_here",
    "sovereign_clouds",
    "attested_documents",
    "managed_identity",
    "maintenance",
)
# Their plays write to /etc, so they are only looked at how they would.
CHECKED = {"sovereign_clouds", "attested_documents", "maintenance"}
DEFAULTS = {
    "imds.azure.attested_info": {
        "trusted_roots": [str(STAGE / "files" / "root.pem")],
        "intermediates": [str(STAGE / "files" / "intermediate.pem")],
    },
}


class Vault(http.server.BaseHTTPRequestHandler):
    """Stands for a key vault: a secret for whoever has a token."""

    def do_GET(self) -> None:
        granted = self.headers["Authorization"].startswith("Bearer ey")
        self.send_response(200 if granted else 401)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps({"value": "correct horse"}).encode() if granted else b"{}")

    def log_message(self, *_arguments: t.Any) -> None:
        """Says nothing."""


def main() -> int:
    vault = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Vault)
    threading.Thread(target=vault.serve_forever, daemon=True).start()
    return max(run_guide(name, f"http://127.0.0.1:{vault.server_port}") for name in GUIDES)


def run_guide(name: str, vault: str) -> int:
    folder = STAGE.parent / name
    shutil.copytree(STAGE, folder)
    blocks = guides.blocks(name)
    for block in blocks:
        if block.name:
            path = folder / block.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
    variables = {"vault": vault, "password_file": str(folder / "password")}
    playbook = ["ansible-playbook", "-i", "hosts.yml", "-e", "@variables.json", "guide.yml"]
    playbook += ["-e", json.dumps(variables), *(["--check"] if name in CHECKED else [])]
    plays = playbook_of([b.text for b in blocks if b.kind == "yaml" and not b.name])
    (folder / "guide.yml").write_text(yaml.safe_dump(plays, sort_keys=False), encoding="utf-8")
    lines = [line for b in blocks if b.kind == "shell" for line in b.text.splitlines()]
    failed = run(folder, playbook) if plays else 0
    for line in lines:
        failed = max(failed, run(folder, line))
    return failed


def playbook_of(texts: t.Iterable[str]) -> list[dict[str, t.Any]]:
    """Whole plays as they are, and tasks that come one after the other as a play for two VMs in two clouds."""
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
    env = {
        **os.environ,
        # Before what ansible-test has there, which are stand-ins for the programs of this environment.
        "PATH": f"{pathlib.Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "ANSIBLE_TRANSPORT": "local",
        "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
        "ANSIBLE_CACHE_PLUGIN": "jsonfile",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": "facts",
    }
    print(f"$ {command if isinstance(command, str) else shlex.join(command)}", flush=True)
    answer = subprocess.run(
        ["sh", "-c", command] if isinstance(command, str) else command,
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    print(answer.stdout, flush=True)
    # An inventory that can't be read is only a warning to Ansible.
    broken = answer.returncode or "to parse" in answer.stderr
    if broken:
        print(f"failed: {command}\n{answer.stdout}\n{answer.stderr}", file=sys.stderr)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
