# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests the answers of each preset, and that the collection handles the state or names it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from ansible_collections.imds.azure.plugins.module_utils._client import ImdsClient, Limits, System
from ansible_collections.imds.azure.plugins.module_utils._errors import ImdsError
from ansible_collections.imds.azure.plugins.module_utils._transport import http_transport
from imds_simulator import PRESETS, FleetError, Simulator, Vm, apply_preset, load_fleet

Get = Callable[..., requests.Response]

ROOT = "/metadata/instance"
DOCUMENT = {"compute": {"name": "web-1"}, "network": {"interface": []}}


@pytest.mark.parametrize(
    ("name", "path", "status", "text", "server"),
    [
        ("updating", ROOT, 410, '{ "error": "Gone" }', "IMDS"),
        ("throttled", ROOT, 429, "Too many requests", "IMDS"),
        (
            "throttled",
            "/metadata/identity/info",
            429,
            '{"error":"invalid_request","error_description":"Temporarily throttled, too many requests"}',
            "IMDS",
        ),
        ("restarting", ROOT, 500, "Internal Server Error", "Microsoft-IIS"),
        ("guest-proxy-agent", ROOT, 403, "", None),
        ("docker-desktop", ROOT, 403, "attempted to an unreachable network.", None),
        ("captive-portal", ROOT, 200, "<title>Sign in to the network</title>", "nginx"),
        ("load-balancer-starting", "/metadata/loadbalancer", 404, "is not available ri", "IMDS"),
        ("load-balancer-missing", "/metadata/loadbalancer", 404, "is not currently ava", "IMDS"),
        ("load-balancer-failing", "/metadata/loadbalancer", 503, "Internal service una", "IMDS"),
    ],
)
def test_answers(
    get: Get, vm: Vm, name: str, path: str, status: int, text: str, server: str | None
) -> None:
    apply_preset(vm, name)
    answer = get(path)
    assert answer.status_code == status
    assert text in answer.text
    assert (answer.headers.get("Server") or "None").startswith(str(server))
    assert ("x-ms-request-id" in answer.headers) is (server == "IMDS")


@pytest.mark.parametrize(
    ("name", "seconds"), [("updating", 70), ("restarting", 10), ("throttled", 5)]
)
def test_it_ends(session: requests.Session, name: str, seconds: float) -> None:
    now = [100.0]
    vm = Vm("web-1", DOCUMENT, preset=name)
    with Simulator([vm], rate_limit=0, clock=lambda: now[0]):
        url = f"{vm.url}{ROOT}?api-version=2025-04-07"
        statuses = []
        for passed in (0.0, seconds - 0.1, seconds):
            now[0] = 100 + passed
            statuses.append(session.get(url, headers={"Metadata": "true"}).status_code)
    assert statuses[0] == statuses[1] != 200
    assert statuses[2] == 200


def test_a_document_without_its_networks(get: Get, vm: Vm) -> None:
    apply_preset(vm, "partial")
    assert list(get(ROOT).json()) == ["compute"]
    assert get("/simulator/faults", method="DELETE").status_code == 204
    assert list(get(ROOT).json()) == ["compute", "network"]


def test_old_versions(get: Get, vm: Vm) -> None:
    apply_preset(vm, "azure-stack-hub")
    assert get(ROOT, version="2017-12-01").status_code == 200
    for version in ("2017-08-01", "2025-04-07"):
        answer = get(ROOT, version=version)
        assert answer.status_code == 404
        assert answer.text == '{ "error": "Not found. Invalid version requested" }'
    assert get("/metadata/versions").status_code == 404


def test_each_machine_of_a_state_counts_for_itself() -> None:
    one, two = Vm("one", {}, preset="updating"), Vm("two", {}, preset="updating")
    assert one.faults[0] is not two.faults[0]


def test_one_word_in_a_fleet_file(tmp_path: Path) -> None:
    path = tmp_path / "fleet.json"
    known = {"name": "x", "document": {}, "preset": "docker-desktop", "faults": [{"kind": "hang"}]}
    path.write_text(json.dumps([known]))
    (vm,) = load_fleet(path)
    assert [fault.kind for fault in vm.faults] == ["hang", "status"]
    path.write_text('[{"name": "x", "document": {}, "preset": "upgrading"}]')
    with pytest.raises(FleetError, match="preset is one of azure-stack-hub, captive-portal, "):
        load_fleet(path)


def test_an_unknown_word() -> None:
    with pytest.raises(ValueError, match="unknown preset 'upgrading'; known: azure-stack-hub, "):
        Vm("x", {}, preset="upgrading")


# A part of the message of the collection; empty if it finally has an answer.
MESSAGES = {
    "updating": "IMDS is being updated",
    "throttled": "",
    "restarting": "",
    "guest-proxy-agent": "the VM's proxy agent by its access rules",
    "docker-desktop": "Something between this host and IMDS answers instead of it",
    "captive-portal": "bytes of text/html",
    "partial": "",
    "azure-stack-hub": "",
}


@pytest.mark.parametrize("name", [name for name in PRESETS if "load-balancer" not in name])
def test_what_the_collection_makes_of_it(name: str) -> None:
    now = [100.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    system = System(clock=lambda: now[0], sleep=sleep)
    with Simulator(
        [Vm("web-1", DOCUMENT, preset=name)], rate_limit=0, clock=lambda: now[0]
    ) as simulator:
        client = ImdsClient(
            http_transport, simulator["web-1"].url, limits=Limits(deadline=30), system=system
        )
        try:
            client.instance()
            said = ""
        except ImdsError as exc:
            said = str(exc)
    assert MESSAGES[name] in said
    assert bool(MESSAGES[name]) is bool(said)
