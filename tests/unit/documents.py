# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Instance documents of all shapes, and strategies that generate further ones."""

from __future__ import annotations

import typing as t

from doubles import load
from hypothesis import settings
from hypothesis import strategies as st

from imds_simulator import API_VERSIONS
from imds_simulator._fields import at_version

quick = settings(derandomize=True, database=None, deadline=None, max_examples=150)

# A document with all fields in the form of each API version, and unusual documents.
SHAPES: dict[str, dict[str, t.Any]] = {
    **{version: at_version(load("everything"), version) for version in API_VERSIONS},
    **{
        name: load(name)
        for name in (
            "everything",
            "2017-04-02",
            "2017-08-01-scale-set",
            "network-only",
            "compute-only",
        )
    },
    "empty": {},
    "nulls": {"compute": None, "network": None},
    "empty parts": {"compute": {}, "network": {}},
    "no interface": {"compute": {"name": "x"}, "network": {"interface": []}},
    "extended": {"compute": {}, "extended": {"compute": {"hasCustomData": False}}},
    "wrong kinds": {
        "compute": {
            "name": 5,
            "zone": None,
            "location": ["x"],
            "storageProfile": "none",
            "tagsList": {"value": [], "Count": 0},
            "vmId": None,
            "osProfile": [],
        },
        "network": {"interface": {"0": {}}},
    },
}

_leaves = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.text(max_size=12)
    | st.sampled_from(["", "true", "False", "0", "64", "-1", "{{ x }}", "a:b;c:d"])
)
_NAMES = [
    "azEnvironment",
    "dataDisks",
    "diskSizeGB",
    "encryptionSettings",
    "enabled",
    "interface",
    "ipAddress",
    "ipv4",
    "ipv6",
    "location",
    "lun",
    "name",
    "osDisk",
    "osProfile",
    "platformFaultDomain",
    "prefix",
    "privateIpAddress",
    "resourceDisk",
    "size",
    "storageProfile",
    "subnet",
    "tags",
    "tagsList",
    "userData",
    "value",
    "vmId",
    "vmScaleSetName",
    "zone",
    "virtualMachineScaleSet",
    "id",
    "resourceGroupName",
    "isVmInStandbyPool",
]
_keys = st.sampled_from(_NAMES) | st.text(max_size=6)
anything = st.recursive(
    _leaves,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_keys, inner, max_size=4),
    max_leaves=12,
)
_parts = st.dictionaries(_keys, anything, max_size=5)
documents = st.fixed_dictionaries(
    {}, optional={"compute": _parts | st.none(), "network": _parts | st.none(), "later": anything}
) | st.sampled_from(list(SHAPES.values()))
