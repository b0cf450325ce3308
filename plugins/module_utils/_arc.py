# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The differences between IMDS and the metadata service of the Azure Arc agent. Private to imds.azure.

Imported only if a request goes to the agent, or after a failure of the default endpoint.
"""

from __future__ import annotations

import typing as t

from . import _errors

# An Endpoint, and the type of its `advise`. `Any` avoids a circular import, because the file of Endpoint imports this file.
_Endpoint = t.Any
_Advise = t.Callable[[t.Optional[int], str], str]

# The first segments of the routes of IMDS that the agent lacks.
_ABSENT = {
    "attested": "attested documents",
    "loadbalancer": "load balancer metadata",
    "scheduledevents": "scheduled events",
    "versions": "list of versions",
}
_HINT = (
    "This host is an Azure Arc-enabled server: set the option endpoint (variable "
    "azure_imds_endpoint) to arc or auto"
)
_STATE = "Run systemctl status himdsd and azcmagent show on the server"
_NO_AGENT = "The Azure Arc agent is not installed on this host. For a fleet with other hosts, set endpoint=auto"
_BY_STATUS = {
    401: f"The Azure Arc agent requires a key for this request. {_STATE}",
    403: f"The Azure Arc agent forbids the request. {_STATE}",
    404: f"The Azure Arc agent does not have this route, or it is not connected. {_STATE}",
    429: "This host sends too many requests to the Azure Arc agent. Try again later, or raise the option deadline",
    500: f"The Azure Arc agent reports an internal error. {_STATE}",
    503: f"The Azure Arc agent has not loaded its configuration yet. Try again later. {_STATE}",
}


def adapted(endpoint: _Endpoint, url: str, has_agent: t.Callable[[], bool]) -> _Endpoint:
    """The endpoint with the versions and the advice of the agent. Raises AbsentError if the agent lacks the endpoint."""
    absent = _ABSENT.get(endpoint.path.partition("/")[0].lower())
    if absent:
        raise _errors.AbsentError(
            f"Azure Arc has no {absent}, so no request for {url}/metadata/{_errors.printable(endpoint.path)} was sent. An "
            "Azure Arc-enabled server has only instance documents and tokens: exclude this host"
        )
    usual: _Advise | None = endpoint.advise

    def advise(status: int | None, cause: str) -> str:
        return (usual(status, cause) if usual else "") or _advice(status, cause, has_agent)

    is_instance = endpoint.path == "instance"
    # All endpoints of the agent have the same versions.
    return endpoint._replace(version=None, advise=advise, always_there=is_instance)


def _advice(status: int | None, cause: str, has_agent: t.Callable[[], bool]) -> str:
    if status is not None:
        return _BY_STATUS.get(status, "")
    if not has_agent():
        return _NO_AGENT
    if cause == "connection refused":
        return f"Nothing listens there. {_STATE}"
    return _STATE


def add_hint(
    error: _errors.ImdsError,
    in_azure: t.Callable[[], bool | None],
    has_agent: t.Callable[[], bool],
) -> None:
    """Adds the name of the endpoint that works on this host to the error of the default endpoint."""
    if isinstance(error, _errors.OptionError) or _HINT in str(error):
        return
    if in_azure() is False and has_agent():
        error.add(_HINT)


__all__ = ("adapted", "add_hint")
