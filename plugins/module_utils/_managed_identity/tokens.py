# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tokens of managed identities: the parameters, the requests, and the parsing of answers.

No message ever quotes a token. Private to imds.azure.
"""

from __future__ import annotations

import base64
import re
import typing as t

from .._client import Endpoint, ImdsClient, Params, RateLimit
from .._clouds import Cloud
from .._document import parse_json
from .._errors import MalformedError, OptionError, printable
from .._service import ARC

if t.TYPE_CHECKING:
    from .arc_key import ReadKey

# Options that choose an identity, and the parameter names of the endpoints.
IDENTITIES = {"client_id": "client_id", "object_id": "object_id", "resource_id": "msi_res_id"}
EXTENSION_PORT = 50342
# The claims that identify owner and audience. Two tokens with equal claims give the same access.
CLAIMS = ("aud", "oid", "tid", "appid")

_NAMED_RESOURCES: dict[str, t.Callable[[Cloud], str]] = {
    "resource_manager": lambda cloud: cloud.resource_manager and f"{cloud.resource_manager}/",
    "key_vault": lambda cloud: cloud.key_vault_suffix and f"https://{cloud.key_vault_suffix}",
    # The same in every cloud, unlike the domains of the storage accounts.
    "storage": lambda cloud: cloud.storage_suffix and "https://storage.azure.com/",
}
RESOURCES = tuple(_NAMED_RESOURCES)

NUMBERS = ("expires_on", "expires_in", "not_before")
# Some services return dates in these fields.
_MOMENTS = ("expires_on", "not_before")
_TEXTS = ("token_type", "client_id", "resource")
_INTEGER = re.compile(r"[0-9]{1,18}\Z")
# The characters of a bearer token (RFC 6750). They are safe in headers and templates.
_BEARER = re.compile(r"[A-Za-z0-9._~+/-]+=*\Z")
_GUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\Z")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:[^\s\x00-\x1f\x7f]+\Z")


def resource_uri(resource: str, cloud: t.Callable[[], Cloud]) -> str:
    """The resource parameter for a token. A name such as key_vault means that service in the VM's own cloud."""
    named = _NAMED_RESOURCES.get(resource)
    if named is None:
        if _URI.match(resource) or _GUID.match(resource):
            return resource
        raise OptionError(
            f"resource {printable(resource)!r} is neither a URI (https://vault.azure.net), nor the id "
            f"of an application, nor one of {', '.join(RESOURCES)}"
        )
    own = cloud()
    uri = named(own)
    if not uri:
        raise OptionError(
            f"resource {resource!r} is not known for the cloud {printable(own.name)!r} of this VM: "
            "give the URI of the resource instead"
        )
    return uri


def identity_params(given: t.Mapping[str, str | None]) -> list[tuple[str, str]]:
    """The query parameter of the one chosen identity, or none."""
    chosen = [name for name in IDENTITIES if given.get(name)]
    if len(chosen) > 1:
        raise OptionError(f"{' and '.join(chosen)} are mutually exclusive: each names one identity")
    return [(IDENTITIES[name], str(given[name])) for name in chosen]


def extension_endpoint(port: int, identity: t.Sequence[tuple[str, str]]) -> Endpoint:
    """The endpoint of the retired VM extension, which has no versions."""
    if not 0 < port < 65536:
        raise OptionError(f"port must be a number from 1 to 65535, not {port}")
    if any(name == IDENTITIES["resource_id"] for name, _value in identity):
        raise OptionError(
            "resource_id is unknown to the VM extension: use client_id or object_id, or source=imds"
        )
    return Endpoint(
        "oauth2/token",
        version="",
        advise=extension_advice,
        secret=True,
        base_url=f"http://localhost:{port}",
    )


def imds_token(
    client: ImdsClient,
    resource: str,
    identity: Params = (),
    rate_limit: RateLimit | None = None,
    unread: list[str] | None = None,
    read_arc_key: ReadKey | None = None,
) -> dict[str, t.Any]:
    """A token for a resource, of the VM's only identity or of the chosen one.

    `unread` is the same as in token_of. `read_arc_key` reads the key that the Azure Arc agent requires. Only a process
    on the server of the agent may have it.
    """
    answers: list[dict[str, t.Any]] = []

    def shape(data: t.Any) -> dict[str, t.Any]:
        answers.append(data)
        return token_of(data, unread)

    params = (("resource", resource), *identity)
    if client.service is not ARC:
        attempts = client.attempts(TOKENS, rate_limit)
        return dict(client.get(TOKENS, params, shape=shape, attempts=attempts).data)
    # Imported here because hardly any host is an Azure Arc-enabled server.
    from . import arc_key

    client = client.sending_by(lambda send: arc_key.answering(send, client.endpoint, read_arc_key))
    endpoint = TOKENS._replace(advise=arc_key.advice)
    attempts = client.attempts(endpoint, rate_limit)
    token = dict(client.get(endpoint, params, shape=shape, attempts=attempts).data)
    return {**token, "identity": arc_key.kind_of_identity(answers[-1], identity)}


def extension_token(
    client: ImdsClient,
    extension: Endpoint,
    resource: str,
    identity: Params = (),
    unread: list[str] | None = None,
) -> dict[str, t.Any]:
    """A token from the retired VM extension, which listens on the VM itself."""

    def shape(data: t.Any) -> dict[str, t.Any]:
        return token_of(data, unread)

    params = (("resource", resource), *identity)
    token: dict[str, t.Any] = client.get(extension, params, shape=shape).data
    return token


def token_of(data: t.Any, unread: list[str] | None = None) -> dict[str, t.Any]:
    """The token of an answer, and its fields. Numbers may be texts, and times may be dates.

    A missing number is None. A number that can't be parsed is also None, and `unread` collects its name.
    """
    token = data.get("access_token") if isinstance(data, dict) else None
    if not isinstance(token, str) or not _BEARER.match(token):
        raise MalformedError("it has no usable access_token")
    result: dict[str, t.Any] = {"access_token": token}
    result.update({name: _text(data.get(name)) for name in _TEXTS})
    result.update({name: _number(name, data.get(name)) for name in NUMBERS})
    if unread is not None:
        unread += [
            name
            for name in NUMBERS
            if result[name] is None and data.get(name) is not None and data[name] != ""
        ]
    return result


def unread_warning(name: str) -> str:
    """A warning that quotes nothing of the answer, because it may be a secret."""
    return (
        f"{name} of the token is null, because the value that came with the token is neither a number nor a "
        "date in a known form"
    )


def _text(value: t.Any) -> str:
    return value if isinstance(value, str) else ""


def _number(name: str, value: t.Any) -> int | None:
    if isinstance(value, str) and _INTEGER.match(value):
        return int(value)
    if isinstance(value, str) and name in _MOMENTS:
        # Imported here because IMDS itself returns numbers.
        from .._endpoints.dates import moment_of

        moment = moment_of(value)
        return None if moment is None or moment < 0 else int(moment)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def claims_of(token: str) -> dict[str, str]:
    """The owner and the audience of a token, unverified: only its receiver can check the signature."""
    payload = token.split(".")[1] if token.count(".") == 2 else ""
    try:
        data = parse_json(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise MalformedError("the token is not a JSON Web Token, so nothing can be read from it")
    # Tokens of version 2 call the application azp.
    return {name: _text(data.get(name) or (name == "appid" and data.get("azp"))) for name in CLAIMS}


def different_claims(one: dict[str, str], other: dict[str, str]) -> list[str]:
    """The claims that differ or are missing in both tokens."""
    return [name for name in CLAIMS if not one[name] or one[name] != other[name]]


_BY_WORDS = (
    (
        "multiple user assigned identities exist",
        "Choose one of them: set client_id, object_id or resource_id",
    ),
    (
        "identity not found",
        "Assign a managed identity to the VM, and check that one with the given client_id, object_id "
        "or resource_id is among those assigned to it",
    ),
    (
        "invalid_resource",
        "Check resource: it must be the exact URI of a service that exists in this cloud and tenant",
    ),
    (
        "use up the rate limit",
        "Request fewer tokens at once, or raise the option deadline",
    ),
)
_BY_STATUS = {
    400: "Check resource and the requested identity",
    404: "The token service of this IMDS is not ready, or does not exist. Try again later",
    429: "The VM requests tokens more often than IMDS allows (20 times a second, 5 at once). "
    "Try again later, or raise the option deadline",
}
_EXTENSION_GONE = (
    "The VM extension does not run, or not on this port: it is retired, so use source=imds"
)


def token_advice(status: int | None, cause: str) -> str:
    """The advice for a failure, or "" for the usual advice.

    The error text of the service is used only to choose the advice.
    """
    words = cause.lower()
    return next((todo for key, todo in _BY_WORDS if key in words), _BY_STATUS.get(status or 0, ""))


def extension_advice(status: int | None, cause: str) -> str:
    if status in (None, 404):
        return _EXTENSION_GONE
    if status in (401, 500):
        return "The extension has a problem, and it is retired: use source=imds"
    return token_advice(status, cause)


# The documentation recommends retries of a 404 as well. All Azure SDKs use this version.
TOKENS = Endpoint(
    "identity/oauth2/token",
    always_there=True,
    version="2018-02-01",
    advise=token_advice,
    secret=True,
)


__all__ = (
    "CLAIMS",
    "EXTENSION_PORT",
    "IDENTITIES",
    "NUMBERS",
    "RESOURCES",
    "TOKENS",
    "claims_of",
    "different_claims",
    "extension_advice",
    "extension_endpoint",
    "extension_token",
    "identity_params",
    "imds_token",
    "resource_uri",
    "token_advice",
    "token_of",
    "unread_warning",
)
