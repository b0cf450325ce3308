# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests the simulated service of the Azure Arc agent against captures of real services."""

from __future__ import annotations

import json
import os
import pathlib
import stat
import subprocess
import sys
import typing as t

import pytest
import requests

from imds_simulator import Identity, Simulator, Vm, arc_fleet

FIXTURES = pathlib.Path(__file__).resolve().parents[1] / "fixtures"
# A separate address for this process, because the port of the agent is fixed.
ARC_HOST = f"127.32.{os.getpid() >> 8 & 255}.{os.getpid() & 255 | 1}"
OWN = Identity("c-own", "o-own")
ASSIGNED = Identity("c-one", "o-one", "/subscriptions/1/one")
TOKEN = "/metadata/identity/oauth2/token?api-version=2020-06-01&resource=https://vault.azure.net"


@pytest.fixture
def agent(tmp_path: pathlib.Path) -> t.Iterator[Vm]:
    document = json.loads((FIXTURES / "arc" / "linux.json").read_text(encoding="utf-8"))
    server = Vm("arc", document, service="arc", keys_folder=str(tmp_path))
    server.identities = [OWN, ASSIGNED]
    with Simulator([server], host=ARC_HOST, port=40342):
        yield server


def ask(agent: Vm, path: str, method: str = "GET", **headers: str) -> requests.Response:
    with requests.Session() as session:
        session.trust_env = False
        return session.request(
            method, agent.url + path, headers={"Metadata": "true", **headers}, timeout=5
        )


def key_named_by(answer: requests.Response) -> str:
    path = answer.headers["Www-Authenticate"].partition("Basic realm=")[2]
    return pathlib.Path(path).read_text(encoding="ascii")


def with_key(agent: Vm, path: str = TOKEN) -> requests.Response:
    return ask(agent, path, Authorization=f"Basic {key_named_by(ask(agent, path))}")


def test_a_document_with_the_headers_that_were_seen(agent: Vm) -> None:
    answer = ask(agent, "/metadata/instance?api-version=2020-06-01")
    assert answer.status_code == 200
    assert answer.json() == agent.document
    assert answer.content.endswith(b"}}\n") or answer.content.endswith(b"{}}\n")
    assert answer.headers["Content-Type"] == "application/json"
    assert {"Server", "x-ms-request-id"}.isdisjoint(answer.headers)
    part = ask(agent, "/metadata/instance/compute?api-version=2020-06-01")
    assert part.json() == agent.document["compute"]


def test_an_older_version_has_fewer_fields(agent: Vm) -> None:
    compute = ask(agent, "/metadata/instance?api-version=2019-11-01").json()["compute"]
    windows = json.loads((FIXTURES / "arc" / "windows.json").read_text(encoding="utf-8"))
    assert compute.keys() == windows["compute"].keys()


@pytest.mark.parametrize("query", ["", "?api-version=2025-04-07", "?api-version=2018-02-01"])
def test_a_refusal_lists_the_versions_in_words(agent: Vm, query: str) -> None:
    answer = ask(agent, f"/metadata/instance{query}")
    assert answer.status_code == 400
    assert answer.json()["error_description"] == (
        "The api-version not specified. Supported are 2021-02-01 2020-06-01 2019-11-01 2019-08-15"
    )


@pytest.mark.parametrize(
    "route", ["instance/compute/name", "versions", "attested/document", "scheduledevents", "x"]
)
def test_nothing_else_is_there(agent: Vm, route: str) -> None:
    assert ask(agent, f"/metadata/{route}?api-version=2020-06-01").status_code == 404


def test_a_challenge_is_as_it_was_captured(agent: Vm) -> None:
    captured = (FIXTURES / "arc" / "windows-challenge.txt").read_bytes().splitlines()
    answer = ask(agent, TOKEN)
    assert answer.status_code == 401
    scheme, _is, path = answer.headers["Www-Authenticate"].partition("=")
    assert f"Www-Authenticate: {scheme}=".encode() in b"\n".join(captured)
    assert os.path.dirname(path) == agent.keys_folder
    assert path.endswith(".key")
    seen = json.loads(captured[-1])
    body = answer.json()
    assert body.keys() == seen.keys()
    for name in ("error", "error_description", "error_codes", "trace_id"):
        assert body[name] == seen[name]
    mode = stat.S_IMODE(os.stat(path).st_mode)
    assert mode & 0o007 == 0


def test_a_token(agent: Vm) -> None:
    answer = with_key(agent)
    assert answer.status_code == 200
    body = answer.json()
    assert body["access_token"] == agent.tokens[-1]
    assert {name: type(body[name]) for name in body} == {
        "access_token": str,
        "expires_in": str,
        "expires_on": str,
        "ext_expires_in": int,
        "resource": str,
        "token_type": str,
    }
    assert os.listdir(agent.keys_folder) == []


def test_each_challenge_has_a_key_that_can_be_used_once(agent: Vm) -> None:
    keys = [key_named_by(ask(agent, TOKEN)) for _time in range(2)]
    assert len(set(keys)) == 2
    answers = [ask(agent, TOKEN, Authorization=f"Basic {key}").status_code for key in keys * 2]
    assert answers == [200, 200, 403, 403]
    for odd in ("Basic x", keys[0], "", "Bearer x"):
        assert ask(agent, TOKEN, Authorization=odd).status_code == 403


@pytest.mark.parametrize(
    ("name", "value"),
    [("client_id", "C-ONE"), ("object_id", "o-one"), ("msi_res_id", "/subscriptions/1/one")],
)
def test_an_identity_is_repeated(agent: Vm, name: str, value: str) -> None:
    path = f"{TOKEN}&{name}={value}"
    assert with_key(agent, path).json()[name] == value
    agent.confirms_identities = False
    assert name not in with_key(agent, path).json()


def test_an_identity_that_is_not_there(agent: Vm) -> None:
    answer = with_key(agent, f"{TOKEN}&client_id=x")
    assert answer.status_code == 404
    assert answer.json() == {
        "error": "identity_not_found",
        "error_description": "Identity not found: error acquiring access token: requested identity was not found",
        "error_codes": [404],
    }
    assert "msi_res_id" not in with_key(agent, f"{TOKEN}&mi_res_id=/subscriptions/1/one").json()


def test_a_folder_that_is_not_there(agent: Vm) -> None:
    agent.keys_folder = "/no/such/folder"
    assert "cannot write a key" in ask(agent, TOKEN).json()["error_description"]


def test_the_sample() -> None:
    servers = arc_fleet()
    assert [server.document["compute"]["osType"] for server in servers] == ["linux", "windows"]
    assert {server.service for server in servers} == {"arc"}


def test_the_program_serves_it(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "endpoints.json"
    command = [sys.executable, "-m", "imds_simulator", "--service", "arc", "--host", ARC_HOST]
    folder = pathlib.Path(sys.modules["imds_simulator"].__file__ or "").parents[1]
    with subprocess.Popen(
        [*command, "--keys", str(tmp_path), "--endpoints", str(file)],
        env={**os.environ, "PYTHONPATH": str(folder), "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        text=True,
    ) as program:
        assert program.stdout is not None
        lines = [program.stdout.readline() for _line in range(5)]
        program.terminate()
    endpoints = json.loads(file.read_text(encoding="utf-8"))
    assert list(endpoints) == ["hybrid-linux", "hybrid-windows"]
    assert endpoints["hybrid-linux"] == f"http://{ARC_HOST}:40342"
    assert all(url.endswith(":40342") for url in endpoints.values())
    assert "api-version=2021-02-01" in lines[4]
