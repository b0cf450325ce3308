# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests that the drawn tree of errors agrees with the classes and their use, and tests texts for messages."""

from __future__ import annotations

import pathlib
import re
import typing as t

import pytest
from documents import quick
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.imds.azure.plugins.module_utils import _errors
from ansible_collections.imds.azure.plugins.module_utils._errors import (
    AttestationError,
    ImdsError,
    TransportError,
    in_seconds,
    listed,
    one_line,
    printable,
)

PLUGINS = pathlib.Path(__file__).resolve().parents[4] / "plugins"
KINDS = [
    kind
    for kind in vars(_errors).values()
    if isinstance(kind, type) and issubclass(kind, Exception)
]
_LINE = re.compile(r"([│├└─ ]*)([A-Z]\w+) +\S", re.MULTILINE)


def drawn() -> dict[str, str | None]:
    """Each name in the drawing and its parent."""
    above: dict[str, str | None] = {}
    levels: list[str] = []
    for match in _LINE.finditer(str(_errors.__doc__)):
        depth = len(match[1]) // 4
        if not match[2].endswith("Error"):
            continue
        del levels[depth:]
        above[match[2]] = levels[-1] if levels else None
        levels.append(match[2])
    return above


def test_the_docstring_shows_the_class_tree() -> None:
    assert drawn() == {
        kind.__name__: None if Exception in kind.__bases__ else kind.__bases__[0].__name__
        for kind in KINDS
    }


def test_every_kind_is_exported() -> None:
    assert {kind.__name__ for kind in KINDS} <= set(_errors.__all__)


def test_only_errors_inside_the_client_are_not_imds_errors() -> None:
    inner = [kind for kind in KINDS if not issubclass(kind, ImdsError)]
    assert inner == [TransportError]


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not ImdsError])
def test_every_error_class_is_used(kind: type[Exception]) -> None:
    made = re.compile(rf"\b{kind.__name__}\(|= _errors\.{kind.__name__}$", re.MULTILINE)
    core = [*PLUGINS.glob("*_utils/**/*.py")]
    assert any(made.search(path.read_text()) for path in core if path.name != "_errors.py")


# One of them only checks processes, and the other one uses the text of a warning. They raise nothing.
RAISES_NOTHING = [
    PLUGINS / "action" / f"{name}.py" for name in ("maintenance_state", "access_token_info")
]


def entry_points() -> t.Iterator[pathlib.Path]:
    for folder in ("modules", "lookup", "inventory", "action"):
        yield from (path for path in PLUGINS.glob(f"{folder}/*.py") if path not in RAISES_NOTHING)


@pytest.mark.parametrize(
    "path", list(entry_points()), ids=lambda path: f"{path.parent.name}/{path.stem}"
)
def test_every_plugin_converts_all_errors(path: pathlib.Path) -> None:
    source = path.read_text()
    if "module_utils" not in source:  # the documentation of an action
        return
    # For Windows hosts, host.py converts them.
    assert re.search(r"except (\(.*)?(_errors\.)?\bImdsError\b|\brun_on_windows\(", source)


def test_an_error_is_its_message() -> None:
    error = ImdsError("what, where, what to do")
    assert (str(error), error.status) == ("what, where, what to do", None)
    cut = TransportError("cut", retry=False)
    assert (str(cut), cut.reason, cut.retry) == ("cut", "cut", False)
    assert TransportError("cut").retry


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("plain", "plain"),
        ("", ""),
        (" a\n\tb\x00\x1b[31mc\u2028d\u200be\udc80f ", "a b [31mc d e f"),
        ("日本 é", "日本 é"),
        ("x" * 300, "x" * 300),
        ("x" * 301, "x" * 299 + "…"),
    ],
)
def test_foreign_text(text: str, line: str) -> None:
    assert printable(text) == line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("/a  b/日本.json", "/a  b/日本.json"),
        (
            "/a\x1b[31m\n\x9b\u202e\udcff\U000e0001.json",
            r"/a\x1b[31m\n\x9b\u202e\udcff\U000e0001.json",
        ),
    ],
)
def test_a_whole_message_still_says_which_characters_a_name_has(text: str, line: str) -> None:
    assert one_line(text) == line


@quick
@given(st.text())
def test_every_error_is_one_line_that_can_be_printed(text: str) -> None:
    for kind in (kind for kind in KINDS if issubclass(kind, ImdsError)):
        arguments = ["expired", text] if kind is AttestationError else [text]
        assert str(kind(*arguments)).isprintable()


@quick
@given(st.text())
def test_foreign_text_is_one_line_that_can_be_printed(text: str) -> None:
    line = printable(text, 20)
    assert len(line) <= 20
    assert line.isprintable() or line == ""
    line.encode()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("x" * 20, "x" * 20),
        ("x" * 21, "x" * 19 + "…"),
        ("a" + " " * 198 + "b", "a b"),
        ("a" + " " * 199 + "b", "a…"),
        ("a b " * 1_000_000, "a b " * 4 + "a b…"),
    ],
)
def test_only_the_start_of_a_long_text_is_inspected(text: str, line: str) -> None:
    assert printable(text, 20) == line


def test_names() -> None:
    assert listed([]) == "nothing"
    assert listed(["a", "b\n"]) == "a, b"
    assert listed(map(str, range(70))).endswith("58, 59 and 10 more")
    assert listed(["a", "b", "c"], 2) == "a, b and 1 more"


@pytest.mark.parametrize(
    ("number", "words"),
    [(0, "0 s"), (0.05, "0.05 s"), (1.234, "1.23 s"), (79.96, "80 s"), (1800.4, "1800 s")],
)
def test_durations(number: float, words: str) -> None:
    assert in_seconds(number) == words
