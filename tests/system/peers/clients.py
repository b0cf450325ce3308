# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Microsoft's clients for tokens. Each is a function that returns a token or raises an error, with short waits."""

from __future__ import annotations

import typing as t

import msal
import requests
import requests.adapters
import urllib3.util
from azure.identity import ManagedIdentityCredential

VAULT = "https://vault.azure.net"


def azure_identity(**identity: str) -> str:
    given: dict[str, t.Any] = {}
    if "client_id" in identity:
        given["client_id"] = identity["client_id"]
    elif identity:
        given["identity_config"] = dict(identity)
    # The default waits of the client add up to 24 seconds. Its decisions stay the same.
    with ManagedIdentityCredential(retry_backoff_factor=0, **given) as credential:
        token: str = credential.get_token(f"{VAULT}/.default").token
    return token


def msal_client(**identity: str) -> str:
    found = (
        msal.UserAssignedManagedIdentity(**identity)
        if identity
        else msal.SystemAssignedManagedIdentity()
    )
    with requests.Session() as session:
        # The session that the client gets is responsible for retries.
        again = urllib3.util.Retry(
            total=5, status_forcelist=[404, 410, 429, 500, 502, 503, 504], raise_on_status=False
        )
        session.mount("http://", requests.adapters.HTTPAdapter(max_retries=again))
        answer = msal.ManagedIdentityClient(found, http_client=session).acquire_token_for_client(
            resource=VAULT
        )
    if "access_token" not in answer:
        raise RuntimeError(f"{answer['error']}: {answer['error_description']}")
    token: str = answer["access_token"]
    return token
