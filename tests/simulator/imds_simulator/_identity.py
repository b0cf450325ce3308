# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""/metadata/identity: tokens of the managed identities of the virtual machine."""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from imds_simulator._api_versions import api_version, unknown
from imds_simulator._messages import Answer, RefusedError, Request, as_json

if TYPE_CHECKING:
    from imds_simulator._vm import Vm

INTRODUCED = "2018-02-01"
TENANT = "7a5c1f3e-52d4-4b8e-9c60-3f1e8d2b6a94"
LIFETIME = 86400
RENEWED_BEFORE_END = 300
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True)
class Identity:
    """A managed identity: the system-assigned identity of the machine, or a user-assigned one."""

    client_id: str
    object_id: str
    # The ID of the resource of a user-assigned identity. Empty for the system-assigned identity.
    resource_id: str = ""
    tenant_id: str = TENANT

    @classmethod
    def from_json(cls, value: Any) -> Identity:
        known = [item.name for item in fields(cls)]
        if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
            raise ValueError("an identity is an object of texts")
        if unexpected := sorted(set(value) - set(known)):
            raise ValueError(f"unknown field {unexpected[0]!r}; known: {', '.join(known)}")
        if missing := [name for name in known[:2] if not value.get(name)]:
            raise ValueError(f"it has no {missing[0]}")
        return cls(**value)


def oauth_error(status: int, error: str, description: str) -> Answer:
    """The error document of these routes: compact, and with a description."""
    document = {"error": error, "error_description": description}
    return Answer(status, json.dumps(document, separators=(",", ":")).encode())


def _invalid_request(description: str) -> Answer:
    return oauth_error(400, "invalid_request", description)


NO_HEADER = _invalid_request("Required metadata header not specified")
TOO_MANY = oauth_error(429, "invalid_request", "Temporarily throttled, too many requests")
IDENTITY_NOT_FOUND = _invalid_request("Identity not found")
SEVERAL = _invalid_request(
    "Multiple user assigned identities exist, please specify the clientId / resourceId of the "
    "identity in the token request"
)
# Assumption: the texts of these two.
NO_RESOURCE = _invalid_request("Required query variable 'resource' is missing")
SEVERAL_SELECTORS = _invalid_request("Only one of client_id, object_id and msi_res_id is allowed")
# Assumption: the status, and that the body is compact like the other errors here. The text was captured.
NOT_FOUND = Answer(404, b'{"error":"Not Found"}')

# The parameters that select an identity. IMDS also accepts the last one, which is not documented.
_SELECTORS = {
    "client_id": "client_id",
    "object_id": "object_id",
    "msi_res_id": "resource_id",
    "mi_res_id": "resource_id",
}


def identity(vm: Vm, request: Request) -> Answer:
    # Assumption: a version before the introduction of this route has the answer of an unknown version.
    if api_version(vm, request) < INTRODUCED:
        return unknown(vm)
    route = request.segments[2:]
    if route == ["info"]:
        # Assumption: a machine without identities also has a tenant.
        tenants = [one.tenant_id for one in vm.identities] or [TENANT]
        return as_json({"tenantId": tenants[0]})
    if route != ["oauth2", "token"]:
        return NOT_FOUND
    resource = checked_resource(vm, request.parameter("resource"))
    one = chosen(vm.identities, request.query)
    return as_json(_kept(vm, one, resource) | {"client_id": one.client_id})


def checked_resource(vm: Vm, resource: str | None) -> str:
    if not resource:
        raise RefusedError(NO_RESOURCE)
    known = vm.resources
    if resource not in known if known is not None else not _may_exist(resource):
        raise RefusedError(
            oauth_error(
                400,
                "invalid_resource",
                f"AADSTS500011: The resource principal named {resource} was not found in the "
                f"tenant named {TENANT}.",
            )
        )
    return resource


def _may_exist(resource: str) -> bool:
    """Whether a token for this resource is possible: any application ID, and any URI whose host can exist (RFC 2606)."""
    try:
        parts = urlsplit(resource)
    except ValueError:
        return False
    if not parts.scheme:
        return _GUID.fullmatch(resource) is not None
    return not (parts.hostname or "").endswith(".invalid")


def chosen(identities: Iterable[Identity], query: Iterable[tuple[str, str]]) -> Identity:
    """The identity that a request selects."""
    selectors = [(_SELECTORS[name], value) for name, value in query if name in _SELECTORS]
    if len(selectors) > 1:
        raise RefusedError(SEVERAL_SELECTORS)
    if not selectors:
        return _default(list(identities))
    name, wanted = selectors[0]
    for one in identities:
        # The casing of resource IDs does not matter. Assumption: nor does that of other IDs.
        if wanted and getattr(one, name).lower() == wanted.lower():
            return one
    raise RefusedError(IDENTITY_NOT_FOUND)


def _default(identities: list[Identity]) -> Identity:
    """The system-assigned identity, or else the only user-assigned identity."""
    own = [one for one in identities if not one.resource_id]
    if len(own or identities) > 1:
        raise RefusedError(SEVERAL)
    if not identities:
        raise RefusedError(IDENTITY_NOT_FOUND)
    return (own or identities)[0]


def _kept(vm: Vm, one: Identity, resource: str) -> dict[str, str]:
    """The cached token for this identity and resource, with its remaining seconds.

    Assumption: the time for which the cached token is returned, and that `ext_expires_in` counts down like `expires_in`.
    """
    kept = vm.kept_tokens.get((one, resource))
    left = int(kept["expires_on"]) - int(time.time()) if kept else 0
    if kept is None or left <= RENEWED_BEFORE_END:
        kept = vm.kept_tokens[one, resource] = issued(vm, one, resource)
        left = LIFETIME
    return kept | {"expires_in": str(left - 1), "ext_expires_in": str(left - 1)}


def issued(vm: Vm, one: Identity, resource: str, lifetime: int = LIFETIME) -> dict[str, str]:
    """A new token and the other fields of the answer. All values are texts."""
    # Imported here because only tokens need this library.
    from imds_simulator._jwt import signed

    now = int(time.time())
    claims = _claims(vm, one, resource) | {"iat": now, "nbf": now - 300, "exp": now + lifetime}
    token = signed(claims)
    vm.tokens.append(token)
    return {
        "access_token": token,
        "expires_in": str(lifetime - 1),
        "expires_on": str(now + lifetime),
        "ext_expires_in": str(lifetime - 1),
        "not_before": str(now - 300),
        "resource": resource,
        "token_type": "Bearer",
    }


def _claims(vm: Vm, one: Identity, resource: str) -> dict[str, Any]:
    compute = vm.document.get("compute")
    machine = compute.get("resourceId") if isinstance(compute, dict) else None
    return {
        "aud": resource,
        "iss": f"https://sts.windows.net/{one.tenant_id}/",
        "appid": one.client_id,
        "appidacr": "2",
        "idtyp": "app",
        "oid": one.object_id,
        "sub": one.object_id,
        "tid": one.tenant_id,
        "uti": uuid.uuid4().hex,
        "ver": "1.0",
        "xms_mirid": one.resource_id or machine or "",
    }
