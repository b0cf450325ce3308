# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests the program of the simulator: options, fleet files, start and end."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests
from ansible.inventory.manager import InventoryManager
from ansible.parsing.dataloader import DataLoader

import imds_simulator
from imds_simulator import FleetError, Identity, Simulator, Vm, load_fleet
from imds_simulator.__main__ import main

SIMULATOR = Path(imds_simulator.__file__).parents[1]


@contextmanager
def program(*options: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "imds_simulator", *options],
        env={**os.environ, "PYTHONPATH": str(SIMULATOR)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(path: Path, process: subprocess.Popen[str]) -> Any:
    end = time.monotonic() + 8
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.02)
    return json.loads(path.read_text())


@pytest.mark.parametrize("ending", [signal.SIGTERM, signal.SIGINT])
def test_from_beginning_to_end(
    tmp_path: Path, session: requests.Session, ending: signal.Signals
) -> None:
    endpoints = tmp_path / "endpoints.json"
    options = ["--quiet"] if ending == signal.SIGINT else []
    with program("--port", "0", "--endpoints", str(endpoints), *options) as process:
        urls = wait_for(endpoints, process)
        assert list(urls)[:2] == ["web-1", "web-2"]
        for name, url in urls.items():
            answer = session.get(
                f"{url}/metadata/instance/compute/name?api-version=2021-02-01&format=text",
                headers={"Metadata": "true"},
            )
            assert answer.text == name
        faults = [{"kind": "hang"}]
        session.put(f"{urls['web-1']}/simulator/faults", json=faults).raise_for_status()
        with pytest.raises(requests.ReadTimeout):
            session.get(urls["web-1"], timeout=0.1)
        process.send_signal(ending)
        out, err = process.communicate(timeout=5)
    assert process.returncode == 0
    assert err == ""
    if ending == signal.SIGINT:
        assert out == ""
    else:
        assert f"worker-1  {urls['worker-1']}" in out
        assert "westeurope, zone 3" in out
        assert out.count("curl -sH Metadata:true --noproxy '*' 'http://127.0.0.1:") == 2
    assert os.listdir(tmp_path) == ["endpoints.json"]


@pytest.mark.parametrize("name", ["hosts.yml", "hosts.json"])
def test_an_inventory_for_ansible(tmp_path: Path, name: str) -> None:
    inventory, endpoints = tmp_path / name, tmp_path / "endpoints.json"
    odd = '"Größe": {{ x }} # 東京'
    documents = [{"document": {}, "name": each} for each in ("web-1", odd)]
    fleet = write(tmp_path, json.dumps(documents))
    options = ["--port", "0", "--fleet", fleet, "--inventory", str(inventory)]
    with program(*options, "--endpoints", str(endpoints)) as process:
        urls = wait_for(endpoints, process)
        found = DataLoader().load_from_file(str(inventory))
        process.send_signal(signal.SIGTERM)
        out, _err = process.communicate(timeout=5)
    assert found["all"]["hosts"] == {
        name: {"azure_imds_endpoint": url} for name, url in urls.items()
    }
    assert found["all"]["vars"]["ansible_connection"] == "local"
    assert f"ansible-playbook -i {inventory} PLAYBOOK" in out
    manager = InventoryManager(DataLoader(), [str(inventory)])
    assert {host.name for host in manager.get_hosts()} == {"web-1", odd}


def test_a_state_for_all_of_them(tmp_path: Path, session: requests.Session) -> None:
    endpoints = tmp_path / "endpoints.json"
    options = ["--port", "0", "--quiet", "--endpoints", str(endpoints)]
    with program(*options, "--preset", "guest-proxy-agent") as process:
        for url in wait_for(endpoints, process).values():
            assert session.get(f"{url}/metadata/instance").status_code == 403


def write(tmp_path: Path, content: str | bytes) -> str:
    path = tmp_path / "fleet.json"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return str(path)


def test_a_fleet_file(tmp_path: Path) -> None:
    plain = {"compute": {"name": "plain"}}
    full = {
        "name": "full",
        "document": {},
        "versions": ["2021-02-01"],
        "unlisted_versions": ["2021-01-01"],
        "legacy_versions": True,
        "versions_route": False,
        "loadbalancer": {"inboundRules": []},
        "rate_limit": 2,
        "identities": [{"client_id": "1", "object_id": "2"}],
        "extension_identities": [{"client_id": "3", "object_id": "4", "resource_id": "/5"}],
        "extension_port": 0,
        "request_ids": False,
        "routes": {"/metadata/reprovisiondata": {"ppsType": "None"}},
        "preset": None,
        "resources": ["https://vault.azure.net"],
        "token_rate_limit": 7,
        "token_concurrency": 2,
        "faults": [{"kind": "hang"}],
    }
    unnamed = {"document": plain, "loadbalancer": None, "rate_limit": None}
    items = [plain, {"network": {}}, full]
    for content in (items, {"vms": items}):
        vms = load_fleet(write(tmp_path, json.dumps(content)))
        assert [vm.name for vm in vms] == ["plain", "vm-1", "full"]
        assert vms[0].document == plain
        assert (vms[2].versions, vms[2].unlisted_versions) == (["2021-02-01"], ["2021-01-01"])
        assert (vms[2].legacy_versions, vms[2].versions_route) == (True, False)
        assert (vms[2].loadbalancer, vms[2].rate_limit) == ({"inboundRules": []}, 2)
        assert vms[2].faults[0].kind == "hang"
        assert (vms[2].request_ids, vms[2].routes) == (False, full["routes"])
        assert vms[2].identities == [Identity("1", "2")]
        assert vms[2].extension_identities == [Identity("3", "4", "/5")]
        assert (vms[2].extension_port, vms[2].resources) == (0, ["https://vault.azure.net"])
        assert (vms[2].token_rate_limit, vms[2].token_concurrency) == (7, 2)
    (vm,) = load_fleet(write(tmp_path, b"\xef\xbb\xbf" + json.dumps([unnamed]).encode()))
    assert (vm.name, vm.loadbalancer, vm.rate_limit) == ("plain", None, None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('[\n{"compute": {}},\n?]', ", line 3, column 1: "),
        (b"\xff", ": not UTF-8 at byte 0"),
        ("[" * 100_000, ": nested too deep"),
        ("{}", ': a fleet is a list of virtual machines, or {"vms": [...]}'),
        ("[]", ": a fleet is a list"),
        ("[1]", ": vms[0]: a virtual machine is an object"),
        ('[{"document": {}}]', ": vms[0]: it has no name"),
        ('[{"name": "x"}]', ": vms[0]: its document is not an object"),
        ('[{"name": "x", "document": {}, "tags": {}}]', ": vms[0]: unknown field 'tags'; known: "),
        ('[{"name": "x", "document": {}, "versions": [1]}]', "versions is a list of texts"),
        ('[{"name": "x", "document": {}, "rate_limit": -1}]', "rate_limit is a whole number"),
        ('[{"name": "x", "document": {}, "rate_limit": true}]', "rate_limit is a whole number"),
        ('[{"name": "x", "document": {}, "versions_route": 1}]', "versions_route is true or false"),
        ('[{"name": "x", "document": {}, "legacy_versions": 1}]', "legacy_versions is true or f"),
        ('[{"name": "x", "document": {}, "loadbalancer": []}]', "loadbalancer is an object or n"),
        ('[{"name": "x", "document": {}, "faults": [{}]}]', ": vms[0]: faults[0]: it has no kind"),
        ('[{"name": "x", "document": {}, "identities": {}}]', ": vms[0]: identities is a list"),
        (
            '[{"name": "x", "document": {}, "identities": [1]}]',
            "[0]: an identity is an object of t",
        ),
        ('[{"name": "x", "document": {}, "identities": [{}]}]', "[0]: it has no client_id"),
        (
            '[{"name": "x", "document": {}, "identities": [{"id": "1"}]}]',
            "identities[0]: unknown field 'id'; known: client_id, object_id, resource_id, tenant_id",
        ),
        ('[{"name": "x", "document": {}, "request_ids": 1}]', "request_ids is true or false"),
        ('[{"name": "x", "document": {}, "routes": {"/x": 1}}]', "routes is an object with a JSON"),
        ('[{"name": "x", "document": {}, "extension_port": 65536}]', "extension_port is a port"),
        (
            '[{"name": "x", "document": {}, "token_concurrency": -1}]',
            "token_concurrency is a whole",
        ),
        (
            '[{"name": "x", "document": {}, "token_rate_limit": null}]',
            "token_rate_limit is a whole",
        ),
        (
            '[{"name": "x", "document": {}, "resources": "x"}]',
            "resources is a list of texts, or nu",
        ),
    ],
)
def test_fleet_files_that_are_broken(tmp_path: Path, content: str | bytes, message: str) -> None:
    path = write(tmp_path, content)
    with pytest.raises(FleetError) as caught:
        load_fleet(path)
    assert str(caught.value).startswith(path)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--fleet", "/nowhere/fleet.json"], "cannot read /nowhere/fleet.json: No such file"),
        (["--host", "10.0.0.1"], "not a loopback or link-local address: 10.0.0.1"),
        (["--host", "example.com"], "not an IP address: 'example.com'"),
        (["--port", "70000"], "argument --port: not a port: '70000'"),
        (["--port", "x"], "argument --port: not a whole number: 'x'"),
        (["--port", "65535"], "cannot listen on 127.0.0.1:65536 for 'web-2': "),
        (["--rate-limit", "-1"], "argument --rate-limit: "),
        (["--colour"], "unrecognized arguments: --colour"),
        (["--host", "127.255.255.255", "--addresses", "--port", "0"], "too many virtual machines"),
        (["--port", "0", "--quiet", "--endpoints", "/nowhere/x"], "cannot write /nowhere/x: No s"),
        (["--port", "0", "--quiet", "--inventory", "/nowhere/x.yml"], "cannot write /nowhere/x.y"),
        (
            ["--inventory", "hosts"],
            "argument --inventory: Ansible reads files whose names end in .yml, .yaml, .json, not 'hosts'",
        ),
        (
            ["--preset", "upgrading"],
            "argument --preset: invalid choice: 'upgrading' (choose from ",
        ),
    ],
)
def test_errors_are_one_message(
    capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert main(options) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith(f"imds-simulator: {message}")
    assert err.count("\n") == 1


def test_a_port_in_use(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    endpoints = tmp_path / "endpoints.json"
    endpoints.write_text('{"web-1": "http://127.0.0.1:1"}')
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["--port", str(port), "--endpoints", str(endpoints)]) == 2
    assert capsys.readouterr().err == (
        f"imds-simulator: cannot listen on 127.0.0.1:{port} for 'web-1': Address already in use. "
        "Stop the program that uses it, maybe another simulator, or choose another --port\n"
    )
    # The file of an earlier run must not be confused with the file of this run.
    assert not endpoints.exists()


def test_a_port_in_use_costs_no_inventory(tmp_path: Path) -> None:
    inventory = tmp_path / "hosts.yml"
    with Simulator([Vm("web-1", {})]) as simulator:
        simulator.write_inventory(inventory)
        written = inventory.read_text()
        port = simulator["web-1"].url.rpartition(":")[2]
        assert main(["--port", port, "--inventory", str(inventory)]) == 2
    assert inventory.read_text() == written


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_an_inventory_that_is_not_a_file_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, make: Callable[[Path], None]
) -> None:
    make(tmp_path / "hosts.yml")
    assert main(["--port", "0", "--inventory", str(tmp_path / "hosts.yml")]) == 2
    assert "hosts.yml exists, and the simulator did not write it" in capsys.readouterr().err


def test_an_inventory_follows_no_link(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("kept")
    # The name of the draft is random, so a link with a name from an earlier version has no effect.
    (tmp_path / f".hosts.yml.{os.getpid()}").symlink_to(mine)
    with Simulator([Vm("web-1", {})]) as simulator:
        simulator.write_inventory(tmp_path / "hosts.yml")
    assert mine.read_text() == "kept"
    assert not (tmp_path / "hosts.yml").is_symlink()
    assert stat.S_IMODE((tmp_path / "hosts.yml").stat().st_mode) & 0o600 == 0o600


def test_an_inventory_of_the_user_is_kept(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    inventory = tmp_path / "hosts.yml"
    inventory.write_text("all:\n  hosts:\n    mine:\n")
    assert main(["--port", "0", "--inventory", str(inventory)]) == 2
    assert "exists, and the simulator did not write it" in capsys.readouterr().err
    assert "mine" in inventory.read_text()
