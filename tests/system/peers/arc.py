# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes this machine an Azure Arc-enabled server: with the program of the agent, its folder of keys, and the simulator at its port.

Needs its own network namespace and mount namespace, as the session peers has.
"""

from __future__ import annotations

import contextlib
import pathlib
import socket
import subprocess
import typing as t

from imds_simulator import Simulator, Vm

PORT = 40342
KEYS = pathlib.Path("/var/opt/azcmagent/tokens")
PROGRAM = pathlib.Path("/opt/azcmagent/bin/himds")
CHASSIS = "/sys/class/dmi/id/chassis_asset_tag"
# The folder that the clients of Microsoft check before they search for the program.
VARIABLES = {
    "IDENTITY_ENDPOINT": f"http://localhost:{PORT}/metadata/identity/oauth2/token",
    "IMDS_ENDPOINT": f"http://localhost:{PORT}",
}


@contextlib.contextmanager
def server(vm: Vm) -> t.Iterator[Vm]:
    interfaces = [name for _index, name in socket.if_nameindex()]
    if interfaces != ["lo"]:
        raise RuntimeError(f"no place to be a server: there is not only lo, but {interfaces}")
    with _empty("/var/opt"), _empty("/opt"):
        # On a real server, the folder belongs to the user himds, and its group may read it.
        KEYS.mkdir(parents=True, mode=0o770)
        with Simulator([vm], port=PORT):
            yield vm


@contextlib.contextmanager
def agent_installed() -> t.Iterator[None]:
    PROGRAM.parent.mkdir(parents=True)
    PROGRAM.touch(mode=0o755)
    try:
        yield
    finally:
        PROGRAM.unlink()
        PROGRAM.parent.rmdir()


@contextlib.contextmanager
def _empty(folder: str) -> t.Iterator[None]:
    """Replaces a folder with an empty one, only for the processes of this mount namespace."""
    _run("mount", "-t", "tmpfs", "tmpfs", folder)
    try:
        yield
    finally:
        _run("umount", folder)


def _run(*command: str) -> None:
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed: {done.stderr}")
