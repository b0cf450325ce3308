# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the lookups on a controller that is an Azure Arc-enabled server."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
from ansible import constants as C
from ansible.errors import AnsibleLookupError, AnsibleOptionsError
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import lookup_loader
from ansible.template import Templar
from doubles import ARC_HOST, ARC_URL, load

from imds_simulator import Simulator, Vm

DOCUMENT = load("arc/linux")

Look = t.Callable[..., list[t.Any]]


@pytest.fixture
def agent() -> t.Iterator[Vm]:
    versions = ["2019-08-15", "2019-11-01", "2020-06-01", "2021-02-01"]
    server = Vm("arc", DOCUMENT, versions=versions)
    with Simulator([server], host=ARC_HOST, port=40342, rate_limit=0):
        yield server


@pytest.fixture
def look(agent: Vm, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> Look:
    monkeypatch.setattr(C, "DEFAULT_LOCAL_TMP", str(tmp_path))

    def look(*terms: t.Any, **options: t.Any) -> list[t.Any]:
        variables = {"azure_imds_endpoint": agent.url, "azure_imds_deadline": 5}
        templar = Templar(loader=DataLoader(), variables=variables)
        plugin = lookup_loader.get("imds.azure.metadata", loader=DataLoader(), templar=templar)
        found: list[t.Any] = plugin.run(list(terms), variables=variables, **options)
        return found

    return look


@pytest.mark.parametrize("cache", [True, False])
def test_routes_are_those_of_the_whole_document(look: Look, agent: Vm, cache: bool) -> None:
    """The agent may not have the routes below this one."""
    assert agent.url == ARC_URL
    assert look(
        "instance/compute/name",
        "instance/compute/tagsList",
        "instance/compute/publicKeys",
        "instance/network",
        "instance/compute/zone",
        cache=cache,
    ) == [DOCUMENT["compute"]["name"], DOCUMENT["compute"]["tagsList"], [], {}, ""]
    assert {request.target for request in agent.requests} == {
        "/metadata/instance?api-version=2020-06-01"
    }


def test_an_element_of_a_list_that_is_not_there(look: Look) -> None:
    assert look("instance/compute/publicKeys/0/keyData", default="none") == ["none"]


def test_there_are_no_params(look: Look, agent: Vm) -> None:
    with pytest.raises(AnsibleOptionsError, match="Azure Arc supports no params"):
        look("instance/compute", cache=False, params={"x": "y"})
    assert agent.requests == []


@pytest.mark.parametrize(
    "route", ["attested/document", "scheduledevents", "loadbalancer", "versions"]
)
def test_no_request_is_sent_for_absent_routes(look: Look, agent: Vm, route: str) -> None:
    with pytest.raises(AnsibleLookupError, match="Azure Arc has no"):
        look(route)
    assert look(route, default="none") == ["none"]
    assert agent.requests == []
