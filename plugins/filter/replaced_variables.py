# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

from ansible_collections.imds.azure.plugins.plugin_utils._fact_variables import facts_of_a_role


class FilterModule:
    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"replaced_variables": facts_of_a_role}
