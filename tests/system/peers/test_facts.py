# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests that Facter, Ohai, cloud-init and the Azure agent read the same values as instance_facts.

This tests the simulator, because these programs were written for answers of the real service. It also tests the
collection, which reads the same values from these answers.
"""

from __future__ import annotations

import copy
import json
import socket
import typing as t

import pytest

from imds_simulator import API_VERSIONS, Fault, sample_fleet
from peers.conftest import Play
from peers.machine import Machine
from peers.peers import CLOUD_INIT, FACTER, OHAI, PEERS, WAAGENT, Peer

NAMES = [vm.name for vm in sample_fleet()]
VERSIONS = [peer.api_version for peer in PEERS]


@pytest.fixture(params=PEERS, ids=lambda peer: peer.packages[0])
def peer(request: pytest.FixtureRequest) -> Peer:
    peer: Peer = request.param
    return peer


@pytest.fixture(scope="session")
def facts(play: Play) -> t.Callable[[Machine], dict[str, t.Any]]:
    """The facts of a machine with its present document, for each API version."""
    known: dict[str, dict[str, t.Any]] = {}

    def facts(machine: Machine) -> dict[str, t.Any]:
        key = json.dumps(machine.vm.document, sort_keys=True)
        if key not in known:
            known[key] = json.loads(play("facts.yml", {"api_versions": VERSIONS}))
        return known[key]

    return facts


def without_ipv6(document: dict[str, t.Any]) -> dict[str, t.Any]:
    document = copy.deepcopy(document)
    for interface in document["network"]["interface"]:
        interface["ipv6"]["ipAddress"] = []
    return document


@pytest.mark.parametrize("name", NAMES)
def test_it_reads_what_we_read(
    machine: Machine,
    peer: Peer,
    name: str,
    documents: dict[str, t.Any],
    facts: t.Callable[[Machine], dict[str, t.Any]],
) -> None:
    document = documents[name]
    machine.vm.document = document if peer.takes_ipv6 else without_ipv6(document)
    read = peer.read(json.loads(machine.run(peer)))
    requests = machine.vm.requests.copy()
    ours = facts(machine)[peer.api_version]
    assert read == {key: ours[key] for key in read}
    assert read["compute"]["vmId"] == document["compute"]["vmId"], "all of them could read nothing"
    assert len(requests) == peer.requests
    assert {request.path for request in requests} <= {
        "/metadata/instance",
        "/metadata/instance/compute",
    }
    assert requests[-1].parameter("api-version") == peer.api_version


def test_ohai_asks_without_a_version_first(machine: Machine, documents: dict[str, t.Any]) -> None:
    """Then Ohai uses the newest version that it knows and that the error names."""
    machine.vm.document = documents["web-1"]
    machine.vm.versions = [version for version in API_VERSIONS if version <= "2019-08-01"]
    assert OHAI.read(json.loads(machine.run(OHAI)))["compute"]["name"] == "web-1"
    asked = [request.parameter("api-version") for request in machine.vm.requests]
    assert asked == [None, "2019-08-01"]


@pytest.mark.parametrize("legacy", [False, True])
def test_ohai_understands_the_error_of_any_year(
    machine: Machine, documents: dict[str, t.Any], legacy: bool
) -> None:
    machine.vm.document = documents["web-1"]
    machine.vm.legacy_versions = legacy
    assert OHAI.read(json.loads(machine.run(OHAI)))["compute"]["name"] == "web-1"


def test_cloud_init_falls_back_when_a_version_is_refused(
    machine: Machine, documents: dict[str, t.Any]
) -> None:
    machine.vm.document = documents["web-1"]
    machine.vm.versions = [version for version in API_VERSIONS if version <= "2020-06-01"]
    assert CLOUD_INIT.read(json.loads(machine.run(CLOUD_INIT)))["compute"]["name"] == "web-1"
    asked = [request.parameter("api-version") for request in machine.vm.requests]
    assert asked == ["2021-08-01", "2019-06-01"]


def test_cloud_init_is_told_more(machine: Machine, documents: dict[str, t.Any]) -> None:
    machine.vm.document = documents["web-1"]
    read = json.loads(machine.run(CLOUD_INIT))
    assert read["extended"] == {"compute": {"hasCustomData": False, "ppsType": "None"}}


@pytest.mark.parametrize("status", [404, 410, 429, 500])
def test_cloud_init_tries_again(machine: Machine, documents: dict[str, t.Any], status: int) -> None:
    machine.vm.document = documents["web-1"]
    machine.vm.faults = [Fault("status", status=status, times=1)]
    assert CLOUD_INIT.read(json.loads(machine.run(CLOUD_INIT)))["compute"]["name"] == "web-1"
    assert len(machine.vm.requests) == 2


def test_the_agent_finds_a_healthy_service(machine: Machine, documents: dict[str, t.Any]) -> None:
    """The document has all fields that the agent reads, and an image from the marketplace."""
    machine.vm.document = documents["web-1"]
    read = json.loads(machine.run(WAAGENT))
    assert read["healthy"] == [True, ""]
    platform, endorsed = 3, 2
    assert read["origin"] in (platform, endorsed)


def test_facter_finds_nothing_where_imds_refuses(machine: Machine) -> None:
    """Tests that a wrong simulator is noticed, because no peer invents values."""
    machine.vm.faults = [Fault("status", status=400)]
    assert json.loads(machine.run(FACTER)) == {}


def test_nothing_but_the_simulator_is_reachable() -> None:
    # This address is reserved for documentation.
    with pytest.raises(OSError, match="Network is unreachable"):
        socket.create_connection(("192.0.2.1", 80), 5)
