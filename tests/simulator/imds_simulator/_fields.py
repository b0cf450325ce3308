# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The API version that introduced each field of the instance document."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

# `[]` stands for each element of a list. All versions have the fields that are missing here:
# those of the first version (2017-04-02), and fields that a test adds.
# Version 2017-03-01 has location, name, vmId and vmSize, which agents in production read with it.
# Assumption: it has all fields of 2017-04-02.
# Assumption: 2024-03-15, 2024-07-17 and 2025-04-07 add no fields, because no new field is documented.
INTRODUCED: dict[str, tuple[str, ...]] = {
    "2017-08-01": (
        "compute.placementGroupId",
        "compute.resourceGroupName",
        "compute.subscriptionId",
        "compute.tags",
    ),
    "2017-12-01": ("compute.vmScaleSetName", "compute.zone"),
    "2018-04-02": ("compute.plan", "compute.publicKeys"),
    "2018-10-01": ("compute.azEnvironment", "compute.provider"),
    "2019-02-01": ("compute.customData",),
    "2019-03-11": ("compute.resourceId",),
    "2019-06-01": ("compute.storageProfile",),
    "2019-06-04": ("compute.tagsList",),
    "2019-08-01": (
        "compute.storageProfile.dataDisks[].diffDiskSettings",
        "compute.storageProfile.osDisk.diffDiskSettings",
    ),
    "2020-06-01": ("compute.isHostCompatibilityLayerVm", "compute.securityProfile"),
    "2020-07-15": ("compute.osProfile",),
    "2020-09-01": ("compute.licenseType",),
    "2020-10-01": ("compute.osProfile.disablePasswordAuthentication",),
    "2020-12-01": ("compute.evictionPolicy", "compute.priority"),
    "2021-01-01": ("compute.userData",),
    "2021-02-01": ("compute.storageProfile.resourceDisk",),
    "2021-03-01": ("compute.extendedLocation", "compute.virtualMachineScaleSet"),
    "2021-05-01": (
        "compute.storageProfile.dataDisks[].bytesPerSecondThrottle",
        "compute.storageProfile.dataDisks[].diskCapacityBytes",
        "compute.storageProfile.dataDisks[].isSharedDisk",
        "compute.storageProfile.dataDisks[].isUltraDisk",
        "compute.storageProfile.dataDisks[].opsPerSecondThrottle",
    ),
    # Assumption: this version, because cloud-init uses it to request this field.
    "2021-08-01": ("extended",),
    "2021-10-01": ("compute.platformSubFaultDomain",),
    "2021-11-01": (
        "compute.additionalCapabilities",
        "compute.securityProfile.encryptionAtHost",
        "compute.storageProfile.osDisk.encryptionSettings.diskEncryptionKey",
        "compute.storageProfile.osDisk.encryptionSettings.keyEncryptionKey",
    ),
    "2021-11-15": ("compute.host", "compute.hostGroup"),
    "2021-12-13": ("compute.securityProfile.securityType",),
    "2023-07-01": (
        "compute.storageProfile.imageReference.communityGalleryImageId",
        "compute.storageProfile.imageReference.exactVersion",
        "compute.storageProfile.imageReference.sharedGalleryImageId",
    ),
    "2023-11-15": (
        # Assumption: this version introduced isVmInStandbyPool. It is the oldest version in which the field was seen.
        "compute.isVmInStandbyPool",
        "compute.physicalZone",
    ),
    "2025-07-24": ("network.interface[].interfaceCompartmentID",),
    "2025-11-11": ("compute.interconnectGroupId", "compute.interconnectSubgroupId"),
}

_SINCE = {path: version for version, paths in INTRODUCED.items() for path in paths}


def at_version(value: Any, version: str, path: str = "") -> Any:
    """The document of an API version: without the fields of later versions."""
    if isinstance(value, dict):
        return {
            key: at_version(child, version, inner)
            for key, child, inner in _members(value, path)
            if _SINCE.get(inner, "") <= version
        }
    if isinstance(value, list):
        return [at_version(child, version, f"{path}[]") for child in value]
    return value


def _members(value: dict[str, Any], path: str) -> Iterator[tuple[str, Any, str]]:
    for key, child in value.items():
        yield key, child, f"{path}.{key}" if path else key
