# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the filter as Ansible calls it."""

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar

from ansible_collections.imds.azure.plugins.filter.mismatches import FilterModule

mismatches = FilterModule().filters()["mismatches"]


def test_mismatches_are_plain_data() -> None:
    assert mismatches({"compute": {"zone": "1"}}, zones=["2"]) == [
        {
            "what": "zones",
            "required": "2",
            "actual": "1",
            "message": "zones requires 2, and this host has 1",
        }
    ]


def test_messages_that_quote_a_template_are_text() -> None:
    facts = {"compute": {"zone": "{{ 7 * 7 }}"}, "tags": {"Role": "{{ 7 * 7 }}"}}
    found = mismatches(facts, zones=["2"], tags={"Role": "web"})
    assert str(found).count("{{ 7 * 7 }}") == 4
    assert Templar(loader=DataLoader(), variables={}).template(found) == found


@pytest.mark.parametrize(
    ("facts", "requirements"),
    [("text", {}), (None, {}), ({}, {"zones": {"1": ""}}), ({}, {"x": []})],
)
def test_bad_input_is_one_message(facts: object, requirements: dict[str, object]) -> None:
    with pytest.raises(AnsibleFilterError, match=r"^imds\.azure\.mismatches"):
        mismatches(facts, **requirements)
