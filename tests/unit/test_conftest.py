# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the guard of sockets in conftest.py, on which all other tests rely."""

from __future__ import annotations

import contextlib
import os
import socket

import pytest

# Reserved for documentation (RFC 5737, RFC 3849). So a broken guard would reach no machine.
OUTSIDE = ("192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1", "0.0.0.0", "imds.invalid", "")


def make_socket(host: str, kind: socket.SocketKind = socket.SOCK_STREAM) -> socket.socket:
    made = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, kind)
    made.settimeout(0.1)
    return made


@pytest.mark.parametrize("host", OUTSIDE)
@pytest.mark.parametrize("method", ["connect", "connect_ex"])
def test_no_connection_leaves_this_machine(method: str, host: str) -> None:
    with make_socket(host) as outgoing, pytest.raises(pytest.fail.Exception, match="only loopback"):
        getattr(outgoing, method)((host, 80))


@pytest.mark.parametrize("host", OUTSIDE)
def test_no_datagram_leaves_this_machine(host: str) -> None:
    with (
        make_socket(host, socket.SOCK_DGRAM) as outgoing,
        pytest.raises(pytest.fail.Exception, match="only loopback"),
    ):
        outgoing.sendto(b"", (host, 9))
    with (
        make_socket(host, socket.SOCK_DGRAM) as outgoing,
        pytest.raises(pytest.fail.Exception, match="only loopback"),
    ):
        outgoing.sendto(b"", 0, (host, 9))


def test_an_except_clause_does_not_hide_the_guard() -> None:
    def careless(outgoing: socket.socket) -> None:
        with contextlib.suppress(Exception):
            outgoing.connect(("192.0.2.1", 80))

    with (
        make_socket("192.0.2.1") as outgoing,
        pytest.raises(pytest.fail.Exception, match="only loopback"),
    ):
        careless(outgoing)


def test_names_are_not_looked_up() -> None:
    with pytest.raises(pytest.fail.Exception, match=r"look up 'imds\.invalid'"):
        socket.create_connection(("imds.invalid", 80))


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.8.7", "localhost"])
def test_loopback_is_reachable(host: str) -> None:
    with socket.create_server(("127.0.0.1" if host == "localhost" else host, 0)) as server:
        address = (host, server.getsockname()[1])
        with make_socket(host) as outgoing:
            assert outgoing.connect_ex(address) == 0


def test_unix_sockets_are_local_by_nature(tmp_path: os.PathLike[str]) -> None:
    with socket.socket(socket.AF_UNIX) as outgoing, pytest.raises(FileNotFoundError):
        outgoing.connect(os.path.join(tmp_path, "nobody"))


def test_no_proxy_is_set() -> None:
    assert [name for name in os.environ if name.lower().endswith("_proxy")] == []
