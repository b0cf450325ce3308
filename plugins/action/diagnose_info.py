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

# A hostile host may send a report of any length.
_MAX_LINES = 1000
_MAX_LENGTH = 2000
_TEXTS = ("name", "certainty", "what", "why", "advice")


class ActionModule(HostVariablesAction):
    _options = OPTIONS_WITHOUT_VERSION

    def run(
        self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None
    ) -> dict[str, t.Any]:
        # The module does not know the name of the host in the inventory.
        host = name_of_host(task_vars, self._task.delegate_to)
        self._task.args = {"host": host, **self._task.args}
        result = super().run(tmp, task_vars)
        if "report" in result:
            result["report"] = _lines(result["report"])
        if "causes" in result:
            result["causes"] = _causes(result["causes"])
        return result


def _causes(found: t.Any) -> list[dict[str, t.Any]]:
    every = found[:_MAX_LINES] if isinstance(found, list) else []
    return [
        {**{name: _line(cause.get(name)) for name in _TEXTS}, "mend": _lines(cause.get("mend"))}
        for cause in every
        if isinstance(cause, dict)
    ]


def _lines(texts: t.Any) -> list[str]:
    return [_line(text) for text in texts[:_MAX_LINES]] if isinstance(texts, list) else []


def _line(text: t.Any) -> str:
    """The text without control characters, shortened; blanks are kept."""
    start = text[:_MAX_LENGTH] if isinstance(text, str) else ""
    return "".join(c if c.isprintable() else " " for c in start)


__all__ = ("ActionModule",)
