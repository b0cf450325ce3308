# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests facts that become variables. A hostile host can return any facts."""

from __future__ import annotations

import contextlib
import pathlib
from types import SimpleNamespace
from typing import Any

import pytest
from actions import action_plugins
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.task import Task
from ansible.template import Templar

from ansible_collections.imds.azure.plugins.action import instance_facts, snapshot

# The first plugin keeps its fact. The second one has separate tests, and the third one runs no module.
OTHERS = action_plugins(without=("instance_facts", "attested_info", "snapshot"))
HOSTILE = {"azure_imds": {"compute": {"name": "a"}}, "imds_snapshot_dir": "host_vars"}


def action(plugin: Any, arguments: dict[str, Any]) -> Any:
    task = Task()
    task.args = arguments
    connection: Any = SimpleNamespace(_shell=SimpleNamespace(tmpdir=None))
    templar = Templar(DataLoader(), variables={})
    return plugin.ActionModule(task, connection, None, DataLoader(), templar, None)


def test_a_host_sets_no_fact_except_azure_imds(monkeypatch: pytest.MonkeyPatch) -> None:
    found = action(instance_facts, {})
    monkeypatch.setattr(found, "_execute_module", lambda **_options: {"ansible_facts": HOSTILE})
    result = found.run(task_vars={})
    assert result["ansible_facts"] == {"azure_imds": HOSTILE["azure_imds"]}


def test_a_fact_has_no_marks_of_ansible(monkeypatch: pytest.MonkeyPatch) -> None:
    fact = {"tags": {"Owner": {"__ansible_vault": "odd"}, "Role": "web"}}
    found = action(instance_facts, {})
    monkeypatch.setattr(
        found, "_execute_module", lambda **_options: {"ansible_facts": {"azure_imds": fact}}
    )
    facts = found.run(task_vars={})["ansible_facts"]
    assert facts == {"azure_imds": {"tags": {"Owner": {}, "Role": "web"}}}


@pytest.mark.parametrize("odd", [[{"__ansible_vault": "x"}], "{'a': 1}", 5, None, True])
def test_a_fact_that_is_not_an_object_is_refused(monkeypatch: pytest.MonkeyPatch, odd: Any) -> None:
    found = action(instance_facts, {})
    answer = {"ansible_facts": {"azure_imds": odd}}
    monkeypatch.setattr(found, "_execute_module", lambda **_options: answer)
    result = found.run(task_vars={})
    assert (result["failed"], result["ansible_facts"]) == (True, {})
    assert "not an instance document" in result["msg"]


@pytest.mark.parametrize("odd", [float("nan"), {1: 2}])
def test_a_fact_that_json_lacks_fails_the_task(monkeypatch: pytest.MonkeyPatch, odd: Any) -> None:
    found = action(instance_facts, {})
    answer = {"ansible_facts": {"azure_imds": {"compute": {"zone": odd}}}}
    monkeypatch.setattr(found, "_execute_module", lambda **_options: answer)
    result = found.run(task_vars={})
    assert result["failed"]
    assert result["msg"].startswith("the module returned an invalid fact: a ")
    assert "azure_imds" not in result["ansible_facts"]


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize(
    "facts", [{"inventory_hostname": "b", "discovered_interpreter_python": "/python"}, "odd", []]
)
def test_results_of_other_modules_set_no_facts(
    monkeypatch: pytest.MonkeyPatch, name: str, facts: Any
) -> None:
    found = action(OTHERS[name], {"step": "plan"})
    found._play_context = found._connection._play_context = SimpleNamespace(no_log=False)
    monkeypatch.setattr(found, "_execute_module", lambda **_options: {"ansible_facts": facts})
    result = found.run(task_vars={})
    assert set(result.get("ansible_facts", {})) <= {"discovered_interpreter_python"}


def written(tmp_path: pathlib.Path, fact: Any, facts: dict[str, Any]) -> Any:
    arguments = {"folder": str(tmp_path / "snapshots"), "azure_imds": fact}
    found = action(snapshot, arguments)
    return found.run(task_vars={"inventory_hostname": "a", "ansible_facts": facts})


def test_a_host_does_not_choose_the_folder_of_its_snapshot(tmp_path: pathlib.Path) -> None:
    fact = HOSTILE["azure_imds"]
    assert "must not choose where" in written(tmp_path, fact, HOSTILE)["msg"]
    assert list(tmp_path.iterdir()) == []
    assert "failed" not in written(tmp_path, fact, {"azure_imds": fact})


@pytest.mark.parametrize(
    "name", ["inventory_hostname", "inventory_hostname_short", "inventory_dir", "inventory_file"]
)
def test_a_host_does_not_write_the_snapshot_of_another(tmp_path: pathlib.Path, name: str) -> None:
    result = written(tmp_path, HOSTILE["azure_imds"], {name: "b"})
    assert f"a fact with the name {name}" in result["msg"]
    assert list(tmp_path.iterdir()) == []


def test_facts_are_no_variables_where_ansible_does_not_inject_them(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fact = HOSTILE["azure_imds"]
    monkeypatch.setenv("ANSIBLE_INJECT_FACT_VARS", "false")
    assert "failed" not in written(tmp_path, fact, {"inventory_hostname": "b"})
    monkeypatch.setenv("ANSIBLE_INJECT_FACT_VARS", "true")
    assert written(tmp_path, fact, {"inventory_hostname": "b"})["failed"]


def test_a_fact_of_marks_only_is_not_written(tmp_path: pathlib.Path) -> None:
    result = written(tmp_path, {"__ansible_x": {}}, {})
    assert result["failed"]
    assert "is empty" in result["msg"]
    assert list(tmp_path.iterdir()) == []


WHOLE = {
    "compute": {"name": "a", "vmId": "1"},
    "network": {"interface": [{"macAddress": "000D3A123456"}]},
    "gathered_at": "2026-01-31T12:00:00Z",
}
PART = {"compute": {"name": "a", "vmId": "1"}}


@pytest.mark.parametrize(
    ("arguments", "older", "incomplete", "kept", "words"),
    [
        (
            {"keep_fuller": True},
            WHOLE,
            ["network"],
            True,
            "a: the fact azure_imds of 2026-01-31T12",
        ),
        (
            {"keep_fuller": "yes"},
            WHOLE,
            ["network"],
            True,
            "It is kept. To replace it, set keep_ful",
        ),
        ({}, WHOLE, ["network"], False, "It is replaced, because keep_fuller is false"),
        (
            {"keep_fuller": True},
            None,
            ["network"],
            False,
            "a: azure_imds lacks network: IMDS answered",
        ),
        ({"keep_fuller": True}, WHOLE, [], False, ""),
        ({"keep_fuller": True}, WHOLE, None, False, ""),
    ],
)
@pytest.mark.parametrize("delegated", [False, True])
def test_an_incomplete_fact_and_the_existing_fact(
    monkeypatch: pytest.MonkeyPatch,
    arguments: dict[str, Any],
    older: Any,
    incomplete: Any,
    kept: bool,
    words: str,
    delegated: bool,
) -> None:
    found = action(instance_facts, arguments)
    variables: dict[str, Any] = {"ansible_facts": {"azure_imds": older} if older else {}}
    variables["inventory_hostname"] = "a"
    if delegated:
        found._task.delegate_to, found._task.delegate_facts = "a", True
        other = {"azure_imds": {"compute": {"vmId": "2"}}}
        variables = {
            "inventory_hostname": "b",
            "ansible_facts": other,
            "ansible_delegated_vars": {"a": variables},
        }
    answered = {"ansible_facts": {"azure_imds": PART}, "incomplete": incomplete}
    said: list[str] = []
    monkeypatch.setattr(found, "_execute_module", lambda **_options: answered)
    monkeypatch.setattr(found._display, "warning", said.append)
    assert found.run(task_vars=variables)["ansible_facts"]["azure_imds"] == (
        older if kept else PART
    )
    assert len(said) == bool(words)
    assert words in "".join(said)


def test_a_host_variable_sets_the_option_complete(monkeypatch: pytest.MonkeyPatch) -> None:
    found = action(instance_facts, {})
    monkeypatch.setattr(found, "_execute_module", lambda **_options: {})
    found.run(task_vars={"azure_imds_complete": True})
    assert found._task.args == {"complete": True}
    chosen = {"azure_imds_complete": True}
    found = action(instance_facts, {})
    monkeypatch.setattr(found, "_execute_module", lambda **_options: {})
    found.run(task_vars={**chosen, "ansible_facts": chosen})
    assert found._task.args == {}


@pytest.mark.parametrize("name", action_plugins(without=("snapshot",)))
def test_a_host_does_not_set_the_statistics_of_the_run(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    plugin = action_plugins(without=("snapshot",))[name]
    found = action(plugin, {"verify": False} if name == "attested_info" else {"step": "plan"})
    found._play_context = found._connection._play_context = SimpleNamespace(no_log=False)
    answer = {"ansible_stats": {"data": ["odd"]}, "results": [{"unreachable": "odd"}]}
    monkeypatch.setattr(found, "_execute_module", lambda **_options: answer)
    assert not set(answer) & set(found.run(task_vars={}))


def test_a_text_that_python_can_not_evaluate_is_no_fact(tmp_path: pathlib.Path) -> None:
    fact = "{1: " + "- " * 3000 + "1}"
    with contextlib.suppress(AnsibleError):
        assert written(tmp_path, fact, {})["failed"]
    assert list(tmp_path.rglob("*.json")) == []
