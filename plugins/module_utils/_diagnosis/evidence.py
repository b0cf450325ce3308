# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The evidence: observations of a host from which causes are derived. Private to imds.azure.

The names of the fields are public: they are the keys of `observed` in the result of diagnose_info.
"""

from __future__ import annotations

import typing as t

from .linux_network import Lease, Obstacle
from .proxies import Catch

# The name of a service that can't be identified.
UNKNOWN_SERVICE = "another service"


class Probe(t.NamedTuple):
    """One plain request, and its answer or the reason why there is none."""

    url: str
    status: int | None  # None without an answer
    headers: dict[str, str]
    body: str  # the error text of IMDS; never a document
    imds: bool  # Azure's IMDS answered
    has_compute: bool
    reason: str
    code: str  # the name of the error, such as ETIMEDOUT
    refused_here: bool  # the kernel counted packets that it refused to send


class Versions(t.NamedTuple):
    """The answer to the request for the list of versions."""

    status: int | None
    versions: list[str]
    reason: str


class RouteTaken(t.NamedTuple):
    """The route that a request to IMDS takes; a `Route` is one line of the kernel's table."""

    interface: str
    network: str  # of the route in the main table; "" without a route
    gateway: str
    source: str
    refusal: str  # the name of the kernel's error without a route
    on_this_host: bool
    by_policy: bool  # a routing rule overrides the main table
    gateway_silent: bool  # no machine on the link answers for the address of the next hop


class Interface(t.NamedTuple):
    name: str
    mac: str
    state: str
    addresses: list[str]


class Primary(t.NamedTuple):
    """The primary network interface and its address, as far as the host can determine them."""

    interface: str
    address: str
    gateway: str
    because: str


class Firmware(t.NamedTuple):
    azure: bool | None  # None if the chassis asset tag can't be read
    vendor: str
    product: str


class Mention(t.NamedTuple):
    """A line of firewall settings that names the address."""

    file: str
    line: int
    text: str


class Firewall(t.NamedTuple):
    rules: list[Obstacle]
    mentions: list[Mention]


class Clock(t.NamedTuple):
    now: str
    ahead: float | None  # seconds; None without an answer that has a date


class Evidence(t.NamedTuple):
    """All observations about a host and its IMDS."""

    endpoint: str
    address: str
    port: int
    request: Probe
    versions: Versions
    other_service: str  # the name of the service that answers instead of IMDS
    route: RouteTaken
    interfaces: list[Interface]
    primary: Primary
    proxies: list[Catch]
    firmware: Firmware
    leases: list[Lease]
    firewall: Firewall
    clock: Clock

    def to_dict(self) -> dict[str, t.Any]:
        """The evidence in the form of a module's result: dictionaries, lists and plain values."""
        return {name: _plain(value) for name, value in self._asdict().items()}


def _plain(value: t.Any) -> t.Any:
    if isinstance(value, list):
        return [_plain(part) for part in value]
    if hasattr(value, "_asdict"):
        return {name: _plain(part) for name, part in value._asdict().items()}
    return value


__all__ = (
    "UNKNOWN_SERVICE",
    "Clock",
    "Evidence",
    "Firewall",
    "Firmware",
    "Interface",
    "Mention",
    "Primary",
    "Probe",
    "RouteTaken",
    "Versions",
)
