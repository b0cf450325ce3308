# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests /metadata/instance: documents, routes, text and versions."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from imds_simulator import API_VERSIONS, DOCUMENTED_VERSIONS, Vm, sample_fleet
from imds_simulator._fields import INTRODUCED, at_version

Get = Callable[..., requests.Response]

ROOT = "/metadata/instance"


def routes(value: Any, route: str = ROOT) -> Iterator[tuple[str, Any]]:
    """All routes below a route, with their values."""
    yield route, value
    if isinstance(value, dict):
        for name, child in value.items():
            yield from routes(child, f"{route}/{name}")
    elif isinstance(value, list):
        for index, child in enumerate(value):
            yield from routes(child, f"{route}/{index}")


def test_the_document(get: Get, vm: Vm) -> None:
    answer = get(ROOT)
    assert answer.status_code == 200
    assert answer.json() == vm.document
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer.headers["Server"] == "IMDS/150.870.65.1854"
    assert len(answer.headers["x-ms-request-id"]) == 36
    assert answer.headers["Content-Length"] == str(len(answer.content))


def test_the_answer_is_compact_sorted_utf8(get: Get, vm: Vm) -> None:
    vm.document = {"network": {}, "compute": {"b": "Jörg 東京", "a": ["1", {"z": "", "y": ""}]}}
    assert get(ROOT).content.decode() == (
        '{"compute":{"a":["1",{"y":"","z":""}],"b":"Jörg 東京"},"network":{}}'
    )


def test_every_route_is_a_walk_through_the_document(get: Get, vm: Vm) -> None:
    for route, value in routes(vm.document):
        as_json, as_text = get(route), get(route, text=True)
        if isinstance(value, (dict, list)):
            assert as_json.json() == value
            # The text of a container lists the routes below it.
            names = as_text.text.splitlines()
            assert [name.rstrip("/") for name in names] == (
                sorted(value) if isinstance(value, dict) else [str(i) for i in range(len(value))]
            )
        else:
            assert as_json.status_code == 400
            assert as_text.text == value
        assert as_text.status_code == 200


def test_text_is_a_directory_listing(get: Get, vm: Vm) -> None:
    vm.document = {"network": {"interface": [{}, "x"]}, "compute": {"b": "", "a": {"c": ""}}}
    answer = get(ROOT, text=True)
    assert answer.text == "compute/\nnetwork/"
    assert answer.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert get(f"{ROOT}/network", text=True).text == "interface/"
    assert get(f"{ROOT}/network/interface", text=True).text == "0/\n1"
    assert get(f"{ROOT}/compute", text=True).text == "a/\nb"
    assert get(f"{ROOT}/network/interface/0", text=True).text == ""


@pytest.mark.parametrize(("value", "text"), [(None, ""), (True, "true"), (7, "7"), ("", "")])
def test_empty_leaves_and_leaves_of_other_types(get: Get, vm: Vm, value: Any, text: str) -> None:
    vm.document = {"compute": {"leaf": value}}
    assert get(f"{ROOT}/compute/leaf", text=True).text == text


def test_a_leaf_as_json(get: Get) -> None:
    for suffix in ("", "&format=json"):
        answer = get(f"{ROOT}/compute/location?x=y{suffix}")
        assert (answer.status_code, answer.text) == (400, '{ "error": "Bad request" }')


@pytest.mark.parametrize(
    "route",
    [
        f"{ROOT}/nothing",
        f"{ROOT}/Compute",
        f"{ROOT}/compute/location/",
        f"{ROOT}/compute/location/x",
        f"{ROOT}/compute/tagsList/4",
        f"{ROOT}/compute/tagsList/-1",
        f"{ROOT}/compute/tagsList/00",
        f"{ROOT}/compute/tagsList/٠",
        f"{ROOT}/compute/tagsList//0",
        f"{ROOT}//compute",
        f"{ROOT}/compute//",
        "/metadata/Instance",
        "/Metadata/instance",
        "/metadata//instance",
        "/metadata",
        "/metadata/",
        "/metadata/nothing",
        "/",
        "/metadata2/instance",
    ],
)
def test_routes_that_do_not_exist(get: Get, route: str) -> None:
    answer = get(route)
    assert (answer.status_code, answer.text) == (404, '{ "error": "Not found" }')


def test_a_slash_at_the_end_of_a_container(get: Get, vm: Vm) -> None:
    assert get(f"{ROOT}/").json() == vm.document
    assert get(f"{ROOT}/network/interface/").json() == vm.document["network"]["interface"]
    assert get(f"{ROOT}/network/interface/", text=True).text == "0/\n1/"


def test_a_route_is_decoded_before_it_is_split(get: Get, vm: Vm) -> None:
    assert get(f"{ROOT}%2Fcompute%2Fplan").json() == vm.document["compute"]["plan"]
    hidden = f"{ROOT}/compute/name%3Fapi-version=2021-02-01%26format=text"
    assert get(hidden, version=None).text == "worker-1"


def test_a_machine_without_compute(get: Get, vm: Vm) -> None:
    del vm.document["compute"]
    assert get(ROOT, text=True).text == "network/"
    assert get(f"{ROOT}/compute").status_code == 404


def test_extended_is_returned_only_on_request(get: Get, vm: Vm) -> None:
    assert "extended" not in get(ROOT).json()
    asked = get(f"{ROOT}?extended=true")
    assert asked.json()["extended"] == {"compute": {"hasCustomData": False, "ppsType": "None"}}
    assert "extended" not in vm.document
    assert "extended" not in get(f"{ROOT}?extended=true", version="2021-05-01").json()
    vm.document["extended"] = {"compute": {"hasCustomData": True}}
    assert get(f"{ROOT}?extended=true").json()["extended"]["compute"] == {"hasCustomData": True}


@pytest.mark.parametrize("form", ["xml", "TEXT", "", "text/plain"])
def test_unknown_formats(get: Get, form: str) -> None:
    answer = get(f"{ROOT}?format={form}")
    assert (answer.status_code, answer.text) == (400, '{ "error": "Bad request" }')


def test_a_field_is_missing_before_its_version() -> None:
    document = _with_every_field()
    for since, paths in INTRODUCED.items():
        before = _paths(at_version(document, _before(since)))
        after = _paths(at_version(document, since))
        assert not before & set(paths), since
        assert after >= set(paths), since


def test_newer_versions_only_add_fields() -> None:
    documents = [at_version(_with_every_field(), version) for version in sorted(INTRODUCED)]
    for older, newer in itertools.pairwise(documents):
        assert _paths(older) < _paths(newer)


def test_the_first_version_has_only_its_own_fields(get: Get) -> None:
    document = get(ROOT, version="2017-04-02").json()
    assert sorted(document["compute"]) == [
        "location",
        "name",
        "offer",
        "osType",
        "platformFaultDomain",
        "platformUpdateDomain",
        "publisher",
        "sku",
        "version",
        "vmId",
        "vmSize",
    ]
    assert sorted(document["network"]["interface"][0]) == ["ipv4", "ipv6", "macAddress"]


def test_what_the_versions_after_the_documented_ones_give(get: Get, vm: Vm) -> None:
    vm.document = next(each for each in sample_fleet() if each.name == "batch-1").document
    by_version = {version: get(ROOT, version=version).json() for version in API_VERSIONS[-3:]}
    compartments = [
        "interfaceCompartmentID" in each["network"]["interface"][0] for each in by_version.values()
    ]
    groups = [each["compute"].get("interconnectGroupId") for each in by_version.values()]
    assert list(by_version) == [DOCUMENTED_VERSIONS[-1], "2025-07-24", "2025-11-11"]
    assert compartments == [False, True, True]
    assert groups == [None, None, vm.document["compute"]["interconnectGroupId"]]


def test_a_route_to_a_field_of_a_later_version(get: Get) -> None:
    assert get(f"{ROOT}/compute/zone", version="2017-08-01", text=True).status_code == 404
    assert get(f"{ROOT}/compute/zone", version="2017-12-01", text=True).text == "3"


def test_the_sample_documents_are_complete() -> None:
    """The sample documents have all fields of all API versions, in the order of IMDS."""
    documented = {
        path
        for version, paths in INTRODUCED.items()
        for path in paths
        if version <= API_VERSIONS[-1] and path != "extended"
    }
    fleet = sample_fleet()
    file = "tests/simulator/imds_simulator/fleet.json"
    missing = documented.difference(*(_paths(vm.document) for vm in fleet))
    assert not missing, (
        f"{file} has each field of INTRODUCED in tests/simulator/imds_simulator/_fields.py"
    )
    for vm in fleet:
        absent = {path for path in documented if "dataDisks[]" not in path} - _paths(vm.document)
        assert not absent, f"{vm.name} of {file} lacks fields"
        in_order = json.dumps(vm.document) == json.dumps(vm.document, sort_keys=True)
        assert in_order, f"the keys of {vm.name} in {file} are not sorted"
        leaves = [value for _route, value in routes(vm.document) if not _is_container(value)]
        assert all(isinstance(leaf, str) for leaf in leaves), f"a value of {vm.name} is no text"


def test_the_sample_fleet_has_every_kind_of_vm() -> None:
    fleet = {vm.name: vm.document["compute"] for vm in sample_fleet()}
    network = {vm.name: vm.document["network"]["interface"] for vm in sample_fleet()}
    assert {vm["location"] for vm in fleet.values()} >= {"westeurope", "northeurope"}
    assert {vm["zone"] for vm in fleet.values()} == {"", "1", "2", "3"}
    assert {vm["platformFaultDomain"] for vm in fleet.values()} == {"0", "1", "2"}
    assert fleet["gov-1"]["azEnvironment"] == "AzureUSGovernmentCloud"
    assert fleet["web_0"]["vmScaleSetName"] == "web"
    assert fleet["web_0"]["placementGroupId"]
    assert fleet["db-1"]["tagsList"][0]["value"] == "{{ 7 * 7 }}"
    assert fleet["web-2"]["tags"] == "Critical:;Env:prod;Role:WebRole"
    assert fleet["batch-1"]["tagsList"] == []
    assert len(network["worker-1"]) == 2
    assert network["worker-1"][0]["ipv4"]["ipAddress"][0]["publicIpAddress"]
    assert network["worker-1"][0]["ipv6"]["ipAddress"]


def _is_container(value: Any) -> bool:
    return isinstance(value, (dict, list))


def _before(version: str) -> str:
    return max((other for other in API_VERSIONS if other < version), default="")


def _paths(value: Any, path: str = "") -> set[str]:
    """The fields in the notation of the table."""
    found = {path} if path else set()
    if isinstance(value, dict):
        found.update(*(_paths(v, f"{path}.{k}" if path else k) for k, v in value.items()))
    elif isinstance(value, list):
        found.update(*(_paths(item, f"{path}[]") for item in value))
    return found


def _with_every_field() -> dict[str, Any]:
    document: dict[str, Any] = {"compute": {"name": "first"}, "network": {}}
    for paths in INTRODUCED.values():
        for path in paths:
            _put(document, path.split("."))
    return document


def _put(value: dict[str, Any], keys: list[str]) -> None:
    key, *rest = keys
    if not rest:
        value.setdefault(key, {})
    elif key.endswith("[]"):
        _put(value.setdefault(key[:-2], [{}])[0], rest)
    else:
        _put(value.setdefault(key, {}), rest)
