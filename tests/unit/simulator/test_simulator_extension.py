# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests the retired VM extension, which has its own port."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from imds_simulator import Fault, Identity, Simulator, SimulatorError, Vm

OWN = Identity("c-own", "o-own")
OTHER = Identity("c-other", "o-other", "/subscriptions/1/other")
QUERY = "/oauth2/token?resource=https://vault.azure.net"
HEADER = {"Metadata": "true"}


@pytest.fixture
def vm() -> Iterator[Vm]:
    vm = Vm("a", {"compute": {"name": "a"}}, identities=[OWN], extension_port=0)
    with Simulator([vm]):
        yield vm


def test_a_token_without_a_version(vm: Vm, session: requests.Session) -> None:
    answer = session.get(vm.extension_url + QUERY, headers=HEADER)
    body = answer.json()
    assert answer.status_code == 200
    assert (body["expires_in"], body["refresh_token"]) == ("3599", "")
    assert "client_id" not in body
    assert vm.tokens == [body["access_token"]]
    assert vm.requests[-1].path == "/oauth2/token"


def test_the_extension_has_its_own_port(vm: Vm, session: requests.Session) -> None:
    assert vm.extension_url != vm.url
    assert session.get(vm.url + QUERY, headers=HEADER).status_code == 404
    assert session.get(f"{vm.url}/simulator/vm").json()["extension_url"] == vm.extension_url


def test_a_form_is_accepted(vm: Vm, session: requests.Session) -> None:
    form = {"resource": "https://vault.azure.net", "client_id": "c-own"}
    answer = session.post(f"{vm.extension_url}/oauth2/token", data=form, headers=HEADER)
    assert answer.status_code == 200


@pytest.mark.parametrize("headers", [{}, {"Metadata": "True"}, {"Metadata": "TRUE"}])
def test_the_header_value_must_be_lower_case(
    vm: Vm, session: requests.Session, headers: dict[str, str]
) -> None:
    answer = session.get(vm.extension_url + QUERY, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize(
    "path", ["/", "/oauth2", "/metadata/identity/oauth2/token", "/oauth2/token/"]
)
def test_another_path_is_an_unknown_source(vm: Vm, session: requests.Session, path: str) -> None:
    answer = session.get(vm.extension_url + path, headers=HEADER)
    assert (answer.status_code, answer.json()["error"]) == (401, "unknown_source")


@pytest.mark.parametrize(
    ("settings", "query"),
    [
        ({"identities": []}, ""),
        ({"identities": [OWN]}, "&client_id=c-other"),
        ({"extension_identities": []}, ""),
    ],
)
def test_no_such_identity(
    vm: Vm, session: requests.Session, settings: dict[str, Any], query: str
) -> None:
    vm.__dict__.update(settings)
    answer = session.get(vm.extension_url + QUERY + query, headers=HEADER)
    assert (answer.status_code, answer.json()["error"]) == (500, "unknown")


def test_identities_of_its_own(vm: Vm, session: requests.Session) -> None:
    vm.extension_identities = [OTHER]
    url = f"{vm.extension_url}{QUERY}&object_id=o-other"
    assert session.get(url, headers=HEADER).status_code == 200
    # The extension does not know this parameter, so it can't select an identity.
    url = f"{vm.extension_url}{QUERY}&msi_res_id=nobody"
    assert session.get(url, headers=HEADER).status_code == 200


@pytest.mark.parametrize("resource", ["", "https://nobody.invalid"])
def test_an_invalid_resource(vm: Vm, session: requests.Session, resource: str) -> None:
    url = f"{vm.extension_url}/oauth2/token?resource={resource}"
    assert session.get(url, headers=HEADER).status_code == 400


def test_faults_apply_to_the_extension(vm: Vm, session: requests.Session) -> None:
    vm.faults = [Fault("status", status=503, path="/oauth2/token")]
    assert session.get(vm.extension_url + QUERY, headers=HEADER).status_code == 503
    assert session.get(f"{vm.url}/metadata/versions", headers=HEADER).status_code == 200


def test_a_port_in_use_by_another_program(vm: Vm) -> None:
    port = int(vm.extension_url.rpartition(":")[2])
    with pytest.raises(SimulatorError, match=f"cannot listen on 127.0.0.1:{port} for 'b'"):
        Simulator([Vm("b", {}, extension_port=port)]).start()
