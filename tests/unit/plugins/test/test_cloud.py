# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the Jinja test `is imds.azure.cloud(...)`."""

from __future__ import annotations

import typing as t

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.imds.azure.plugins.module_utils._clouds import cloud_named
from ansible_collections.imds.azure.plugins.test import cloud as plugin

cloud = plugin.TestModule().tests()["cloud"]


@pytest.mark.parametrize(
    ("value", "names", "holds"),
    [
        ("AzurePublicCloud", ("AzurePublicCloud",), True),
        ("AZUREPUBLICCLOUD", ("AzureCloud",), True),
        ("AzureUSGovernmentCloud", ("AzurePublicCloud", "usgovernment"), True),
        ("AzureChinaCloud", ("AzurePublicCloud", "usgovernment"), False),
        ("", ("AzurePublicCloud",), False),
        ("AzureMoonCloud", ("=azure_mooncloud",), True),
        ("AzureMoonCloud", ("AzurePublicCloud", "=AzureMoonCloud"), True),
        ("AzureMoonCloud", ("=AzureSunCloud",), False),
        ("-", ("AzurePublicCloud",), False),
        (cloud_named("public")._asdict(), ("AzureCloud",), True),
        ({"name": "AzureMoonCloud"}, ("AzureCloud",), False),
    ],
)
def test_which_cloud(value: t.Any, names: tuple[str, ...], holds: bool) -> None:
    assert cloud(value, *names) is holds


@pytest.mark.parametrize(
    ("value", "names"),
    [
        ("AzurePublicCloud", ()),
        ("AzurePublicCloud", (None,)),
        ("AzurePublicCloud", (["AzurePublicCloud"],)),
        (None, ("AzurePublicCloud",)),
        (5, ("AzurePublicCloud",)),
        ({}, ("AzurePublicCloud",)),
        ({"name": None}, ("AzurePublicCloud",)),
    ],
)
def test_it_compares_texts(value: t.Any, names: tuple[t.Any, ...]) -> None:
    with pytest.raises(AnsibleFilterError, match=r"imds\.azure\.cloud compares a text"):
        cloud(value, *names)


@pytest.mark.parametrize("value", ["AzurePublicCloud", "AzureMoonCloud", ""])
@pytest.mark.parametrize("names", [("AzureGov",), ("AzurePublicCloud", "AzureGov"), ("",)])
def test_an_unknown_name_is_an_error_for_any_vm(value: str, names: tuple[str, ...]) -> None:
    with pytest.raises(AnsibleFilterError, match=r"imds\.azure\.cloud: .* AzureChinaCloud"):
        cloud(value, *names)
