# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The causes that only Azure Arc-enabled servers have.

Pure. `agent_not_asked` is for requests to IMDS, and all others are for requests to the Azure Arc agent.
Private to imds.azure.
"""

from __future__ import annotations

import typing as t

from .._errors import printable
from .._firmware import ARC_AGENT
from .._managed_identity.arc_key import FOLDER
from .._service import IMDS
from .arc_agent import AGENT_USER
from .cause import CERTAIN, LIKELY, POSSIBLE, Cause, answered, ask_command, is_healthy, unanswered
from .evidence import Evidence
from .shell import command, word

_AGENT_LOG = (
    "azcmagent show prints the state of the agent, and journalctl -u himdsd prints its log."
)


def agent_not_asked(evidence: Evidence) -> t.Iterator[Cause]:
    arc = evidence.arc
    if not arc.installed or evidence.firmware.azure is not False:
        return
    if evidence.endpoint == IMDS.endpoint and not is_healthy(evidence):
        yield Cause(
            "arc_agent",
            CERTAIN,
            "this is an Azure Arc-enabled server, but the request did not go to its agent",
            f"{ARC_AGENT} exists, and the firmware is not that of Azure",
            [],
            "Set the variable azure_imds_endpoint to arc, or to auto if only some of your hosts are Azure "
            "Arc-enabled servers.",
        )


def agent_down(evidence: Evidence) -> t.Iterator[Cause]:
    arc = evidence.arc
    if not unanswered(evidence) or arc.listeners:
        return
    no_listener = f"nothing listens on {evidence.address}, port {evidence.port}"
    if arc.installed:
        yield Cause(
            "arc_agent_down",
            CERTAIN,
            "the Azure Arc agent does not run",
            no_listener,
            ["systemctl enable --now himdsd"],
            _AGENT_LOG,
        )
        return
    yield Cause(
        "arc_agent_down",
        CERTAIN,
        "the Azure Arc agent is not installed",
        f"{no_listener}, and there is no {ARC_AGENT}",
        [],
        "If this host is an Azure VM, or has nothing to do with Azure, set azure_imds_endpoint to auto.",
    )


def foreign_listener(evidence: Evidence) -> t.Iterator[Cause]:
    arc = evidence.arc
    if arc.strangers:
        who = " and ".join(printable(user, 80) for user in arc.strangers)
        yield Cause(
            "arc_foreign_listener",
            CERTAIN,
            f"a program of another user listens on the port of the Azure Arc agent: {who}",
            f"a socket that listens on port {evidence.port} belongs neither to {AGENT_USER} nor to root",
            [f"ss -tlnp 'sport = :{evidence.port}'", "systemctl status himdsd"],
            "Do not trust the answers of that program. End it, and start the agent again.",
        )


def not_connected(evidence: Evidence) -> t.Iterator[Cause]:
    request = evidence.request
    if request.status not in (200, 404) or is_healthy(evidence):
        return
    if request.status == 200 and not request.imds:
        why = "the answer is status 200, but it is not an instance document"
    elif request.status == 200:
        why = "the instance document has no compute"
    else:
        why = answered(request)
    yield Cause(
        "arc_not_connected",
        LIKELY,
        "the Azure Arc agent is not connected to Azure",
        why,
        ["azcmagent show", "azcmagent check"],
        "To connect it, run azcmagent connect. " + _AGENT_LOG,
    )


def status(evidence: Evidence) -> t.Iterator[Cause]:
    request = evidence.request
    if request.status in (None, 200, 404):
        return
    starts = request.status == 503
    yield Cause(
        "status",
        LIKELY,
        "the Azure Arc agent has not loaded its configuration yet"
        if starts
        else "the Azure Arc agent refuses the request",
        answered(request),
        [ask_command(evidence), "systemctl restart himdsd"],
        _AGENT_LOG,
    )


def key_unreadable(evidence: Evidence) -> t.Iterator[Cause]:
    """Facts need no key."""
    arc = evidence.arc
    if arc.may_read_keys is False:
        yield Cause(
            "arc_key_unreadable",
            CERTAIN if is_healthy(evidence) else POSSIBLE,
            "this user can get facts but no tokens from the Azure Arc agent",
            f"{arc.user} may not read {FOLDER}, where the agent writes its keys",
            [command(f"usermod -a -G {AGENT_USER} {word(arc.user)}")],
            "Log in again afterwards. With become: true, the group is not needed.",
        )


__all__ = (
    "agent_down",
    "agent_not_asked",
    "foreign_listener",
    "key_unreadable",
    "not_connected",
    "status",
)
