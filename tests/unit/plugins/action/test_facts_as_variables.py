# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts become variables, and a host in hostile hands answers whatever it likes."""

from __future__ import annotations

import pathlib
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.task import Task
from ansible.template import Templar

from ansible_collections.imds.azure.plugins.action import instance_facts, snapshot

HOSTILE = {"azure_imds": {"compute": {"name": "a"}}, "imds_snapshot_dir": "host_vars"}


def action(plugin: Any, arguments: dict[str, Any]) -> Any:
    task = Task()
    task.args = arguments
    connection: Any = SimpleNamespace(_shell=SimpleNamespace(tmpdir=None))
    templar = Templar(DataLoader(), variables={})
    return plugin.ActionModule(task, connection, None, DataLoader(), templar, None)


def test_a_host_sets_no_fact_but_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    found = action(instance_facts, {})
    monkeypatch.setattr(found, "_execute_module", lambda **_options: {"ansible_facts": HOSTILE})
    result = found.run(task_vars={})
    assert result["ansible_facts"] == {"azure_imds": HOSTILE["azure_imds"]}


def written(tmp_path: pathlib.Path, fact: Any, facts: dict[str, Any]) -> Any:
    arguments = {"folder": str(tmp_path / "snapshots"), "azure_imds": fact}
    found = action(snapshot, arguments)
    return found.run(task_vars={"inventory_hostname": "a", "ansible_facts": facts})


def test_a_host_does_not_say_where_its_snapshot_is_written(tmp_path: pathlib.Path) -> None:
    fact = HOSTILE["azure_imds"]
    assert "must not say where" in written(tmp_path, fact, HOSTILE)["msg"]
    assert list(tmp_path.iterdir()) == []
    assert "failed" not in written(tmp_path, fact, {"azure_imds": fact})


@pytest.mark.parametrize(
    "name", ["inventory_hostname", "inventory_hostname_short", "inventory_dir", "inventory_file"]
)
def test_a_host_does_not_write_the_snapshot_of_another(tmp_path: pathlib.Path, name: str) -> None:
    result = written(tmp_path, HOSTILE["azure_imds"], {name: "b"})
    assert f"a fact with the name {name}" in result["msg"]
    assert list(tmp_path.iterdir()) == []


def test_a_fact_of_marks_alone_is_not_written(tmp_path: pathlib.Path) -> None:
    result = written(tmp_path, {"__ansible_x": {}}, {})
    assert result["failed"]
    assert "is empty" in result["msg"]
    assert list(tmp_path.iterdir()) == []
