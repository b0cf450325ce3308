# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The service of the Azure Connected Machine agent on an Azure Arc-enabled server: documents, and tokens after a challenge.

Assumption: everything that captures of real agents do not show. They show complete documents, the message that lists the versions,
the challenge, a token, and the answer for an identity that is not assigned.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import time
import uuid
from typing import TYPE_CHECKING, Any

from imds_simulator._api_versions import API_VERSIONS
from imds_simulator._fields import at_version
from imds_simulator._identity import Identity, checked_resource, issued
from imds_simulator._messages import Answer, RefusedError, Request

if TYPE_CHECKING:
    from collections.abc import Sequence

    from imds_simulator._vm import Vm

SERVICE = "arc"
PORT = 40342
KEYS_FOLDER = "/var/opt/azcmagent/tokens"
VERSIONS = ("2019-08-15", "2019-11-01", "2020-06-01", "2021-02-01")

# The parameters that select an identity. The agent ignores mi_res_id.
_SELECTORS = {
    "client_id": "client_id",
    "object_id": "object_id",
    "msi_res_id": "resource_id",
}
_SCHEME = "Basic "


def arc(vm: Vm, request: Request) -> Answer:
    try:
        return _answer(vm, request)
    except RefusedError as refused:
        return _plain(refused.answer.status, refused.answer.body)


def _answer(vm: Vm, request: Request) -> Answer:
    # Assumption: the order of the checks, and all refusals except that of the version.
    if (request.header("Metadata") or "").lower() != "true":
        return _error(400, "invalid_request", "Required metadata header not specified")
    if request.method != "GET":
        return _error(405, "method_not_allowed", "Method not allowed")
    route = request.segments
    # Assumption: there are no routes below these, and no other routes.
    if route not in (
        ["metadata", "instance"],
        ["metadata", "instance", "compute"],
        ["metadata", "identity", "oauth2", "token"],
    ):
        return _error(404, "not_found", "Not found")
    versions = versions_of(vm)
    version = request.parameter("api-version") or ""
    if version not in versions:
        listed = " ".join(sorted(versions, reverse=True))
        # Assumption: the message is within JSON, with this status.
        words = f"The api-version not specified. Supported are {listed}"
        return _error(400, "invalid_request", words)
    if route[1] == "identity":
        return _token(vm, request)
    document = at_version(vm.document, version)
    return _json(document if len(route) == 2 else document.get("compute", {}))


def versions_of(vm: Vm) -> Sequence[str]:
    """The versions of the machine. The default is those of the agent."""
    return VERSIONS if vm.versions is API_VERSIONS else vm.versions


def _token(vm: Vm, request: Request) -> Answer:
    authorization = request.header("Authorization")
    if authorization is None:
        return _challenge(vm)
    # Assumption: any value that is not the key of an open challenge has this answer.
    path = vm.keys.pop(authorization.removeprefix(_SCHEME), None)
    if not authorization.startswith(_SCHEME) or path is None:
        return _error(403, "unauthorized_client", "Invalid key in the Authorization header")
    # The agent removes the file of a used key.
    with contextlib.suppress(OSError):
        os.unlink(path)
    resource = checked_resource(vm, request.parameter("resource"))
    one, said = _chosen(vm, request)
    token = issued(vm, one, resource)
    del token["not_before"]
    return _json({**token, "ext_expires_in": int(token["ext_expires_in"]), **said})


def _challenge(vm: Vm) -> Answer:
    """Writes a key to a new file, which only its user and its group may read."""
    path = os.path.join(vm.keys_folder, f"{uuid.uuid4()}.key")
    key = secrets.token_urlsafe(32)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(key)
    except OSError as exc:
        return _error(500, "server_error", f"cannot write a key: {exc.strerror}")
    vm.keys[key] = path
    answer = _error(401, "unauthorized_client", "Missing Basic Authorization header")
    return Answer(
        401,
        answer.body,
        answer.content_type,
        (("Www-Authenticate", f"{_SCHEME}realm={path}"),),
        foreign=True,
    )


def _chosen(vm: Vm, request: Request) -> tuple[Identity, dict[str, str]]:
    """The identity that a request selects, and the fields of the answer about it."""
    own = [one for one in vm.identities if not one.resource_id]
    wanted = [(name, value) for name, value in request.query if name in _SELECTORS]
    if not wanted or not vm.confirms_identities:
        if not own:
            raise RefusedError(_not_found())
        return own[0], {}
    # Assumption: the first selector counts.
    name, value = wanted[0]
    for one in vm.identities:
        if value and getattr(one, _SELECTORS[name]).lower() == value.lower():
            return one, {name: value}
    raise RefusedError(_not_found())


def _not_found() -> Answer:
    description = (
        "Identity not found: error acquiring access token: requested identity was not found"
    )
    body = {
        "error": "identity_not_found",
        "error_description": description,
        "error_codes": [404],
    }
    return Answer(404, json.dumps(body, separators=(",", ":")).encode())


def _error(status: int, error: str, description: str) -> Answer:
    return _json(
        {
            "error": error,
            "error_description": description,
            "error_codes": [status],
            "timestamp": time.strftime("%Y-%m-%d %H:%M:%S +0000 UTC", time.gmtime()),
            "trace_id": "",
            "correlation_id": str(uuid.uuid4()),
        },
        status,
    )


def _json(value: Any, status: int = 200) -> Answer:
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return _plain(status, f"{text}\n".encode(errors="surrogatepass"))


def _plain(status: int, body: bytes) -> Answer:
    return Answer(status, body, "application/json", foreign=True)
