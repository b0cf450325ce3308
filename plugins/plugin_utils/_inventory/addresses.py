# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Addresses and names by which a controller may reach a VM. Pure; private to imds.azure.

A VM says itself which address and which name it has. Neither may be an option of ssh, and neither
may lead Ansible back to the machine that it runs on.
"""

from __future__ import annotations

import ipaddress
import socket
import typing as t
import unicodedata

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def is_usable_address(address: t.Any) -> bool:
    """Whether it is the text of an IP address that can be the address of another machine."""
    if not isinstance(address, str):  # A number would be an address for Python, too.
        return False
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return False
    # A scope id is the name of an interface of the controller.
    return not getattr(parsed, "scope_id", None) and _is_of_another_machine(parsed)


# What hosts files of Linux distributions have for loopback addresses.
_LOCAL_NAMES = frozenset(
    {
        "localhost",
        "localhost.localdomain",
        "localhost4",
        "localhost4.localdomain4",
        "localhost6",
        "localhost6.localdomain6",
        "ip6-localhost",
        "ip6-loopback",
    }
)


def is_local_name(name: str) -> bool:
    """Whether a resolver takes the name for the machine that asks.

    It may be a loopback address in one of the old spellings as well, such as 127.1 or 2130706433.
    """
    # Some connection plugins normalize names as browsers do, for example digits in full width.
    name = (name if name.isascii() else unicodedata.normalize("NFKC", name)).lower().rstrip(".")
    if name in _LOCAL_NAMES or name.endswith(".localhost"):
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


__all__ = ("is_local_name", "is_usable_address")
