# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError
from ansible.utils.display import Display

from ansible_collections.imds.azure.plugins.module_utils._clouds import same_cloud
from ansible_collections.imds.azure.plugins.module_utils._errors import ImdsError
from ansible_collections.imds.azure.plugins.plugin_utils._wanted_clouds import wanted_cloud

display = Display()


def cloud(value: t.Any, *names: t.Any) -> bool:
    """Whether an azEnvironment, or the cloud of azure_imds, is one of the named clouds."""
    if isinstance(value, dict):
        value = value.get("name")
    if not names or not all(isinstance(name, str) for name in (value, *names)):
        raise AnsibleFilterError(
            "imds.azure.cloud compares a text with the names of one or more clouds, for example azEnvironment is "
            "imds.azure.cloud('AzurePublicCloud')"
        )
    try:
        # Checks all names first: a misspelt name is an error even if another name matches.
        wanted = [wanted_cloud(name) for name in names]
    except ImdsError as exc:
        # Inventories ignore errors of expressions, unless they are strict. The warning remains.
        display.warning(f"imds.azure.cloud: {exc}")
        raise AnsibleFilterError(f"imds.azure.cloud: {exc}") from None
    return any(same_cloud(value, cloud.name) for cloud in wanted)


class TestModule:
    def tests(self) -> dict[str, t.Callable[..., bool]]:
        return {"cloud": cloud}
