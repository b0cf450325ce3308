# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

from ansible_collections.imds.azure.plugins.module_utils._document import cleaned
from ansible_collections.imds.azure.plugins.module_utils._errors import ImdsError
from ansible_collections.imds.azure.plugins.plugin_utils._fact_variables import name_of_host
from ansible_collections.imds.azure.plugins.plugin_utils._host_variables import (
    OPTIONS,
    HostVariablesAction,
)
from ansible_collections.imds.azure.plugins.plugin_utils._inventory.fact_check import (
    FACT,
    check_fact,
)
from ansible_collections.imds.azure.plugins.plugin_utils._inventory.fuller_facts import (
    choice_of_facts,
)


class ActionModule(HostVariablesAction):
    _options = (*OPTIONS, "complete")
    _facts = (FACT,)

    def run(
        self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None
    ) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        facts = result.get("ansible_facts", {})
        if FACT not in facts:
            return result
        try:
            check_fact(facts[FACT])
        except ImdsError as exc:
            # Returned and not raised, because an exception would ignore failed_when.
            del facts[FACT]
            return {**result, "failed": True, "msg": f"the module returned an invalid fact: {exc}"}
        # A hostile host can return what the module of this collection leaves out.
        facts[FACT] = cleaned(facts[FACT])
        host, older = self._older(task_vars or {})
        keep = self._task.args.get("keep_fuller", False)
        choice = choice_of_facts(host, older, facts[FACT], result.get("incomplete"), keep)
        if choice.notice:
            self._display.warning(choice.notice)
        if choice.keeps_older:
            facts[FACT] = older
        return result

    def run_on_windows(self, task_vars: dict[str, t.Any] | None) -> dict[str, t.Any]:
        from ansible_collections.imds.azure.plugins.module_utils._gathered import (
            argument_spec,
            gathered,
        )
        from ansible_collections.imds.azure.plugins.plugin_utils._windows.host import (
            WindowsHost,
            run_on_windows,
        )

        def work(host: WindowsHost) -> tuple[dict[str, t.Any], list[str]]:
            return gathered(host.option, host.send, host.system, host.in_azure)

        return run_on_windows(self, task_vars, argument_spec(), work)

    def _older(self, task_vars: dict[str, t.Any]) -> tuple[str, t.Any]:
        """The host that gets the facts, and its existing fact."""
        delegate = self._task.delegate_to
        if delegate and self._task.delegate_facts:
            variables = task_vars.get("ansible_delegated_vars", {}).get(delegate, {})
        else:
            delegate, variables = None, task_vars
        older = (variables.get("ansible_facts") or {}).get(FACT)
        return name_of_host(task_vars, delegate), older
