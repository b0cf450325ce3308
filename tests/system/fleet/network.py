# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Network namespaces on one bridge, and what runs in them.

Needs the network namespace, the mount namespace and the process namespace to be its own: see tests/tools/isolation.py.
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
# The source that mount tables name for every mount of ours.
MOUNT = "imds-fleet"
BRIDGE = "imds-bridge"
KINDS = ("net", "mnt", "pid")


class Network:
    """Namespaces with an address on one bridge; no route leads out of it."""

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
        """A mount that nobody but this mount namespace sees: an empty folder, or a file in place of another."""
        options = ("--bind", str(source)) if source else ("-t", "tmpfs", MOUNT)
        _run(["mount", *options, str(target)])
        self._mounted.insert(0, target)

    def start(
        self, name: str | None, command: t.Sequence[str], log: pathlib.Path
    ) -> subprocess.Popen[bytes]:
        """In a namespace, or beside them all."""
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
        """All that run in one of the namespaces, whoever started them: sshd's sessions, ssh's masters."""
        listed = (_run(["ip", "netns", "pids", name]) for name in self._namespaces)
        return {int(process) for output in listed for process in output.split()}

    def close(self) -> None:
        """A namespace lives on as long as one process in it, so all of them end first."""
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
    """The namespaces of this process, as the kernel names them: `net:[4026531840]`."""
    return {os.readlink(f"/proc/self/ns/{kind}") for kind in KINDS}


def users(namespaces: t.Container[str], until: float = math.inf) -> list[str]:
    """The processes in any of these namespaces, as far as this process sees.

    Only those that began until then: the kernel gives the numbers of namespaces that are gone to new ones.
    """
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        # It may have ended meanwhile.
        with contextlib.suppress(OSError):
            own = {os.readlink(folder / "ns" / kind) for kind in KINDS}
            if any(namespace in namespaces for namespace in own) and _began(folder) <= until:
                command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                found.append(f"{folder.name}: {command}")
    return found


def _began(process: pathlib.Path) -> float:
    """When a process of /proc began, in seconds since the epoch."""
    after_name = (process / "stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    ticks = int(after_name[19])
    since_boot = ticks / os.sysconf("SC_CLK_TCK")
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + since_boot


def mounts(namespaces: t.Iterable[str] = ()) -> list[str]:
    """The mounts that this process sees of ours, or that hold one of these namespaces."""
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
