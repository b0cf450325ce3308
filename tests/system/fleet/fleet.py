# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fleet: machines with an sshd, a firmware and an IMDS, and the controllers."""

from __future__ import annotations

import json
import pathlib
import shlex
import subprocess
import sys
import typing as t

from fleet.machines import Machine
from fleet.network import RUN, Network, inside, until
from tools.debian import find

HERE = pathlib.Path(__file__).resolve().parent
WORK = RUN / "imds-fleet"
ENDPOINT = "http://169.254.169.254"
# The first controller also runs the trap and Redis.
CONTROLLERS = {"imds-ctl-1": "10.88.0.1", "imds-ctl-2": "10.88.0.2"}
FIRST, SECOND = CONTROLLERS
TRAP = f"http://{CONTROLLERS[FIRST]}:3128"
REDIS = "redis.example.net"
# All environment variables from which programs read a proxy.
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")

SSHD = """\
Port 22
ListenAddress {address}
HostKey {key}
AuthorizedKeysFile {work}/user.pub
PermitRootLogin prohibit-password
PasswordAuthentication no
KbdInteractiveAuthentication no
StrictModes no
UsePAM no
UseDNS no
PidFile none
MaxStartups 100:30:200
Subsystem sftp internal-sftp
SetEnv {proxies}
"""
SSH = """\
Host *
IdentityFile {work}/user
IdentitiesOnly yes
UserKnownHostsFile {work}/known_hosts
GlobalKnownHostsFile /dev/null
StrictHostKeyChecking yes
"""


class Fleet:
    def __init__(self, machines: t.Sequence[Machine]) -> None:
        self._machines = machines
        self.network = Network()
        try:
            self._start()
        except BaseException:
            self.network.close()
            raise

    def _start(self) -> None:
        WORK.mkdir()
        self._settle_accounts()
        self._make_keys()
        for name, address in CONTROLLERS.items():
            self.network.add(name, address)
        trap = [sys.executable, str(HERE / "trap.py"), CONTROLLERS[FIRST], "3128"]
        self.network.start(FIRST, trap, WORK / "trap.log")
        for machine in self._up():
            self._start_machine(machine)
        self._start_imds([machine for machine in self._up() if machine.imds == "answers"])
        until(lambda: self.trapped() == ["listening"], "the trap")

    def _up(self) -> list[Machine]:
        return [machine for machine in self._machines if machine.is_up]

    def _settle_accounts(self) -> None:
        """Sets the names in /etc/hosts, and gives root an empty home, independent of those of the machine."""
        (RUN / "sshd").mkdir(mode=0o755)
        (WORK / "root").mkdir(mode=0o700)
        addresses = {machine.name: machine.address for machine in self._machines}
        addresses |= {"localhost": "127.0.0.1", REDIS: CONTROLLERS[FIRST]}
        hosts = "".join(f"{address} {name}\n" for name, address in addresses.items())
        users = pathlib.Path("/etc/passwd").read_text(encoding="utf-8").splitlines()
        others = [line for line in users if not line.startswith("root:")]
        root = f"root:x:0:0:root:{WORK}/root:/bin/sh"
        for name, text in (
            ("hosts", hosts),
            ("passwd", "\n".join((root, *others, ""))),
            ("shadow", "root:*:19000:0:99999:7:::\n"),
        ):
            own = WORK / name
            own.write_text(text, encoding="utf-8")
            own.chmod(0o600 if name == "shadow" else 0o644)
            self.network.mount(pathlib.Path("/etc", name), own)

    def _make_keys(self) -> None:
        _make_key(WORK / "user")
        known = []
        for machine in self._up():
            key = WORK / machine.namespace
            _make_key(key)
            public = key.with_suffix(".pub").read_text(encoding="utf-8")
            known.append(f"{machine.name},{machine.address} {public}")
        (WORK / "known_hosts").write_text("".join(known), encoding="utf-8")
        (WORK / "ssh_config").write_text(SSH.format(work=WORK), encoding="utf-8")

    def _start_machine(self, machine: Machine) -> None:
        self.network.add(machine.namespace, machine.address)
        if machine.imds == "answers":
            self.network.configure(machine.namespace, "addr add 169.254.169.254/32 dev lo")
        elif machine.imds == "dropped":
            # A route to an address where nothing answers, like a firewall that drops all packets.
            self.network.configure(
                machine.namespace,
                "neigh add 169.254.169.254 lladdr 02:00:00:00:00:fe dev eth0 nud permanent",
                "route add 169.254.169.254/32 dev eth0",
            )
        config = WORK / f"{machine.namespace}.conf"
        proxies = " ".join(f"{name}={TRAP}" for name in PROXIES)
        config.write_text(
            SSHD.format(
                address=machine.address, key=WORK / machine.namespace, work=WORK, proxies=proxies
            ),
            encoding="utf-8",
        )
        command = f"{firmware(machine.tag)} && exec {program('sshd')} -D -e -f {config}"
        log = WORK / f"{machine.namespace}.log"
        self.network.start(machine.namespace, ["sh", "-c", command], log)
        until(lambda: "listening" in log.read_text(encoding="utf-8"), f"the sshd of {machine.name}")

    def _start_imds(self, machines: list[Machine]) -> None:
        plan = []
        for machine in machines:
            vm = WORK / f"{machine.namespace}.json"
            description = {"name": machine.vm, "document": machine.document}
            vm.write_text(json.dumps([description | {"faults": machine.faults}]), encoding="utf-8")
            endpoints = WORK / f"{machine.namespace}.url"
            options = ["--host", "169.254.169.254", "--port", "80", "--quiet", "--rate-limit", "0"]
            plan.append(
                (machine.namespace, [*options, "--fleet", str(vm), "--endpoints", str(endpoints)])
            )
        file = WORK / "plan.json"
        file.write_text(json.dumps(plan), encoding="utf-8")
        command = [sys.executable, "-m", "fleet.imds", str(file)]
        self.network.start(None, command, WORK / "imds.log")
        until(
            lambda: len(list(WORK.glob("*.url"))) == len(machines),
            "every IMDS: " + (WORK / "imds.log").read_text(encoding="utf-8"),
        )

    def requests(self, machine: Machine) -> list[dict[str, t.Any]]:
        """The requests that the IMDS of the machine received."""
        found: list[dict[str, t.Any]] = json.loads(self._control(machine, "GET", "requests"))
        return found

    def heal(self, machine: Machine) -> None:
        self._control(machine, "DELETE", "faults")

    def spoil(self, machine: Machine, *faults: dict[str, t.Any]) -> None:
        self._control(machine, "PUT", "faults", json.dumps(faults))

    def _control(self, machine: Machine, method: str, what: str, *body: str) -> str:
        url = f"{ENDPOINT}/simulator/{what}"
        command = [sys.executable, "-I", str(HERE / "ask.py"), method, url, *body]
        answer = subprocess.run(
            inside(machine.namespace, command), capture_output=True, text=True, check=False
        )
        assert answer.returncode == 0, answer.stderr
        return answer.stdout

    def trapped(self) -> list[str]:
        """The requests that the trap recorded."""
        return (WORK / "trap.log").read_text(encoding="utf-8").splitlines()

    def close(self) -> None:
        self.network.close()


def firmware(tag: str | None) -> str:
    """A shell command that mounts the firmware of a machine in its mount namespace."""
    folder = "/sys/class/dmi/id"
    commands = [f"mount -t tmpfs imds-fleet /sys/class && mkdir -p {folder}"]
    if tag is not None:
        commands.append(f"echo {shlex.quote(tag)} > {folder}/chassis_asset_tag")
    return " && ".join(commands)


def program(name: str) -> str:
    """The path of sshd, because sshd must be started with its full path."""
    found = find(name)
    assert found, f"{name} is not installed"
    return found


def _make_key(path: pathlib.Path) -> None:
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", path.name, "-f", str(path)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
