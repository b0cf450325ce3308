# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds proxy settings of a host that would redirect a request to IMDS. Pure; private to imds.azure.

The collection itself never uses a proxy. Other programs do, and each reads these variables in its own way. Their
requests then never reach IMDS.
"""

from __future__ import annotations

import ipaddress
import re
import typing as t

# The programs that read a variable for plain HTTP. HTTPS_PROXY does not matter here.
READERS = {
    "http_proxy": "curl, wget, Python, Go and most others",
    "HTTP_PROXY": "Python, Go and Java tools, not curl",
    "all_proxy": "curl, Python's requests and others, where http_proxy is not set",
    "ALL_PROXY": "curl, Python's requests and others, where http_proxy is not set",
}
_EXEMPTIONS = ("no_proxy", "NO_PROXY")
_NAME = "(http_proxy|HTTP_PROXY|all_proxy|ALL_PROXY|no_proxy|NO_PROXY)"
# Quotes may be around the whole assignment or around its value. Within quotes, a value may have any characters.
_ASSIGNMENT = re.compile(
    rf"""(?:^|[\s;=])(?:"{_NAME}=([^"]*)"|'{_NAME}=([^']*)'|["']?{_NAME}[ \t]*=[ \t]*(?:"([^"]*)"|'([^']*)'|["']?([^\s"';]*)))"""
)
_PLAIN_PROXY = re.compile(
    r"([a-zA-Z0-9+.-]+://)?(.*@)?((?:[\w.-]+|\[[\w:.%-]+\])(?::[0-9]+)?(?:/[\w./-]*)?)", re.DOTALL
)

# For which programs no_proxy exempts an address.
EVERYWHERE, SOMEWHERE, NOWHERE = "everywhere", "somewhere", "nowhere"


class Catch(t.NamedTuple):
    """A variable that would apply to the request."""

    where: str  # the environment, or a file
    variable: str
    value: str  # without the password
    no_proxy: str
    exempt: str  # SOMEWHERE: only programs that interpret no_proxy generously bypass the proxy


def assignments(text: str) -> dict[str, str]:
    """The proxy variables that a settings file or a shell script sets; the last assignment is used."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        if not line.lstrip().startswith(("#", ";")):
            for match in _ASSIGNMENT.finditer(line):
                name, value = (part for part in match.groups() if part is not None)
                found[name] = value
    return found


def catches(where: str, variables: t.Mapping[str, str], address: str) -> list[Catch]:
    """The variables of one place that would apply to a request to an address."""
    no_proxy = next((variables[name] for name in _EXEMPTIONS if variables.get(name)), "")
    exempt = exemption(no_proxy, address)
    if exempt == EVERYWHERE:
        return []
    return [
        Catch(where, name, without_password(variables[name]), no_proxy, exempt)
        for name in READERS
        if variables.get(name)
    ]


def exemption(no_proxy: str, address: str) -> str:
    """Whether no_proxy exempts an address for every program, for some, or for none."""
    entries = [entry.strip() for entry in re.split(r"[,\s]+", no_proxy) if entry.strip()]
    if address in entries or entries == ["*"]:
        return EVERYWHERE
    return SOMEWHERE if any(_generous(entry, address) for entry in entries) else NOWHERE


def _generous(entry: str, address: str) -> bool:
    """Whether an entry matches in programs that also support networks, ports, leading dots and parts of an address."""
    if entry == "*" or entry.lstrip(".") == address or entry.startswith(f"{address}:"):
        return True
    try:
        return ipaddress.ip_address(address) in ipaddress.ip_network(entry, strict=False)
    except ValueError:
        return bool(entry.strip(".*")) and address.startswith(entry.rstrip("*"))


def without_password(url: str) -> str:
    """The URL with *** for the user and the password, or only *** if these can't be identified."""
    match = _PLAIN_PROXY.fullmatch(url)
    if not match:
        return "***"
    scheme, user, place = match.groups()
    return f"{scheme or ''}{'***@' if user else ''}{place}"


def extended(no_proxy: str, address: str) -> str:
    """no_proxy with the address added, in a form that every program understands."""
    return ",".join((*(entry for entry in re.split(r"[,\s]+", no_proxy) if entry), address))


__all__ = (
    "EVERYWHERE",
    "NOWHERE",
    "READERS",
    "SOMEWHERE",
    "Catch",
    "assignments",
    "catches",
    "exemption",
    "extended",
    "without_password",
)
