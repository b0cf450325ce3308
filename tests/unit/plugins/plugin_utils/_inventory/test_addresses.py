# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests which addresses may become ansible_host, and which names lead back to the controller."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.imds.azure.plugins.plugin_utils._inventory.addresses import (
    is_local_name,
    is_usable_address,
)


@pytest.mark.parametrize(
    ("address", "usable"),
    [
        *((text, True) for text in ("10.0.0.4", "203.0.113.7", "168.63.129.16", "2001:db8::4")),
        *((text, True) for text in ("fd00::1", "::ffff:10.0.0.4")),
        # These are not IP addresses.
        *((text, False) for text in ("", "web-1", "-oProxyCommand=touch x", "10.0.0.4 ", "10.0.0")),
        *((text, False) for text in ("010.0.0.4", "10.0.0.4/24", "10.0.0.4:22", "[2001:db8::4]")),
        *((text, False) for text in ("٠٫.0.0.4", "fe80::1%eth0", "2001:db8::4%-oX", "10.0.0.4\n")),
        *((value, False) for value in (None, 167772164, True, ["10.0.0.4"], {"10.0.0.4": 1})),
        # These are not addresses of another machine.
        *((text, False) for text in ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1")),
        *((text, False) for text in ("0.0.0.0", "::", "::ffff:0.0.0.0")),
        *((text, False) for text in ("169.254.169.254", "fe80::1", "224.0.0.1", "ff02::1")),
    ],
)
def test_addresses(address: t.Any, usable: bool) -> None:
    assert is_usable_address(address) is usable


@pytest.mark.parametrize(
    ("name", "home"),
    [
        *((name, True) for name in ("localhost", "LocalHost", "localhost.", "a.localhost")),
        *((name, True) for name in ("ip6-localhost", "localhost.localdomain", "localhost6")),
        *((name, True) for name in ("ipv6-localhost", "ipv6-loopback", "_outbound", "_Outbound.")),
        *(
            (name, True)
            for name in (
                "_localdnsstub",
                "_localdnsproxy",
                "kubernetes.docker.internal",
                "localhost.my.domain",
            )
        ),
        *((name, True) for name in ("a.localhost.localdomain", "a.localhost6.localdomain6")),
        *((name, True) for name in ("127.0.0.1", "127.1", "2130706433", "0x7f000001", "0177.1")),
        *((name, True) for name in ("0", "0.0.0.0", "127.0.0.1.", "１２７.0.0.1", "ｌocalhost")),
        *(
            (name, False)
            for name in ("web-1", "localhost-1", "outbound", "mylocalhost", "10.0.0.4", "5")
        ),
        *((name, False) for name in ("", "127.0.0.1.example", "127-1", "1web", "2001:db8::4")),
    ],
)
def test_names_of_the_local_machine(name: str, home: bool) -> None:
    assert is_local_name(name) is home
