# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests that azure-identity, msal, @azure/identity and access_token_info get tokens from the simulated agent of Azure Arc."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
import typing as t

import pytest

from imds_simulator import Fault, Vm, arc_fleet
from peers import arc, node
from peers.clients import VAULT, azure_identity, msal_client
from peers.conftest import Play
from peers.test_tokens import ASSIGNED, OWN, claims

HERE = pathlib.Path(__file__).resolve().parent
CLIENTS = [
    pytest.param(azure_identity, id="azure-identity"),
    pytest.param(msal_client, id="msal"),
    pytest.param(
        node.azure_identity_js,
        id="@azure/identity",
        marks=pytest.mark.skipif(not node.is_installed(), reason="npm is not there"),
    ),
]
SELECTED = [
    {"client_id": ASSIGNED.client_id},
    {"object_id": ASSIGNED.object_id},
    {"resource_id": ASSIGNED.resource_id},
]


@pytest.fixture
def agent() -> t.Iterator[Vm]:
    vm = arc_fleet()[0]
    vm.identities = [OWN, ASSIGNED]
    with arc.server(vm):
        yield vm


@pytest.fixture(params=["variables", "program"])
def found_by(request: pytest.FixtureRequest, agent: Vm, monkeypatch: pytest.MonkeyPatch) -> t.Any:
    """Tests the ways in which a client recognizes an Azure Arc-enabled server."""
    del agent
    if request.param == "variables":
        for name, value in arc.VARIABLES.items():
            monkeypatch.setenv(name, value)
        yield request.param
        return
    with arc.agent_installed():
        yield request.param


@pytest.mark.usefixtures("found_by")
@pytest.mark.parametrize("client", CLIENTS)
def test_the_token_of_the_server(client: t.Callable[..., str], agent: Vm) -> None:
    assert client() == agent.tokens[-1]
    assert claims(agent.tokens[-1])["oid"] == OWN.object_id
    assert list(arc.KEYS.iterdir()) == []


@pytest.mark.parametrize("client", CLIENTS)
@pytest.mark.parametrize("identity", SELECTED, ids=lambda identity: next(iter(identity)))
def test_the_token_of_an_assigned_identity(
    client: t.Callable[..., str],
    agent: Vm,
    identity: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in arc.VARIABLES.items():
        monkeypatch.setenv(name, value)
    assert client(**identity) == agent.tokens[-1]
    assert claims(agent.tokens[-1])["oid"] == ASSIGNED.object_id


@pytest.mark.parametrize("client", CLIENTS)
def test_the_token_of_an_older_agent_is_refused(
    client: t.Callable[..., str], agent: Vm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An older agent returns the token of the server for each requested identity."""
    for name, value in arc.VARIABLES.items():
        monkeypatch.setenv(name, value)
    agent.confirms_identities = False
    with pytest.raises(Exception, match=r"(?i)confirm|not support|user.assigned"):
        client(client_id=ASSIGNED.client_id)
    assert agent.tokens


@pytest.mark.parametrize("identity", [{}, *SELECTED], ids=lambda one: next(iter(one), "own"))
def test_the_collection_gets_the_same_tokens_as_the_clients(
    agent: Vm, play: Play, identity: dict[str, str]
) -> None:
    variables = {"vault": VAULT, "identity": identity, "azure_imds_endpoint": "arc"}
    ours = play("token.yml", variables)
    assert ours == agent.tokens[-1]
    assert claims(ours)["oid"] == (ASSIGNED if identity else OWN).object_id
    assert list(arc.KEYS.iterdir()) == []


def run(
    agent: Vm, tmp_path: pathlib.Path, task: dict[str, t.Any], python: str = sys.executable
) -> tuple[int, str]:
    """The output of a task with the highest verbosity."""
    del agent
    book = [{"hosts": "localhost", "gather_facts": False, "tasks": [task]}]
    (tmp_path / "play.yml").write_text(json.dumps(book), encoding="utf-8")
    variables = {"azure_imds_endpoint": "arc", "ansible_python_interpreter": python}
    done = subprocess.run(
        [
            str(pathlib.Path(sys.executable).with_name("ansible-playbook")),
            *("-vvvv", "-e", json.dumps(variables), str(tmp_path / "play.yml")),
        ],
        env={**os.environ, "ANSIBLE_LOG_PATH": str(tmp_path / "log")},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    log = (tmp_path / "log").read_text(encoding="utf-8") if (tmp_path / "log").exists() else ""
    return done.returncode, done.stdout + done.stderr + log


def keys_of(agent: Vm) -> list[str]:
    """The sent keys. The agent has removed them, so no other process can use them."""
    sent = [request.header("Authorization") for request in agent.requests]
    return [header.removeprefix("Basic ") for header in sent if header]


TASKS = {
    "module": {"imds.azure.access_token_info": {"resource": VAULT}},
    "lookup": {
        "ansible.builtin.assert": {
            "that": f"lookup('imds.azure.access_token', resource='{VAULT}') | length > 9"
        }
    },
}


@pytest.mark.parametrize("name", TASKS)
def test_neither_the_key_nor_the_token_is_printed(
    agent: Vm, tmp_path: pathlib.Path, name: str
) -> None:
    status, printed = run(agent, tmp_path, TASKS[name])
    assert status == 0, printed
    assert len(keys_of(agent)) == 1
    for secret in (*keys_of(agent), *agent.tokens):
        assert secret not in printed


@pytest.mark.parametrize("name", TASKS)
def test_a_failure_prints_no_key(agent: Vm, tmp_path: pathlib.Path, name: str) -> None:
    """Tests that the key is not printed, even if the service repeats it."""
    agent.resources = []
    status, printed = run(agent, tmp_path, TASKS[name])
    assert status != 0
    assert "invalid_resource" in printed
    assert "Traceback" not in printed
    assert len(keys_of(agent)) == 1
    assert keys_of(agent)[0] not in printed


def test_a_new_challenge_for_each_retry(agent: Vm, tmp_path: pathlib.Path) -> None:
    agent.faults = [Fault("status", status=503, times=1)]
    with arc.agent_installed():
        status, printed = run(agent, tmp_path, TASKS["module"])
    assert status == 0, printed
    assert len(keys_of(agent)) == 1


def test_a_user_who_may_not_read_the_key(agent: Vm, tmp_path: pathlib.Path) -> None:
    python = tmp_path / "python"
    python.write_text(
        '#!/bin/sh\nexec setpriv --reuid=65534 --regid=65534 --clear-groups /usr/bin/python3 "$@"\n',
        encoding="utf-8",
    )
    python.chmod(0o755)
    task = {**TASKS["module"], "vars": {"ansible_pipelining": True}}
    status, printed = run(agent, tmp_path, task, str(python))
    assert status != 0
    assert "can't be read (Permission denied)" in printed
    assert "add the user to the group himds" in printed
    assert keys_of(agent) == []
