# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What came from outside is never a template, whatever the ansible-core."""

from __future__ import annotations

import json
import typing as t

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from doubles import load

from ansible_collections.imds.azure.plugins.plugin_utils._untrusted import inert

TEMPLATES = ("{{ 7 * 7 }}", "{% if true %}49{% endif %}", "a{# gone #}b", "{{", "x {{ y }} z")


@pytest.mark.parametrize("text", TEMPLATES)
def test_a_template_is_text(text: str) -> None:
    variables = inert({"value": text, "nested": [{text: [text]}]})
    templar = Templar(loader=DataLoader(), variables=variables)
    assert templar.template(variables["value"]) == text
    assert templar.template(variables["nested"]) == [{text: [text]}]


@pytest.mark.parametrize(
    "value", ["", "plain", "{ x }", 5, 0.5, True, None, [], {}, ["a", {"b": None}]]
)
def test_everything_else_is_what_it_was(value: t.Any) -> None:
    assert inert(value) == value
    assert type(inert(value)) is type(value)


def test_it_still_reads_plainly() -> None:
    assert json.dumps(inert(load("everything"))) == json.dumps(load("everything"))
