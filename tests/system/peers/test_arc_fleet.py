# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests a fleet of a VM, an Azure Arc-enabled server and another machine, with one option in the inventory.

Each machine has its own network namespace, mount namespace and firmware. On the server, 169.254.169.254 is the
metadata service of another cloud. The collection must send it no request.
"""

from __future__ import annotations

import contextlib
import json
import pathlib
import shlex
import subprocess
import sys
import time
import typing as t

import pytest

from imds_simulator import arc_fleet, sample_fleet
from peers import arc
from peers.machine import DMI

IMDS = "169.254.169.254"
ASK = pathlib.Path(__file__).resolve().parents[1] / "fleet" / "ask.py"
BIN = pathlib.Path(sys.executable).parent
AZURE = DMI["chassis_asset_tag"]
OTHER = "No Asset Tag"
HOSTS = ("vm-1", "hybrid-1", "plain-1")
# A service that answers like that of Amazon EC2.
FOREIGN = [{"kind": "status", "status": 404, "headers": {"Server": "EC2ws"}, "body": "<html>"}]


class Host:
    """A machine. One process keeps its namespaces."""

    def __init__(self, name: str, folder: pathlib.Path, tag: str, *commands: str) -> None:
        self.name = name
        script = [
            "ip link set lo up",
            "mount -t tmpfs tmpfs /sys/class",
            f"mkdir -p {pathlib.Path(arc.CHASSIS).parent}",
            f"echo {shlex.quote(tag)} > {arc.CHASSIS}",
            *commands,
            f"touch {folder / name}.ready",
            "exec sleep infinity",
        ]
        command = ["unshare", "--net", "--mount", "sh", "-ec", "\n".join(script)]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
        self.python = folder / f"{name}-python"
        self.python.write_text(
            f'#!/bin/sh\nexec {shlex.join(self.inside())} {sys.executable} "$@"\n', encoding="utf-8"
        )
        self.python.chmod(0o755)
        self._services: list[subprocess.Popen[bytes]] = []
        until(pathlib.Path(folder, f"{name}.ready").exists, name)

    def inside(self) -> list[str]:
        return ["nsenter", f"--target={self._process.pid}", "--net", "--mount", "--"]

    def serve(self, file: pathlib.Path, machine: t.Mapping[str, t.Any], *options: str) -> None:
        file.write_text(json.dumps([machine]), encoding="utf-8")
        endpoints = file.with_suffix(".urls")
        simulator = [sys.executable, "-m", "imds_simulator", "--quiet", "--rate-limit", "0"]
        files = ["--fleet", str(file), "--endpoints", str(endpoints)]
        command = [*self.inside(), *simulator, *files, *options]
        self._services.append(subprocess.Popen(command, stdin=subprocess.DEVNULL))
        until(endpoints.exists, f"the service of {self.name}")

    def requests(self, url: str) -> list[dict[str, t.Any]]:
        command = [
            *self.inside(),
            sys.executable,
            "-I",
            str(ASK),
            "GET",
            f"{url}/simulator/requests",
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        found: list[dict[str, t.Any]] = json.loads(done.stdout)
        return found

    def close(self) -> None:
        for process in (*self._services, self._process):
            process.terminate()
            process.wait(10)


def until(condition: t.Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, f"waited for {what}"
        time.sleep(0.05)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tmp_path_factory.mktemp("fleet")


@pytest.fixture(scope="module")
def hosts(folder: pathlib.Path) -> t.Iterator[dict[str, Host]]:
    address = f"ip address add {IMDS}/32 dev lo"
    with contextlib.ExitStack() as running:

        def host(name: str, tag: str, *commands: str) -> Host:
            made = Host(name, folder, tag, *commands)
            running.callback(made.close)
            return made

        vm = host("vm-1", AZURE, address)
        vm.serve(
            folder / "vm.json",
            {"name": "vm-1", "document": sample_fleet()[0].document},
            *("--host", IMDS, "--port", "80"),
        )
        hybrid = host(
            "hybrid-1",
            OTHER,
            address,
            f"mount -t tmpfs tmpfs /opt && mkdir -p {arc.PROGRAM.parent} && touch {arc.PROGRAM}",
            f"mount -t tmpfs tmpfs /var/opt && mkdir -p {arc.KEYS}",
        )
        sample = arc_fleet()[0]
        identities = [
            {"client_id": one.client_id, "object_id": one.object_id} for one in sample.identities
        ]
        hybrid.serve(
            folder / "hybrid.json",
            {"name": "hybrid-1", "document": sample.document, "identities": identities},
            *("--service", "arc"),
        )
        hybrid.serve(
            folder / "foreign.json",
            {"name": "foreign", "document": {}, "faults": FOREIGN},
            *("--host", IMDS, "--port", "80"),
        )
        plain = host("plain-1", OTHER)
        yield {made.name: made for made in (vm, hybrid, plain)}


Run = t.Callable[..., str]


@pytest.fixture
def run(hosts: dict[str, Host], folder: pathlib.Path) -> Run:
    """The output of a program of Ansible in a project with these hosts."""

    def run(program: str, *arguments: str, endpoint: str | None = "auto", status: int = 0) -> str:
        variables = {"azure_imds_endpoint": endpoint} if endpoint else {}
        inventory = {
            "all": {
                "vars": {"ansible_connection": "local", **variables},
                "hosts": {
                    name: {"ansible_python_interpreter": str(host.python)}
                    for name, host in hosts.items()
                },
            }
        }
        (folder / "hosts.json").write_text(json.dumps(inventory), encoding="utf-8")
        settings = (
            f"[defaults]\nfact_caching = jsonfile\nfact_caching_connection = {folder}/facts\n"
        )
        (folder / "ansible.cfg").write_text(settings, encoding="utf-8")
        done = subprocess.run(
            [str(BIN / program), "-i", "hosts.json", *arguments],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=180,
            check=False,
        )
        assert done.returncode == status, done.stdout + done.stderr
        assert "Traceback" not in done.stdout + done.stderr
        return done.stdout + done.stderr

    return run


def play(folder: pathlib.Path, *tasks: dict[str, t.Any]) -> str:
    book = [{"hosts": "all", "gather_facts": False, "tasks": list(tasks)}]
    (folder / "play.yml").write_text(json.dumps(book), encoding="utf-8")
    return "play.yml"


FACTS = {"imds.azure.instance_facts": {"required": False}}
KIND = "service_{{ ansible_facts.azure_imds.service | default('none') }}"


def test_a_play_groups_them_with_one_option(run: Run, folder: pathlib.Path) -> None:
    file = folder / "groups.json"
    result = {"content": "{{ groups | to_json }}", "dest": str(file)}
    run(
        "ansible-playbook",
        play(
            folder,
            FACTS,
            {"ansible.builtin.group_by": {"key": KIND}},
            {
                "ansible.builtin.copy": result,
                "run_once": True,
                "delegate_to": "localhost",
                "vars": {"ansible_python_interpreter": sys.executable},
            },
        ),
    )
    groups = json.loads(file.read_text(encoding="utf-8"))
    found = {name: groups[name] for name in groups if name.startswith("service_")}
    assert found == {
        "service_imds": ["vm-1"],
        "service_arc": ["hybrid-1"],
        "service_none": ["plain-1"],
    }


def test_the_inventory_groups_them_with_one_option(
    run: Run, folder: pathlib.Path, hosts: dict[str, Host]
) -> None:
    # The playbook fails for the host without a service.
    run("ansible-playbook", "imds.azure.gather", "--flush-cache", status=2)
    source = {
        "plugin": "imds.azure.instances",
        "sources": ["facts"],
        "group_by": ["service", "location"],
    }
    (folder / "zz.imds.yml").write_text(json.dumps(source), encoding="utf-8")
    listed = run("ansible-inventory", "-i", "zz.imds.yml", "--list")
    groups = json.loads(listed[listed.index("{") : listed.rindex("}") + 1])
    assert sorted(groups["services"]["children"]) == ["service_arc", "service_imds"]
    assert groups["service_imds"]["hosts"] == ["vm-1"]
    assert groups["service_arc"]["hosts"] == ["hybrid-1"]
    assert groups["azure_unknown"]["hosts"] == ["plain-1"]
    fact = groups["_meta"]["hostvars"]["hybrid-1"]["azure_imds"]
    assert "Microsoft.HybridCompute/machines" in str(fact["resource_type"])
    assert "WARNING" not in listed.replace("plain-1", "")
    # The service of the other cloud received no request.
    assert hosts["hybrid-1"].requests(f"http://{IMDS}") == []


def test_tokens_of_the_server(run: Run, folder: pathlib.Path) -> None:
    token = {
        "imds.azure.access_token_info": {"resource": "key_vault"},
        "register": "token",
        "when": "inventory_hostname == 'hybrid-1'",
    }
    check = {
        "ansible.builtin.assert": {
            "that": ["token.service == 'arc'", "token.identity == 'system'"],
        },
        "when": "inventory_hostname == 'hybrid-1'",
    }
    run("ansible-playbook", play(folder, token, check))


NOT_THERE: dict[str, dict[str, t.Any]] = {
    "attested_info": {"imds.azure.attested_info": {"verify": False}},
    "scheduled_events_info": {"imds.azure.scheduled_events_info": {}},
    "scheduled_event": {"imds.azure.scheduled_event": {"event_id": "x"}},
}


@pytest.mark.parametrize("name", NOT_THERE)
def test_what_is_not_there_takes_no_request(
    run: Run, folder: pathlib.Path, hosts: dict[str, Host], name: str
) -> None:
    agent = f"http://127.0.0.1:{arc.PORT}"
    before = len(hosts["hybrid-1"].requests(agent))
    task = {**NOT_THERE[name], "register": "done", "ignore_errors": True}
    check = {
        "ansible.builtin.assert": {
            "that": ["done is failed", "'Azure Arc has no' in done.msg"],
        }
    }
    run("ansible-playbook", "-l", "hybrid-1", play(folder, task, check))
    assert len(hosts["hybrid-1"].requests(agent)) == before


def test_the_vm_extension_is_not_applicable(run: Run, folder: pathlib.Path) -> None:
    task = {"imds.azure.vm_extension_info": {}, "register": "done"}
    check = {"ansible.builtin.assert": {"that": "done.state == 'not_applicable'"}}
    run("ansible-playbook", "-l", "hybrid-1", play(folder, task, check))


def test_without_the_option_the_server_says_which_one_it_needs(
    run: Run, folder: pathlib.Path
) -> None:
    printed = " ".join(run("ansible-playbook", play(folder, FACTS), endpoint=None).split())
    warnings = [words for words in printed.split("[WARNING]") if "azure_imds is empty" in words]
    assert len(warnings) == 1
    assert "azure_imds_endpoint) to arc or auto" in warnings[0]


@pytest.mark.parametrize(
    ("services", "passed"),
    [
        ([], {"vm-1"}),
        (["imds"], {"vm-1"}),
        (["arc"], {"hybrid-1"}),
        (["imds", "arc"], {"vm-1", "hybrid-1"}),
    ],
)
def test_the_guard_lets_servers_pass_only_by_name(
    run: Run, folder: pathlib.Path, services: list[str], passed: set[str]
) -> None:
    for name in HOSTS:
        (folder / f"{name}.passed").unlink(missing_ok=True)
    role = {
        "ansible.builtin.import_role": {"name": "imds.azure.guard"},
        "vars": {
            "guard_clouds": ["AzurePublicCloud"],
            "guard_services": services,
            "guard_action": "end_host",
        },
    }
    mark = {
        "ansible.builtin.file": {
            "path": str(folder) + "/{{ inventory_hostname }}.passed",
            "state": "touch",
        }
    }
    printed = run("ansible-playbook", play(folder, role, mark))
    assert {name for name in HOSTS if (folder / f"{name}.passed").exists()} == passed
    if not services:
        assert "guard_services requires imds, and this host has arc" in " ".join(printed.split())


def test_diagnose_says_that_all_is_well(run: Run, folder: pathlib.Path) -> None:
    task = {"imds.azure.diagnose_info": {}, "register": "done"}
    check = {
        "ansible.builtin.assert": {
            "that": [
                "done.healthy",
                "done.observed.arc.installed and done.observed.arc.asked",
                "done.observed.arc.listeners == ['root']",
                "done.report[0] == 'The Azure Arc agent on hybrid-1 answers.'",
            ]
        }
    }
    run("ansible-playbook", "-l", "hybrid-1", play(folder, task, check))


def test_diagnose_says_that_imds_was_asked(run: Run, folder: pathlib.Path) -> None:
    task = {"imds.azure.diagnose_info": {}, "register": "done"}
    check = {"ansible.builtin.assert": {"that": "done.causes[0].name == 'arc_agent'"}}
    run("ansible-playbook", "-l", "hybrid-1", play(folder, task, check), endpoint=None)
