# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures: a real ansible-rulebook with the installed collection, and the simulated VM on which it runs."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import time
import typing as t

import pytest
import yaml

from imds_simulator import Maintenance, Simulator, Vm

FILES = pathlib.Path(__file__).resolve().parent / "files"
PATIENCE = 90.0


@pytest.fixture
def vm() -> t.Iterator[Vm]:
    vm = Vm("web-0", {"compute": {"name": "web-0"}}, maintenance=Maintenance())
    with Simulator([vm], rate_limit=5):
        yield vm


@pytest.fixture(scope="session")
def collections() -> pathlib.Path:
    """The folder with the installed tarball."""
    return pathlib.Path(os.environ["ANSIBLE_COLLECTIONS_PATH"])


class Rulebook:
    """A running ansible-rulebook."""

    def __init__(self, folder: pathlib.Path, collections: pathlib.Path, vm: Vm) -> None:
        self.folder = folder
        self.collections = collections
        self.output = folder / "output.txt"
        self.vm = vm
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *arguments: str, **variables: t.Any) -> None:
        self.write("hosts.yml", {"all": {"hosts": {"localhost": self.host}}})
        self.write("vars.yml", {"azure_imds_endpoint": self.vm.url, **variables})
        env = {
            **{name: value for name, value in os.environ.items() if "proxy" not in name.lower()},
            "ANSIBLE_COLLECTIONS_PATH": str(self.collections),
            "ANSIBLE_HOME": str(self.folder / "ansible"),
            "HOME": str(self.folder),
        }
        command = [
            "ansible-rulebook",
            "--inventory",
            "hosts.yml",
            "--vars",
            "vars.yml",
            "--verbose",
        ]
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [*command, *arguments],
                cwd=self.folder,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )

    @property
    def host(self) -> dict[str, str]:
        return {"ansible_connection": "local", "ansible_python_interpreter": sys.executable}

    def write(self, name: str, value: t.Any) -> None:
        (self.folder / name).write_text(yaml.safe_dump(value), encoding="utf-8")

    def text(self) -> str:
        return self.output.read_text(encoding="utf-8", errors="replace")

    def until(self, condition: t.Callable[[], t.Any], what: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > deadline:
                pytest.fail(f"waited in vain: {what}\n{self.text()}")
            if self.process is None or self.process.poll() is not None:
                pytest.fail(f"it has ended before: {what}\n{self.text()}")
            time.sleep(0.1)

    def ended(self, seconds: float = PATIENCE) -> int:
        assert self.process is not None
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            pytest.fail(f"it does not end\n{self.text()}")

    def interrupt(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def rulebook(tmp_path: pathlib.Path, collections: pathlib.Path, vm: Vm) -> t.Iterator[Rulebook]:
    rulebook = Rulebook(tmp_path, collections, vm)
    yield rulebook
    rulebook.stop()
