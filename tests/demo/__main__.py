# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The main job of the collection, shown on simulated VMs: `make demo`.

The demo prints each command unchanged, so that a reader can repeat it.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import pathlib
import shlex
import shutil
import signal
import subprocess
import sys
import time
import typing as t

from project import ROOT, VENVS

HERE = pathlib.Path(__file__).resolve().parent
WORK = VENVS / "demo"
ENDPOINTS = WORK / "endpoints.json"


def main() -> int:
    programs = pathlib.Path(sys.executable).parent
    lay_out()
    with simulator(programs) as endpoints:
        write_hosts(endpoints, programs)
        status = show(programs, endpoints)
    # Where `make simulator` serves the same VMs, so that a reader can repeat the commands.
    ports = itertools.count(8169)
    write_hosts({name: f"http://127.0.0.1:{next(ports)}" for name in endpoints}, programs)
    return status


def show(programs: pathlib.Path, endpoints: dict[str, str]) -> int:
    own = next(iter(endpoints.values()))
    steps = (
        (
            f"1. {len(endpoints)} VMs in three locations, each with an Azure Instance Metadata Service of its own.\n"
            "   One request to each gives Ansible the facts of all of them, and a snapshot in a file:",
            ("ansible-playbook", "-i", "hosts.yml", "imds.azure.gather"),
            ("-e", "imds_snapshot_dir=snapshots"),
        ),
        (
            "2. The inventory groups them by zone, fault domain, location and tag, without a request:",
            ("ansible-inventory", "-i", "fleet.imds.yml", "--graph"),
            (),
        ),
        (
            "3. Groups are host patterns: fault domain 0 of zone 1 in one location:",
            ("ansible", "-i", "fleet.imds.yml", "location_westeurope:&zone_1:&fault_domain_0"),
            ("--list-hosts",),
        ),
        (
            "4. Lookups read any route of the VM that Ansible runs on (here the first one), and\n"
            "   conditionals use azEnvironment:",
            ("ansible-playbook", "-i", "hosts.yml", "demo.yml"),
            (),
        ),
    )
    for text, command, more in steps:
        print(f"\n{text}\n\n   $ {shlex.join((*command, *more))}\n", flush=True)
        status = run(programs, own, (*command, *more))
        if status:
            print(f"demo: this ended with exit status {status}", file=sys.stderr)
            return 1
    print(
        "\nTo repeat these commands, run `make simulator`, and in another terminal:\n\n"
        f"   . {programs.relative_to(ROOT)}/activate\n   cd {WORK.relative_to(ROOT)}"
    )
    return 0


def lay_out() -> None:
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    for name in ("demo.yml", "fleet.imds.yml"):
        shutil.copy(HERE / name, WORK)
    settings = (HERE / "ansible.cfg").read_text(encoding="utf-8")
    found = f"collections_path = {os.environ['ANSIBLE_COLLECTIONS_PATH']}"
    text = settings.replace("collections_path = collections", found)
    (WORK / "ansible.cfg").write_text(text, encoding="utf-8")


@contextlib.contextmanager
def simulator(programs: pathlib.Path) -> t.Iterator[dict[str, str]]:
    command = [f"{programs}/python", "-m", "imds_simulator", "--port=0", "--quiet"]
    process = subprocess.Popen([*command, f"--endpoints={ENDPOINTS}"], cwd=ROOT / "tests/simulator")
    try:
        deadline = time.monotonic() + 30
        while not ENDPOINTS.exists():
            if process.poll() is not None or time.monotonic() > deadline:
                sys.exit("demo: the simulator did not start")
            time.sleep(0.05)
        yield json.loads(ENDPOINTS.read_text(encoding="utf-8"))
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(10)


def write_hosts(endpoints: dict[str, str], programs: pathlib.Path) -> None:
    """An inventory of host names. It also has the endpoints of the simulator, which replaces IMDS."""
    shared = {"ansible_connection": "local", "ansible_python_interpreter": f"{programs}/python"}
    hosts = {name: {"azure_imds_endpoint": url} for name, url in endpoints.items()}
    text = json.dumps({"all": {"vars": shared, "hosts": hosts}}, indent=2)
    (WORK / "hosts.yml").write_text(text + "\n", encoding="utf-8")


def run(programs: pathlib.Path, endpoint: str, command: t.Sequence[str]) -> int:
    env = {
        **os.environ,
        "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "ANSIBLE_CONFIG": str(WORK / "ansible.cfg"),
        # The endpoint for lookups. On an Azure VM, the default is right.
        "AZURE_IMDS_ENDPOINT": endpoint,
    }
    answer = subprocess.run(
        command,
        cwd=WORK,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    print(answer.stdout if answer.returncode else brief(answer.stdout), flush=True)
    return answer.returncode


def brief(output: str) -> str:
    """The output without the recap, empty lines and rows of stars, which say nothing after a success."""
    lines = (line.rstrip(" *") for line in output.partition("PLAY RECAP")[0].splitlines())
    return "\n".join(f"   {line}" for line in lines if line)


if __name__ == "__main__":
    sys.exit(main())
