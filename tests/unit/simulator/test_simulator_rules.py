# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests the rules of all routes: headers, version, method, query and the rate limit."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests

from imds_simulator import API_VERSIONS, Fault, Simulator, Vm

Get = Callable[..., requests.Response]

ROOT = "/metadata/instance"
BAD_REQUEST = '{ "error": "Bad request" }'
NEWEST = '"newest-versions": [ "2025-11-11", "2025-07-24", "2025-04-07" ]'
MORE = "For more information refer to aka.ms/azureimds"


@pytest.mark.parametrize(
    "headers", [{}, {"Metadata": "false"}, {"Metadata": ""}, {"X-Metadata": "true"}]
)
@pytest.mark.parametrize("path", [ROOT, "/metadata/versions", "/metadata/loadbalancer"])
def test_without_the_header(get: Get, path: str, headers: dict[str, str]) -> None:
    answer = get(path, headers=headers)
    assert answer.status_code == 400
    assert answer.text == '{ "error": "Bad request: . Required metadata header not specified" }'


@pytest.mark.parametrize("headers", [{"Metadata": "True"}, {"metadata": "TRUE"}])
def test_the_header_in_any_casing(get: Get, headers: dict[str, str]) -> None:
    assert get(ROOT, headers=headers).status_code == 200


def test_a_request_through_a_proxy_is_refused(get: Get) -> None:
    answer = get(ROOT, headers={"Metadata": "true", "x-forwarded-for": "10.0.0.1"})
    assert (answer.status_code, answer.text) == (400, BAD_REQUEST)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"])
@pytest.mark.parametrize("path", [ROOT, f"{ROOT}/compute/name", "/metadata/versions"])
def test_other_verbs(get: Get, path: str, method: str) -> None:
    answer = get(path, method=method)
    assert answer.status_code == 405
    assert answer.text == ("" if method == "HEAD" else '{ "error": "Method not allowed" }')


@pytest.mark.parametrize(
    "query", ["?api-version=2021-02-01", "?format=json&format=json", "?x=1&x=2"]
)
def test_a_duplicate_name_in_the_query(get: Get, query: str) -> None:
    answer = get(ROOT + query)
    assert (answer.status_code, answer.text) == (400, BAD_REQUEST)


def test_unknown_names_in_the_query_are_ignored(get: Get) -> None:
    assert get(f"{ROOT}?request=5ab1&extended=no").status_code == 200


@pytest.mark.parametrize("path", ["/metadata", "/metadata/", ROOT, f"{ROOT}/compute/location"])
@pytest.mark.parametrize("version", [None, "1999-01-01", "latest", "2017-4-2"])
def test_no_version_or_an_unknown_one(get: Get, path: str, version: str | None) -> None:
    answer = get(path, version=version)
    message = f"Bad request. api-version is invalid or was not specified in the request. {MORE}"
    assert answer.status_code == 400
    assert answer.text == f'{{ "error": "{message}", {NEWEST} }}'


def test_the_old_message_for_a_missing_version(get: Get, vm: Vm) -> None:
    vm.legacy_versions = True
    vm.versions = ["2019-11-01", "2020-06-01", "2020-07-15", "2017-04-02"]
    answer = get(ROOT, version=None)
    message = f"Bad request. api-version was not specified in the request. {MORE}"
    newest = '"newest-versions": [ "2020-07-15", "2020-06-01", "2019-11-01" ]'
    assert (answer.status_code, answer.text) == (400, f'{{ "error": "{message}", {newest} }}')


def test_the_older_answer_to_an_unknown_version(get: Get, vm: Vm) -> None:
    vm.legacy_versions = True
    vm.versions = ["2017-04-02"]
    answer = get(ROOT, version="2020-06-01")
    assert answer.status_code == 404
    assert answer.text == '{ "error": "Not found. Invalid version requested" }'


def test_a_version_that_is_not_listed(get: Get, vm: Vm) -> None:
    vm.unlisted_versions = ["2026-01-01"]
    assert get(ROOT, version="2026-01-01").status_code == 200
    assert "2026-01-01" not in get("/metadata/versions").text
    assert "2026-01-01" not in get(ROOT, version=None).text


@pytest.mark.parametrize("version", [None, "2020-10-01", "nonsense"])
def test_the_list_of_versions(get: Get, vm: Vm, version: str | None) -> None:
    vm.versions = API_VERSIONS[::-1]
    answer = get("/metadata/versions", version=version)
    assert answer.json() == {"apiVersions": list(API_VERSIONS)}
    assert get("/metadata/versions/").status_code == 200
    assert get("/metadata/versions/apiVersions").status_code == 404


def test_a_machine_without_the_list_of_versions(get: Get, vm: Vm) -> None:
    vm.versions_route = False
    assert get("/metadata/versions").status_code == 404


def test_five_requests_a_second(session: requests.Session) -> None:
    now = [100.0]
    vms = [Vm("a", {}), Vm("b", {}), Vm("free", {}, rate_limit=0), Vm("slow", {}, rate_limit=1)]

    def statuses(vm: Vm, count: int) -> list[int]:
        url = f"{vm.url}/metadata/versions"
        return [
            session.get(url, headers={"Metadata": "true"}).status_code for _number in range(count)
        ]

    with Simulator(vms, clock=lambda: now[0]) as simulator:
        assert statuses(simulator["a"], 7) == [200] * 5 + [429] * 2
        # Each machine has its own limit.
        assert statuses(simulator["b"], 5) == [200] * 5
        assert statuses(simulator["free"], 20) == [200] * 20
        assert statuses(simulator["slow"], 2) == [200, 429]
        now[0] += 0.99
        assert statuses(simulator["a"], 1) == [429]
        now[0] += 0.01
        assert statuses(simulator["a"], 6) == [200] * 5 + [429]


def test_the_answer_to_too_many_requests(session: requests.Session) -> None:
    with Simulator([Vm("one", {})], rate_limit=1, clock=lambda: 0.0) as simulator:
        url = f"{simulator['one'].url}{ROOT}"
        session.get(url)
        answer = session.get(url)
    assert (answer.status_code, answer.text) == (429, "Too many requests")
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert "Retry-After" not in answer.headers


LOADBALANCER = {
    "publicIpAddresses": [{"frontendIpAddress": "203.0.113.9", "privateIpAddress": "10.0.0.4"}],
    "inboundRules": [{"frontendPort": 443, "backendPort": 8443, "protocol": "tcp"}],
    "outboundRules": [],
}


def test_loadbalancer(get: Get, vm: Vm) -> None:
    vm.loadbalancer = LOADBALANCER
    assert get("/metadata/loadbalancer").json() == {"loadbalancer": LOADBALANCER}


@pytest.mark.parametrize(
    ("path", "version", "method", "status", "message"),
    [
        (
            "",
            "2020-10-01",
            "GET",
            404,
            "No load balancer metadata is found. Please check if your VM is using any non-basic SKU "
            "load balancer and retry later.",
        ),
        (
            "/x",
            "2020-10-01",
            "GET",
            404,
            'API is not found: Path = "/metadata/loadbalancer/x", Method = "GET"',
        ),
        (
            "",
            "2020-09-01",
            "GET",
            404,
            'API is not found: Path = "/metadata/loadbalancer", Method = "GET"',
        ),
        (
            "",
            "2020-10-01",
            "POST",
            405,
            'Http method is not allowed: Path = "/metadata/loadbalancer", Method = "POST"',
        ),
        (
            "",
            None,
            "GET",
            400,
            'Missing required parameter "api-version". Please fix the request and retry.',
        ),
        (
            "?format=text",
            "2020-10-01",
            "GET",
            400,
            'Parameter value "text" is not allowed for parameter "format". '
            "Please fix the request and retry.",
        ),
        (
            f"?{'k' * 129}=1",
            "2020-10-01",
            "GET",
            400,
            "Parameter key length is larger than MaxParameterKeyLength: 128",
        ),
        (
            f"?k={'v' * 2049}",
            "2020-10-01",
            "GET",
            400,
            "Parameter value length is larger than MaxParameterValueLength: 2048",
        ),
    ],
)
def test_errors_of_loadbalancer(
    get: Get, path: str, version: str | None, method: str, status: int, message: str
) -> None:
    answer = get(f"/metadata/loadbalancer{path}", version=version, method=method)
    assert answer.status_code == status
    assert answer.text == f'{{ "error": {json.dumps(message)} }}'


def test_the_load_balancer_answers_an_unknown_version_as_other_routes_do(get: Get) -> None:
    answer = get("/metadata/loadbalancer", version="2000-01-01")
    assert (answer.status_code, "newest-versions" in answer.json()) == (400, True)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"data": "x" * 4097}, "Request body is larger than MaxBodyLength: 4096"),
        (
            {"headers": {"Metadata": "true", "X-Long": "x" * 2049}},
            "Parameter header value length is larger than MaxHeaderValueLength: 2048",
        ),
    ],
)
def test_what_is_too_long_for_the_load_balancer(
    get: Get, options: dict[str, Any], message: str
) -> None:
    answer = get("/metadata/loadbalancer", **options)
    assert (answer.status_code, answer.json()) == (400, {"error": message})


def test_routes_that_some_machines_have(get: Get, vm: Vm) -> None:
    path = "/metadata/reprovisiondata"
    assert get(path).status_code == 404
    vm.routes = {path: {"ppsType": "None"}, "/metadata/identity/getplatformmetadata": {"x": 1}}
    assert get(path, version=None).json() == {"ppsType": "None"}
    assert get("/metadata/identity/getplatformmetadata?cred-api-version=2.0").json() == {"x": 1}
    assert get(path, headers={}).status_code == 400


def test_whether_answers_have_an_id(get: Get, vm: Vm) -> None:
    assert get(ROOT).headers["x-ms-request-id"]
    vm.request_ids = False
    for faults in ([], [Fault("status", status=410)], [Fault("truncate", after_bytes=9**9)]):
        vm.faults = faults
        headers = get(ROOT).headers
        assert "x-ms-request-id" not in headers
        assert headers["Server"].startswith("IMDS/")
