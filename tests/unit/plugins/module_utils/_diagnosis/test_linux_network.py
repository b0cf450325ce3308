# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the readers of network data of Linux, with texts in the form of /proc and nft."""

from __future__ import annotations

import ipaddress

import pytest
from documents import quick
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.imds.azure.plugins.module_utils._diagnosis import linux_network

ROUTES = """\
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0100000A\t0003\t0\t0\t100\t00000000\t0\t0\t0
eth1\t00000000\t0101000A\t0003\t0\t0\t200\t00000000\t0\t0\t0
eth0\t0000000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
eth1\t0001000A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
*\t0000FEA9\t00000000\t0201\t0\t0\t0\t0000FFFF\t0\t0\t0
eth9\t0000000B\t00000000\t0000\t0\t0\t0\t00FFFFFF\t0\t0\t0
broken line
eth0\tXX\t0100000A\t0003\t0\t0\t100\t00000000\t0\t0\t0
"""
TABLE = linux_network.routes(ROUTES)
FIB = """\
Main:
  +-- 10.0.0.0/24 2 0 2
     |-- 10.0.0.0
        /24 link UNICAST
     |-- 10.0.0.4
        /32 host LOCAL
     |-- 10.0.0.5
        /32 host LOCAL
     |-- 10.0.1.4
        /32 host LOCAL
     |-- 10.0.0.255
        /32 link BROADCAST
Local:
     |-- 10.0.0.4
        /32 host LOCAL
     |-- 127.0.0.0
        /8 host LOCAL
     |-- 127.0.0.1
        /32 host LOCAL
"""


def test_routes() -> None:
    assert [(r.interface, str(r.network), r.gateway, r.metric) for r in TABLE] == [
        ("eth0", "0.0.0.0/0", "10.0.0.1", 100),
        ("eth1", "0.0.0.0/0", "10.0.1.1", 200),
        ("eth0", "10.0.0.0/24", "", 0),
        ("eth1", "10.0.1.0/24", "", 0),
        ("", "169.254.0.0/16", "", 0),
    ]


@pytest.mark.parametrize(
    ("address", "interface"), [("8.8.8.8", "eth0"), ("10.0.1.9", "eth1"), ("169.254.169.254", "")]
)
def test_the_narrowest_and_cheapest_route_is_taken(address: str, interface: str) -> None:
    route = linux_network.route_to(address, TABLE)
    assert route is not None
    assert route.interface == interface


@pytest.mark.parametrize("address", ["10.0.0.1", "fe80::1", "localhost", ""])
def test_there_may_be_no_route(address: str) -> None:
    assert linux_network.route_to(address, []) is None


def test_default_routes_by_preference() -> None:
    assert [route.interface for route in linux_network.default_routes(reversed(TABLE))] == [
        "eth0",
        "eth1",
    ]


def test_local_addresses() -> None:
    local = linux_network.local_addresses(FIB)
    assert local == ["10.0.0.4", "10.0.0.5", "10.0.1.4", "127.0.0.1"]
    assert linux_network.addresses_on("eth0", local, TABLE) == ["10.0.0.4", "10.0.0.5"]
    assert linux_network.addresses_on("eth1", local, TABLE) == ["10.0.1.4"]


ARP = """\
IP address       HW type     Flags       HW address            Mask     Device
10.0.0.1         0x1         0x2         12:34:56:78:9a:bc     *        eth0
10.0.0.99        0x1         0x0         00:00:00:00:00:00     *        eth0
"""


@pytest.mark.parametrize(
    ("address", "silent"), [("10.0.0.1", False), ("10.0.0.99", True), ("10.0.0.7", False)]
)
def test_silent_neighbours(address: str, silent: bool) -> None:
    assert linux_network.is_unreachable_neighbour(ARP, address) is silent


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("TcpExt: A TCPRetransFail B\nTcpExt: 1 7 2\nIpExt: C\nIpExt: 3\n", 7),
        ("TcpExt: A\nTcpExt: 1\n", 0),
        ("TcpExt: TCPRetransFail\n", 0),
        ("", 0),
    ],
)
def test_failed_retransmits(text: str, count: int) -> None:
    assert linux_network.failed_retransmits(text) == count


DHCLIENT = """\
lease {
  interface "eth0";
  fixed-address 10.0.0.9;
  option routers 10.0.0.254;
}
lease {
  interface "eth0";
  fixed-address 10.0.0.4;
  option subnet-mask 255.255.255.0;
  option routers 10.0.0.1;
  option unknown-245 a8:3f:81:10;
}
lease {
  interface "eth1";
  fixed-address 10.0.1.4;
}
"""


def test_dhclient_leases() -> None:
    assert linux_network.dhclient_leases(DHCLIENT) == [
        linux_network.Lease("eth0", "10.0.0.4", "10.0.0.1", True),
        linux_network.Lease("eth1", "10.0.1.4", "", False),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "# private\nADDRESS=10.0.0.4\nROUTER=10.0.0.1\nOPTION_245=a83f8110\n",
        "ADDRESS=10.0.0.4\nROUTER=10.0.0.1\nprivate_245=a8:3f:81:10\n",
        "IPADDR='10.0.0.4/24'\nGATEWAYS='10.0.0.1'\nUNKNOWN-245='x'\n",
    ],
)
def test_other_leases(text: str) -> None:
    assert linux_network.keyed_lease(text, "eth0") == linux_network.Lease(
        "eth0", "10.0.0.4", "10.0.0.1", True
    )


IMDS = "169.254.169.254"
RULES = f"""\
table inet filter {{ # handle 1
\tchain input {{ # handle 1
\t\ttype filter hook input priority filter; policy drop;
\t\ttcp dport 22 accept # handle 9
\t\tdrop # handle 10
\t}}
\tchain output {{ # handle 2
\t\ttype filter hook output priority filter; policy drop;
\t\toif "lo" accept # handle 3
\t\tip daddr 10.0.0.0/8 drop # handle 4
\t\ttcp dport 25 drop # handle 5
\t\tip daddr != {IMDS} drop # handle 6
\t\tmeta skuid 1000 reject # handle 7
\t\tip daddr 169.254.0.0/16 tcp dport {{ 80, 443 }} counter packets 1 bytes 60 drop # handle 8
\t}}
}}
table ip nat {{ # handle 2
\tchain MINE {{ # handle 1
\t\tip daddr {IMDS} tcp dport 80 dnat to 10.1.1.1:8181 # handle 2
\t}}
}}
"""


def test_blocking_rules_with_the_most_certain_first() -> None:
    assert [(found.command, found.named) for found in linux_network.obstacles(RULES, IMDS)] == [
        ("nft delete rule inet filter output handle 8", True),
        ("nft delete rule ip nat MINE handle 2", True),
        (f"nft insert rule inet filter output ip daddr {IMDS} tcp dport 80 accept", False),
        ("nft delete rule inet filter output handle 7", False),
    ]
    assert linux_network.obstacles("", IMDS) == []


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("-A OUTPUT -d 169.254.169.254/32 -j DROP", True),
        ("ip daddr 169.254.0.0/16 drop", True),
        ("0.0.0.0/0", False),
        ("1169.254.169.254", False),
        ("169.254.169.253", False),
        ("999.1.1.1 and 10.0.0.0/99", False),
    ],
)
def test_names_address(text: str, names: bool) -> None:
    assert linux_network.names_address(text, IMDS) is names


@quick
@given(st.text())
def test_no_text_breaks_a_parser(text: str) -> None:
    linux_network.routes(f"header\n{text}")
    linux_network.local_addresses(text)
    linux_network.dhclient_leases(text)
    linux_network.keyed_lease(text, "eth0")
    linux_network.failed_retransmits(text)
    linux_network.is_unreachable_neighbour(text, IMDS)
    linux_network.obstacles(text, IMDS)


@quick
@given(st.ip_addresses(v=4), st.integers(min_value=0, max_value=32))
def test_routes_are_read_as_the_kernel_writes_them(
    address: ipaddress.IPv4Address, prefix: int
) -> None:
    block = ipaddress.IPv4Network((address, prefix), strict=False)
    destination = block.network_address.packed[::-1].hex().upper()
    mask = block.netmask.packed[::-1].hex().upper()
    line = f"eth0 {destination} 0100000A 0003 0 0 5 {mask} 0 0 0"
    assert linux_network.routes(f"header\n{line}") == [
        linux_network.Route("eth0", block, "10.0.0.1", 5)
    ]


def test_a_lease_has_no_address_that_is_none() -> None:
    text = 'lease {\n  interface "eth0";\n  option routers ' + "9" * 27 + ";\n}\n"
    assert linux_network.dhclient_leases(text)[0].router == ""
    assert linux_network.keyed_lease("ADDRESS=10.0.0.4.5\n", "eth0").address == ""
