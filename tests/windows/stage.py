# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs Ansible on Linux hosts, which are this machine, and on Windows hosts, which are doubles."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import typing as t

from windows import collection

_HERE = pathlib.Path(__file__).resolve().parent
# The folder with all tests of the collection. ansible-test runs a copy of one target, which has no other files beside it.
TESTS = _HERE.parent
# The maximum time of one run, much longer than a run needs.
_PATIENCE = 900

LINUX = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}
WINDOWS = {"ansible_connection": "windows_double"}


class Stage:
    """A folder with an inventory, the files that runs write, and an ansible.windows with empty modules."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._collections = folder / "collections"
        collection.write(self._collections)

    def inventory(self, name: str, hosts: t.Mapping[str, t.Any], **variables: t.Any) -> str:
        path = self.folder / f"{name}.yml"
        path.write_text(json.dumps({"all": {"hosts": hosts, "vars": variables}}))
        return str(path)

    def run(
        self,
        *command: str,
        windows_collection: bool = True,
        inside: t.Sequence[str] = (),
        **environment: str,
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command until it ends. Without `windows_collection`, the controller has no ansible.windows."""
        found = os.environ.get("ANSIBLE_COLLECTIONS_PATH", "")
        paths = [str(self._collections), found] if windows_collection else [found]
        run = subprocess.run(
            [*inside, *command],
            cwd=self.folder,
            env={
                **os.environ,
                "ANSIBLE_COLLECTIONS_PATH": os.pathsep.join(filter(None, paths)),
                "ANSIBLE_CONNECTION_PLUGINS": str(_HERE / "plugins" / "connection"),
                "ANSIBLE_NOCOLOR": "1",
                "ANSIBLE_PIPELINING": "1",
                "PYTHONPATH": str(TESTS),
                **environment,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
        if "Traceback" in run.stdout + run.stderr:
            sys.exit(f"{command} printed a traceback:\n{run.stdout}{run.stderr}")
        return run

    def passes(self, *command: str, **options: t.Any) -> subprocess.CompletedProcess[str]:
        run = self.run(*command, **options)
        if run.returncode:
            sys.exit(f"{command} failed:\n{run.stdout[-6000:]}{run.stderr[-2000:]}")
        return run


__all__ = ("LINUX", "TESTS", "WINDOWS", "Stage")
