# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A VM and its host as two network namespaces. The primary interface is eth0, and eth1 is another interface.

Runs in a network namespace of the nox session `diagnose`, so that 169.254.169.254 is never the real service.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import time
import typing as t

from programs import output_of

TESTS = pathlib.Path(__file__).resolve().parents[2]
IMDS = "169.254.169.254"
PRIMARY, SECOND, OTHER = "10.77.0.4", "10.77.0.5", "10.77.1.4"
LEASES = pathlib.Path("/run/systemd/netif/leases")
# The VM uses the real address, not the endpoint in the environment of the user.
ENVIRONMENT = {name: os.environ[name] for name in os.environ if not name.startswith("AZURE_")}


class Network:
    """The two namespaces. `vm` and `host` run commands in them."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.services: list[subprocess.Popen[bytes]] = []

    def vm(self, *command: str, env: t.Mapping[str, str] | None = None) -> str:
        return self._run("vm", command, env)

    def host(self, *command: str) -> str:
        return self._run("host", command)

    def shell(self, command: str) -> str:
        """Runs a command of the report on the VM."""
        return self.vm("sh", "-c", command)

    def _run(
        self, namespace: str, command: t.Sequence[str], env: t.Mapping[str, str] | None = None
    ) -> str:
        inside = ("ip", "netns", "exec", namespace)
        return output_of(*inside, *command, env={**ENVIRONMENT, **(env or {})})

    def make(self) -> None:
        for name in ("vm", "host"):
            subprocess.run(["ip", "netns", "add", name], check=True)
            subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
        for number, own in enumerate((PRIMARY, OTHER)):
            self.host(*f"ip link add nic{number} type veth peer name eth{number} netns vm".split())
            self.host(*f"ip address add 10.77.{number}.1/24 dev nic{number}".split())
            self.host(*f"ip link set nic{number} up".split())
            self.vm(*f"ip address add {own}/24 dev eth{number}".split())
            self.vm(*f"ip link set eth{number} up".split())
        self.vm(*f"ip address add {SECOND}/24 dev eth0".split())
        self.shell("ip route add default via 10.77.0.1 dev eth0")
        self.host(*f"ip address add {IMDS}/32 dev lo".split())
        # As in Azure, IMDS answers only the primary address of the primary interface.
        rules = f"""table inet azure {{
            chain input {{ type filter hook input priority 0;
                ip daddr {IMDS} ip saddr != {PRIMARY} drop
            }}
        }}"""
        (self.folder / "rules").write_text(rules, encoding="utf-8")
        self.host("nft", "-f", str(self.folder / "rules"))

    def lease(self) -> None:
        """Writes the lease that systemd-networkd gets from Azure's DHCP server."""
        number = self.vm("cat", "/sys/class/net/eth0/ifindex").strip()
        LEASES.mkdir(parents=True, exist_ok=True)
        lease = f"ADDRESS={PRIMARY}\nROUTER=10.77.0.1\nOPTION_245=a83f8110\n"
        (LEASES / number).write_text(lease, encoding="utf-8")

    def serve(self, document: t.Mapping[str, t.Any], faults: t.Sequence[t.Any] = ()) -> None:
        """Runs the simulator at the real address."""
        fleet = self.folder / "fleet.json"
        fleet.write_text(
            json.dumps([{"name": "vm", "document": document, "faults": list(faults)}]),
            encoding="utf-8",
        )
        self.start("-m", "imds_simulator", "--fleet", str(fleet), "--host", IMDS, "--port", "80")

    def start(self, *arguments: str, namespace: str = "host", port: int = 80) -> None:
        command = ["ip", "netns", "exec", namespace, sys.executable, *arguments]
        env = {**os.environ, "PYTHONPATH": str(TESTS / "simulator")}
        service = subprocess.Popen(command, cwd=TESTS, env=env, stdin=subprocess.DEVNULL)
        self.services.append(service)
        deadline = time.monotonic() + 30
        sign = f":{port:04X} 00000000:0000 0A"
        while sign not in self._run(namespace, ["cat", "/proc/net/tcp"]):
            assert self.services[-1].poll() is None, "the service did not start"
            assert time.monotonic() < deadline, "the service does not listen"
            time.sleep(0.05)

    def remove(self) -> None:
        for service in self.services:
            service.terminate()
            service.wait(10)
        for name in ("vm", "host"):
            subprocess.run(["ip", "netns", "delete", name], check=False)
        for file in LEASES.glob("*"):
            file.unlink()


@contextlib.contextmanager
def in_place_of(path: str, text: str, folder: pathlib.Path) -> t.Iterator[None]:
    """Replaces a file of this machine, only for these processes."""
    own = folder / path.replace("/", "_")
    own.write_text(text, encoding="utf-8")
    subprocess.run(["mount", "--bind", str(own), path], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", path], check=True)
