# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests expressions with and without the library jmespath."""

from __future__ import annotations

import sys
import typing as t

import jmespath
import pytest
from documents import anything, quick
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.imds.azure.plugins.module_utils._errors import OptionError
from ansible_collections.imds.azure.plugins.plugin_utils._jmespath import (
    EvaluationError,
    compiled,
)

DOCUMENT = {"name": "web-1", "tags": {"Role": "web"}, "nics": [{"mac": "A"}, {"mac": "B"}]}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("name", "web-1"),
        ("tags.Role", "web"),
        ("tags.none.none", None),
        ("name.none", None),
        ("nics[*].mac", ["A", "B"]),
        ("nics[-1].mac", "B"),
        ("tags.Role == 'web'", True),
        ("none || name", "web-1"),
        ('"name"', "web-1"),
        ("length(nics)", 2),
        ("@", DOCUMENT),
    ],
)
def test_expressions(text: str, value: t.Any) -> None:
    assert compiled(text, "query")(DOCUMENT) == value


paths = st.lists(
    st.sampled_from(["name", "tags", "zone", "_x", "A1", "true", "null", "and"]),
    min_size=1,
    max_size=3,
).map(".".join)


@quick
@given(paths, anything)
def test_plain_paths_have_the_same_values_as_in_jmespath(path: str, data: t.Any) -> None:
    assert compiled(path, "query")(data) == jmespath.search(path, data)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        ".",
        "a.",
        "a..b",
        "[",
        "a[",
        "nics[?",
        "'",
        '"',
        "a b",
        "\ud800",
        "{",
        "$",
        "nosuch(name)",
        "length()",
        "(" * 5000,
    ],
)
def test_an_invalid_expression_is_an_error(text: str) -> None:
    with pytest.raises(OptionError) as caught:
        compiled(text, "filters")(DOCUMENT)
    assert str(caught.value).startswith("filters ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "text",
    [
        *("length(`5`)", "abs(name)", "nics[::0]", "sort(nics)", "sum(nics)", "join(',', nics)"),
        # Here, the library raises errors of Python.
        *("sort_by(mixed, &x)", "ceil(to_number('1e999'))"),
    ],
)
def test_an_expression_without_a_value_is_an_error(text: str) -> None:
    with pytest.raises(EvaluationError, match=r"query ['\"]") as caught:
        compiled(text, "query")({**DOCUMENT, "mixed": [{"x": 1}, {"x": "a"}, {"x": {}}]})
    assert str(caught.value) == f"{caught.value.expression}: {caught.value.reason}"


def test_without_jmespath_plain_paths_work(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jmespath", None)
    assert compiled("tags.Role", "query")(DOCUMENT) == "web"
    with pytest.raises(OptionError, match="needs the Python library jmespath on the controller"):
        compiled("tags.Role == 'web'", "query")
