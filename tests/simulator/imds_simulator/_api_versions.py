# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The API versions, and the refusal of a request without a known version."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from imds_simulator._messages import Answer, RefusedError, Request, error

if TYPE_CHECKING:
    from imds_simulator._vm import Vm

# All documented versions, oldest first.
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
# Microsoft's container network service requests the first version and searches for it in the list. The network driver of Kubernetes
# requests the second version on machines with interconnects. Assumption: the second version is also in the list.
API_VERSIONS = (*DOCUMENTED_VERSIONS, "2025-07-24", "2025-11-11")

_MORE = "For more information refer to aka.ms/azureimds"


def api_version(vm: Vm, request: Request) -> str:
    """The version of a request. Raises the refusal if this virtual machine does not know the version.

    Assumption: all routes with these versions have the same refusal. Only /metadata and
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
    # Assumption: the present message has the same spacing as the older message.
    return error(
        400,
        f"Bad request. api-version {state} in the request. {_MORE}",
        newest(versions or vm.versions),
    )


def unknown(vm: Vm, versions: Sequence[str] | None = None) -> Answer:
    if vm.legacy_versions:
        return error(404, "Not found. Invalid version requested")
    # Assumption: the answers to an unknown version and to a missing version are equal, because the message covers both.
    return missing(vm, versions)


def newest(versions: Sequence[str]) -> list[str]:
    return sorted(versions, reverse=True)[:3]
