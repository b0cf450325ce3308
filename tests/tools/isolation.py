# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps a command from reaching anything but loopback, whatever it tries, and ends all that it leaves running.

    python isolation.py [--as-root] COMMAND [ARGUMENT ...]

The kernel does it: network and process namespaces with nothing else in them. Where that is not allowed (in many
containers, and on anything but Linux) the command runs as it is; with --as-root, which tests with networks of
their own need, it fails.
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
# Root may do it as it is, or only as root of a user namespace, as everybody else.
VARIANTS = (FLAGS, (*FLAGS, "--map-root-user"))
# With the process that started it everything in the namespaces ends, also when that one is killed.
BOUND = ("setpriv", "--pdeathsig", "KILL")
INSIDE = "--inside"


@functools.cache
def prefix(variants: tuple[tuple[str, ...], ...] = VARIANTS) -> tuple[str, ...]:
    """What to put before a command; nothing where namespaces can't be had."""
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
    """The same for tests that make networks, mounts and processes of their own in there."""
    if os.geteuid() != 0:
        sys.exit("this test needs root, for network namespaces and what runs in them")
    found = prefix(VARIANTS[:1])
    if not found:
        sys.exit(
            "network, mount and process namespaces can't be made here, not even by root: run this test on a "
            f"machine or in a container that may ({' '.join(FLAGS)} true)"
        )
    return (*BOUND, *found)


def raise_loopback() -> None:
    """A new network namespace has the interface lo, but down: `ip link set lo up`."""
    get_flags, set_flags, is_up = 0x8913, 0x8914, 0x1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sH14x", b"lo", 0)
        _name, flags = struct.unpack("16sH14x", fcntl.ioctl(control, get_flags, request))
        fcntl.ioctl(control, set_flags, struct.pack("16sH14x", b"lo", flags | is_up))


def run_as_init(command: list[str]) -> int:
    """Runs a command and, being process 1 here, buries whoever it leaves behind."""
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
        print("no network namespaces here: only the tests' own care keeps them local", flush=True)
    return subprocess.run([*before, *arguments[int(as_root) :]], check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
