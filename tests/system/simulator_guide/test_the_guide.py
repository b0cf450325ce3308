# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the guide to the simulator as a new user does: in an empty folder and an empty home, with packages from pip."""

from __future__ import annotations

import os
import pathlib
import signal
import socket
import subprocess
import sys
import time
import typing as t

import pytest

import guides

ROOT = pathlib.Path(__file__).resolve().parents[3]
REPOSITORY = "https://github.com/imds-azure/imds.azure"
REQUIREMENTS = ROOT / "tests" / "requirements" / "simulator.txt"
# The ports in the guide.
PORTS = ("8169", "8269", "8369")
PATIENCE = 300


class Beginner:
    """A folder, a home and a virtual environment without files of the repository."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder / "work"
        self.venv = folder / "venv"
        self._log = folder / "background.txt"
        self._started: list[subprocess.Popen[bytes]] = []
        for name in ("work", "home"):
            (folder / name).mkdir()
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("ANSIBLE_", "AZURE_", "MOLECULE_", "PYTEST_", "PYTHON", "XDG_"))
            and not name.lower().endswith("_proxy")
        }
        self._env = {
            **kept,
            "HOME": str(folder / "home"),
            "PATH": os.pathsep.join((str(self.venv / "bin"), os.environ.get("PATH", os.defpath))),
            "ANSIBLE_COLLECTIONS_PATH": str(folder / "collections"),
            # The address of the repository. This clone replaces it.
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"url.{ROOT}.insteadOf",
            "GIT_CONFIG_VALUE_0": REPOSITORY,
        }
        subprocess.run([sys.executable, "-m", "venv", str(self.venv)], check=True)

    def run(self, command: str) -> str:
        print(f"$ {command}", flush=True)
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=self.folder,
            env=self._env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        print(done.stdout, flush=True)
        assert done.returncode == 0, f"{command}\n{done.stdout}"
        return done.stdout

    def start(self, command: str, sign: str) -> None:
        """Starts a command in the background, and waits until this file exists."""
        print(f"$ {command} &", flush=True)
        with self._log.open("wb") as log:
            process = subprocess.Popen(
                ["sh", "-c", f"exec {command}"],
                cwd=self.folder,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        self._started.append(process)
        deadline = time.monotonic() + PATIENCE
        while not (self.folder / sign).exists():
            said = self._log.read_text(encoding="utf-8")
            assert process.poll() is None, f"{command}\n{said}"
            assert time.monotonic() < deadline, f"{command}: there is no {sign}\n{said}"
            time.sleep(0.05)

    def stop(self) -> int:
        """Ends the last started command like Ctrl-C. Returns its exit status."""
        process = self._started.pop()
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGINT)
        return process.wait(30)

    def close(self) -> None:
        while self._started:
            self.stop()


@pytest.fixture(scope="module")
def ports() -> dict[str, str]:
    """A free port for each port of the guide. The ports above it are free for a fleet."""
    found: dict[str, str] = {}
    start = 20000 + os.getpid() % 10000
    for port in PORTS:
        while not all(is_free(start + number) for number in range(8)):
            start += 8
        found[port] = str(start)
        start += 8
    return found


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.fixture(scope="module")
def blocks(ports: dict[str, str]) -> list[guides.Block]:
    def with_free_ports(text: str) -> str:
        for port, free in ports.items():
            text = text.replace(port, free)
        return text

    return [
        block._replace(text=with_free_ports(block.text)) for block in guides.blocks("simulator")
    ]


@pytest.fixture(scope="module")
def beginner(tmp_path_factory: pytest.TempPathFactory) -> t.Iterator[Beginner]:
    beginner = Beginner(tmp_path_factory.mktemp("beginner"))
    try:
        yield beginner
    finally:
        beginner.close()


def commands(blocks: list[guides.Block]) -> list[list[str]]:
    return [block.commands for block in blocks if block.kind == "shell"]


def inventory_of(command: str) -> str:
    words = command.split()
    return words[words.index("--inventory") + 1]


def test_two_commands(
    beginner: Beginner, blocks: list[guides.Block], ports: dict[str, str]
) -> None:
    """Tests that these commands start a simulator and write an inventory of its fleet."""
    clone, serve = commands(blocks)[0]
    beginner.run(f"pip install --quiet -r {REQUIREMENTS}")
    beginner.run(clone)
    assert os.listdir(beginner.folder) == ["imds.azure"]
    # Another program of this machine may use the default port of the simulator.
    beginner.start(f"{serve} --port {ports['8169']}", inventory_of(serve))
    beginner.run("ansible-galaxy collection install --offline ./imds.azure")
    ask = next(block.text for block in blocks if block.kind == "sh")
    assert beginner.run(ask).count("SUCCESS") == 8
    assert beginner.stop() == 0
    assert sorted(os.listdir(beginner.folder)) == ["hosts.yml", "imds.azure"]
    assert beginner.run("git -C imds.azure status --porcelain --ignored") == ""


def test_the_rest_of_the_guide(beginner: Beginner, blocks: list[guides.Block]) -> None:
    for block in blocks:
        if block.name:
            path = beginner.folder / block.name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(block.text, encoding="utf-8")
    said = []
    for lines in commands(blocks)[1:]:
        for line in lines:
            if line.endswith(" &"):
                beginner.start(line[:-2], inventory_of(line))
            else:
                said.append(beginner.run(line))
    output = "".join(said)
    for text in (
        "usgovvirginia",
        '"EventStatus": "Scheduled"',
        '"EventStatus": "Started"',
        "3 passed",
        "2 passed",
    ):
        assert text in output, text
