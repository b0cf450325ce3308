# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removes keys that could affect other hosts from the results of modules. Private to imds.azure.

A hostile host can return any result. Ansible reads some keys of a result in the main process of the run, where
a value of an unexpected type ends the run for all hosts.
"""

from __future__ import annotations

import typing as t

from ansible_collections.imds.azure.plugins.plugin_utils._fact_variables import drop_facts

# Keys that Ansible reads, and that no module of this collection returns. Some of them add hosts or set the statistics of the run.
READ_BY_ANSIBLE = (
    "add_group",
    "add_host",
    "ansible_index_var",
    "ansible_loop",
    "ansible_loop_var",
    "ansible_module_results",
    "ansible_notify",
    "ansible_stats",
    "async_result",
    "attempts",
    "diff",
    "error",
    "failed_when_result",
    "include",
    "item",
    "messages",
    "results",
    "retries",
    "skip_reason",
    "socket_path",
)
# The types of the other keys that Ansible reads. Values of other types are left out.
_TYPES: dict[str, type | tuple[type, ...]] = {
    "ansible_job_id": str,
    "deprecations": (list, tuple),
    "finished": (bool, int),
    "invocation": dict,
    "module_stderr": str,
    "module_stdout": str,
    "rc": int,
    "started": (bool, int),
    "stderr": str,
    "stderr_lines": list,
    "stdout": str,
    "stdout_lines": list,
    "warnings": (list, tuple),
}
_FLAGS = ("changed", "failed", "skipped", "unreachable")


def checked_result(result: t.Mapping[str, t.Any], *facts: str) -> dict[str, t.Any]:
    """The result of a module without keys that only Ansible may set. Of the facts, it keeps only those with the given names."""
    checked = {
        key: value
        for key, value in result.items()
        if key not in READ_BY_ANSIBLE and isinstance(value, _TYPES.get(key, object))
    }
    checked.update({key: bool(checked[key]) for key in _FLAGS if key in checked})
    if "msg" in checked:
        checked["msg"] = str(checked["msg"])
    return drop_facts(checked, *facts)


__all__ = ("READ_BY_ANSIBLE", "checked_result")
