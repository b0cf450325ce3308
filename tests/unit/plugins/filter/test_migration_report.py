# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the filter as Ansible calls it."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from ansible_collections.imds.azure.plugins.filter.migration_report import FilterModule

migration_report = FilterModule().filters()["migration_report"]


def test_lines_that_quote_a_template_are_text() -> None:
    lines = migration_report({"a": {"state": "{{ 7 * 7 }}"}})
    assert "{{ 7 * 7 }}" in str(lines)
    assert Templar(loader=DataLoader(), variables={}).template(lines) == lines


def test_an_odd_result_of_one_host_loses_no_other() -> None:
    results = {"a": {"state": "ready"}, "b": {"state": "clean"}}
    hostvars = {
        "a": {"managed_identity_migration_report": results["a"]},
        "b": {"managed_identity_migration_report": results["b"]},
        "c": {"managed_identity_migration_report": "{'state': nan}"},
        "d": {},
        "e": {"managed_identity_migration_report": {"state": "clean"}},
    }
    assert migration_report(hostvars, hosts=["a", "b", "c", "d"]) == migration_report(results)


@pytest.mark.parametrize("results", [None, "text", [1], ["ab"], {"a": "text"}, {"a": None}])
def test_bad_input_is_one_message(results: object) -> None:
    with pytest.raises(AnsibleFilterError, match=r"^imds\.azure\.migration_report"):
        migration_report(results)
