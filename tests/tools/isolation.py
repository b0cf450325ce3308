# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a command that can reach only loopback, and ends all processes that the command leaves running.

    python isolation.py [--as-root] COMMAND [ARGUMENT ...]

The command runs in new network and process namespaces. If the kernel does not allow this (in many containers, and on
systems other than Linux), the command runs without isolation. With --as-root, it fails instead. Tests that create their
own networks need --as-root.
"""

from __future__ import annotations

import fcntl
import functools
import os
import pathlib
import socket
import struct
import subprocess
import sys

FLAGS = ("unshare", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
# Root may create the namespaces directly. Other users, and root in some containers, need a user namespace.
VARIANTS = (FLAGS, (*FLAGS, "--map-root-user"))
# All processes in the namespaces end with the process that started them, even if it is killed.
BOUND = ("setpriv", "--pdeathsig", "KILL")
INSIDE = "--inside"


@functools.cache
def prefix(variants: tuple[tuple[str, ...], ...] = VARIANTS) -> tuple[str, ...]:
    """The prefix that runs a command in namespaces; empty if namespaces are not available."""
    inside = (sys.executable, str(pathlib.Path(__file__).resolve()), INSIDE)
    for variant in variants:
        if works((*variant, *inside, "true")):
            return (*variant, *inside)
    return ()


def works(command: tuple[str, ...]) -> bool:
    try:
        return (
            subprocess.run(
                command, stdin=subprocess.DEVNULL, capture_output=True, check=False
            ).returncode
            == 0
        )
    except OSError:
        return False


def root_prefix() -> tuple[str, ...]:
    """The prefix for tests that create their own networks, mounts and processes in the namespaces."""
    if os.geteuid() != 0:
        sys.exit("this test needs root, because it creates network namespaces")
    found = prefix(VARIANTS[:1])
    if not found:
        sys.exit(
            "even root can't create network, mount and process namespaces here: run this test on a machine or in a "
            f"container where this command works: {' '.join(FLAGS)} true"
        )
    return (*BOUND, *found)


def raise_loopback() -> None:
    """Brings up the interface lo, which is down in a new network namespace. The same as `ip link set lo up`."""
    get_flags, set_flags, is_up = 0x8913, 0x8914, 0x1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sH14x", b"lo", 0)
        _name, flags = struct.unpack("16sH14x", fcntl.ioctl(control, get_flags, request))
        fcntl.ioctl(control, set_flags, struct.pack("16sH14x", b"lo", flags | is_up))


def run_as_init(command: list[str]) -> int:
    """Runs a command, and reaps orphaned processes, as process 1 must."""
    child = subprocess.Popen(command)
    while True:
        process, status = os.wait()
        if process == child.pid:
            return os.waitstatus_to_exitcode(status)


def main(arguments: list[str]) -> int:
    if arguments[0] == INSIDE:
        raise_loopback()
        return run_as_init(arguments[1:])
    as_root = arguments[0] == "--as-root"
    before = root_prefix() if as_root else prefix()
    if not before:
        print("no network namespaces here: the tests run without isolation", flush=True)
    return subprocess.run([*before, *arguments[int(as_root) :]], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
