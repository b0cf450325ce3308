# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests the control over HTTP, which tests in other processes use."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from imds_simulator import Fault, Vm

URL = "/metadata/versions"


@pytest.fixture
def control(vm: Vm, session: requests.Session) -> Any:
    def control(method: str, name: str, **options: Any) -> requests.Response:
        return session.request(method, f"{vm.url}/simulator/{name}", timeout=5, **options)

    return control


def test_requests(vm: Vm, session: requests.Session, control: Any) -> None:
    session.put(f"{vm.url}{URL}?a=%C3%BC", headers={"Metadata": "true"}, data=b"\xff")
    (request,) = control("GET", "requests").json()
    assert (request["method"], request["path"]) == ("PUT", URL)
    assert request["target"] == f"{URL}?a=%C3%BC"
    assert request["query"] == [["a", "ü"]]
    assert ["Metadata", "true"] in request["headers"]
    assert request["body"] == "\ufffd"
    assert request["time"] > 0
    assert control("DELETE", "requests").status_code == 204
    assert control("GET", "requests").json() == vm.requests == []


def test_bytes_sent(vm: Vm, session: requests.Session, control: Any) -> None:
    """The bytes of the bodies of all answers, without those of control requests."""
    answers = [session.get(vm.url + URL, headers=headers) for headers in ({"Metadata": "true"}, {})]
    assert [answer.status_code for answer in answers] == [200, 400]
    sent = control("GET", "vm").json()["bytes_sent"]
    assert sent == vm.bytes_sent == sum(len(answer.content) for answer in answers)


def test_faults(vm: Vm, session: requests.Session, control: Any) -> None:
    faults: list[dict[str, Any]] = [
        {"kind": "status", "status": 500, "times": 1, "path": "/metadata/"},
        {"kind": "raw", "body_base64": "/w==", "headers": {"x": "y"}, "method": "POST"},
    ]
    assert control("PUT", "faults", json=faults).status_code == 204
    assert session.get(vm.url + URL).status_code == 500
    listed = control("GET", "faults").json()
    assert listed == [faults[0] | {"used": 1}, faults[1] | {"used": 0}]
    # The listed faults can be sent back, and then begin again.
    assert control("PUT", "faults", json=listed).status_code == 204
    assert [fault.used for fault in vm.faults] == [0, 0]
    assert control("DELETE", "faults").status_code == 204
    assert vm.faults == []


def test_document(vm: Vm, control: Any) -> None:
    assert control("PUT", "document", json={"compute": {"name": "new"}}).status_code == 204
    assert vm.document == {"compute": {"name": "new"}} == control("GET", "document").json()


def test_vm(vm: Vm, control: Any) -> None:
    vm.faults = [Fault("hang")]
    answer = control("GET", "vm").json()
    assert answer["name"] == "worker-1"
    assert answer["url"] == vm.url
    assert (answer["requests"], answer["faults"]) == (0, 1)
    assert answer["versions"][-1] == "2025-11-11"


def test_control_is_neither_recorded_nor_limited_nor_spoilt(vm: Vm, control: Any) -> None:
    vm.rate_limit = 1
    vm.faults = [Fault("status", status=500)]
    assert [control("GET", "vm").status_code for _number in range(5)] == [200] * 5
    assert vm.requests == []


@pytest.mark.parametrize(
    ("method", "name", "body", "status", "message"),
    [
        ("PUT", "faults", "[", 400, "the body is not JSON: Expecting value"),
        ("PUT", "faults", "", 400, "the body is not JSON"),
        ("PUT", "faults", "[" * 100_000, 400, "the body is nested too deep"),
        ("PUT", "faults", "{}", 400, "faults is a list"),
        ("PUT", "faults", "[1]", 400, "faults[0]: a fault is an object"),
        ("PUT", "faults", '[{"kind": "hang"}, {}]', 400, "faults[1]: it has no kind; known: close"),
        ("PUT", "faults", '[{"kind": "hang", "when": 1}]', 400, "faults[0]: unknown field 'when'"),
        ("PUT", "faults", '[{"kind": "status"}]', 400, "faults[0]: a fault of kind 'status' needs"),
        ("PUT", "document", "[]", 400, "a document is an object"),
        ("PUT", "document", b"\xff", 400, "the body is not JSON"),
        ("POST", "faults", "[]", 405, "/simulator/faults takes GET, PUT, DELETE"),
        ("GET", "nothing", "", 404, "no such control: /simulator/nothing; known: /simulator/vm"),
        ("GET", "", "", 404, "no such control: /simulator/;"),
    ],
)
def test_bad_control(
    vm: Vm, control: Any, method: str, name: str, body: str | bytes, status: int, message: str
) -> None:
    vm.faults = [Fault("hang")]
    answer = control(method, name, data=body)
    assert answer.status_code == status
    assert answer.json()["error"].startswith(message)
    # The control changes everything or nothing.
    assert [fault.kind for fault in vm.faults] == ["hang"]
