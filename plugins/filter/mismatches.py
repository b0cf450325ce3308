# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.imds.azure.plugins.module_utils._errors import ImdsError
from ansible_collections.imds.azure.plugins.plugin_utils._placement.mismatches import mismatches
from ansible_collections.imds.azure.plugins.plugin_utils._unsafe import make_unsafe


def _mismatches(facts: t.Any, **requirements: t.Any) -> list[dict[str, str]]:
    if not isinstance(facts, t.Mapping):
        raise AnsibleFilterError(
            "imds.azure.mismatches needs a dictionary, such as ansible_facts.azure_imds"
        )
    try:
        # The messages quote untrusted texts, whose marks are lost in them.
        return [make_unsafe(found.to_dict()) for found in mismatches(facts, **requirements)]
    except ImdsError as exc:
        raise AnsibleFilterError(f"imds.azure.mismatches: {exc}") from None


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"mismatches": _mismatches}
