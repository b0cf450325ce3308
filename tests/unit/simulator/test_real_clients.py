# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests that Microsoft's clients and the collection get tokens from the simulator as from IMDS.

This tests the simulator, because these clients were written for the routes, answers and errors of the real service.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import CredentialUnavailableError

from ansible_collections.imds.azure.plugins.module_utils._client import ImdsClient, Limits, System
from ansible_collections.imds.azure.plugins.module_utils._errors import ImdsError
from ansible_collections.imds.azure.plugins.module_utils._managed_identity.tokens import (
    IDENTITIES,
    imds_token,
)
from ansible_collections.imds.azure.plugins.module_utils._transport import http_transport
from ansible_collections.imds.azure.plugins.plugin_utils._requests_transport import (
    requests_transport,
)
from imds_simulator import Fault, Identity, Vm
from peers.clients import VAULT, azure_identity, msal_client

GROUP = (
    "/subscriptions/1/resourcegroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
)
OWN = Identity("c0000000-0000-4000-8000-000000000001", "o0000000-0000-4000-8000-000000000001")
ONE = Identity("c-one", "o-one", f"{GROUP}/one")
TWO = Identity("c-two", "o-two", f"{GROUP}/two")

# Returns a token of the named identity, or raises an error, with short waits.
Client = Callable[..., str]


@pytest.fixture(autouse=True)
def imds(monkeypatch: pytest.MonkeyPatch, vm: Vm) -> Vm:
    """The simulated IMDS at the address that these clients use. The variables of other environments are removed."""
    for name in (
        "IDENTITY_ENDPOINT",
        "IDENTITY_HEADER",
        "IMDS_ENDPOINT",
        "MSI_ENDPOINT",
        "MSI_SECRET",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AZURE_POD_IDENTITY_AUTHORITY_HOST", vm.url)
    vm.identities = [OWN]
    return vm


def collection(transport: Any, url: str, **identity: str) -> str:
    params = [(IDENTITIES[name], value) for name, value in identity.items()]
    # The retry decisions of the collection, without the waits.
    system = System(sleep=lambda _seconds: None)
    client = ImdsClient(transport, url, limits=Limits(attempts=6), system=system)
    token: str = imds_token(client, VAULT, params)["access_token"]
    return token


@pytest.fixture(params=["azure-identity", "msal", "module", "lookup"])
def client(request: pytest.FixtureRequest, imds: Vm) -> Client:
    def by(transport: Any) -> Client:
        return lambda **identity: collection(transport, imds.url, **identity)

    clients: dict[str, Callable[[], Client]] = {
        "azure-identity": lambda: azure_identity,
        "msal": lambda: msal_client,
        "module": lambda: by(http_transport),
        "lookup": lambda: by(requests_transport()),
    }
    return clients[request.param]()


ERRORS = (CredentialUnavailableError, ClientAuthenticationError, RuntimeError, ImdsError)


def test_a_token(client: Client, imds: Vm) -> None:
    assert client() == imds.tokens[-1]
    sent = imds.requests[-1]
    assert (sent.method, sent.path) == ("GET", "/metadata/identity/oauth2/token")
    assert (sent.parameter("resource"), sent.parameter("api-version")) == (VAULT, "2018-02-01")


@pytest.mark.parametrize(
    "identity",
    [{"client_id": "c-two"}, {"object_id": "o-two"}, {"resource_id": f"{GROUP}/two"}],
)
def test_one_of_several_identities(client: Client, imds: Vm, identity: dict[str, str]) -> None:
    imds.identities = [ONE, TWO]
    assert client(**identity) == imds.tokens[-1]
    ((name, value),) = identity.items()
    names = ("msi_res_id", "mi_res_id") if name == "resource_id" else (name,)
    assert value in [imds.requests[-1].parameter(each) for each in names]


@pytest.mark.parametrize(
    ("identities", "message"),
    [
        ([], "Identity not found"),
        ([ONE, TWO], "Multiple user assigned identities exist, please specify the clientId"),
    ],
)
def test_errors_have_the_text_of_the_service(
    client: Client, imds: Vm, identities: list[Identity], message: str
) -> None:
    imds.identities = identities
    with pytest.raises(ERRORS, match=message):
        client()
    assert len(imds.requests) == 1, "a refusal is final"


def test_a_missing_identity(client: Client) -> None:
    with pytest.raises(ERRORS, match="Identity not found"):
        client(client_id="c-nobody")


def test_an_unavailable_resource(client: Client, imds: Vm) -> None:
    imds.resources = []
    with pytest.raises(ERRORS, match="AADSTS500011"):
        client()


@pytest.mark.parametrize("status", [404, 410, 429, 500, 502, 503, 504])
def test_transient_failures_are_retried(client: Client, imds: Vm, status: int) -> None:
    # After a 410, azure-identity waits 5 seconds before its third attempt.
    times = 1 if status == 410 else 2
    imds.faults = [Fault("status", status=status, times=times, body="{}")]
    assert client() == imds.tokens[-1]
    assert len(imds.requests) == times + 1


@pytest.mark.parametrize("status", [404, 429, 500])
def test_retries_end(client: Client, imds: Vm, status: int) -> None:
    body = '{"error":"unavailable","error_description":"for ever"}'
    imds.faults = [Fault("status", status=status, body=body)]
    with pytest.raises(ERRORS):
        client()
    assert len(imds.requests) == 6


def test_throttled_requests_are_retried(client: Client, imds: Vm) -> None:
    """The 429 of the simulator, which ends as soon as the limit allows a request."""
    imds.token_rate_limit = 1
    client()
    # Long enough for the limit to allow the third request after it refused the second one.
    imds.faults = [Fault("delay", seconds=1.05, path="/metadata/identity")]
    assert client() == imds.tokens[-1]
    assert imds.throttled == 1
