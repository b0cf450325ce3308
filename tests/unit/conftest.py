# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lets plain pytest import the collection by its full name, and prevents tests from reaching other machines."""

from __future__ import annotations

import atexit
import ipaddress
import os
import pathlib
import shutil
import socket
import sys
import tempfile
import typing as t

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TESTS = ROOT / "tests"


def forget_settings() -> None:
    """Removes environment variables of the user, such as a proxy or an option, because they would affect tests."""
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name.startswith("AZURE_IMDS_"):
            del os.environ[name]


def make_collection_tree() -> None:
    """Lets Ansible find the repository as the collection in any folder."""
    if any("CollectionFinder" in type(finder).__name__ for finder in sys.meta_path):
        # ansible-test has already done this.
        return
    folder = pathlib.Path(tempfile.mkdtemp(prefix="imds-collections-"))
    atexit.register(shutil.rmtree, str(folder), ignore_errors=True)
    tree = folder
    if ROOT.parts[-3:] == ("ansible_collections", "imds", "azure"):
        tree = ROOT.parents[2]
    else:
        (tree / "ansible_collections" / "imds").mkdir(parents=True)
        (tree / "ansible_collections" / "imds" / "azure").symlink_to(ROOT)
    (folder / "ansible.cfg").touch()
    os.environ["ANSIBLE_COLLECTIONS_PATH"] = str(tree)
    os.environ["ANSIBLE_CONFIG"] = str(folder / "ansible.cfg")
    os.environ["ANSIBLE_HOME"] = str(folder / "home")
    sys.path.insert(0, str(tree))
    # Imported here, because Ansible reads its settings from the environment during the import.
    from ansible.utils.collection_loader import _collection_finder

    _collection_finder._AnsibleCollectionFinder(paths=[str(tree)])._install()


def is_loopback(host: object) -> bool:
    if isinstance(host, bytes):
        host = host.decode()
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(str(host).partition("%")[0])
    except ValueError:
        return False
    return (getattr(address, "ipv4_mapped", None) or address).is_loopback


def refuse_outsiders(family: int, address: t.Any) -> None:
    """Fails a test before it sends data to another machine.

    `except Exception` does not catch the error of `pytest.fail`, so no retry can hide it.
    """
    if family in (socket.AF_INET, socket.AF_INET6) and not is_loopback(address[0]):
        pytest.fail(f"a unit test tried to reach {address[0]}: only loopback addresses are allowed")


def guard_socket() -> None:
    """Wraps all functions of the socket module that can send a packet."""

    def guard(name: str, address_at: int) -> None:
        original = getattr(socket.socket, name)

        def guarded(self: socket.socket, *arguments: t.Any) -> t.Any:
            refuse_outsiders(self.family, arguments[address_at])
            return original(self, *arguments)

        setattr(socket.socket, name, guarded)

    guard("connect", 0)
    guard("connect_ex", 0)
    guard("sendto", -1)
    guard_name_lookup()


def guard_name_lookup() -> None:
    """Guards the resolution of names, because it sends packets to a name server."""
    original = socket.getaddrinfo

    def guarded(host: t.Any, *arguments: t.Any, **options: t.Any) -> t.Any:
        if host and not is_loopback(host) and not is_address(host):
            pytest.fail(
                f"a unit test tried to look up {host!r}: only localhost and addresses are allowed"
            )
        return original(host, *arguments, **options)

    socket.getaddrinfo = guarded


def is_address(host: str | bytes) -> bool:
    text = host.decode() if isinstance(host, bytes) else host
    try:
        ipaddress.ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True


# For modules that tests share. It is last on the path, because its folders have the names of packages.
sys.path.append(str(TESTS / "unit"))
forget_settings()
make_collection_tree()
guard_socket()
