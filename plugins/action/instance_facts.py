# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

from ansible_collections.imds.azure.plugins.plugin_utils._documents import FACT
from ansible_collections.imds.azure.plugins.plugin_utils._host_variables import HostVariablesAction


class ActionModule(HostVariablesAction):
    def run(
        self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None
    ) -> dict[str, t.Any]:
        result = super().run(tmp, task_vars)
        facts = result.get("ansible_facts")
        if isinstance(facts, dict):
            # Facts become variables. A host in hostile hands answers whatever it likes, and must
            # not set variables of a play.
            result["ansible_facts"] = {name: facts[name] for name in facts if name in (FACT, *_OWN)}
        return result


# Ansible itself adds the Python that it found on the host.
_OWN = ("discovered_interpreter_python",)
