# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A VM in Azure for the peers: its DMI, its IMDS at 169.254.169.254, and the root folder of the peers.

Needs its own network, mount and process namespaces, see tests/tools/isolation.py.
"""

from __future__ import annotations

import pathlib
import socket
import types

from imds_simulator import Simulator, Vm
from peers.peers import Peer
from programs import output_of

IMDS = "169.254.169.254"
# The firmware of a VM. Facter reads the product. cloud-init and users of Ansible read the asset tag.
DMI = {
    "bios_vendor": "American Megatrends Inc.",
    "board_vendor": "Microsoft Corporation",
    "chassis_asset_tag": "7783-7084-3265-9085-8269-3286-77",
    "product_name": "Virtual Machine",
    "sys_vendor": "Microsoft Corporation",
}
# All environment variables of a peer.
ENVIRONMENT = {
    "PATH": "/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LC_ALL": "C.UTF-8",
}


class Machine:
    """`with Machine(root, vm) as machine:` in namespaces with only loopback."""

    def __init__(self, root: pathlib.Path, vm: Vm) -> None:
        self.root = root
        self.vm = vm
        # Only the tests of the limit of requests have a limit.
        self._simulator = Simulator([vm], host=IMDS, port=80, rate_limit=0)

    def __enter__(self) -> Machine:
        interfaces = [name for _index, name in socket.if_nameindex()]
        if interfaces != ["lo"]:
            raise RuntimeError(f"no place to be {IMDS}: there is not only lo, but {interfaces}")
        output_of("ip", "address", "add", f"{IMDS}/32", "dev", "lo")
        # Only this namespace sees these mounts. They disappear with its last process.
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
        """The prefix that runs a peer in ENVIRONMENT."""
        return ["chroot", str(self.root), *peer.command]

    def run(self, peer: Peer) -> str:
        """The output of a peer."""
        return output_of(*self.command(peer), env=ENVIRONMENT)
