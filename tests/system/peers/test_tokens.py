# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests that azure-identity, msal and access_token_info get the same tokens, all from the default endpoint."""

from __future__ import annotations

import base64
import json
import typing as t

import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import CredentialUnavailableError, DefaultAzureCredential

from imds_simulator import Identity
from peers.clients import VAULT, azure_identity, msal_client
from peers.conftest import Play
from peers.machine import Machine

OWN = Identity("c0000000-0000-4000-8000-000000000001", "o0000000-0000-4000-8000-000000000001")
ASSIGNED = Identity(
    "c0000000-0000-4000-8000-000000000002",
    "o0000000-0000-4000-8000-000000000002",
    "/subscriptions/1/resourcegroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities/a",
)
CLIENTS = {"azure-identity": azure_identity, "msal": msal_client}


def claims(token: str) -> dict[str, t.Any]:
    _header, content, _signature = token.split(".")
    decoded: dict[str, t.Any] = json.loads(base64.urlsafe_b64decode(content + "=="))
    return decoded


@pytest.mark.parametrize(
    ("identity", "meant"),
    [
        ({}, OWN),
        ({"client_id": ASSIGNED.client_id}, ASSIGNED),
        ({"object_id": ASSIGNED.object_id}, ASSIGNED),
        ({"resource_id": ASSIGNED.resource_id}, ASSIGNED),
    ],
    ids=["own", "client_id", "object_id", "resource_id"],
)
def test_the_clients_get_the_same_tokens_as_the_collection(
    machine: Machine, play: Play, identity: dict[str, str], meant: Identity
) -> None:
    machine.vm.identities = [OWN, ASSIGNED]
    got = [client(**identity) for client in CLIENTS.values()]
    ours = play("token.yml", {"vault": VAULT, "identity": identity})
    # The service caches a token and returns it to all clients.
    assert [*got, ours] == machine.vm.tokens * 3
    assert (claims(ours)["oid"], claims(ours)["aud"]) == (meant.object_id, VAULT)


def test_a_client_that_probes_for_imds_finds_it(machine: Machine) -> None:
    """azure-identity first sends a request without the header. An error is also an answer."""
    machine.vm.identities = [OWN]
    with DefaultAzureCredential() as credential:
        assert credential.get_token(f"{VAULT}/.default").token == machine.vm.tokens[-1]
    asked = [request.header("Metadata") for request in machine.vm.requests]
    assert asked == [None, "true"]


@pytest.mark.parametrize("client", CLIENTS.values(), ids=CLIENTS)
def test_without_an_identity_there_is_none(machine: Machine, client: t.Callable[..., str]) -> None:
    with pytest.raises(
        (CredentialUnavailableError, ClientAuthenticationError, RuntimeError),
        match="Identity not found",
    ):
        client()
    assert len(machine.vm.requests) == 1
