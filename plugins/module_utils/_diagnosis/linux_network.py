# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parsers of Linux' texts about its network. Pure; private to imds.azure.

They need no program on the host, because /proc has the data. Only firewall rules have no file. These are parsed
from the output of `nft`, if it is installed.
"""

from __future__ import annotations

import ipaddress
import re
import typing as t

from .shell import command, word

_UP = 0x1
_REJECT = 0x200
# DHCP option 245 identifies Azure: it has the address of Azure's wire server. Each client spells it differently.
_AZURE_OPTION = re.compile(r"(?:unknown-245|OPTION_245=|private_245=|option-245)", re.IGNORECASE)


class Route(t.NamedTuple):
    """One line of the main routing table; a reject route has the interface ""."""

    interface: str
    network: ipaddress.IPv4Network
    gateway: str  # "" if the network is on the link
    metric: int


def routes(text: str) -> list[Route]:
    """The routes of /proc/net/route."""
    found = []
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) < 8:
            continue
        try:
            flags = int(fields[3], 16)
            network = ipaddress.IPv4Network(f"{_address(fields[1])}/{_address(fields[7])}")
            gateway = _address(fields[2])
            metric = int(fields[6])
        except ValueError:
            continue
        if flags & _UP:
            refuses = flags & _REJECT or fields[0] == "*"
            found.append(
                Route(
                    "" if refuses else fields[0],
                    network,
                    "" if gateway == "0.0.0.0" else gateway,  # noqa: S104  # not bound, compared
                    metric,
                )
            )
    return found


def _address(text: str) -> str:
    # The kernel writes the bytes of the address as one number in the byte order of the machine.
    # Machines in Azure are little-endian.
    return str(ipaddress.IPv4Address(bytes.fromhex(text.zfill(8))[::-1]))


def route_to(address: str, table: t.Iterable[Route]) -> Route | None:
    """The route of the main table for an address: the longest prefix, then the lowest metric."""
    try:
        target = ipaddress.IPv4Address(address)
    except ValueError:
        return None
    fitting = [route for route in table if target in route.network]
    if not fitting:
        return None
    return max(fitting, key=lambda route: (route.network.prefixlen, -route.metric))


def default_routes(table: t.Iterable[Route]) -> list[Route]:
    """The default routes with an interface, the preferred one first."""
    usable = [route for route in table if route.interface and route.network.prefixlen == 0]
    return sorted(usable, key=lambda route: route.metric)


def local_addresses(text: str) -> list[str]:
    """The addresses of this machine in /proc/net/fib_trie, in its order, each once."""
    found = []
    last = ""
    for line in text.splitlines():
        leaf = re.match(r"\s*\|-- ([0-9.]+)\s*$", line)
        if leaf:
            last = leaf.group(1)
        elif last and re.match(r"\s*/32 host LOCAL\s*$", line):
            found.append(last)
    return list(dict.fromkeys(found))


def addresses_on(interface: str, local: t.Iterable[str], table: t.Iterable[Route]) -> list[str]:
    """The addresses in a network on an interface's link."""
    links = [r.network for r in table if r.interface == interface and not r.gateway]
    links = [network for network in links if 0 < network.prefixlen < 32]
    return [a for a in local if any(ipaddress.IPv4Address(a) in network for network in links)]


def is_unreachable_neighbour(text: str, address: str) -> bool:
    """Whether /proc/net/arp shows that no machine on the link answered for this address."""
    for line in text.splitlines()[1:]:
        fields = line.split()
        if len(fields) >= 4 and fields[0] == address:
            return fields[2] == "0x0" or fields[3] == "00:00:00:00:00:00"
    return False


def failed_retransmits(text: str) -> int:
    """The number of TCP packets that this machine refused to send, from /proc/net/netstat.

    Packets that are lost outside the machine do not count.
    """
    lines = [line.split() for line in text.splitlines() if line.startswith("TcpExt:")]
    if len(lines) != 2:
        return 0
    counters = dict(zip(lines[0], lines[1]))
    value = counters.get("TCPRetransFail", "0")
    return int(value) if value.isdigit() else 0


class Lease(t.NamedTuple):
    interface: str
    address: str
    router: str
    azure: bool  # it has the DHCP option of Azure


def dhclient_leases(text: str) -> list[Lease]:
    """The last lease of each interface in a file of dhclient."""
    found: dict[str, Lease] = {}
    for beginning in re.split(r"^lease \{", text, flags=re.MULTILINE)[1:]:
        block, end, _rest = beginning.partition("\n}")
        if not end:
            continue
        interface = _first(r'^\s*interface "([^"]+)"', block)
        found[interface] = Lease(
            interface,
            _first_address(r"^\s*fixed-address ([0-9.]+);", block),
            _first_address(r"^\s*option routers ([0-9.]+)", block),
            bool(_AZURE_OPTION.search(block)),
        )
    return list(found.values())


def keyed_lease(text: str, interface: str) -> Lease:
    """The lease in a file of NAME=VALUE lines, from systemd-networkd, NetworkManager or wicked."""
    return Lease(
        interface,
        _first_address(r"^(?:ADDRESS|IPADDR)='?([0-9.]+)", text),
        _first_address(r"^(?:ROUTER|GATEWAYS)='?([0-9.]+)", text),
        bool(_AZURE_OPTION.search(text)),
    )


def _first(pattern: str, text: str) -> str:
    match = re.search(pattern, text, re.MULTILINE)
    return match.group(1) if match else ""


def _first_address(pattern: str, text: str) -> str:
    """The first match, or "" if it is no IPv4 address."""
    found = _first(pattern, text)
    try:
        return str(ipaddress.IPv4Address(found))
    except ValueError:
        return ""


class Obstacle(t.NamedTuple):
    """A firewall rule that blocks requests, and the command that removes it; "" if its names are not plain."""

    rule: str
    command: str
    named: bool  # the rule names the address, or a network that contains it


_CHAIN = re.compile(r"(table|chain) (.+?) \{")
_RULE = re.compile(r"\s*(.*?) # handle ([0-9]+)$")


def obstacles(listing: str, address: str) -> list[Obstacle]:
    """The rules in the output of `nft -a list ruleset` that block requests to an address, the most certain first."""
    found = []
    table = chain = ""
    is_output = False
    for line in listing.splitlines():
        opened = _CHAIN.search(line)
        rule = _RULE.match(line)
        if opened:
            is_output = False
            if opened.group(1) == "table":
                table, chain = opened.group(2), ""
            else:
                chain = opened.group(2)
        elif "hook output" in line:
            is_output = True
            if "policy drop" in line:
                place = _words_of_shell(table, chain)
                insert = f"nft insert rule {place} ip daddr {address} tcp dport 80 accept"
                found.append(Obstacle(f"policy drop of {table} {chain}", command(insert), False))
        elif rule and chain and _is_in_the_way(rule.group(1), address, is_output):
            place = _words_of_shell(table, chain)
            delete = command(f"nft delete rule {place} handle {rule.group(2)}")
            found.append(Obstacle(rule.group(1), delete, names_address(rule.group(1), address)))
    return sorted(found, key=lambda obstacle: not obstacle.named)


def _words_of_shell(*texts: str) -> str:
    # Ansible's YAML output breaks lines at blanks after 80 characters. A name on a new line would become a command.
    return " ".join(word(name, 32) for text in texts for name in text.split())


def _is_in_the_way(rule: str, address: str, is_output: bool) -> bool:
    if not re.search(r"\b(drop|reject|dnat|redirect)\b", rule) or " daddr != " in f" {rule}":
        return False
    port = re.search(r"\bdport (\{[^}]*\}|\S+)", rule)
    if port and not re.search(r"\b(80|http)\b", port.group(1)):
        return False
    return names_address(rule, address) or (is_output and "daddr" not in rule)


def names_address(text: str, address: str) -> bool:
    """Whether a text names an address, or a network that contains it (but not the network of all addresses)."""
    for found in re.findall(r"\b[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?:/[0-9]{1,2})?", text):
        try:
            network = ipaddress.IPv4Network(found, strict=False)
            if network.prefixlen and ipaddress.IPv4Address(address) in network:
                return True
        except ValueError:
            continue
    return False


__all__ = (
    "Lease",
    "Obstacle",
    "Route",
    "addresses_on",
    "default_routes",
    "dhclient_leases",
    "failed_retransmits",
    "is_unreachable_neighbour",
    "keyed_lease",
    "local_addresses",
    "names_address",
    "obstacles",
    "route_to",
    "routes",
)
