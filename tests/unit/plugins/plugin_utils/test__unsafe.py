# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests that text from outside is never a template, in any version of ansible-core."""

from __future__ import annotations

import base64
import json
import pathlib
import typing as t

import ansible.template
import pytest
from ansible import context
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar
from doubles import load

from ansible_collections.imds.azure.plugins.module_utils._document import cleaned
from ansible_collections.imds.azure.plugins.plugin_utils._unsafe import (
    make_plain,
    make_unsafe,
    only_prints,
)

trust: t.Callable[[str], str] | None = getattr(ansible.template, "trust_as_template", None)
TEMPLATES = ("{{ 7 * 7 }}", "{% if true %}49{% endif %}", "a{# gone #}b", "{{", "x {{ y }} z")
# Expressions that form a template from several tags. No tag is a template itself.
JOINED = {
    "tags.Open ~ tags.Rest": {"Open": "{", "Rest": "{ 7 * 7 }}"},
    "'{' ~ tags.If ~ '}49{' ~ tags.End ~ '}'": {"If": "% if 1 %", "End": "% endif %"},
    "'{' ~ tags.Body ~ '}'": {"Body": "{ 7 * 7 }"},
    "'{' ~ '{' ~ tags.Body ~ '}}'": {"Body": "7 * 7"},
    "'#' ~ tags.Body": {
        "Body": "jinja2: variable_start_string:'[', variable_end_string:']'\n[7 * 7]"
    },
    "tags.Body | b64decode": {"Body": base64.b64encode(b"{{ 7 * 7 }}").decode()},
    "tags.Body | replace('<', '{') | replace('>', '}')": {"Body": "<< 7 * 7 >>"},
    "tags | sort | join": {"{": "", "{ 7 * 7 }}": ""},
}


def templated(text: str, variables: t.Any) -> t.Any:
    template = text if trust is None else trust(text)
    return Templar(loader=DataLoader(), variables=variables).template(template)


@pytest.mark.parametrize("text", TEMPLATES)
def test_a_template_is_text(text: str) -> None:
    variables = make_unsafe({"value": text, "nested": [{text: [text]}]})
    templar = Templar(loader=DataLoader(), variables=variables)
    assert templar.template(variables["value"]) == text
    assert templar.template(variables["nested"]) == [{text: [text]}]


@pytest.mark.parametrize("expression", JOINED)
def test_a_template_built_from_tags_stays_text(expression: str) -> None:
    variables = make_unsafe({"tags": JOINED[expression]})
    joined = templated("{{ %s }}" % expression, variables)  # noqa: UP031
    assert "7 * 7" in joined or "49" in joined
    assert templated("{{ joined }}", {"joined": joined}) == joined


def test_halves_of_templates_stay_text() -> None:
    variables = {"tags": make_plain(make_unsafe({"Open": "{", "Rest": "{ 7 * 7 }}"}))}
    joined = templated("{{ tags.Open ~ tags.Rest }}", variables)
    assert templated("{{ joined }}", {"joined": joined}) == "{{ 7 * 7 }}"


@pytest.mark.parametrize("value", [5, 0.5, True, None, [], {}, [5, {}]])
def test_other_values_are_unchanged(value: t.Any) -> None:
    assert make_unsafe(value) == make_plain(value) == value
    assert type(make_unsafe(value)) is type(make_plain(value)) is type(value)


def test_the_result_equals_the_original() -> None:
    everything = load("everything")
    for made in (make_unsafe(everything), make_plain(make_unsafe(everything))):
        assert made == everything
        assert json.dumps(made) == json.dumps(everything)


def test_printed_values_are_plain() -> None:
    # A user may compose dictionaries with keys that are not texts.
    value = {"plain": ["text", {1: "more"}], "half{": "C#"}
    made = make_plain(make_unsafe(value))
    assert made == value
    plain = [*made["plain"], made["plain"][1][1]]
    if trust is not None:
        assert ansible.template.is_trusted_as_template(plain[0])
        assert not ansible.template.is_trusted_as_template(made["half{"])
    else:
        assert [type(text) for text in (plain[0], plain[2])] == [str, str]
        assert hasattr(made["half{"], "__UNSAFE__")
        assert hasattr(next(key for key in made if key == "half{"), "__UNSAFE__")


@pytest.mark.skipif(not trust, reason="cores before 2.19 know no trust")
def test_cached_strings_lose_their_trust() -> None:
    assert trust
    text = trust("{{ 7 * 7 }}")
    cached = {trust("key"): [text, 5], "plain": text}
    assert templated("{{ cached }}", {"cached": cached})["plain"] == 49
    made = cleaned(cached)
    assert made == cached
    assert templated("{{ cached }}", {"cached": made}) == cached


@pytest.mark.parametrize("mode", ["list", "host"])
def test_values_that_are_only_printed_are_plain(
    mode: str, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "inventory"
    (folder / "group_vars").mkdir(parents=True)
    for name in ("a.imds.yml", "b.imds.yml", "c.txt"):
        (folder / name).touch()
    first, last = str(folder / "a.imds.yml"), str(folder / "b.imds.yml")

    def given(*sources: str, **arguments: t.Any) -> None:
        monkeypatch.setattr(context, "CLIARGS", {"inventory": list(sources), **arguments})

    given(first, **{mode: "x"})
    assert only_prints(first)
    given(str(folder), **{mode: "x"})
    assert only_prints(last)
    # Later sources may use the variables of the first one in templates.
    assert only_prints(first) is bool(trust)
    given(first, last, **{mode: "x"})
    assert only_prints(first) is bool(trust)
    given("a-host,", **{mode: "x"})
    assert only_prints(first) is bool(trust)
    given(first)
    assert not only_prints(first)
