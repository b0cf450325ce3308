# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network namespaces on one bridge, and their processes.

Needs its own network, mount and process namespaces, see tests/tools/isolation.py.
"""

from __future__ import annotations

import contextlib
import math
import os
import pathlib
import signal
import subprocess
import time
import typing as t

SYSTEM = pathlib.Path(__file__).resolve().parents[1]
RUN = pathlib.Path("/run")
# The source of all mounts of this module in mount tables.
MOUNT = "imds-fleet"
BRIDGE = "imds-bridge"
KINDS = ("net", "mnt", "pid")


class Network:
    """Namespaces with an address on one bridge. No route leads to other networks."""

    def __init__(self) -> None:
        self._namespaces: list[str] = []
        self._started: list[subprocess.Popen[bytes]] = []
        self._mounted: list[pathlib.Path] = []
        self.mount(RUN)
        _ip(["link set lo up", f"link add {BRIDGE} type bridge", f"link set {BRIDGE} up"])

    def add(self, name: str, address: str) -> None:
        self._namespaces.append(name)
        _ip(
            [
                f"netns add {name}",
                f"link add {name} type veth peer name eth0 netns {name}",
                f"link set {name} master {BRIDGE} up",
            ]
        )
        self.configure(
            name, "link set lo up", "link set eth0 up", f"addr add {address}/24 dev eth0"
        )

    def configure(self, name: str, *commands: str) -> None:
        _ip(commands, "-n", name)

    def mount(self, target: pathlib.Path, source: pathlib.Path | None = None) -> None:
        """Mounts an empty folder, or a file over another file. Only this mount namespace sees it."""
        options = ("--bind", str(source)) if source else ("-t", "tmpfs", MOUNT)
        _run(["mount", *options, str(target)])
        self._mounted.insert(0, target)

    def start(
        self, name: str | None, command: t.Sequence[str], log: pathlib.Path
    ) -> subprocess.Popen[bytes]:
        """Runs a command in a namespace, or outside of all of them."""
        with log.open("wb") as output:
            process = subprocess.Popen(
                inside(name, command) if name else command,
                cwd=SYSTEM,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self._started.append(process)
        return process

    def processes(self) -> set[int]:
        """All processes in one of the namespaces, for example sessions of sshd and masters of ssh."""
        listed = (_run(["ip", "netns", "pids", name]) for name in self._namespaces)
        return {int(process) for output in listed for process in output.split()}

    def close(self) -> None:
        """Ends all processes first, because a namespace exists as long as one of its processes."""
        for process in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
        for started in self._started:
            started.wait(10)
        until(lambda: not self.processes(), "the processes of the fleet to end")
        _ip([f"netns delete {name}" for name in self._namespaces])
        _ip([f"link delete {BRIDGE}"])
        for target in self._mounted:
            _run(["umount", "--recursive", str(target)])


def inside(name: str, command: t.Sequence[str]) -> list[str]:
    return ["ip", "netns", "exec", name, *command]


def until(condition: t.Callable[[], t.Any], what: str, patience: float = 20.0) -> None:
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {patience:.0f} s for {what}")
        time.sleep(0.05)


def own_namespaces() -> set[str]:
    """The namespaces of this process with the names of the kernel: `net:[4026531840]`."""
    return {os.readlink(f"/proc/self/ns/{kind}") for kind in KINDS}


def users(namespaces: t.Container[str], until: float = math.inf) -> list[str]:
    """The processes in these namespaces that this process can see.

    Only processes that began until this time, because the kernel reuses the numbers of removed namespaces.
    """
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        # The process may have ended meanwhile.
        with contextlib.suppress(OSError):
            own = {os.readlink(folder / "ns" / kind) for kind in KINDS}
            if any(namespace in namespaces for namespace in own) and _began(folder) <= until:
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                found.append(f"{folder.name}: {command}")
    return found


def _began(process: pathlib.Path) -> float:
    """The start time of a process in seconds since the epoch."""
    after_name = (process / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    ticks = int(after_name[19])
    since_boot = ticks / os.sysconf("SC_CLK_TCK")
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + since_boot


def mounts(namespaces: t.Iterable[str] = ()) -> list[str]:
    """The visible mounts of this module, and mounts that keep one of these namespaces."""
    table = pathlib.Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    marks = (MOUNT, *namespaces)
    return [line for line in table.splitlines() if any(mark in line for mark in marks)]


def _ip(commands: t.Iterable[str], *options: str) -> None:
    _run(["ip", *options, "-batch", "-"], "\n".join(commands) + "\n")


def _run(command: list[str], text: str = "") -> str:
    answer = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    if answer.returncode:
        raise AssertionError(f"{' '.join(command)} failed: {answer.stderr.strip()}\n{text}")
    return answer.stdout
