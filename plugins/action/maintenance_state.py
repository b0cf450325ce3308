# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tells the module the process of this run on the controller, and whether an earlier run of this controller is dead.

A VM can't find that out itself. Documented in plugins/modules/maintenance_state.py.
"""

from __future__ import annotations

import os
import typing as t

from ansible.plugins.action import ActionBase

from ansible_collections.imds.azure.plugins.module_utils._maintenance.state import (
    MOST_DUE,
    is_dead,
    process,
)
from ansible_collections.imds.azure.plugins.plugin_utils._host_variables import (
    linux_only,
    runs_powershell,
)
from ansible_collections.imds.azure.plugins.plugin_utils._module_results import checked_result

_LISTS = ("approvable", "due", "restore")


class ActionModule(ActionBase):
    _supports_check_mode = True
    _supports_async = False

    def run(
        self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None
    ) -> dict[str, t.Any]:
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        variables = task_vars or {}
        if runs_powershell(self):
            return {**result, **linux_only("The role imds.azure.maintenance")}
        if self._task.args.get("step") == "begin":
            return result
        if self._task.args.get("step") != "take":
            return {**result, **self._module({}, variables)}
        # Actions run in a worker process. Its parent is the process of the run.
        run = {"run": process(os.getppid())}
        answer = self._module({**run, "wait": 0}, variables)
        if answer.get("holder"):
            answer = self._module({**run, "dead": _dead(answer["holder"])}, variables)
        return {**result, **answer}

    def _module(self, args: dict[str, t.Any], variables: dict[str, t.Any]) -> dict[str, t.Any]:
        answer: dict[str, t.Any] = self._execute_module(
            module_name="imds.azure.maintenance_state",
            module_args={**self._task.args, **args},
            task_vars=variables,
        )
        result = checked_result(answer)
        # A hostile host can return any number of events, and the tasks of the user run for each.
        lists = {key: result[key][:MOST_DUE] for key in _LISTS if isinstance(result.get(key), list)}
        return {**result, **lists}


def _dead(holder: t.Any) -> str:
    """The token of a run of this controller that has ended without freeing the lock."""
    # A hostile VM may return anything.
    run = holder.get("run") if isinstance(holder, dict) else None
    token = holder.get("token") if isinstance(holder, dict) else None
    return token if isinstance(run, dict) and isinstance(token, str) and is_dead(run) else ""
