# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests all names of the clouds."""

from __future__ import annotations

import pytest
from documents import quick
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.imds.azure.plugins.module_utils._clouds import (
    Cloud,
    cloud_named,
    same_cloud,
)

NAMES = {
    "AzurePublicCloud": ("AZUREPUBLICCLOUD", "AzureCloud", "azure_cloud", "AzurePublic", "public"),
    "AzureUSGovernmentCloud": (
        "AZUREUSGOVERNMENTCLOUD",
        "AzureUSGovernment",
        "AZURE_US_GOV_CLOUD",
        "AzureGovernment",
        "usgovernment",
        "USGov",
    ),
    "AzureChinaCloud": ("AZURE_CHINA_CLOUD", "AzureChina", "china"),
    "AzureGermanCloud": ("AZURE_GERMAN_CLOUD", "AzureGermany", "german", "GERMANY"),
}
EVERY = [name for canonical in NAMES for name in (canonical, *NAMES[canonical])]
names = st.sampled_from([*EVERY, "", "-", "AzureMoonCloud", "azure moon-cloud"]) | st.text(
    max_size=6
)


@pytest.mark.parametrize("canonical", NAMES)
def test_a_cloud_has_one_name_and_every_endpoint(canonical: str) -> None:
    cloud = cloud_named(canonical)
    assert cloud.name == canonical
    assert all(cloud)
    for alias in NAMES[canonical]:
        assert cloud_named(alias) is cloud
        assert cloud_named(alias.upper()) is cloud
        assert same_cloud(alias, canonical)


def test_clouds_share_nothing() -> None:
    for field in Cloud._fields:
        assert len({getattr(cloud_named(name), field) for name in NAMES}) == len(NAMES)
    for name in NAMES:
        assert [other for other in NAMES if same_cloud(name, other)] == [name]


@pytest.mark.parametrize("name", ["", "AzureMoonCloud", "AzureCloud2", "Azure", "cloud", "gov"])
def test_an_unknown_cloud_has_only_its_name(name: str) -> None:
    assert cloud_named(name) == Cloud(name)
    assert not any(same_cloud(name, other) for other in NAMES)
    assert same_cloud(name, name.upper())


@quick
@given(names, names, names)
def test_to_be_the_same_cloud_is_an_equivalence(one: str, two: str, three: str) -> None:
    assert same_cloud(one, one)
    assert same_cloud(one, two) == same_cloud(two, one)
    if same_cloud(one, two) and same_cloud(two, three):
        assert same_cloud(one, three)
