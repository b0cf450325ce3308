# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the document that a run keeps in Ansible's temporary folder, with a full folder and with killed runs.

PYTHONPATH=tests:tests/simulator cache.py FOLDER_FOR_ITS_FILES
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import signal
import subprocess
import sys
import time
import typing as t

from faults.cases import DOCUMENT
from imds_simulator import Fault, Simulator, Vm

HERE = pathlib.Path(__file__).resolve().parent
PATIENCE = 120
HOSTS = 50
# Root may mount directly. In some containers, root needs a user namespace, as other users do.
NAMESPACES = (("unshare", "--mount"), ("unshare", "--mount", "--map-root-user"))
# "$1" is the folder. The other arguments are the command.
TMPFS = 'mount -t tmpfs -o size=64k,mode=700 tmpfs "$1" && shift && exec "$@"'


class Runs:
    """Runs of the same play in one folder."""

    def __init__(self, vm: Vm, local: pathlib.Path) -> None:
        self.vm = vm
        self.local = local

    def start(
        self, prefix: t.Sequence[str] = (), before: str = "", hosts: int = HOSTS
    ) -> subprocess.Popen[str]:
        names = ",".join(f"host{number}" for number in range(hosts))
        command = [
            *prefix,
            *("ansible-playbook", f"--inventory={names},", f"--forks={HOSTS}"),
            f"--extra-vars={json.dumps({'before': before})}",
            str(HERE / "cached.yml"),
        ]
        return subprocess.Popen(
            command,
            env={
                **os.environ,
                "ANSIBLE_LOCAL_TEMP": str(self.local),
                "ANSIBLE_NOCOLOR": "1",
                "AZURE_IMDS_ENDPOINT": self.vm.url,
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def left(self) -> list[pathlib.Path]:
        return sorted(self.local.rglob("imds_azure*"))


def ended(run: subprocess.Popen[str]) -> list[str]:
    output, _nothing = run.communicate(timeout=PATIENCE)
    if run.returncode or "Traceback" in output:
        return [f"the run ended with {run.returncode}: {output[-2500:]}"]
    return []


def two_runs_at_once(runs: Runs) -> list[str]:
    """Tests two runs with fifty forks each. They share no document, and each run sends one request."""
    both = [runs.start(), runs.start()]
    found = [problem for run in both for problem in ended(run)]
    if len(runs.vm.requests) != 2:
        found.append(f"{len(runs.vm.requests)} requests instead of one for each run")
    return found + [f"{path} is left" for path in runs.left()]


def killed(runs: Runs) -> list[str]:
    """A killed run leaves no incomplete document, and nothing that disturbs the next run."""
    runs.vm.faults = [Fault("delay", seconds=1.0, times=1)]
    run = runs.start(hosts=5)
    end = time.monotonic() + PATIENCE
    while not runs.vm.requests and time.monotonic() < end:
        time.sleep(0.05)
    os.killpg(run.pid, signal.SIGKILL)
    run.communicate()
    found = [f"{path} is left with all of it" for path in runs.left() if path.suffix == ".json"]
    found += [f"{path} is others' to read" for path in runs.left() if path.stat().st_mode & 0o077]
    runs.vm.requests.clear()
    found += ended(runs.start(hosts=5))
    if len(runs.vm.requests) != 1:
        found.append(f"{len(runs.vm.requests)} requests after a run that was killed")
    return found


def full_folder(runs: Runs, prefix: t.Sequence[str]) -> list[str]:
    fill = f"dd if=/dev/zero of={runs.local}/filler bs=1k 2>/dev/null; df {runs.local} | tail -1"
    return ended(runs.start(prefix, before=fill, hosts=5))


def read_only_folder(runs: Runs, prefix: t.Sequence[str]) -> list[str]:
    return ended(runs.start(prefix, before=f"mount -o remount,ro {runs.local} && echo ro", hosts=5))


def own_tmpfs(folder: pathlib.Path) -> list[str]:
    """The prefix that runs a command with its own small file system; empty if this is not possible."""
    for namespace in NAMESPACES:
        prefix = [*namespace, "sh", "-c", TMPFS, "sh", str(folder)]
        with contextlib.suppress(OSError):
            if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0:
                return prefix
    return []


def main(folder: pathlib.Path) -> int:
    found = []
    with Simulator([Vm("web-1", DOCUMENT)], rate_limit=0) as simulator:
        for trial in (two_runs_at_once, killed, full_folder, read_only_folder):
            vm = simulator["web-1"]
            vm.requests.clear()
            vm.faults.clear()
            local = folder / f"cache-{trial.__name__}"
            local.mkdir(mode=0o700)
            arguments: list[t.Any] = [Runs(vm, local)]
            if trial in (full_folder, read_only_folder):
                prefix = own_tmpfs(local)
                if not prefix:
                    print(f"no mounts here: {trial.__name__} was not tried")
                    continue
                arguments.append(prefix)
            problems = trial(*arguments)
            print(f"{trial.__name__}: {len(problems)} problems, {len(vm.requests)} requests")
            found += problems
    print("\n".join(found), file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
