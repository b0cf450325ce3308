# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Observes a host whose IMDS may not answer, by files, one route look-up of the kernel and a few plain requests.

Changes nothing, and needs no program on the host. All access to the machine is an argument, so that
tests can replace the machine. Private to imds.azure.
"""

from __future__ import annotations

import contextlib
import errno
import glob
import os
import re
import socket
import struct
import time
import typing as t
from urllib.parse import urlsplit

from .._client import HEADERS, service_at
from .._document import parse_json
from .._errors import TransportError, printable
from .._failures import NO_WAY, error_text
from .._firmware import ARC_AGENT, AZURE_TAG
from .._machine.files import open_regular
from .._managed_identity.arc_key import FOLDER
from .._negotiation import listed_versions
from .._service import ARC
from .._times import epoch_of, iso_8601
from .._transport import Request, Response, Transport, http_transport
from .arc_agent import ArcAgent, owners_of_listeners
from .evidence import (
    UNKNOWN_SERVICE,
    Clock,
    Evidence,
    Firewall,
    Firmware,
    Interface,
    Mention,
    Primary,
    Probe,
    RouteTaken,
    Versions,
)
from .linux_network import (
    Lease,
    Obstacle,
    Route,
    addresses_on,
    default_routes,
    dhclient_leases,
    failed_retransmits,
    is_unreachable_neighbour,
    keyed_lease,
    local_addresses,
    names_address,
    obstacles,
    route_to,
    routes,
)
from .proxies import Catch, assignments, catches

_INSTANCE = "/metadata/instance?api-version="
_VERSIONS = "/metadata/versions"
_MAX_FILE = 1024 * 1024
_ARC_PORT = urlsplit(ARC.endpoint).port or 0
_NFT = ("/usr/sbin/nft", "/sbin/nft", "/usr/bin/nft")

_PROXY_FILES = (
    "/etc/environment",
    "/etc/profile",
    "/etc/profile.d/*.sh",
    "/etc/sysconfig/proxy",
    "/etc/systemd/system.conf",
    "/etc/systemd/system.conf.d/*.conf",
    "/etc/systemd/system/*.service.d/*.conf",
    "/etc/wgetrc",
)
_FIREWALL_FILES = (
    "/etc/nftables.conf",
    "/etc/nftables/*.nft",
    "/etc/sysconfig/nftables.conf",
    "/etc/iptables/rules.v4",
    "/etc/sysconfig/iptables",
    "/etc/ufw/*.rules",
    "/etc/firewalld/direct.xml",
    "/etc/firewalld/zones/*.xml",
    "/etc/firewalld/policies/*.xml",
)
_DHCLIENT_FILES = (
    "/var/lib/dhcp/*.lease*",
    "/var/lib/dhclient/*.lease*",
    "/var/lib/NetworkManager/dhclient-*.lease",
)
# The part of the file name with the name of the interface or (networkd) its number.
_KEYED_FILES = (
    "/run/systemd/netif/leases/*",
    "/var/lib/NetworkManager/internal-*.lease",
    "/var/lib/wicked/lease-*",
)


class Machine(t.NamedTuple):
    """All access of an observation to the machine."""

    read: t.Callable[[str], str]  # a text file; "" if it can't be read
    glob: t.Callable[[str], list[str]]
    environment: t.Mapping[str, str]
    source_to: t.Callable[[str, int], tuple[str, str]]  # (source address, error name)
    primary_address: t.Callable[[str], str]  # of an interface; "" if it has none
    send: Transport
    run: t.Callable[[t.Sequence[str]], str]  # the output of a program; "" if it fails
    wall: t.Callable[[], float]
    user: t.Callable[[], str]  # the user of this process
    may_read: t.Callable[[str], bool]  # whether this user may read the files in a folder


def observe(machine: Machine, endpoint: str, timeout: float) -> Evidence:
    """Collects the evidence."""
    parts = urlsplit(endpoint)
    address = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname or ""
    port = parts.port or 80
    before = failed_retransmits(machine.read("/proc/net/netstat"))
    service = service_at(endpoint)
    # Every service knows its oldest version, so no answer rejects the version.
    request, answer = ask(machine, endpoint + _INSTANCE + service.floor, timeout)
    if service is ARC and answer is not None:
        request = request._replace(imds=request.imds or is_agent(answer))
    refused = failed_retransmits(machine.read("/proc/net/netstat")) - before
    table = routes(machine.read("/proc/net/route"))
    leases = read_leases(machine)
    interfaces = read_interfaces(machine, table)
    return Evidence(
        endpoint=endpoint,
        address=address,
        port=port,
        request=request._replace(refused_here=refused > 0),
        versions=read_versions(machine, endpoint, timeout)
        if answer is not None and service.lists_versions
        else _NOT_ASKED,
        other_service=""
        if answer is None or request.imds
        else other_service(machine, endpoint, timeout, answer),
        route=read_route(machine, address, port, table),
        interfaces=interfaces,
        primary=primary(machine, table, leases, interfaces),
        proxies=read_proxies(machine, address),
        firmware=read_firmware(machine),
        leases=leases,
        firewall=Firewall(
            rules=[] if request.imds else read_obstacles(machine, address),
            mentions=read_mentions(machine, address),
        ),
        clock=read_clock(machine, request),
        arc=ArcAgent(
            installed=bool(machine.glob(ARC_AGENT)),
            asked=service is ARC,
            listeners=read_listeners(machine, port if service is ARC else _ARC_PORT),
            may_read_keys=machine.may_read(FOLDER) if machine.glob(FOLDER) else None,
            user=machine.user(),
        ),
    )


def read_listeners(machine: Machine, port: int) -> list[str]:
    tables = (machine.read(path) for path in ("/proc/net/tcp", "/proc/net/tcp6"))
    return owners_of_listeners(tables, port, machine.read("/etc/passwd"))


def ask(machine: Machine, url: str, timeout: float) -> tuple[Probe, Response | None]:
    """Sends one plain request. Returns the part of the answer (or of the error) that the report may show, and the answer."""
    request = Request("GET", url, HEADERS)
    nothing = Probe(
        url=url,
        status=None,
        headers={},
        body="",
        imds=False,
        has_compute=False,
        reason="",
        code="",
        refused_here=False,
    )
    try:
        response = machine.send(request, timeout)
    except TransportError as exc:
        return nothing._replace(reason=exc.reason, code=code_of(exc.__cause__)), None
    data = json_of(response)
    answered = nothing._replace(
        status=response.status,
        headers=dict(response.headers),
        # A body with any status may be a document with user data, so the report must not show it.
        body="" if response.status == 200 else error_text(request, response),
        imds=is_imds(response, data),
        has_compute=bool(data.get("compute")),
    )
    return answered, response


def code_of(cause: BaseException | None) -> str:
    """The name of the error that left a request without an answer."""
    if isinstance(cause, socket.timeout):
        return "ETIMEDOUT"
    number = cause.errno if isinstance(cause, OSError) else None
    return errno.errorcode.get(number, "") if number is not None else ""


def json_of(response: Response) -> dict[str, t.Any]:
    try:
        data = parse_json(response.body)
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def is_imds(response: Response, data: dict[str, t.Any]) -> bool:
    """Whether Azure's IMDS answered, or the Azure host on its behalf."""
    server = response.headers.get("server", "")
    text = response.body[:4096].decode("utf-8", "replace").lower()
    return (
        (response.status == 200 and bool({"compute", "network"} & set(data)))
        or server.startswith("IMDS")
        or "newest-versions" in text
        or "api-version" in text
        or "required metadata header" in text
        or response.status in (410, 429)
        or (response.status in (500, 503) and server.startswith("Microsoft-IIS"))
    )


def is_agent(response: Response) -> bool:
    """Whether the Azure Arc agent answered. It has no header of its own."""
    return response.status == 503 or "error" in json_of(response)


_NOT_ASKED = Versions(None, [], "not requested")


def read_versions(machine: Machine, endpoint: str, timeout: float) -> Versions:
    try:
        response = machine.send(Request("GET", endpoint + _VERSIONS, HEADERS), timeout)
    except TransportError as exc:
        return Versions(None, [], exc.reason)
    return Versions(response.status, listed_versions(json_of(response)), "")


# Texts that identify other metadata services at the same address.
_OTHERS = (
    ("Amazon EC2", ("ec2ws", "x-aws-ec2")),
    ("Google Compute Engine", ("metadata-flavor: google",)),
    ("OpenStack", ("openstack",)),
    ("Amazon EC2, or one that is compatible with it", ("\n2009-04-04",)),
    ("a proxy that can't reach IMDS, such as that of Docker Desktop", NO_WAY),
)


def other_service(machine: Machine, endpoint: str, timeout: float, answer: Response) -> str:
    """The name of the service that answers instead of IMDS."""
    texts = [text_of(answer)]
    with contextlib.suppress(TransportError):
        texts.append(text_of(machine.send(Request("GET", endpoint + "/", HEADERS), timeout)))
    seen = "\n".join(texts)
    known = (name for name, signs in _OTHERS if any(sign in seen for sign in signs))
    return next(known, UNKNOWN_SERVICE)


def text_of(answer: Response) -> str:
    """The status line, the headers and the beginning of the body, as one text to search."""
    body = answer.body[:4096].decode("utf-8", "replace")
    headers = (f"{name}: {value}" for name, value in answer.headers.items())
    return "\n".join([answer.words, *headers, "", body]).lower()


def read_route(machine: Machine, address: str, port: int, table: list[Route]) -> RouteTaken:
    """The route of a request, from the kernel's route look-up and from the main routing table."""
    source, refusal = machine.source_to(address, port)
    route = route_to(address, table)
    local = local_addresses(machine.read("/proc/net/fib_trie"))
    gateway = route.gateway if route else ""
    neighbour = gateway or address
    on_this_host = address in local or address.startswith("127.") or address == "::1"
    return RouteTaken(
        interface=route.interface if route else "",
        network=str(route.network) if route else "",
        gateway=gateway,
        source=source,
        refusal=refusal,
        on_this_host=on_this_host,
        # The kernel uses all tables and rules; /proc shows only the main table.
        by_policy=not on_this_host and is_by_policy(source, refusal, route, local, table),
        gateway_silent=is_unreachable_neighbour(machine.read("/proc/net/arp"), neighbour),
    )


def is_by_policy(
    source: str, refusal: str, route: Route | None, local: list[str], table: list[Route]
) -> bool:
    """Whether the kernel's route differs from that of the main table."""
    if source in local and route is None:
        return not source.startswith("127.") and bool(default_routes(table))
    if route is None or not route.interface:
        return bool(source) and not source.startswith("127.")
    own = addresses_on(route.interface, local, table)
    return bool(refusal) or (bool(own) and source not in own and source in local)


def read_interfaces(machine: Machine, table: list[Route]) -> list[Interface]:
    local = local_addresses(machine.read("/proc/net/fib_trie"))
    found = []
    for path in sorted(machine.glob("/sys/class/net/*")):
        name = os.path.basename(path)
        # With accelerated networking, the second half of an interface has no address.
        if name == "lo" or machine.glob(f"{path}/master"):
            continue
        found.append(
            Interface(
                name=name,
                mac=machine.read(f"{path}/address").strip(),
                state=machine.read(f"{path}/operstate").strip(),
                addresses=addresses_on(name, local, table),
            )
        )
    return found


def primary(
    machine: Machine, table: list[Route], leases: list[Lease], interfaces: list[Interface]
) -> Primary:
    """The primary network interface and address, as far as this host can determine them."""
    names = [interface.name for interface in interfaces]
    # In Azure, only the primary interface has a default gateway.
    routed = [lease for lease in leases if lease.router and lease.interface in names]
    defaults = default_routes(table)
    if len(routed) == 1:
        lease = routed[0]
        because = "its DHCP lease has the default gateway"
        return Primary(lease.interface, lease.address, lease.router, because)
    if defaults:
        name, gateway = defaults[0].interface, defaults[0].gateway
        because = "the default route leaves by it"
    else:
        addressed = [interface.name for interface in interfaces if interface.addresses]
        if not addressed:
            return Primary("", "", "", "")
        name, gateway, because = addressed[0], "", "it is the first one with an address"
    leased = next((lease.address for lease in leases if lease.interface == name), "")
    address = leased or machine.primary_address(name)
    return Primary(name, address, gateway, because)


def read_leases(machine: Machine) -> list[Lease]:
    found: dict[str, Lease] = {}
    for path in matching(machine, _DHCLIENT_FILES):
        found.update((lease.interface, lease) for lease in dhclient_leases(machine.read(path)))
    for path in matching(machine, _KEYED_FILES):
        name = interface_of(machine, os.path.basename(path))
        lease = keyed_lease(machine.read(path), name)
        if name and lease.address:
            found[name] = lease
    return [found[name] for name in sorted(found)]


def interface_of(machine: Machine, file_name: str) -> str:
    """The interface of a lease file, from the number or the name in its file name."""
    for path in sorted(machine.glob("/sys/class/net/*")):
        name = os.path.basename(path)
        if file_name.isdigit() and machine.read(f"{path}/ifindex").strip() == file_name:
            return name
        if re.search(rf"-{re.escape(name)}(-[^-]*)*(\.lease|\.xml)?$", file_name):
            return name
    return ""


def read_proxies(machine: Machine, address: str) -> list[Catch]:
    found = catches("the environment", machine.environment, address)
    for path in matching(machine, _PROXY_FILES):
        found.extend(catches(path, assignments(machine.read(path)), address))
    return found


def read_firmware(machine: Machine) -> Firmware:
    tag = machine.read("/sys/class/dmi/id/chassis_asset_tag").strip()
    return Firmware(
        azure=tag == AZURE_TAG if machine.glob("/sys/class/dmi/id/chassis_asset_tag") else None,
        vendor=printable(machine.read("/sys/class/dmi/id/sys_vendor"), 80),
        product=printable(machine.read("/sys/class/dmi/id/product_name"), 80),
    )


def read_obstacles(machine: Machine, address: str) -> list[Obstacle]:
    program = next((path for path in _NFT if machine.glob(path)), "")
    listing = machine.run([program, "-a", "list", "ruleset"]) if program else ""
    return obstacles(listing, address)


def read_mentions(machine: Machine, address: str) -> list[Mention]:
    """The lines of firewall settings that name the address."""
    found = []
    for path in matching(machine, _FIREWALL_FILES):
        for number, line in enumerate(machine.read(path).splitlines(), 1):
            if not line.lstrip().startswith("#") and names_address(line, address):
                found.append(Mention(path, number, printable(line, 160)))
    return found


def read_clock(machine: Machine, request: Probe) -> Clock:
    """The difference in seconds between the clocks of this host and of the answering service."""
    now = machine.wall()
    theirs = epoch_of(request.headers.get("date", ""))
    return Clock(iso_8601(now), None if theirs is None else round(now - theirs, 1))


def matching(machine: Machine, patterns: t.Iterable[str]) -> list[str]:
    return [path for pattern in patterns for path in sorted(machine.glob(pattern))]


def this_machine(run: t.Callable[[t.Sequence[str]], str]) -> Machine:
    return Machine(
        read=_read,
        glob=glob.glob,
        environment=os.environ,
        source_to=_source_to,
        primary_address=_primary_address,
        send=http_transport,
        run=run,
        wall=time.time,
        user=_user,
        may_read=lambda folder: os.access(folder, os.R_OK | os.X_OK),
    )


def _user() -> str:
    try:
        import pwd

        return pwd.getpwuid(os.geteuid()).pw_name
    except (ImportError, KeyError):
        return str(os.geteuid())


def _read(path: str) -> str:
    try:
        with open_regular(path) as file:
            return file.read(_MAX_FILE).decode("utf-8", "replace")
    except OSError:
        return ""


def _source_to(address: str, port: int) -> tuple[str, str]:
    """The source address that the kernel chooses. Connecting a datagram socket sends no packet."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((address, port))
            return str(probe.getsockname()[0]), ""
        except OSError as exc:
            return "", errno.errorcode.get(exc.errno or 0, str(exc))


def _primary_address(interface: str) -> str:
    try:
        from fcntl import ioctl

        get_address = 0x8915  # SIOCGIFADDR
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
            name = struct.pack("256s", os.fsencode(interface)[:15])
            return socket.inet_ntoa(ioctl(control.fileno(), get_address, name)[20:24])
    except (ImportError, OSError):
        return ""


__all__ = ("Machine", "observe", "this_machine")
