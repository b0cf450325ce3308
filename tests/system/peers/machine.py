# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A VM in Azure as far as the peers see: its DMI, its IMDS at 169.254.169.254, and their root folder around them.

Needs the network namespace, the mount namespace and the process namespace to be its own: see tests/tools/isolation.py.
"""

from __future__ import annotations

import pathlib
import socket
import types

from imds_simulator import Simulator, Vm
from peers.peers import Peer
from programs import output_of

IMDS = "169.254.169.254"
# What the firmware of a VM says; Facter looks for the product, cloud-init and Ansible's users for the asset tag.
DMI = {
    "bios_vendor": "American Megatrends Inc.",
    "board_vendor": "Microsoft Corporation",
    "chassis_asset_tag": "7783-7084-3265-9085-8269-3286-77",
    "product_name": "Virtual Machine",
    "sys_vendor": "Microsoft Corporation",
}
# All that a peer finds of the environment.
ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
}


class Machine:
    """`with Machine(root, vm) as machine:` in namespaces where there is nothing but loopback."""

    def __init__(self, root: pathlib.Path, vm: Vm) -> None:
        self.root = root
        self.vm = vm
        # The limit on requests is for the tests of that limit.
        self._simulator = Simulator([vm], host=IMDS, port=80, rate_limit=0)

    def __enter__(self) -> Machine:
        interfaces = [name for _index, name in socket.if_nameindex()]
        if interfaces != ["lo"]:
            raise RuntimeError(f"no place to be {IMDS}: there is not only lo, but {interfaces}")
        output_of("ip", "address", "add", f"{IMDS}/32", "dev", "lo")
        # Nobody else sees these, and with the last process in the namespace they are gone.
        output_of("mount", "--bind", str(self.root), str(self.root))
        output_of("mount", "-o", "remount,bind,ro", str(self.root))
        output_of("mount", "-t", "proc", "proc", str(self.root / "proc"))
        for name in ("sys", "run", "tmp"):
            output_of("mount", "-t", "tmpfs", "tmpfs", str(self.root / name))
        dmi = self.root / "sys/class/dmi/id"
        dmi.mkdir(parents=True)
        for name, text in DMI.items():
            (dmi / name).write_text(f"{text}\n", encoding="utf-8")
        self._simulator.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: types.TracebackType | None,
    ) -> None:
        self._simulator.stop()
        output_of("umount", "--recursive", str(self.root))
        output_of("ip", "address", "delete", f"{IMDS}/32", "dev", "lo")

    def command(self, peer: Peer) -> list[str]:
        """What runs a peer, in ENVIRONMENT."""
        return ["chroot", str(self.root), *peer.command]

    def run(self, peer: Peer) -> str:
        """What a peer prints."""
        return output_of(*self.command(peer), env=ENVIRONMENT)
