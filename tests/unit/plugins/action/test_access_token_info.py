# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the action: it does not show output that ansible-core could not read, because it may contain a token."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.task import Task

from ansible_collections.imds.azure.plugins.action.access_token_info import ActionModule

TOKEN = "opaque-c2VjcmV0"


class Action(ActionModule):
    _load_name = "access_token_info"  # the plugin loader sets this attribute

    def __init__(self, answer: dict[str, Any]) -> None:
        task = Task()
        task.args = {"resource": "key_vault"}
        context: Any = SimpleNamespace(no_log=False)
        connection: Any = SimpleNamespace(
            _shell=SimpleNamespace(tmpdir="/nowhere"), _play_context=SimpleNamespace(no_log=False)
        )
        unused: Any = None
        super().__init__(task, connection, context, DataLoader(), unused, unused)
        self._answer = answer

    def _execute_module(self, *_others: Any, **_options: Any) -> Any:
        return self._answer


TRACEBACK = f"Traceback (most recent call last):\n{TOKEN}"


@pytest.mark.parametrize(
    "answer",
    [
        # Before ansible-core 2.19, output with such a beginning counts as an exception.
        {"module_stdout": TRACEBACK, "module_stderr": "", "exception": TRACEBACK},
        {"module_stdout": "", "module_stderr": TRACEBACK, "exception": TRACEBACK},
        {"module_stdout": f"Killed {TOKEN}", "module_stderr": f"sudo: {TOKEN}"},
        {"exception": TRACEBACK},
        {},
    ],
)
def test_unreadable_output_is_not_shown(answer: dict[str, Any]) -> None:
    result = Action({"failed": True, "msg": "MODULE FAILURE", **answer}).run(task_vars={})
    assert result["msg"] == "MODULE FAILURE"
    assert not result["_ansible_no_log"]
    assert TOKEN not in repr(result)


def test_a_token_is_not_logged() -> None:
    result = Action({"changed": False, "access_token": TOKEN}).run(task_vars={})
    assert result["access_token"] == TOKEN
    assert result["_ansible_no_log"]
