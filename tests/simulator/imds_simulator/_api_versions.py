# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The versions of the API, and what becomes of a request without a known one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from imds_simulator._messages import Answer, RefusedError, Request, error

if TYPE_CHECKING:
    from imds_simulator._vm import Vm

# All documented ones, oldest first.
DOCUMENTED_VERSIONS = (
    "2017-03-01",
    "2017-04-02",
    "2017-08-01",
    "2017-10-01",
    "2017-12-01",
    "2018-02-01",
    "2018-04-02",
    "2018-10-01",
    "2019-02-01",
    "2019-03-11",
    "2019-04-30",
    "2019-06-01",
    "2019-06-04",
    "2019-08-01",
    "2019-08-15",
    "2019-11-01",
    "2020-06-01",
    "2020-07-15",
    "2020-09-01",
    "2020-10-01",
    "2020-12-01",
    "2021-01-01",
    "2021-02-01",
    "2021-03-01",
    "2021-05-01",
    "2021-08-01",
    "2021-10-01",
    "2021-11-01",
    "2021-11-15",
    "2021-12-13",
    "2023-07-01",
    "2023-11-15",
    "2024-03-15",
    "2024-07-17",
    "2025-04-07",
)
# Microsoft's container network service asks for the first and looks for it in the list; the driver for networks of Kubernetes
# reads the second on machines with interconnects. Assumption: the second is in the list, too.
API_VERSIONS = (*DOCUMENTED_VERSIONS, "2025-07-24", "2025-11-11")

_MORE = "For more information refer to aka.ms/azureimds"


def api_version(vm: Vm, request: Request) -> str:
    """The version a request asks for, when this virtual machine knows it.

    Assumption: all roots with this line of versions refuse in one way. Only /metadata and
    /metadata/instance were captured.
    """
    version = request.parameter("api-version")
    if version is None:
        raise RefusedError(missing(vm))
    if version in vm.versions or version in vm.unlisted_versions:
        return version
    raise RefusedError(unknown(vm))


def missing(vm: Vm, versions: Sequence[str] | None = None) -> Answer:
    state = "was not specified" if vm.legacy_versions else "is invalid or was not specified"
    # Assumption: today's wording comes in the same spacing as the older one did.
    return error(
        400,
        f"Bad request. api-version {state} in the request. {_MORE}",
        newest(versions or vm.versions),
    )


def unknown(vm: Vm, versions: Sequence[str] | None = None) -> Answer:
    if vm.legacy_versions:
        return error(404, "Not found. Invalid version requested")
    # Assumption: an unknown version is answered like a missing one; the wording covers both.
    return missing(vm, versions)


def newest(versions: Sequence[str]) -> list[str]:
    return sorted(versions, reverse=True)[:3]
