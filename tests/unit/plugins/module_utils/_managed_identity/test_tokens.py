# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the requests for tokens, and the meaning of the answers."""

from __future__ import annotations

import base64
import json
import typing as t

import pytest

from ansible_collections.imds.azure.plugins.module_utils._clouds import Cloud, cloud_named
from ansible_collections.imds.azure.plugins.module_utils._errors import (
    MalformedError,
    OptionError,
)
from ansible_collections.imds.azure.plugins.module_utils._managed_identity.tokens import (
    claims_of,
    different_claims,
    extension_advice,
    extension_endpoint,
    identity_params,
    resource_uri,
    token_advice,
    token_of,
    unread_warning,
)

PUBLIC, CHINA = cloud_named("AzurePublicCloud"), cloud_named("AzureChinaCloud")


def never() -> Cloud:
    raise AssertionError("nobody needs to know the cloud")


@pytest.mark.parametrize(
    "resource",
    [
        "https://vault.azure.net",
        "https://management.azure.com/",
        "api://1c7c6a1e-6d59-4d1b-8a45-0d9ea3f3a1a0",
        "urn:ms-drs:enterpriseregistration.windows.net",
        "1c7c6a1e-6d59-4d1b-8a45-0d9ea3f3a1a0",
    ],
)
def test_a_uri_is_sent_unchanged(resource: str) -> None:
    assert resource_uri(resource, never) == resource


@pytest.mark.parametrize(
    ("name", "cloud", "uri"),
    [
        ("resource_manager", PUBLIC, "https://management.azure.com/"),
        ("resource_manager", CHINA, "https://management.chinacloudapi.cn/"),
        ("key_vault", PUBLIC, "https://vault.azure.net"),
        ("key_vault", CHINA, "https://vault.azure.cn"),
        ("storage", PUBLIC, "https://storage.azure.com/"),
        ("storage", CHINA, "https://storage.azure.com/"),
    ],
)
def test_a_name_means_the_service_in_the_vms_cloud(name: str, cloud: Cloud, uri: str) -> None:
    assert resource_uri(name, lambda: cloud) == uri


@pytest.mark.parametrize("name", ["resource_manager", "key_vault", "storage"])
def test_an_unknown_cloud_has_no_services_by_name(name: str) -> None:
    with pytest.raises(OptionError, match="not known for the cloud 'AzureMoon' of this VM"):
        resource_uri(name, lambda: cloud_named("AzureMoon"))


@pytest.mark.parametrize("resource", ["", "keyvault", "Key_Vault", "https://a b", "https:", "1-2"])
def test_invalid_resources_are_refused(resource: str) -> None:
    with pytest.raises(OptionError, match=r"is neither a URI .* nor one of resource_manager, key_"):
        resource_uri(resource, never)


@pytest.mark.parametrize(
    ("given", "params"),
    [
        ({}, []),
        ({"client_id": "", "object_id": None}, []),
        ({"client_id": "1"}, [("client_id", "1")]),
        ({"object_id": "2"}, [("object_id", "2")]),
        ({"resource_id": "/3"}, [("msi_res_id", "/3")]),
    ],
)
def test_an_identity_is_chosen_by_one_parameter(
    given: dict[str, str | None], params: list[tuple[str, str]]
) -> None:
    assert identity_params(given) == params


def test_two_parameters_for_an_identity_are_refused() -> None:
    with pytest.raises(OptionError, match="client_id and resource_id are mutually exclusive"):
        identity_params({"client_id": "1", "resource_id": "3", "object_id": None})


def test_the_endpoint_of_the_extension() -> None:
    endpoint = extension_endpoint(50342, [("client_id", "1")])
    assert (endpoint.base_url, endpoint.path) == ("http://localhost:50342", "oauth2/token")


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_invalid_ports_are_refused(port: int) -> None:
    with pytest.raises(OptionError, match="port must be a number from 1 to 65535"):
        extension_endpoint(port, [])


def test_the_extension_does_not_know_resource_ids() -> None:
    with pytest.raises(OptionError, match="resource_id is unknown to the VM extension"):
        extension_endpoint(50342, [("msi_res_id", "/3")])


ANSWER = {
    "access_token": "aa.bb.cc",
    "client_id": "1",
    "expires_in": "86317",
    "expires_on": "1700000000",
    "ext_expires_in": "86399",
    "not_before": "1699913300",
    "resource": "https://vault.azure.net",
    "token_type": "Bearer",
}
RESULT = {
    "access_token": "aa.bb.cc",
    "client_id": "1",
    "expires_in": 86317,
    "expires_on": 1700000000,
    "not_before": 1699913300,
    "resource": "https://vault.azure.net",
    "token_type": "Bearer",
}


def test_numbers_are_numbers_whether_they_come_as_texts_or_not() -> None:
    as_numbers = {name: int(v) if v.isdigit() and len(v) > 1 else v for name, v in ANSWER.items()}
    assert token_of(ANSWER) == token_of(as_numbers) == RESULT


@pytest.mark.parametrize("value", ["", "soon", "-1", "1.5", None, True, 1.5, [], "9" * 19])
def test_invalid_numbers_are_none(value: t.Any) -> None:
    assert token_of({**ANSWER, "expires_on": value})["expires_on"] is None


@pytest.mark.parametrize(
    "value",
    [
        "11/14/2023 22:13:20 +00:00",
        "11/14/2023 10:13:20 PM +00:00",
        "2023-11-14T22:13:20Z",
        "2023-11-15T00:13:20.5+02:00",
        "Tue, 14 Nov 2023 22:13:20 GMT",
    ],
)
@pytest.mark.parametrize("name", ["expires_on", "not_before"])
def test_a_time_may_come_as_a_date(name: str, value: str) -> None:
    unread: list[str] = []
    assert token_of({**ANSWER, name: value}, unread)[name] == 1700000000
    assert unread == []


@pytest.mark.parametrize("name", ["expires_on", "expires_in", "not_before"])
@pytest.mark.parametrize("value", ["soon", "-1", "2023-11-99T22:13:20Z", True, 1.5, [], {"a": 1}])
def test_an_invalid_number_is_reported(name: str, value: t.Any) -> None:
    unread: list[str] = []
    assert token_of({**ANSWER, name: value}, unread)[name] is None
    assert unread == [name]
    assert unread_warning(name).startswith(f"{name} of the token is null")


def test_seconds_can_not_be_a_date() -> None:
    unread: list[str] = []
    token_of({**ANSWER, "expires_in": "2023-11-14T22:13:20Z"}, unread)
    assert unread == ["expires_in"]


def test_a_missing_number_is_not_reported() -> None:
    unread: list[str] = []
    token_of({"access_token": "a", "expires_on": "", "not_before": None}, unread)
    assert unread == []


def test_missing_texts_are_empty() -> None:
    found = token_of({"access_token": "a"})
    assert (found["client_id"], found["token_type"], found["expires_in"]) == ("", "", None)
    assert sorted(found) == sorted(RESULT)


@pytest.mark.parametrize(
    "token", [None, "", 1, "a b", "a\nb", "{{ 1 }}", "a'b", "tok\u0119n", ["a"], "=", "a=b"]
)
def test_a_token_must_be_valid_in_a_header(token: t.Any) -> None:
    with pytest.raises(MalformedError, match=r"^it has no usable access_token$"):
        token_of({**ANSWER, "access_token": token})


@pytest.mark.parametrize("data", [None, [], "text", 1, {}])
def test_an_answer_without_a_token(data: t.Any) -> None:
    with pytest.raises(MalformedError, match="no usable access_token"):
        token_of(data)


CLAIMS = {"aud": "https://vault.azure.net", "oid": "2", "tid": "3", "appid": "1"}


def jwt(claims: t.Any) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"eyJ.{payload}.sig"


@pytest.mark.parametrize("more", [{}, {"exp": 1, "sub": "x"}, {"pad": "a"}, {"pad": "ab"}])
def test_the_claims_that_identify_a_token(more: dict[str, t.Any]) -> None:
    assert claims_of(jwt({**CLAIMS, **more})) == CLAIMS


def test_version_2_has_another_name_for_the_application() -> None:
    newer = {"azp" if name == "appid" else name: value for name, value in CLAIMS.items()}
    assert claims_of(jwt(newer)) == CLAIMS


@pytest.mark.parametrize(
    "token", ["opaque", "a.b", "a.!.c", "a.bm8.c", jwt([]), jwt("x"), "a.gICA.b"]
)
def test_a_token_without_claims(token: str) -> None:
    with pytest.raises(MalformedError) as caught:
        claims_of(token)
    assert str(caught.value) == (
        "the token is not a JSON Web Token, so nothing can be read from it"
    )


def test_equal_claims_have_no_differences() -> None:
    assert different_claims(CLAIMS, dict(CLAIMS)) == []


@pytest.mark.parametrize("name", CLAIMS)
def test_one_other_claim_makes_the_difference(name: str) -> None:
    assert different_claims(CLAIMS, {**CLAIMS, name: "other"}) == [name]


def test_claims_that_both_lack_count_as_different() -> None:
    assert different_claims({**CLAIMS, "oid": ""}, {**CLAIMS, "oid": ""}) == ["oid"]


@pytest.mark.parametrize(
    ("status", "cause", "advice"),
    [
        (400, "Multiple user assigned identities exist, please", "set client_id, object_id or res"),
        (400, "'invalid_request: Identity not found'", "Assign a managed identity to the VM"),
        (400, "'invalid_resource: AADSTS500011: the", "Check resource: it must be the exact URI"),
        (400, "something new", "Check resource and the requested identity"),
        (404, "", "not ready"),
        (None, "other processes use up the rate limit for tokens", "Request fewer tokens at once"),
        (429, "Temporarily throttled", r"20 times a second, 5 at once"),
    ],
)
def test_the_advice_for_failures(status: int, cause: str, advice: str) -> None:
    assert advice in token_advice(status, cause)


def test_common_failures_have_no_special_advice() -> None:
    assert token_advice(None, "connection refused") == token_advice(503, "") == ""


@pytest.mark.parametrize(
    ("status", "cause", "advice"),
    [
        (None, "connection refused", "does not run, or not on this port"),
        (404, "", "does not run, or not on this port"),
        (401, "unknown_source", "use source=imds"),
        (500, "unknown", "use source=imds"),
        (400, "Identity not found", "Assign a managed identity"),
    ],
)
def test_the_advice_for_failures_of_the_extension(
    status: int | None, cause: str, advice: str
) -> None:
    assert advice in extension_advice(status, cause)
