# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Why IMDS does not answer: causes out of what was observed, the most likely first.

Pure: a function of the observation to causes, and one to a report. Each cause is a row of the
table at the end, so that one can be read, tested and added by itself. Private to imds.azure.
"""

from __future__ import annotations

import re
import typing as t

from .._errors import one_line, printable
from .proxies import SOMEWHERE, extended
from .shell import command, word

# How sure a cause is; the order of the report.
CERTAIN, LIKELY, POSSIBLE = "certain", "likely", "possible"
# What is said of a service that does not give itself away.
UNKNOWN_SERVICE = "another service"
_ORDER = (CERTAIN, LIKELY, POSSIBLE)
# A clock further off than this makes signatures, tokens and certificates invalid.
_CLOCK_TOLERANCE = 300
_ASK = "curl --noproxy '*' -H Metadata:true 'http://{address}/metadata/instance?api-version=2021-02-01'"

_NO_COMMAND = (
    "No command is given, because a name or a value that belongs into it has unusual characters."
)

_Observed = t.Mapping[str, t.Any]


class Cause(t.NamedTuple):
    name: str
    certainty: str
    what: str
    why: str
    mend: list[str]  # commands; empty where none could help
    advice: str = ""


def is_healthy(observed: _Observed) -> bool:
    """IMDS answered with a document that says what this VM is."""
    request = observed["request"]
    return bool(request["status"] == 200 and request["imds"] and request["has_compute"])


def causes(observed: _Observed) -> list[Cause]:
    """All that could be the matter, the most likely first."""
    found = [_safe(cause) for check in _CHECKS for cause in check(observed)]
    # Sorting keeps the order of the table among equals.
    return sorted(found, key=lambda cause: _ORDER.index(cause.certainty))


def _safe(cause: Cause) -> Cause:
    """Names of files, rules and answers are in the texts, and may be anything."""
    advice = cause.advice if all(cause.mend) else f"{cause.advice} {_NO_COMMAND}".strip()
    return cause._replace(
        what=one_line(cause.what),
        why=one_line(cause.why),
        mend=[one_line(text) for text in cause.mend if text],
        advice=one_line(advice),
    )


def _unanswered(observed: _Observed) -> bool:
    return observed["request"]["status"] is None


def _route_command(observed: _Observed) -> str:
    """A route to IMDS from the primary address by the primary interface."""
    primary = observed["primary"]
    address = observed["address"]
    via = f"via {word(primary['gateway'])} " if primary["gateway"] else ""
    source = f" src {word(primary['address'])}" if primary["address"] else ""
    interface = word(primary["interface"] or "eth0")
    return command(f"ip route replace {address}/32 {via}dev {interface}{source}")


def _own_address(observed: _Observed) -> t.Iterator[Cause]:
    route = observed["route"]
    if route["on_this_host"] and observed["address"].startswith("169.254."):
        yield Cause(
            "own_address",
            CERTAIN if not observed["request"]["imds"] else POSSIBLE,
            "this host has given itself the address of IMDS, so no request leaves it",
            f"{observed['address']} is one of its own addresses",
            [f"ip address delete {observed['address']}/32 dev lo"],
            "If the address is on another interface than lo, name that one. Something put it there: "
            "an emulator, a container network or an agent that hands out identities.",
        )


def _not_azure(observed: _Observed) -> t.Iterator[Cause]:
    firmware = observed["firmware"]
    leased = any(lease["azure"] for lease in observed["leases"])
    if firmware["azure"] is False and not observed["request"]["imds"] and not leased:
        vendor = " ".join(filter(None, (firmware["vendor"], firmware["product"]))) or "no vendor"
        yield Cause(
            "not_azure",
            LIKELY,
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


def _no_route(observed: _Observed) -> t.Iterator[Cause]:
    route = observed["route"]
    if not _unanswered(observed) or not route["refusal"] or route["by_policy"]:
        return
    if route["network"]:
        kind = _REFUSALS.get(route["refusal"], "a route")
        why = f"{kind} to {route['network']} refuses it"
    else:
        why = "the routing table has neither a route to it nor a default route"
    yield Cause(
        "no_route",
        CERTAIN,
        f"there is no route to {observed['address']}",
        why,
        [_route_command(observed)],
        "To make it last, let DHCP set the routes of the primary interface again.",
    )


def _policy_route(observed: _Observed) -> t.Iterator[Cause]:
    route = observed["route"]
    if _unanswered(observed) and route["by_policy"]:
        yield Cause(
            "policy_route",
            LIKELY,
            "a routing rule takes the request away from the main routing table",
            f"the main table says {_way(route)}, and the kernel "
            + (f"refuses ({route['refusal']})" if route["refusal"] else f"uses {route['source']}"),
            [f"ip rule add to {observed['address']}/32 lookup main priority 100"],
            "The rules there are: ip rule show.",
        )


def _wrong_interface(observed: _Observed) -> t.Iterator[Cause]:
    route, primary = observed["route"], observed["primary"]
    if not _unanswered(observed) or not route["interface"] or route["refusal"]:
        return
    if route["on_this_host"]:
        return
    if primary["interface"] and route["interface"] != primary["interface"]:
        yield Cause(
            "wrong_interface",
            LIKELY,
            f"requests leave by {route['interface']}, which is not the primary network interface",
            f"the route to {route['network']} goes by {route['interface']}, and the primary one "
            f"is {primary['interface']} ({primary['because']})",
            [_route_command(observed)],
            "IMDS answers the primary address of the primary interface alone.",
        )
    elif primary["address"] and route["source"] not in ("", primary["address"]):
        yield Cause(
            "wrong_address",
            LIKELY,
            f"requests come from {route['source']}, which is not the primary address",
            f"the primary address of {primary['interface']} is {primary['address']}",
            [_route_command(observed)],
            "IMDS answers the primary address of the primary interface alone.",
        )


def _firewall(observed: _Observed) -> t.Iterator[Cause]:
    """Dropped or refused: by a rule that was found, by this host, or somewhere on the way."""
    request = observed["request"]
    if not _unanswered(observed) or observed["route"]["refusal"]:
        return
    rules = observed["firewall"]["rules"]
    mentions = observed["firewall"]["mentions"]
    refused_here = request["refused_here"] or request["code"] in ("EPERM", "EACCES")
    silent = request["code"] == "ETIMEDOUT"
    if not (refused_here or silent or rules or mentions):
        return
    named = [rule for rule in rules if rule["named"]] or rules[:1]
    if named:
        why = f"a rule is in the way: {named[0]['rule']}"
    elif mentions:
        why = "{file}, line {line}, is in the way: {text}".format(**mentions[0])
    else:
        why = "nothing came back, as when a packet is dropped"
    if request["refused_here"]:
        why += "; the kernel counted packets that were refused before they left"
    accept = f"iptables -I OUTPUT -d {observed['address']} -p tcp --dport 80 -j ACCEPT"
    lasting = "".join(" It also stands in {file}, line {line}.".format(**m) for m in mentions[:3])
    certain = bool(named and (refused_here or named[0]["named"]))
    yield Cause(
        "firewall",
        CERTAIN if certain else LIKELY if refused_here or mentions else POSSIBLE,
        f"a firewall {'of this host ' if refused_here or named else ''}drops or refuses the request",
        why,
        [rule["command"] for rule in named] or [accept],
        "Network security groups can't block IMDS; only something in this VM can." + lasting,
    )


def _silent_gateway(observed: _Observed) -> t.Iterator[Cause]:
    route = observed["route"]
    if _unanswered(observed) and route["gateway_silent"] and not route["on_this_host"]:
        yield Cause(
            "silent_gateway",
            LIKELY,
            f"{route['gateway'] or observed['address']} does not answer on {route['interface']}",
            "the next hop was asked for on the link, and nobody has that address there",
            [_route_command(observed)],
            "A gateway that is not Azure's own (the first address of the subnet) was probably set "
            "by hand.",
        )


def _refused(observed: _Observed) -> t.Iterator[Cause]:
    if observed["request"]["code"] != "ECONNREFUSED":
        return
    address, port = observed["address"], observed["port"]
    if observed["route"]["on_this_host"]:
        yield Cause(
            "refused",
            LIKELY,
            f"nobody on this host listens at {address}, port {port}",
            "the connection was refused, and it never left this host",
            [f"ss -tlnp 'sport = :{port}'"],
            "Azure's own IMDS is at http://169.254.169.254: see which endpoint is asked, and why.",
        )
        return
    yield Cause(
        "refused",
        LIKELY,
        f"whoever has {address} refuses the connection",
        "a firewall that rejects, or another machine in the place of IMDS",
        [rule["command"] for rule in observed["firewall"]["rules"]]
        or [f"iptables -I OUTPUT -d {address} -p tcp --dport {port} -j ACCEPT"],
    )


def _answered(request: _Observed) -> str:
    words = f", {request['body']!r}" if request["body"] else ""
    return f"the answer is status {request['status']}{words}"


def _forbidden(observed: _Observed) -> t.Iterator[Cause]:
    request = observed["request"]
    if request["status"] == 403 and observed["other_service"] in ("", UNKNOWN_SERVICE):
        yield Cause(
            "forbidden",
            LIKELY,
            "an agent on this VM forbids the request (Metadata Security Protocol)",
            _answered(request),
            ["systemctl status azure-proxy-agent", "journalctl -u azure-proxy-agent"],
            "Give this user and program access in the rules of the VM's proxy agent.",
        )


def _foreign(observed: _Observed) -> t.Iterator[Cause]:
    service = observed["other_service"]
    request = observed["request"]
    if not service:
        return
    if request["status"] == 403 and service == UNKNOWN_SERVICE:
        return
    rules = [rule for rule in observed["firewall"]["rules"] if rule["named"]]
    server = printable(request["headers"].get("server", ""), 80)
    yield Cause(
        "foreign_service",
        CERTAIN if request["status"] != 200 or service != UNKNOWN_SERVICE else LIKELY,
        f"it is not Azure's IMDS that answers there, but {service}",
        f"the answer is status {request['status']}"
        + (f" from the server {server!r}" if server else "")
        + " and has nothing of IMDS in it",
        [rule["command"] for rule in rules] or [_route_command(observed)],
        "Where this VM is not in Azure there is nothing to mend: keep plays for Azure away from it, "
        "with the role imds.azure.guard. In Azure something took the address over: see "
        f"ip route get {observed['address']} and what listens on port 80.",
    )


_STATUS = {
    400: (LIKELY, "IMDS does not understand the request", "It may be an older one."),
    410: (CERTAIN, "IMDS is being updated", "That takes up to 70 seconds."),
    429: (
        CERTAIN,
        "this VM asks IMDS more often than 5 times a second",
        "See which program it is: ss -tnp dst 169.254.169.254",
    ),
}


def _status(observed: _Observed) -> t.Iterator[Cause]:
    request = observed["request"]
    if not request["imds"] or request["status"] in (200, 403):
        return
    trouble = (
        LIKELY,
        "IMDS is in trouble",
        "If it goes on, open a support request for this VM in the Azure portal.",
    )
    certainty, what, advice = _STATUS.get(request["status"], trouble)
    yield Cause(
        "status",
        certainty,
        what,
        _answered(request),
        [_ASK.format(address=observed["address"])],
        advice,
    )


def _no_compute(observed: _Observed) -> t.Iterator[Cause]:
    request = observed["request"]
    if request["status"] == 200 and request["imds"] and not request["has_compute"]:
        yield Cause(
            "no_compute",
            CERTAIN,
            "IMDS answers, but knows nothing of this VM's compute",
            "the instance document has no compute: this VM is a classic one, or older than "
            "September 2016 and not changed since, or IMDS answers in part for the moment",
            ["az vm update --resource-group GROUP --name VM --set tags.imds=refresh"],
            "A tag, an extension or a data disk that is added or removed makes IMDS read the VM "
            "again. Classic VMs must move to Resource Manager.",
        )


def _proxies(observed: _Observed) -> t.Iterator[Cause]:
    """Other programs' requests; the collection's own never use a proxy."""
    caught: dict[str, list[_Observed]] = {}
    for catch in observed["proxies"]:
        caught.setdefault(catch["where"], []).append(catch)
    for where, variables in caught.items():
        first = variables[0]
        names = " and ".join(catch["variable"] for catch in variables)
        partly = first["exempt"] == SOMEWHERE
        yield Cause(
            "proxy",
            CERTAIN if is_healthy(observed) and not partly else POSSIBLE,
            f"a proxy catches the requests of other programs: {names} in {where}",
            f"{first['variable']}={first['value']}, and no_proxy "
            + (
                f"has {observed['address']} in a form that only some programs understand"
                if partly
                else f"does not have {observed['address']}"
            ),
            [_no_proxy_command(where, extended(first["no_proxy"], observed["address"]))],
            "This collection uses no proxy; curl, SDKs and agents do.",
        )


def _no_proxy_command(where: str, value: str) -> str:
    """The value and the name of the file come from the host, and somebody pastes the command into a shell."""
    # By echo and without quotes, because Ansible's JSON and YAML change quotes and backslashes.
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


def _clock(observed: _Observed) -> t.Iterator[Cause]:
    ahead = observed["clock"]["ahead"]
    if ahead is not None and abs(ahead) > _CLOCK_TOLERANCE:
        direction = "ahead of" if ahead > 0 else "behind"
        yield Cause(
            "clock",
            CERTAIN if is_healthy(observed) else POSSIBLE,
            f"the clock of this host is {abs(ahead):.0f} s {direction} that of whoever answered",
            f"it says {observed['clock']['now']}; tokens and attested documents will be refused",
            ["timedatectl set-ntp true"],
            "Azure VMs can take the time of their host: chrony with the clock /dev/ptp_hyperv.",
        )


def _unexplained(observed: _Observed) -> t.Iterator[Cause]:
    route = observed["route"]
    if _unanswered(observed) and not route["refusal"] and not route["on_this_host"]:
        yield Cause(
            "unexplained",
            POSSIBLE,
            "IMDS does not answer this address of this VM for a reason outside of it",
            f"{observed['request']['reason']}, although the route is there",
            [
                "az vm nic list --resource-group GROUP --vm-name VM",
                _ASK.format(address=observed["address"]),
            ],
            "Compare the primary interface's MAC and address there with the ones here. If they are "
            "the same, open a support request for this VM in the Azure portal.",
        )


# The order is that of likelihood among causes that are equally sure.
_CHECKS: tuple[t.Callable[[_Observed], t.Iterator[Cause]], ...] = (
    _own_address,
    _no_route,
    _policy_route,
    _not_azure,
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


def report(observed: _Observed, found: t.Sequence[Cause], host: str) -> list[str]:
    """The lines for a terminal."""
    request = observed["request"]
    if is_healthy(observed):
        state = "answers"
    elif request["imds"]:
        state = f"answers, with status {request['status']}"
    elif request["status"] is not None:
        state = f"does not answer; {observed['other_service']} does"
    else:
        state = f"does not answer: {request['reason']}"
    lines = [f"IMDS on {host} {state}.", ""]
    if not found:
        lines.append("Nothing is wrong.")
    for number, cause in enumerate(found):
        if number == 0:
            lines.append(f"Most likely ({cause.certainty}): {cause.what}.")
        else:
            if number == 1:
                lines.append("Also:")
            lines.append(f"{number + 1}. ({cause.certainty}) {cause.what}.")
        lines.append(f"   why:  {cause.why}.")
        lines.extend(f"   mend: {text}" for text in cause.mend)
        if cause.advice:
            lines.append(f"   note: {cause.advice}")
        lines.append("")
    lines = [*lines, *([""] if not found else []), "What was looked at:", *_looked_at(observed)]
    return [one_line(line) for line in lines]


def _looked_at(observed: _Observed) -> list[str]:
    request, primary = observed["request"], observed["primary"]
    firmware, clock = observed["firmware"], observed["clock"]
    rows = {
        "request": _answer(request),
        "versions": _versions(observed["versions"]),
        "route": _way(observed["route"]),
        "primary": f"{primary['interface']} {primary['address'] or 'without an address'} "
        f"({primary['because']})"
        if primary["interface"]
        else "unknown: no interface has an address",
        "interfaces": ", ".join(_interface(nic) for nic in observed["interfaces"]) or "none",
        "proxies": ", ".join(
            f"{catch['variable']} ({catch['where']})" for catch in observed["proxies"]
        )
        or "none would have caught the request",
        "firmware": {True: "Azure", False: "not Azure", None: "unknown"}[firmware["azure"]]
        + (f" ({firmware['vendor']} {firmware['product']})" if firmware["vendor"] else ""),
        "DHCP": ", ".join(
            f"{lease['interface']} {lease['address']} "
            + ("from Azure (option 245)" if lease["azure"] else "without Azure's option 245")
            for lease in observed["leases"]
        )
        or "no leases found",
        "clock": clock["now"]
        + ("" if clock["ahead"] is None else f", {clock['ahead']:+.0f} s from the answer's"),
    }
    return [f"   {name + ':':<12}{text}" for name, text in rows.items()]


def _answer(request: _Observed) -> str:
    if request["status"] is None:
        return f"{request['url']}: {request['reason']}"
    server = printable(request["headers"].get("server", ""), 80)
    return f"{request['url']}: status {request['status']}" + (f" from {server}" if server else "")


def _versions(found: _Observed) -> str:
    if found["versions"]:
        versions = sorted(found["versions"])
        return f"{len(versions)}, from {versions[0]} to {versions[-1]}"
    return found["reason"] or f"none listed (status {found['status']})"


def _way(route: _Observed) -> str:
    if route["on_this_host"]:
        return "on this host itself"
    if not route["network"]:
        return "none"
    if not route["interface"]:
        return f"refused, by the route to {route['network']}"
    by = f"by {route['interface']}"
    via = f" via {route['gateway']}" if route["gateway"] else ", on the link"
    source = f" from {route['source']}" if route["source"] else ""
    return f"{by}{via}{source} (the route to {route['network']})"


def _interface(nic: _Observed) -> str:
    addresses = " ".join(nic["addresses"]) or "no address"
    return f"{nic['name']} {nic['state']} {addresses}"


__all__ = (
    "CERTAIN",
    "LIKELY",
    "POSSIBLE",
    "UNKNOWN_SERVICE",
    "Cause",
    "causes",
    "is_healthy",
    "report",
)
