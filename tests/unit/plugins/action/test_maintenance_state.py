# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the action: it passes the process of the run, and the ended runs of this controller."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.task import Task

from ansible_collections.imds.azure.plugins.action.maintenance_state import ActionModule
from ansible_collections.imds.azure.plugins.module_utils._maintenance.state import process

RUN = process(os.getppid())
DEAD = {**RUN, "started": "0"}


class Action(ActionModule):
    _load_name = "maintenance_state"  # the plugin loader sets this attribute

    def __init__(self, args: dict[str, Any], *answers: Any) -> None:
        task = Task()
        task.args = args
        connection: Any = SimpleNamespace(_shell=SimpleNamespace(tmpdir="/nowhere"))
        unused: Any = None
        super().__init__(task, connection, unused, DataLoader(), unused, unused)
        self._answers = list(answers)
        self.sent: list[dict[str, Any]] = []

    def _execute_module(
        self, module_name: Any = None, module_args: Any = None, *_others: Any, **_options: Any
    ) -> Any:
        assert module_name == "imds.azure.maintenance_state"
        self.sent.append(module_args)
        return self._answers.pop(0)


def test_a_host_does_not_plan_any_number_of_events() -> None:
    action = Action({"step": "plan"}, {"due": [{}] * 5000, "restore": "odd", "approvable": ["a"]})
    result = action.run(task_vars={})
    assert (len(result["due"]), result["restore"], result["approvable"]) == (50, "odd", ["a"])


def test_the_lock_is_free() -> None:
    action = Action({"step": "take", "wait": 60}, {"token": "mine"})
    assert action.run(task_vars={})["token"] == "mine"
    assert RUN
    assert action.sent == [{"step": "take", "wait": 0, "run": RUN}]


@pytest.mark.parametrize(
    ("holder", "dead"),
    [
        ({"token": "his", "run": DEAD}, "his"),
        ({"token": "his", "run": RUN}, ""),
        ({"token": "his", "run": {**DEAD, "boot_id": "another machine"}}, ""),
        # A VM may return any answer.
        ({"token": "his", "run": {**DEAD, "pid": "../.."}}, ""),
        ({"token": "his", "run": {}}, ""),
        ({"token": "his", "run": "x"}, ""),
        ({"token": ["his"], "run": DEAD}, ""),
        ({"run": DEAD}, ""),
        ("x", ""),
    ],
)
def test_another_run_has_the_lock(holder: Any, dead: str) -> None:
    action = Action(
        {"step": "take", "wait": 60}, {"failed": True, "holder": holder}, {"token": "mine"}
    )
    assert action.run(task_vars={})["token"] == "mine"
    assert action.sent[1] == {"step": "take", "wait": 60, "run": RUN, "dead": dead}


def test_other_steps_run_only_the_module() -> None:
    action = Action({"step": "release", "token": "mine"}, {"changed": False})
    assert action.run(task_vars={}) == {"changed": False}
    assert action.sent == [{"step": "release", "token": "mine"}]
