# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads options of modules from the azure_imds_* variables of a host. Private to imds.azure.

A module has no access to the variables of its host, so an action plugin reads them on the controller.
"""

from __future__ import annotations

import typing as t

from ansible.plugins.action import ActionBase
from ansible.plugins.action.normal import ActionModule as NormalAction

from ansible_collections.imds.azure.plugins.plugin_utils._fact_variables import injected_facts
from ansible_collections.imds.azure.plugins.plugin_utils._module_results import checked_result

PREFIX = "azure_imds_"
# The API version here is that of instance documents and attested documents.
OPTIONS = ("endpoint", "api_version", "timeout", "deadline")
# Tokens and scheduled events have their own API versions, so azure_imds_api_version does not apply to them.
OPTIONS_WITHOUT_VERSION = ("endpoint", "timeout", "deadline")

_Arguments = dict[str, t.Any]


def with_host_variables(
    action: t.Any, task_vars: dict[str, t.Any] | None, options: t.Iterable[str] = OPTIONS
) -> _Arguments:
    """The arguments of an action's task, with variables for the options that the task does not set."""
    variables, templar = task_vars or {}, action._templar
    delegate = action._task.delegate_to
    if delegate:
        # The module runs on the delegated host, so the variables of that host are used.
        variables = variables.get("ansible_delegated_vars", {}).get(delegate, {})
        templar = templar.copy_with_new_env(available_variables=variables)
    # A host chooses its facts, which replace inventory variables.
    facts = injected_facts(variables)
    found = {
        option: templar.template(variables[PREFIX + option])
        for option in options
        if option not in action._task.args
        and variables.get(PREFIX + option) is not None
        and PREFIX + option not in facts
    }
    return {**found, **action._task.args}


def runs_powershell(action: t.Any) -> bool:
    """Whether the host of a task is a Windows host: no Python module runs there."""
    return getattr(action._connection._shell, "_IS_WINDOWS", False) is True


def linux_only(name: str) -> dict[str, t.Any]:
    """The result of a task that can't run on a Windows host."""
    msg = f"{name} is for Linux hosts, and this host runs PowerShell"
    return {"failed": True, "msg": msg}


class HostVariablesAction(NormalAction):
    """Runs the module of the same name, as Ansible does for modules without an action plugin."""

    _options: tuple[str, ...] = OPTIONS
    _facts: tuple[str, ...] = ()

    def run(
        self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None
    ) -> dict[str, t.Any]:
        self._task.args = with_host_variables(self, task_vars, self._options)
        if runs_powershell(self):
            self._supports_async = False
            result: dict[str, t.Any] = ActionBase.run(self, tmp, task_vars)
            return {**result, **self.run_on_windows(task_vars)}
        # Facts become variables. A hostile host can return any facts, and must not set
        # variables of a play.
        return checked_result(super().run(tmp, task_vars), *self._facts)

    def run_on_windows(
        self,
        task_vars: dict[str, t.Any] | None,  # noqa: ARG002
    ) -> dict[str, t.Any]:
        """The result of the task on a Windows host. Imports what it needs, because other hosts don't need it."""
        return linux_only(self._task.action)


__all__ = (
    "OPTIONS",
    "OPTIONS_WITHOUT_VERSION",
    "HostVariablesAction",
    "linux_only",
    "runs_powershell",
    "with_host_variables",
)
