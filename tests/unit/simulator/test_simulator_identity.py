# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests tokens: their identities, their resources, their limits, and the errors."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from imds_simulator import Fault, Identity, Simulator, Vm
from imds_simulator._identity import TENANT
from imds_simulator._jwt import public_key

Get = Callable[..., requests.Response]

ROUTE = "/metadata/identity/oauth2/token"
VAULT = "https://vault.azure.net"
GROUP = (
    "/subscriptions/1/resourcegroups/g/providers/Microsoft.ManagedIdentity/userAssignedIdentities"
)
OWN = Identity("c-own", "o-own")
ONE = Identity("c-one", "o-one", f"{GROUP}/one")
TWO = Identity("c-two", "o-two", f"{GROUP}/two", tenant_id="t-two")
SEVERAL = (
    '{"error":"invalid_request","error_description":"Multiple user assigned identities exist, please '
    'specify the clientId / resourceId of the identity in the token request"}'
)
NOT_FOUND = '{"error":"invalid_request","error_description":"Identity not found"}'
THROTTLED = (
    '{"error":"invalid_request","error_description":"Temporarily throttled, too many requests"}'
)


@pytest.fixture
def token(get: Get) -> Get:
    def token(query: str = "", resource: str = VAULT, **options: Any) -> requests.Response:
        return get(f"{ROUTE}?resource={resource}{query}", **{"version": "2018-02-01", **options})

    return token


def claims(answer: requests.Response) -> dict[str, Any]:
    """The claims of the token, after the check of its signature."""
    signed, _dot, signature = answer.json()["access_token"].rpartition(".")
    public_key().verify(decoded(signature), signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    found: dict[str, Any] = json.loads(decoded(signed.partition(".")[2]))
    return found


def decoded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def test_all_fields_of_a_token_answer_are_text(token: Get, vm: Vm) -> None:
    vm.identities = [OWN]
    answer = token()
    body = answer.json()
    now = time.time()
    assert answer.status_code == 200
    assert all(isinstance(value, str) for value in body.values())
    assert sorted(body) == [
        "access_token",
        "client_id",
        "expires_in",
        "expires_on",
        "ext_expires_in",
        "not_before",
        "resource",
        "token_type",
    ]
    assert (body["resource"], body["token_type"], body["client_id"]) == (VAULT, "Bearer", "c-own")
    assert int(body["expires_in"]) == 86399
    assert abs(int(body["expires_on"]) - now - 86400) < 5


def test_a_token_names_its_owner_and_is_signed(token: Get, vm: Vm) -> None:
    vm.identities = [OWN]
    answer = token()
    found = claims(answer)
    wanted = {"aud": VAULT, "oid": "o-own", "appid": "c-own", "tid": TENANT}
    assert wanted.items() <= found.items()
    assert found["exp"] == int(answer.json()["expires_on"])
    assert found["xms_mirid"].endswith("/virtualMachines/worker-1")


def test_the_service_keeps_a_token_and_its_remaining_seconds_decrease(
    token: Get, get: Get, vm: Vm, monkeypatch: pytest.MonkeyPatch
) -> None:
    vm.identities = [OWN]
    start = time.time()
    given = []
    for passed in (0, 82, 86399 - 300, 86400 - 300):
        monkeypatch.setattr("imds_simulator._identity.time.time", lambda now=start + passed: now)
        given.append(token().json())
    first, second, third, fourth = given
    assert first["access_token"] == second["access_token"] == third["access_token"]
    assert [each["expires_in"] for each in given] == ["86399", "86317", "300", "86399"]
    assert [each["ext_expires_in"] for each in given] == ["86399", "86317", "300", "86399"]
    assert first["expires_on"] == second["expires_on"] < fourth["expires_on"]
    assert fourth["access_token"] != first["access_token"]
    assert get("/simulator/tokens").json() == vm.tokens
    assert vm.tokens == [first["access_token"], fourth["access_token"]]


def test_each_resource_and_identity_has_its_own_token(token: Get, get: Get, vm: Vm) -> None:
    """Also after a request to forget the cached tokens, there is a new token."""
    vm.identities = [OWN, ONE]
    token()
    token(resource=f"{VAULT}/")
    token("&client_id=c-one")
    token()
    assert len(set(vm.tokens)) == len(vm.tokens) == 3
    assert get("/simulator/tokens", method="DELETE").status_code == 204
    assert token().json()["access_token"] == vm.tokens[3]


@pytest.mark.parametrize(
    ("identities", "meant"),
    [([OWN], "o-own"), ([ONE], "o-one"), ([ONE, OWN], "o-own"), ([ONE, TWO, OWN], "o-own")],
)
def test_the_default_identity(token: Get, vm: Vm, identities: list[Identity], meant: str) -> None:
    vm.identities = identities
    assert claims(token())["oid"] == meant


@pytest.mark.parametrize(
    "query",
    [
        "&client_id=c-two",
        "&object_id=o-two",
        f"&msi_res_id={GROUP}/two",
        f"&mi_res_id={GROUP.upper()}/Two",
    ],
)
def test_one_of_several(token: Get, vm: Vm, query: str) -> None:
    vm.identities = [OWN, ONE, TWO]
    found = claims(token(query))
    assert (found["oid"], found["tid"], found["xms_mirid"]) == ("o-two", "t-two", TWO.resource_id)


@pytest.mark.parametrize(
    ("identities", "query", "body"),
    [
        ([], "", NOT_FOUND),
        ([OWN], "&client_id=c-one", NOT_FOUND),
        ([OWN], "&msi_res_id=", NOT_FOUND),
        ([ONE, TWO], "", SEVERAL),
    ],
)
def test_no_identity_or_several_identities(
    token: Get, vm: Vm, identities: list[Identity], query: str, body: str
) -> None:
    vm.identities = identities
    answer = token(query)
    assert (answer.status_code, answer.text) == (400, body)
    assert vm.tokens == []


def test_the_lengths_of_error_bodies_are_those_of_the_real_service(token: Get, vm: Vm) -> None:
    vm.identities = []
    assert len(token().content) == 68
    vm.identities = [ONE, TWO]
    assert len(token().content) == 168
    assert len(token(headers={}).content) == 88


def test_two_selectors(token: Get, vm: Vm) -> None:
    vm.identities = [OWN]
    answer = token("&client_id=c-own&object_id=o-own")
    assert answer.status_code == 400
    assert "Only one of" in answer.json()["error_description"]


@pytest.mark.parametrize("resource", ["https://nobody.invalid/", "nobody", "http://[x"])
def test_an_unknown_resource(token: Get, vm: Vm, resource: str) -> None:
    vm.identities = [OWN]
    answer = token(resource=resource)
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_resource"
    assert "AADSTS500011" in answer.json()["error_description"]


def test_only_configured_resources(token: Get, vm: Vm) -> None:
    vm.identities, vm.resources = [OWN], [VAULT]
    assert token().status_code == 200
    assert token(resource=f"{VAULT}/").json()["error"] == "invalid_resource"


@pytest.mark.parametrize("query", ["", "?resource="])
def test_no_resource(get: Get, vm: Vm, query: str) -> None:
    vm.identities = [OWN]
    answer = get(ROUTE + query)
    assert answer.status_code == 400
    assert answer.json()["error_description"] == "Required query variable 'resource' is missing"


def test_a_missing_header_is_an_oauth_error(token: Get) -> None:
    answer = token(headers={})
    assert answer.status_code == 400
    assert answer.text == (
        '{"error":"invalid_request","error_description":"Required metadata header not specified"}'
    )


@pytest.mark.parametrize("version", ["2018-02-01", "2021-02-01", "2025-04-07"])
def test_versions_with_tokens(token: Get, vm: Vm, version: str) -> None:
    vm.identities = [OWN]
    assert token(version=version).status_code == 200


@pytest.mark.parametrize("version", [None, "2017-12-01", "2018-02-02"])
def test_versions_without_tokens(token: Get, vm: Vm, version: str | None) -> None:
    vm.identities = [OWN]
    answer = token(version=version)
    assert answer.status_code == 400
    assert "newest-versions" in answer.json()


@pytest.mark.parametrize("path", ["", "/", "/oauth2", "/oauth2/token/x", "/info/x"])
def test_unknown_routes_of_identity(get: Get, path: str) -> None:
    answer = get(f"/metadata/identity{path}")
    assert (answer.status_code, answer.text) == (404, '{"error":"Not Found"}')


def test_a_post_is_not_allowed(token: Get, vm: Vm) -> None:
    vm.identities = [OWN]
    assert token(method="POST").status_code == 405


@pytest.mark.parametrize(("identities", "tenant"), [([], TENANT), ([TWO], "t-two")])
def test_the_tenant(get: Get, vm: Vm, identities: list[Identity], tenant: str) -> None:
    vm.identities = identities
    assert get("/metadata/identity/info").json() == {"tenantId": tenant}


def test_the_token_limit_is_separate_from_the_general_limit(session: requests.Session) -> None:
    now = [100.0]
    vm = Vm("a", {}, identities=[OWN], rate_limit=1)

    def status(route: str) -> int:
        answer = session.get(f"{vm.url}{route}", headers={"Metadata": "true"})
        if answer.status_code == 429 and route.startswith(ROUTE):
            assert answer.text == THROTTLED
        return answer.status_code

    query = f"{ROUTE}?api-version=2018-02-01&resource={VAULT}"
    with Simulator([vm], clock=lambda: now[0]):
        assert [status(query) for _each in range(22)] == [200] * 20 + [429] * 2
        assert status("/metadata/versions") == 200
        assert status("/metadata/versions") == 429
        now[0] += 1
        assert status(query) == 200
        state = session.get(f"{vm.url}/simulator/vm").json()
    assert state["throttled"] == 3


def test_five_at_once(session: requests.Session) -> None:
    # This is long enough for all requests to overlap, even on a busy machine.
    slow = Fault("delay", seconds=3)
    vm = Vm("a", {}, identities=[OWN], faults=[slow])
    with Simulator([vm]), ThreadPoolExecutor(8) as pool:
        url = f"{vm.url}{ROUTE}?api-version=2018-02-01&resource={VAULT}"
        asked = [pool.submit(requests.get, url, headers={"Metadata": "true"}) for _each in range(8)]
        statuses = sorted(each.result().status_code for each in asked)
        assert statuses == [200] * 5 + [429] * 3
        assert session.get(f"{vm.url}/simulator/vm").json()["token_requests_at_once"] == 8
        vm.faults = []
        assert session.get(url, headers={"Metadata": "true"}).status_code == 200


def test_no_limits(session: requests.Session) -> None:
    vm = Vm("a", {}, identities=[OWN], token_rate_limit=0, token_concurrency=0)
    with Simulator([vm]):
        url = f"{vm.url}{ROUTE}?api-version=2018-02-01&resource={VAULT}"
        statuses = {
            session.get(url, headers={"Metadata": "true"}).status_code for _each in range(25)
        }
    assert statuses == {200}
