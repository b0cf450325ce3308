# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests the simulator within a test, as other tests use it."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable

import pytest
import requests

from imds_simulator import Fault, Simulator, SimulatorError, Vm, sample_fleet

DOCUMENT = {"compute": {"name": "one", "location": "westeurope"}}
URL = "/metadata/instance?api-version=2025-04-07"
HEADERS = {"Metadata": "true"}


def test_every_vm_has_its_own_port_and_document(session: requests.Session) -> None:
    other = {"compute": {"name": "two", "location": "northeurope"}}
    with Simulator([Vm("one", DOCUMENT), Vm("two", other)], rate_limit=0) as simulator:
        answers = {vm.name: session.get(vm.url + URL, headers=HEADERS).json() for vm in simulator}
        assert answers == {"one": DOCUMENT, "two": other}
        assert len(simulator) == len(set(simulator.endpoints.values())) == 2
        assert simulator.endpoints["two"] == simulator["two"].url


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


def test_an_answer_stops_when_its_client_disconnects(session: requests.Session) -> None:
    faults = [Fault("hang", times=1), Fault("stall", times=1), Fault("endless_headers")]
    with Simulator([Vm("one", DOCUMENT, faults=faults)]) as simulator:
        loop = simulator._loop
        before = len(asyncio.all_tasks(loop))
        for _fault in faults:
            with pytest.raises(requests.RequestException):
                session.get(simulator["one"].url + URL, headers=HEADERS, timeout=0.05)
        wait_until(lambda: len(asyncio.all_tasks(loop)) == before)


def test_no_thread_or_socket_remains_after_the_end() -> None:
    threads = threading.active_count()
    with Simulator([Vm("one", DOCUMENT, faults=[Fault("hang")])]) as simulator:
        host, port = simulator["one"].url.removeprefix("http://").split(":")
        client = socket.create_connection((host, int(port)))
        client.sendall(b"GET /metadata/instance HTTP/1.1\r\nHost: x\r\n\r\n")
        wait_until(lambda: len(simulator["one"].requests) == 1)
        start = time.monotonic()
    assert time.monotonic() - start < 5
    with client:
        assert client.recv(1) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)))
    assert threading.active_count() == threads


def test_requests_are_recorded_as_received(session: requests.Session) -> None:
    with Simulator([Vm("one", DOCUMENT)]) as simulator:
        vm = simulator["one"]
        session.post(
            f"{vm.url}/metadata/x%2Finstance?b=%26&a=1&b=", data="text", headers={"X-Mine": "here"}
        )
        (request,) = vm.requests
    assert request.method == "POST"
    assert request.target == "/metadata/x%2Finstance?b=%26&a=1&b="
    assert request.path == "/metadata/x/instance"
    assert request.query == [("b", "&"), ("a", "1"), ("b", "")]
    assert ("X-Mine", "here") in request.headers
    assert request.body == b"text"
    assert request.time > 0


def test_a_document_may_be_replaced(session: requests.Session) -> None:
    with Simulator([Vm("one", DOCUMENT)]) as simulator:
        simulator["one"].document = {"compute": {"name": "new"}}
        answer = session.get(simulator["one"].url + URL, headers=HEADERS)
    assert answer.json() == {"compute": {"name": "new"}}


def test_addresses_instead_of_ports() -> None:
    vms = [Vm("one", DOCUMENT), Vm("two", DOCUMENT)]
    with Simulator(vms, addresses=True) as simulator:
        (first, second) = simulator.endpoints.values()
    port = first.rsplit(":", 1)[1]
    assert (first, second) == (f"http://127.0.0.1:{port}", f"http://127.0.0.2:{port}")


def test_ipv6_loopback(session: requests.Session) -> None:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    with Simulator([Vm("one", DOCUMENT)], host="::1") as simulator:
        assert simulator["one"].url.startswith("http://[::1]:")
        assert session.get(simulator["one"].url + URL, headers=HEADERS).json() == DOCUMENT


@pytest.mark.parametrize(
    "host", ["0.0.0.0", "10.0.0.1", "::", "::ffff:8.8.8.8", "localhost", "example.com", ""]
)
def test_no_other_address_is_served(host: str) -> None:
    with pytest.raises(SimulatorError, match="address"):
        Simulator([], host=host)


def test_link_local_is_accepted() -> None:
    Simulator([], host="169.254.1.1")


def test_two_vms_of_one_name() -> None:
    with pytest.raises(SimulatorError, match="two virtual machines have the name 'one'"):
        Simulator([Vm("one", DOCUMENT), Vm("one", DOCUMENT)])


def test_a_port_in_use_is_an_error_at_the_start() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SimulatorError, match=f"cannot listen on 127.0.0.1:{port}"):
            Simulator([Vm("one", DOCUMENT)], port=port).start()


def test_sample_fleets_share_nothing() -> None:
    first, second = sample_fleet(), sample_fleet()
    first[0].document["compute"]["name"] = "changed"
    assert second[0].document["compute"]["name"] == "web-1"
