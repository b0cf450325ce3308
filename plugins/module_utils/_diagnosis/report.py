# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of a diagnosis: the causes and the evidence, as lines for a terminal. Pure; private to imds.azure."""

from __future__ import annotations

import typing as t

from .._errors import one_line, printable
from .cause import Cause, is_healthy
from .causes import route_in_words
from .evidence import Evidence, Interface, Probe, Versions


def report(evidence: Evidence, found: t.Sequence[Cause], host: str) -> list[str]:
    """The lines for a terminal."""
    request = evidence.request
    if is_healthy(evidence):
        state = "answers"
    elif request.imds:
        state = f"answers, with status {request.status}"
    elif request.status is not None:
        state = f"does not answer; {evidence.other_service} does"
    else:
        state = f"does not answer: {request.reason}"
    service = "The Azure Arc agent" if evidence.arc.asked else "IMDS"
    lines = [f"{service} on {host} {state}.", ""]
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
        lines.extend(f"   fix:  {text}" for text in cause.mend)
        if cause.advice:
            lines.append(f"   note: {cause.advice}")
        lines.append("")
    lines = [*lines, *([""] if not found else []), "Observations:", *_observations(evidence)]
    return [one_line(line) for line in lines]


def _observations(evidence: Evidence) -> list[str]:
    request, primary = evidence.request, evidence.primary
    firmware, clock = evidence.firmware, evidence.clock
    rows = {
        "request": _answer(request),
        "versions": _versions(evidence.versions),
        "route": route_in_words(evidence.route),
        "primary": f"{primary.interface} {primary.address or 'without an address'} "
        f"({primary.because})"
        if primary.interface
        else "unknown: no interface has an address",
        "interfaces": ", ".join(_interface(nic) for nic in evidence.interfaces) or "none",
        "proxies": ", ".join(f"{catch.variable} ({catch.where})" for catch in evidence.proxies)
        or "none applies to the request",
        "firmware": {True: "Azure", False: "not Azure", None: "unknown"}[firmware.azure]
        + (f" ({firmware.vendor} {firmware.product})" if firmware.vendor else ""),
        "DHCP": ", ".join(
            f"{lease.interface} {lease.address} "
            + ("from Azure (option 245)" if lease.azure else "without Azure's option 245")
            for lease in evidence.leases
        )
        or "no leases found",
        "Arc agent": _agent(evidence),
        "clock": clock.now
        + ("" if clock.ahead is None else f", {clock.ahead:+.0f} s compared with the answer"),
    }
    return [f"   {name + ':':<12}{text}" for name, text in rows.items()]


def _agent(evidence: Evidence) -> str:
    listeners = " and ".join(printable(user, 80) for user in evidence.arc.listeners)
    installed = "installed" if evidence.arc.installed else "not installed"
    return installed + (f", its port is used by {listeners}" if listeners else "")


def _answer(request: Probe) -> str:
    if request.status is None:
        return f"{request.url}: {request.reason}"
    server = printable(request.headers.get("server", ""), 80)
    return f"{request.url}: status {request.status}" + (f" from {server}" if server else "")


def _versions(found: Versions) -> str:
    if found.versions:
        versions = sorted(found.versions)
        return f"{len(versions)}, from {versions[0]} to {versions[-1]}"
    return found.reason or f"none listed (status {found.status})"


def _interface(nic: Interface) -> str:
    addresses = " ".join(nic.addresses) or "no address"
    return f"{nic.name} {nic.state} {addresses}"


__all__ = ("report",)
