# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""/metadata/instance: the document, or the part of it that a route names."""

from __future__ import annotations

import json
from typing import Any

from imds_simulator._api_versions import api_version
from imds_simulator._fields import at_version
from imds_simulator._messages import Answer, RefusedError, Request, as_json, as_text, error
from imds_simulator._vm import Vm

# The body is from a capture without a status. The status is from clients, which do not know the body.
# Assumption: both belong to the same answer.
NOT_FOUND = error(404, "Not found")
BAD_REQUEST = error(400, "Bad request")

INTRODUCED_EXTENDED = "2021-08-01"
# The additional values for `extended=true`, as cloud-init reads them. Only these values of the document are not texts.
_EXTENDED = {"compute": {"hasCustomData": False, "ppsType": "None"}}


# Assumption: the status and the body. It is only known that IMDS fails here and does not return a part.
NOT_IN_FULL = error(500, "Internal error")


def instance(vm: Vm, request: Request) -> Answer:
    document = {name: part for name, part in vm.document.items() if name not in vm.lost}
    if request.parameter("extended") == "true":
        if vm.lost and api_version(vm, request) >= INTRODUCED_EXTENDED:
            return NOT_IN_FULL
        document.setdefault("extended", _EXTENDED)
    else:
        document.pop("extended", None)
    version = api_version(vm, request)
    form = request.parameter("format")
    # Assumption: any format but these two, in this casing, is a bad request.
    if form not in (None, "json", "text"):
        return BAD_REQUEST
    value = walk(at_version(document, version), request.segments[2:])
    if form == "text":
        return as_text(listing(value) if is_container(value) else leaf_text(value))
    return as_json(value) if is_container(value) else BAD_REQUEST


def walk(value: Any, segments: list[str]) -> Any:
    """The value of a route, which consists of names of members and of indexes of elements from 0.

    Assumption: names are case-sensitive. An empty segment is accepted only at the end of the route
    of a container. Dot segments are not resolved, so they are names that do not exist.
    """
    for position, segment in enumerate(segments):
        if segment == "" and position == len(segments) - 1 and is_container(value):
            return value
        if isinstance(value, dict) and segment in value:
            value = value[segment]
        elif isinstance(value, list) and segment in map(str, range(len(value))):
            value = value[int(segment)]
        else:
            raise RefusedError(NOT_FOUND)
    return value


def is_container(value: Any) -> bool:
    return isinstance(value, (dict, list))


def listing(container: Any) -> str:
    """The names in alphabetical order, each in a line. The name of a container ends with a slash.

    Assumption: no newline after the last name, and an empty text for an empty container.
    """
    members = sorted(container.items()) if isinstance(container, dict) else enumerate(container)
    return "\n".join(f"{name}/" if is_container(child) else f"{name}" for name, child in members)


def leaf_text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value)
