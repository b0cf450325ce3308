# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""/metadata/loadbalancer: addresses and rules of the load balancer in front of the machine."""

from __future__ import annotations

from imds_simulator._api_versions import api_version
from imds_simulator._messages import Answer, Request, as_json, error
from imds_simulator._vm import Vm

NONE_FOUND = error(
    404,
    "No load balancer metadata is found. Please check if your VM is using any non-basic SKU load "
    "balancer and retry later.",
)
_INTRODUCED = "2020-10-01"
_AGAIN = "Please fix the request and retry."
# Assumption: the numbers. The documentation has only the names of these limits.
_MAX_BODY_LENGTH = 4096
_MAX_KEY_LENGTH = 128
_MAX_VALUE_LENGTH = 2048
_MAX_HEADER_LENGTH = 2048


def loadbalancer(vm: Vm, request: Request) -> Answer:
    """An error. Assumption: the documented texts have the error document of the captured 404."""
    if too_long := _too_long(request):
        return error(400, too_long)
    if request.parameter("api-version") is None:
        return error(400, f'Missing required parameter "api-version". {_AGAIN}')
    version = api_version(vm, request)
    form = request.parameter("format")
    # Assumption: JSON is the only format.
    if form not in (None, "json"):
        return error(
            400, f'Parameter value "{form}" is not allowed for parameter "format". {_AGAIN}'
        )
    # Assumption: there are no routes below this one, and older versions do not have it.
    if version < _INTRODUCED or request.segments[2:] not in ([], [""]):
        return error(404, f'API is not found: Path = "{request.path}", Method = "{request.method}"')
    return NONE_FOUND if vm.loadbalancer is None else as_json({"loadbalancer": vm.loadbalancer})


def wrong_verb(request: Request) -> Answer:
    return error(
        405, f'Http method is not allowed: Path = "{request.path}", Method = "{request.method}"'
    )


def _too_long(request: Request) -> str:
    """The documented text about a value that is too long; empty if all values are short enough."""
    limits = (
        ("Request body is larger than MaxBodyLength", [request.body], _MAX_BODY_LENGTH),
        (
            "Parameter key length is larger than MaxParameterKeyLength",
            [name for name, _value in request.query],
            _MAX_KEY_LENGTH,
        ),
        (
            "Parameter value length is larger than MaxParameterValueLength",
            [value for _name, value in request.query],
            _MAX_VALUE_LENGTH,
        ),
        (
            "Parameter header value length is larger than MaxHeaderValueLength",
            [value for _name, value in request.headers],
            _MAX_HEADER_LENGTH,
        ),
    )
    for text, values, limit in limits:
        if any(len(value) > limit for value in values):
            return f"{text}: {limit}"
    return ""
