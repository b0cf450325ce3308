# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests that names are distinct, and independent of the order of the VMs."""

from __future__ import annotations

import itertools
import random
import re
import typing as t

import pytest
from documents import anything, quick
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.imds.azure.plugins.plugin_utils._inventory.hostnames import (
    distinct_names,
    fingerprint,
    name_expression,
    valid_hostname,
)


@pytest.mark.parametrize(
    ("expression", "name"),
    [
        ("name", "web-1"),
        ("none", ""),
        ("null", ""),
        ("number", "5"),
        ("zero", "0"),
        ("odd", "a_b_c_d"),
        ("umlaut", "wéb.日本_1"),
        ("mark", "ansible_vault"),
        ("hidden", "ansible_type"),
        ("[]", ""),
        ("tag:Role", "web"),
        ("tag:rOLE", "web"),
        ("tag:Twice", "exact"),
        ("tag:TWICE", "first"),
        ("tag:a:b", "c"),
        ("tag:Empty", ""),
        ("tag:none", ""),
        ("join('.', [name, tags.Role])", "web-1.web"),
    ],
)
def test_a_name_by_an_expression(expression: str, name: str) -> None:
    view = {
        "name": "web-1",
        "null": None,
        "number": 5,
        "zero": 0,
        "odd": "a b/\t{{c}},d",
        "umlaut": "wéb.日本:1",
        "mark": "__ansible_vault",
        "hidden": " _ansible_type",
        "tags": {"Role": "web", "a:b": "c", "Empty": "", "twice": "first", "Twice": "exact"},
    }
    assert valid_hostname(name_expression(expression)(view)) == name


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("web-1.example", "web-1.example"),
        ("-oProxyCommand=touch x", "_oProxyCommand_touch_x"),
        ("--", "_-"),
        (" -o", "_-o"),
        ("..", "_."),
        (".hidden", "_hidden"),
        ("../../etc/passwd", "_._.._etc_passwd"),
        ("web:22", "web_22"),
        ("prod-db.yml", "prod-db_yml"),
        ("a.b.json", "a.b_json"),
        (".yaml", "_yaml"),
        ("yaml.example", "yaml.example"),
        ("[::1]:22", "___1__22"),
        ("2001:db8::4", "2001:db8::4"),
        ("::1", "__1"),
        ("fe80::1%eth0", "fe80__1_eth0"),
        ("\ud83d", "_"),
        ("a\n\x1b[2J", "a_2J"),
    ],
)
def test_a_host_name_has_no_special_meaning(text: str, name: str) -> None:
    assert valid_hostname(text) == name


@pytest.mark.parametrize("text", ["a" * 300, "é" * 150, "日" * 100])
def test_a_long_name_fits_into_the_name_of_a_file(text: str) -> None:
    assert valid_hostname(text) != valid_hostname(text + "x")
    assert valid_hostname(text).startswith(text[:60])
    assert len(f"{valid_hostname(text)}.json".encode()) < 230


@quick
@given(st.text(max_size=20) | st.text(alphabet="-.:a1f/%", max_size=12))
def test_every_name_is_safe(text: str) -> None:
    name = valid_hostname(text)
    assert re.fullmatch(r"([\w][\w.\-]*|[0-9a-fA-F:.]+)?", name)
    assert valid_hostname(name) == name


@pytest.mark.parametrize("expression", ["tags", "list", "tag:odd"])
def test_a_container_gives_no_name(expression: str) -> None:
    view = {"list": [1], "tags": {"odd": {"a": 1}}}
    assert name_expression(expression)(view) == ""


def names(choices: list[list[str]], taken: t.Collection[str] = ()) -> list[str]:
    def last_resorts(index: int) -> list[str]:
        return [f"{choices[index][-1]}_{index}", f"{choices[index][-1]}_{fingerprint(index)}"]

    return distinct_names(choices, last_resorts, taken)[0]


@pytest.mark.parametrize(
    ("choices", "taken", "named"),
    [
        ([["a"], ["b"]], (), ["a", "b"]),
        ([["a", "x"], ["b"]], (), ["a", "b"]),
        # All VMs with the same name use their next name, including the first VM.
        ([["a", "x"], ["a", "y"], ["b"]], (), ["x", "y", "b"]),
        ([["a"], ["a"]], (), ["a_0", "a_1"]),
        ([["a", "b"], ["a", "c"], ["b"]], (), ["b_0", "c", "b_2"]),
        ([["a"]], ("a",), ["a_0"]),
        ([["a", "x"]], ("a",), ["x"]),
        ([["a"]], ("a", "a_0"), [f"a_{fingerprint(0)}"]),
        # The chosen name equals the fallback name of another VM.
        ([["a_0", "a"]], ("a", "a_0"), [f"a_{fingerprint(0)}"]),
        ([], (), []),
    ],
)
def test_names(choices: list[list[str]], taken: tuple[str, ...], named: list[str]) -> None:
    assert names(choices, taken) == named


def test_conflicting_names_are_counted() -> None:
    choices = [["a", "x"], ["a", "y"], ["a"], ["b"]]
    _names, contested = distinct_names(choices, lambda index: [f"vm_{index}"], ())
    assert contested == {"a": 3}


few = st.sampled_from(["a", "b", "a_0", "a_1", "b_1", "c"])
vms = st.lists(st.lists(few, min_size=1, max_size=3, unique=True), max_size=6)


@quick
@given(vms, st.sets(few), st.randoms(use_true_random=False))
@example([["a_1", "a"], ["a_1", "a"]], {"a", "a_0", "a_1"}, random.Random(1))
def test_names_are_distinct_and_do_not_depend_on_the_order(
    choices: list[list[str]], taken: set[str], order: random.Random
) -> None:
    def named(indexes: list[int]) -> dict[int, str]:
        def last_resorts(position: int) -> list[str]:
            index = indexes[position]
            last = choices[index][-1]
            return [f"{last}_{index}", f"{last}_{fingerprint(index)}"]

        found, _contested = distinct_names([choices[i] for i in indexes], last_resorts, taken)
        return dict(zip(indexes, found, strict=True))

    straight = list(range(len(choices)))
    shuffled = straight[:]
    order.shuffle(shuffled)
    found = named(straight)
    assert named(shuffled) == found
    assert len(set(found.values())) == len(choices)
    assert not set(found.values()) & taken


@quick
@given(anything, anything)
def test_different_documents_have_different_fingerprints(one: t.Any, other: t.Any) -> None:
    assert (fingerprint(one) == fingerprint(other)) is (repr_of(one) == repr_of(other))


def repr_of(value: t.Any) -> str:
    """The data as a text with sorted keys."""
    if isinstance(value, dict):
        return "{" + ",".join(sorted(f"{key!r}:{repr_of(value[key])}" for key in value)) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(repr_of, value)) + "]"
    return repr(value)


def test_a_fingerprint_ignores_the_order_of_keys() -> None:
    pairs = [("a", 1), ("b", "\ud800"), ("c", None)]
    assert len({fingerprint(dict(order)) for order in itertools.permutations(pairs)}) == 1
