# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds the causes why IMDS does not answer, from the evidence, the most likely first.

Pure. Each cause is a row of a table at the end, and can be read, tested and added separately.
Private to imds.azure.
"""

from __future__ import annotations

import re
import typing as t

from .._errors import one_line, printable
from . import arc_causes
from .cause import CERTAIN, LIKELY, POSSIBLE, Cause, answered, ask_command, is_healthy, unanswered
from .evidence import UNKNOWN_SERVICE, Evidence, Probe, RouteTaken
from .proxies import SOMEWHERE, Catch, extended
from .shell import command, word

# The length of the longest IPv4 address, and of the longest name of an interface.
_LONGEST_NAME = 15
_ORDER = (CERTAIN, LIKELY, POSSIBLE)
# With a larger deviation of the clock, signatures, tokens and certificates become invalid.
_CLOCK_TOLERANCE = 300

_NO_COMMAND = (
    "There is no command here, because it would contain a name or a value with unusual characters."
)


def causes(evidence: Evidence) -> list[Cause]:
    """All possible causes, the most likely first."""
    checks = _OF_THE_ARC_AGENT if evidence.arc.asked else _OF_IMDS
    found = [_safe(cause) for check in checks for cause in check(evidence)]
    # The sort is stable, so equally certain causes keep the order of the table.
    return sorted(found, key=lambda cause: _ORDER.index(cause.certainty))


def route_in_words(route: RouteTaken) -> str:
    if route.on_this_host:
        return "on this host itself"
    if not route.network:
        return "none"
    if not route.interface:
        return f"refused, by the route to {route.network}"
    by = f"by {route.interface}"
    via = f" via {route.gateway}" if route.gateway else ", on the link"
    source = f" from {route.source}" if route.source else ""
    return f"{by}{via}{source} (the route to {route.network})"


def _safe(cause: Cause) -> Cause:
    """The cause with printable texts: they quote names of files, rules and answers, which are untrusted."""
    advice = cause.advice if all(cause.mend) else f"{cause.advice} {_NO_COMMAND}".strip()
    return cause._replace(
        what=one_line(cause.what),
        why=one_line(cause.why),
        mend=[one_line(text) for text in cause.mend if text],
        advice=one_line(advice),
    )


def _route_commands(evidence: Evidence) -> list[str]:
    """The command for a route to IMDS through the primary interface; none if no interface has an address."""
    primary = evidence.primary
    if not primary.interface:
        return []
    address = evidence.address
    via = f"via {word(primary.gateway, _LONGEST_NAME)} " if primary.gateway else ""
    source = f" src {word(primary.address, _LONGEST_NAME)}" if primary.address else ""
    interface = word(primary.interface, _LONGEST_NAME)
    return [command(f"ip route replace {address}/32 {via}dev {interface}{source}")]


def _own_address(evidence: Evidence) -> t.Iterator[Cause]:
    route = evidence.route
    if route.on_this_host and evidence.address.startswith("169.254."):
        yield Cause(
            "own_address",
            CERTAIN if not evidence.request.imds else POSSIBLE,
            "this host itself has the address of IMDS, so no request leaves it",
            f"{evidence.address} is one of its own addresses",
            [f"ip address delete {evidence.address}/32 dev lo"],
            "If another interface than lo has the address, put the name of that interface into the command. "
            "An emulator, a container network or an agent for identities may have set the address.",
        )


def _not_azure(evidence: Evidence) -> t.Iterator[Cause]:
    firmware = evidence.firmware
    leased = any(lease.azure for lease in evidence.leases)
    if evidence.arc.installed:
        return
    if firmware.azure is False and not evidence.request.imds and not leased:
        vendor = " ".join(filter(None, (firmware.vendor, firmware.product))) or "no vendor"
        yield Cause(
            "not_azure",
            CERTAIN if unanswered(evidence) else LIKELY,
            "this is not an Azure VM",
            f"its firmware is of {vendor}, without the chassis asset tag of Azure",
            [],
            "Keep plays for Azure away from it, with the role imds.azure.guard or with required: "
            "false of imds.azure.instance_facts.",
        )


_REFUSALS = {
    "EACCES": "a route of type prohibit",
    "EINVAL": "a route of type blackhole",
    "EHOSTUNREACH": "a route of type unreachable",
}


def _no_route(evidence: Evidence) -> t.Iterator[Cause]:
    route = evidence.route
    if not unanswered(evidence) or not route.refusal or route.by_policy:
        return
    if route.network:
        kind = _REFUSALS.get(route.refusal, "a route")
        why = f"{kind} to {route.network} refuses it"
    else:
        why = "the routing table has neither a route to it nor a default route"
    yield Cause(
        "no_route",
        CERTAIN,
        f"there is no route to {evidence.address}",
        why,
        _route_commands(evidence),
        "For a lasting fix, let DHCP set the routes of the primary interface again.",
    )


def _policy_route(evidence: Evidence) -> t.Iterator[Cause]:
    route = evidence.route
    if unanswered(evidence) and route.by_policy:
        yield Cause(
            "policy_route",
            LIKELY,
            "a routing rule overrides the main routing table for the request",
            f"the route of the main table is {route_in_words(route)}, but the kernel "
            + (
                f"refuses the request ({route.refusal})"
                if route.refusal
                else f"sends from the address {route.source}"
            ),
            [f"ip rule add to {evidence.address}/32 lookup main priority 100"],
            "To list the routing rules, run: ip rule show",
        )


def _wrong_interface(evidence: Evidence) -> t.Iterator[Cause]:
    route, primary = evidence.route, evidence.primary
    if not unanswered(evidence) or not route.interface or route.refusal:
        return
    if route.on_this_host:
        return
    if primary.interface and route.interface != primary.interface:
        yield Cause(
            "wrong_interface",
            LIKELY,
            f"requests leave by {route.interface}, which is not the primary network interface",
            f"the route to {route.network} goes by {route.interface}, and the primary one "
            f"is {primary.interface} ({primary.because})",
            _route_commands(evidence),
            "IMDS answers only the primary address of the primary interface.",
        )
    elif primary.address and route.source not in ("", primary.address):
        yield Cause(
            "wrong_address",
            LIKELY,
            f"requests come from {route.source}, which is not the primary address",
            f"the primary address of {primary.interface} is {primary.address}",
            _route_commands(evidence),
            "IMDS answers only the primary address of the primary interface.",
        )


class _Suspect(t.NamedTuple):
    """The rule or the place that drops or refuses the request, as far as it is known."""

    certainty: str
    why: str
    commands: list[str]


def _firewall(evidence: Evidence) -> t.Iterator[Cause]:
    """The request was dropped or refused: by a known rule, by this host, or on the network path."""
    request, firewall = evidence.request, evidence.firewall
    refused_here = _is_refused_here(request)
    if not unanswered(evidence) or evidence.route.refusal:
        return
    if not (refused_here or request.code == "ETIMEDOUT" or firewall.rules or firewall.mentions):
        return
    suspect = _suspect(evidence)
    whose = "of this host " if refused_here or firewall.rules else ""
    counted = "; the kernel counted packets that were refused before they left"
    lasting = (f" Line {m.line} of {m.file} also names the address." for m in firewall.mentions[:3])
    yield Cause(
        "firewall",
        suspect.certainty,
        f"a firewall {whose}drops or refuses the request",
        suspect.why + (counted if request.refused_here else ""),
        suspect.commands,
        "Network security groups can't block IMDS. Only a firewall in this VM can."
        + "".join(lasting),
    )


def _is_refused_here(request: Probe) -> bool:
    """Whether this host itself refused to send the request."""
    return request.refused_here or request.code in ("EPERM", "EACCES")


def _suspect(evidence: Evidence) -> _Suspect:
    """A firewall rule, a line of firewall settings, or else something on the network path."""
    refused_here = _is_refused_here(evidence.request)
    rules, mentions = evidence.firewall
    accept = f"iptables -I OUTPUT -d {evidence.address} -p tcp --dport {evidence.port} -j ACCEPT"
    if rules:
        suspected = [rule for rule in rules if rule.named] or rules[:1]
        sure = refused_here or suspected[0].named
        return _Suspect(
            CERTAIN if sure else LIKELY if mentions else POSSIBLE,
            f"this rule can block the request: {suspected[0].rule}",
            [rule.command for rule in suspected],
        )
    if mentions:
        first = mentions[0]
        why = f"line {first.line} of {first.file} names the address: {first.text}"
        return _Suspect(LIKELY, why, [accept])
    why = "there was no answer at all, which is usual if a firewall drops packets"
    return _Suspect(LIKELY if refused_here else POSSIBLE, why, [accept])


def _silent_gateway(evidence: Evidence) -> t.Iterator[Cause]:
    route = evidence.route
    if unanswered(evidence) and route.gateway_silent and not route.on_this_host:
        yield Cause(
            "silent_gateway",
            LIKELY,
            f"{route.gateway or evidence.address} does not answer on {route.interface}",
            "no machine on the link has the address of the next hop",
            _route_commands(evidence),
            "The gateway of Azure has the first address of the subnet. Any other gateway was "
            "probably set by hand.",
        )


def _refused(evidence: Evidence) -> t.Iterator[Cause]:
    if evidence.request.code != "ECONNREFUSED":
        return
    address, port = evidence.address, evidence.port
    if evidence.route.on_this_host:
        yield Cause(
            "refused",
            LIKELY,
            f"nothing on this host listens at {address}, port {port}",
            "the connection was refused, and it never left this host",
            [f"ss -tlnp 'sport = :{port}'"],
            "Azure's own IMDS is at http://169.254.169.254. Check the setting of another endpoint: the option endpoint, "
            "the variable azure_imds_endpoint or the environment variable AZURE_IMDS_ENDPOINT.",
        )
        return
    yield Cause(
        "refused",
        LIKELY,
        f"the machine at {address} refuses the connection",
        "a firewall rejects the connection, or another machine has the address of IMDS",
        [rule.command for rule in evidence.firewall.rules]
        or [f"iptables -I OUTPUT -d {address} -p tcp --dport {port} -j ACCEPT"],
    )


def _forbidden(evidence: Evidence) -> t.Iterator[Cause]:
    request = evidence.request
    if request.status == 403 and evidence.other_service in ("", UNKNOWN_SERVICE):
        yield Cause(
            "forbidden",
            LIKELY,
            "an agent on this VM forbids the request (Metadata Security Protocol)",
            answered(request),
            ["systemctl status azure-proxy-agent", "journalctl -u azure-proxy-agent"],
            "Give this user and program access in the rules of the VM's proxy agent.",
        )


def _foreign(evidence: Evidence) -> t.Iterator[Cause]:
    service = evidence.other_service
    request = evidence.request
    if not service:
        return
    if request.status == 403 and service == UNKNOWN_SERVICE:
        return
    rules = [rule for rule in evidence.firewall.rules if rule.named]
    server = printable(request.headers.get("server", ""), 80)
    yield Cause(
        "foreign_service",
        CERTAIN if request.status != 200 or service != UNKNOWN_SERVICE else LIKELY,
        f"{service} answers instead of Azure's IMDS",
        f"the answer is status {request.status}"
        + (f" from the server {server!r}" if server else "")
        + ", and does not look like an answer of IMDS",
        [rule.command for rule in rules] or _route_commands(evidence),
        "If this host is not in Azure, there is nothing to fix: keep plays for Azure away from it, "
        "with the role imds.azure.guard. In Azure, another program or machine has taken over the address: check "
        f"ip route get {evidence.address} and which program listens on port {evidence.port}.",
    )


_STATUS = {
    400: (LIKELY, "IMDS does not understand the request", "This IMDS may be an older one."),
    410: (CERTAIN, "IMDS is being updated", "An update takes up to 70 seconds."),
    429: (
        CERTAIN,
        "this VM sends more than 5 requests a second to IMDS",
        "To find the program that sends them, run: ss -tnp dst 169.254.169.254",
    ),
}


def _status(evidence: Evidence) -> t.Iterator[Cause]:
    request = evidence.request
    if request.status is None or not request.imds or request.status in (200, 403):
        return
    trouble = (
        LIKELY,
        "IMDS has a temporary problem",
        "If it continues, open a support request for this VM in the Azure portal.",
    )
    certainty, what, advice = _STATUS.get(request.status, trouble)
    yield Cause(
        "status",
        certainty,
        what,
        answered(request),
        [ask_command(evidence)],
        advice,
    )


def _no_compute(evidence: Evidence) -> t.Iterator[Cause]:
    request = evidence.request
    if request.status == 200 and request.imds and not request.has_compute:
        yield Cause(
            "no_compute",
            CERTAIN,
            "IMDS answers, but with a document that has no compute",
            "this VM is a classic one, or it was created before September 2016 and not changed since, "
            "or IMDS returns an incomplete document at the moment",
            ["az vm update --resource-group GROUP --name VM --set tags.imds=refresh"],
            "If a tag, an extension or a data disk of a VM is added or removed, IMDS reads the data of the VM again. "
            "Classic VMs must move to Resource Manager.",
        )


def _proxies(evidence: Evidence) -> t.Iterator[Cause]:
    """A proxy for requests of other programs; those of the collection never use one."""
    caught: dict[str, list[Catch]] = {}
    for catch in evidence.proxies:
        caught.setdefault(catch.where, []).append(catch)
    for where, variables in caught.items():
        first = variables[0]
        names = " and ".join(catch.variable for catch in variables)
        partly = first.exempt == SOMEWHERE
        yield Cause(
            "proxy",
            CERTAIN if is_healthy(evidence) and not partly else POSSIBLE,
            f"a proxy catches the requests of other programs: {names} in {where}",
            f"{first.variable}={first.value}, and no_proxy "
            + (
                f"has {evidence.address} in a form that only some programs understand"
                if partly
                else f"does not have {evidence.address}"
            ),
            [_no_proxy_command(where, extended(first.no_proxy, evidence.address))],
            "This collection uses no proxy; curl, SDKs and agents do.",
        )


def _no_proxy_command(where: str, value: str) -> str:
    """The command for no_proxy. Value and file name come from the host, and a person pastes the command into a shell."""
    # Uses echo without quotes, because Ansible's JSON and YAML output changes quotes and backslashes.
    value = word(re.sub(r"\s*,\s*", ",", value))
    if not where.startswith("/"):
        return command(f"export no_proxy={value} NO_PROXY={value}")
    setting = f"no_proxy={value}"
    if where.startswith("/etc/systemd/"):
        section = "Service" if ".service.d/" in where else "Manager"
        key = "Environment" if section == "Service" else "DefaultEnvironment"
        folder = where.rpartition("/")[0] if section == "Service" else "/etc/systemd/system.conf.d"
        file = word(f"{folder}/zz-imds.conf")
        return command(
            f"mkdir -p {word(folder)} && echo '[{section}]' > {file} "
            f"&& echo {key}={setting} >> {file} && systemctl daemon-reexec"
        )
    file = word(where)
    exported = f" && echo export no_proxy >> {file}" if where.startswith("/etc/profile") else ""
    return command(f"echo {setting} >> {file}{exported}")


def _clock(evidence: Evidence) -> t.Iterator[Cause]:
    ahead = evidence.clock.ahead
    if ahead is not None and abs(ahead) > _CLOCK_TOLERANCE:
        direction = "ahead of" if ahead > 0 else "behind"
        yield Cause(
            "clock",
            CERTAIN if is_healthy(evidence) else POSSIBLE,
            f"the clock of this host is {abs(ahead):.0f} s {direction} that of the answering service",
            f"the time of this host is {evidence.clock.now}, so tokens and attested documents will be refused",
            ["timedatectl set-ntp true"],
            "An Azure VM can get the time from its Azure host, if chrony uses the clock /dev/ptp_hyperv.",
        )


def _unexplained(evidence: Evidence) -> t.Iterator[Cause]:
    route = evidence.route
    if unanswered(evidence) and not route.refusal and not route.on_this_host:
        yield Cause(
            "unexplained",
            POSSIBLE,
            "IMDS does not answer, and this host shows no reason for that",
            f"{evidence.request.reason}, although there is a route",
            [
                "az vm nic list --resource-group GROUP --vm-name VM",
                ask_command(evidence),
            ],
            "The first command shows the primary interface of the VM in Azure. Compare its MAC and its address with those of this host. "
            "If they are equal, open a support request for this VM in the Azure portal.",
        )


# Equally certain causes are in the order of their likelihood.
_Checks = t.Tuple[t.Callable[[Evidence], t.Iterator[Cause]], ...]
_OF_IMDS: _Checks = (
    _not_azure,
    arc_causes.agent_not_asked,
    _own_address,
    _no_route,
    _policy_route,
    _wrong_interface,
    _forbidden,
    _foreign,
    _firewall,
    _silent_gateway,
    _refused,
    _status,
    _no_compute,
    _proxies,
    _clock,
    _unexplained,
)
_OF_THE_ARC_AGENT: _Checks = (
    arc_causes.foreign_listener,
    arc_causes.agent_down,
    arc_causes.not_connected,
    arc_causes.status,
    _own_address,
    _no_route,
    _policy_route,
    _wrong_interface,
    _firewall,
    _silent_gateway,
    arc_causes.key_unreadable,
    _proxies,
    _clock,
    _unexplained,
)


__all__ = ("causes", "route_in_words")
