# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests which variables of which host become options of a module."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from actions import action_plugins
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.task import Task
from ansible.plugins.action.normal import ActionModule as NormalAction
from ansible.template import Templar

from ansible_collections.imds.azure.plugins.action import instance_facts
from ansible_collections.imds.azure.plugins.plugin_utils._host_variables import (
    OPTIONS_WITHOUT_VERSION,
    with_host_variables,
)

ENDPOINT = "http://127.0.0.1:8169"
# These plugins do more than run their module, so they have separate tests.
APART = ("access_token_info", "attested_info", "maintenance_state", "snapshot")
ACTIONS = action_plugins(without=APART)


def action(arguments: dict[str, Any], variables: dict[str, Any], delegate: str = "") -> Any:
    task = Task()
    task.args = arguments
    task.delegate_to = delegate or None
    connection: Any = SimpleNamespace(_shell=SimpleNamespace(tmpdir=None))
    templar = Templar(DataLoader(), variables=variables)
    return instance_facts.ActionModule(task, connection, None, DataLoader(), templar, None)


def arguments_of(variables: dict[str, Any], given: Any = None, **options: Any) -> dict[str, Any]:
    return with_host_variables(action(given or {}, variables, **options), variables)


def test_each_variable_becomes_its_option() -> None:
    names = ("endpoint", "api_version", "timeout", "deadline")
    variables = {f"azure_imds_{name}": f"value of {name}" for name in names}
    assert arguments_of(variables) == {name: f"value of {name}" for name in names}


def test_an_option_takes_precedence_over_its_variable() -> None:
    variables = {"azure_imds_endpoint": "http://127.0.0.1:1", "azure_imds_timeout": 3}
    given = {"endpoint": ENDPOINT, "raw": True}
    assert arguments_of(variables, given) == {**given, "timeout": 3}


@pytest.mark.parametrize("variables", [{}, {"azure_imds_endpoint": None}, {"azure_imds": "x"}])
def test_no_variable_means_no_option(variables: dict[str, Any]) -> None:
    assert arguments_of(variables) == {}


def test_a_fact_of_the_host_is_no_option() -> None:
    variables = {
        "azure_imds_endpoint": ENDPOINT,
        "ansible_facts": {"azure_imds_endpoint": ENDPOINT},
    }
    assert arguments_of(variables) == {}


def test_a_fact_that_is_no_variable_changes_no_option(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSIBLE_INJECT_FACT_VARS", "false")
    variables = {
        "azure_imds_endpoint": ENDPOINT,
        "ansible_facts": {"azure_imds_endpoint": "http://127.0.0.1:1"},
    }
    assert arguments_of(variables) == {"endpoint": ENDPOINT}


def test_a_delegated_task_uses_the_variables_of_the_delegated_host() -> None:
    variables = {
        "azure_imds_endpoint": "http://127.0.0.1:1",
        "ansible_delegated_vars": {"other": {"azure_imds_endpoint": ENDPOINT}, "third": {}},
    }
    assert arguments_of(variables, delegate="other") == {"endpoint": ENDPOINT}
    assert arguments_of(variables, delegate="third") == {}
    assert arguments_of(variables, delegate="unknown") == {}


def test_the_version_of_instance_documents_is_not_one_of_events() -> None:
    variables = {"azure_imds_api_version": "2021-02-01", "azure_imds_deadline": 9}
    found = with_host_variables(action({}, variables), variables, OPTIONS_WITHOUT_VERSION)
    assert found == {"deadline": 9}


@pytest.mark.parametrize("name", ACTIONS)
def test_the_action_otherwise_behaves_like_ansibles(name: str) -> None:
    """So async, check mode and later features of Ansible work as for any module."""
    ours = ACTIONS[name].ActionModule
    assert issubclass(ours, NormalAction), (
        f"plugins/action/{name}.py is a HostVariablesAction, or is in APART and has its own tests"
    )
    assert ours._supports_async
    assert ours._supports_check_mode
