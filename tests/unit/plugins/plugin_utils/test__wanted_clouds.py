# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the clouds that users name: known names, `=NAME`, and typing errors."""

from __future__ import annotations

import pytest

from ansible_collections.imds.azure.plugins.module_utils._clouds import CLOUDS, Cloud, cloud_named
from ansible_collections.imds.azure.plugins.module_utils._errors import OptionError
from ansible_collections.imds.azure.plugins.plugin_utils._wanted_clouds import wanted_cloud


@pytest.mark.parametrize("name", ["AzurePublicCloud", "AZURE_US_GOV_CLOUD", "china", "German"])
def test_a_known_cloud_by_any_alias(name: str) -> None:
    assert wanted_cloud(name) == cloud_named(name)
    assert wanted_cloud(name) in CLOUDS
    assert wanted_cloud(f"={name}") == cloud_named(name)


@pytest.mark.parametrize("name", ["=AzureMoonCloud", "= AzureMoonCloud "])
def test_an_equals_sign_names_a_cloud_that_is_not_known(name: str) -> None:
    assert wanted_cloud(name) == Cloud("AzureMoonCloud")


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("AzureGov", "AzureUSGovernmentCloud"),
        ("AzureGovCloud", "AzureUSGovernmentCloud"),
        ("AzurePublicCluod", "AzurePublicCloud"),
        ("Chinа", "AzureChinaCloud"),  # the last letter is Cyrillic
        ("AzureStackHubOfMine", ""),
        ("westeurope", ""),
        ("", ""),
        ("-", ""),
        ("x" * 100_000, ""),
    ],
)
def test_an_unknown_name_is_refused(name: str, meant: str) -> None:
    with pytest.raises(OptionError) as failure:
        wanted_cloud(name)
    message = str(failure.value)
    assert "AzurePublicCloud, AzureUSGovernmentCloud, AzureChinaCloud, AzureGermanCloud" in message
    assert (f"Did you mean {meant}?" in message) if meant else ("Did you mean" not in message)
    assert len(message) < 500


@pytest.mark.parametrize("name", ["=", "= ", "=-", "=--_", "=="])
def test_an_equals_sign_needs_a_name(name: str) -> None:
    """A name without letters and digits would equal the empty name of a VM without a cloud."""
    with pytest.raises(OptionError, match="names no cloud"):
        wanted_cloud(name)
