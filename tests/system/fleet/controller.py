# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A controller: a folder with the files of a project. Commands run there in the namespace of the controller."""

from __future__ import annotations

import json
import os
import pathlib
import re
import shlex
import subprocess
import sys
import typing as t

from fleet import guide
from fleet.fleet import FIRST, WORK
from fleet.network import inside

PATIENCE = 120
# The commands of the guide that have run.
FOLLOWED: set[str] = set()


class Answer(t.NamedTuple):
    status: int
    output: str  # standard output
    errors: str  # standard error

    def __repr__(self) -> str:
        return f"exit status {self.status}\n{self.output}\n{self.errors}"

    @property
    def failures(self) -> dict[str, str]:
        """The hosts in the output of the last task, and its messages about them."""
        task = self.output.split("TASK [Fail for each host that failed]")[-1]
        found = re.findall(r"^fatal: \[([\w.-]+)\]: FAILED! => (\{.*\})", task, re.MULTILINE)
        return {host: json.loads(result)["msg"] for host, result in found}

    @property
    def asked(self) -> set[str]:
        """The hosts in the recap."""
        return set(re.findall(r"^([\w.-]+) +: ok=[1-9]", self.output, re.MULTILINE))

    @property
    def data(self) -> t.Any:
        """The output of `ansible-inventory --list`. Marked texts become plain texts."""
        return json.loads(self.output, object_hook=_plain)

    @property
    def hosts(self) -> set[str]:
        """The output of `--list-hosts`."""
        _title, *lines = self.output.splitlines()
        return {line.strip() for line in lines}


class Controller:
    """`name` is the folder of the controller, and `namespace` is its machine."""

    def __init__(self, name: str, namespace: str = FIRST, files: t.Sequence[str] = ()) -> None:
        self.namespace = namespace
        self.folder = WORK / name
        self.folder.mkdir()
        guide.write(self.folder, *files)

    def run(self, command: str) -> Answer:
        return self.start(command).wait()

    def start(self, command: str) -> Running:
        return Running(self, shlex.split(command))

    def follow(self, command: str) -> Answer:
        """Runs a command of the guide."""
        return self.start_following(command).wait()

    def start_following(self, command: str) -> Running:
        assert command in guide.commands(), f"the guide does not say: {command}"
        FOLLOWED.add(command)
        return self.start(command)

    @property
    def environment(self) -> dict[str, str]:
        hidden = ("ANSIBLE_", "AZURE_IMDS_")
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(hidden) and not name.lower().endswith("_proxy")
        }
        return {
            **inherited,
            "HOME": str(self.folder / "home"),
            "PATH": f"{os.path.dirname(sys.executable)}{os.pathsep}{os.environ['PATH']}",
            "LC_ALL": "C.UTF-8",
            "ANSIBLE_COLLECTIONS_PATH": os.environ["IMDS_FLEET_COLLECTIONS"],
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_PYTHON_INTERPRETER": sys.executable,
            "ANSIBLE_SSH_ARGS": f"-F {WORK}/ssh_config -o ControlMaster=auto -o ControlPersist=60s",
            "ANSIBLE_SSH_CONTROL_PATH_DIR": str(WORK / f"ssh-{self.namespace}"),
        }


class Running:
    """A running command. It writes its output to files, so that it never waits for a reader."""

    def __init__(self, controller: Controller, command: list[str]) -> None:
        self._output = _free(controller.folder / "output")
        with self._output.open("wb") as output, self._errors.open("wb") as errors:
            self._process = subprocess.Popen(
                inside(controller.namespace, command),
                cwd=controller.folder,
                env=controller.environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=errors,
            )

    @property
    def _errors(self) -> pathlib.Path:
        return self._output.with_suffix(".errors")

    def wait(self) -> Answer:
        try:
            status = self._process.wait(PATIENCE)
        finally:
            self._process.kill()
        output, errors = (file.read_text(encoding="utf-8") for file in (self._output, self._errors))
        return Answer(status, output, errors)


def _free(path: pathlib.Path) -> pathlib.Path:
    number = len(list(path.parent.glob(f"{path.name}*")))
    return path.with_name(f"{path.name}-{number}")


def _plain(value: dict[str, t.Any]) -> t.Any:
    return value["__ansible_unsafe"] if set(value) == {"__ansible_unsafe"} else value
