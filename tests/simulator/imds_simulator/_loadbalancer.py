# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""/metadata/loadbalancer: addresses and rules of the load balancer in front of the machine."""

from __future__ import annotations

from imds_simulator._api_versions import api_version
from imds_simulator._messages import Answer, Request, as_json, error
from imds_simulator._vm import Vm

# Assumption: the documented texts of its errors come in the error document of the other routes.
NONE_FOUND = error(
    404,
    "No load balancer metadata is found. Check if your virtual machine is using any nonbasic SKU "
    "load balancer and retry later.",
)
_INTRODUCED = "2020-10-01"


def loadbalancer(vm: Vm, request: Request) -> Answer:
    if request.parameter("api-version") is None:
        return error(400, 'Missing required parameter "api-version"')
    version = api_version(vm, request)
    # Assumption: only JSON, another format is a bad request.
    if request.parameter("format") not in (None, "json"):
        return error(400, "Bad request")
    # Assumption: no routes below this one, and an older version doesn't have it.
    if version < _INTRODUCED or request.segments[2:] not in ([], [""]):
        return error(404, f'API isn\'t found: Path = "{request.path}", Method = "{request.method}"')
    return NONE_FOUND if vm.loadbalancer is None else as_json({"loadbalancer": vm.loadbalancer})


def wrong_verb(request: Request) -> Answer:
    return error(
        405, f'Http method isn\'t allowed: Path = "{request.path}", Method = "{request.method}"'
    )
