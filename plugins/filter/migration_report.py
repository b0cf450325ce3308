# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.imds.azure.plugins.plugin_utils._migration import report
from ansible_collections.imds.azure.plugins.plugin_utils._unsafe import make_unsafe

# The variable that the role managed_identity_migration registers on each host.
_RESULT = "managed_identity_migration_report"


def _report(results: t.Any, hosts: t.Iterable[str] | None = None) -> list[str]:
    if isinstance(results, t.Mapping) and hosts is not None:
        results = {host: _result_of(results[host]) for host in hosts}
    if not isinstance(results, t.Mapping) or not all(
        isinstance(result, t.Mapping) for result in results.values()
    ):
        raise AnsibleFilterError(
            "imds.azure.migration_report needs a dictionary of hosts, each with the result of imds.azure.vm_extension_info"
        )
    lines: list[str] = make_unsafe(report({str(host): results[host] for host in results}))
    return lines


def _result_of(variables: t.Mapping[str, t.Any]) -> t.Any:
    result = variables.get(_RESULT)
    # A host without a result did not run the role, or returned something else.
    return result if isinstance(result, t.Mapping) else {}


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"migration_report": _report}
