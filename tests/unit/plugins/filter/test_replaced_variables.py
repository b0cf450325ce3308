# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the facts that a role refuses."""

from __future__ import annotations

import pytest

from ansible_collections.imds.azure.plugins.filter.replaced_variables import FilterModule

replaced_variables = FilterModule().filters()["replaced_variables"]


@pytest.mark.parametrize(
    "name",
    [
        *("guard_tags", "_guard_asked", "guard_passed", "azure_imds_endpoint", "_azure_imds_x"),
        *("inventory_hostname", "inventory_hostname_short", "inventory_file", "inventory_dir"),
        *("group_names", "dict", "namespace", "now", "lookup", "query", "range"),
    ],
)
def test_facts_that_replace_a_variable(name: str) -> None:
    assert replaced_variables({name: 1, "distribution": 2}, "guard", "azure_imds") == [name]


@pytest.mark.parametrize(
    "name",
    [
        *("azure_imds", "guard", "guard_", "__guard_tags", "my_guard_tags", "placement_group"),
        *("inventory", "inventory_hostnames", "lookups", "dictionary", "GUARD_TAGS"),
    ],
)
def test_facts_that_replace_no_variable(name: str) -> None:
    assert replaced_variables({name: 1}, "guard", "azure_imds") == []


def test_names_are_sorted() -> None:
    assert replaced_variables(["now", "placement_map", "dict"], "placement") == [
        "dict",
        "now",
        "placement_map",
    ]
