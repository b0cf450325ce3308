# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

from ansible_collections.imds.azure.plugins.plugin_utils._host_variables import (
    OPTIONS_WITHOUT_VERSION,
    HostVariablesAction,
)


class ActionModule(HostVariablesAction):
    _options = OPTIONS_WITHOUT_VERSION

    def run_on_windows(self, task_vars: dict[str, t.Any] | None) -> dict[str, t.Any]:
        from ansible_collections.imds.azure.plugins.module_utils._endpoints.scheduled_events import (
            argument_spec,
            events_by_options,
        )
        from ansible_collections.imds.azure.plugins.plugin_utils._windows.host import (
            WindowsHost,
            run_on_windows,
        )

        def work(host: WindowsHost) -> tuple[dict[str, t.Any], list[str]]:
            return events_by_options(host.option, host.client()), []

        return run_on_windows(self, task_vars, argument_spec(), work)
