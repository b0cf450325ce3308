# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks addresses and names by which a controller reaches a VM. Pure; private to imds.azure.

A VM reports its own address and name. Neither may be an option of ssh, and neither may lead Ansible back to
its own machine.
"""

from __future__ import annotations

import ipaddress
import socket
import typing as t
import unicodedata

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_usable_address(address: t.Any) -> bool:
    """Whether the value is the text of an IP address that can belong to another machine."""
    if not isinstance(address, str):  # Python accepts numbers as addresses.
        return False
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    # A scope ID names an interface of the controller.
    return not getattr(parsed, "scope_id", None) and _is_of_another_machine(parsed)


def canonical_address(address: str) -> str:
    """The same text for all spellings of an IP address. Only IPv6 has several, because IPv4 is read strictly."""
    if ":" not in address or not is_usable_address(address):
        return address
    parsed = ipaddress.ip_address(address)
    return str(getattr(parsed, "ipv4_mapped", None) or parsed)


# Names of loopback addresses in the hosts files of Linux distributions.
_LOCAL_NAMES = frozenset(
    {
        # Of systemd, for addresses of this machine.
        "_localdnsproxy",
        "_localdnsstub",
        "_outbound",
        # Of Docker Desktop.
        "kubernetes.docker.internal",
        # Of FreeBSD.
        "localhost.my.domain",
        "localhost",
        "localhost.localdomain",
        "localhost4",
        "localhost4.localdomain4",
        "localhost6",
        "localhost6.localdomain6",
        "ip6-localhost",
        "ip6-loopback",
        "ipv6-localhost",
        "ipv6-loopback",
    }
)
# For systemd, every name with these endings is a loopback address.
_LOCAL_ENDINGS = (
    ".localhost",
    ".localhost.localdomain",
    ".localhost4",
    ".localhost4.localdomain4",
    ".localhost6",
    ".localhost6.localdomain6",
)


def is_local_name(name: str) -> bool:
    """Whether a resolver may resolve the name to the local machine.

    This includes loopback addresses in old spellings, such as 127.1 or 2130706433.
    """
    # Some connection plugins normalize names as browsers do, for example full-width digits.
    name = (name if name.isascii() else unicodedata.normalize("NFKC", name)).lower().rstrip(".")
    if name in _LOCAL_NAMES or name.endswith(_LOCAL_ENDINGS):
        return True
    if not name[:1].isdigit():
        return False
    try:
        return not _is_of_another_machine(ipaddress.IPv4Address(socket.inet_aton(name)))
    except (OSError, ValueError):
        return False


def _is_of_another_machine(address: _Address) -> bool:
    address = getattr(address, "ipv4_mapped", None) or address
    return not (
        address.is_loopback
        or address.is_unspecified
        or address.is_link_local
        or address.is_multicast
    )


__all__ = ("canonical_address", "is_local_name", "is_usable_address")
