# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

from ansible_collections.imds.azure.plugins.plugin_utils._fact_variables import name_of_host
from ansible_collections.imds.azure.plugins.plugin_utils._host_variables import (
    OPTIONS_WITHOUT_VERSION,
    HostVariablesAction,
)


class ActionModule(HostVariablesAction):
    _options = OPTIONS_WITHOUT_VERSION

    def run(
        self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None
    ) -> dict[str, t.Any]:
        # A machine does not know its name in the inventory.
        host = name_of_host(task_vars, self._task.delegate_to)
        self._task.args = {"host": host, **self._task.args}
        return super().run(tmp, task_vars)
