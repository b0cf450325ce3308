# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""/metadata/versions: the API versions, oldest first. The request has no version."""

from __future__ import annotations

from imds_simulator._instance import NOT_FOUND
from imds_simulator._messages import Answer, Request, as_json
from imds_simulator._vm import Vm


def versions(vm: Vm, request: Request) -> Answer:
    if not vm.versions_route or request.segments[2:] not in ([], [""]):
        return NOT_FOUND
    return as_json({"apiVersions": sorted(vm.versions)})
