# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The files and commands of docs/docsite/rst/fleet.rst, so that the test runs what the guide says."""

from __future__ import annotations

import pathlib
import re
import textwrap

from environments import ROOT

GUIDE = ROOT / "docs" / "docsite" / "rst" / "fleet.rst"
_BLOCK = re.compile(r"^( *)\.\. code-block:: (\S+)\n\n((?:\1  .*\n|\n)+)", re.MULTILINE)
_FILE = re.compile(r"# (\S+)\n")
# The files that were used.
WRITTEN: set[str] = set()


def _blocks() -> list[tuple[str, str]]:
    found = _BLOCK.findall(GUIDE.read_text(encoding="utf-8") + "\n")
    return [(kind, textwrap.dedent(text).strip() + "\n") for _indent, kind, text in found]


def files() -> dict[str, str]:
    """By the name that the comment in the first line says."""
    found = {}
    for kind, text in _blocks():
        named = _FILE.match(text)
        if kind != "shell":
            assert named, f"a block of {kind} without a name: {text}"
            found[named[1]] = text
    return found


def commands() -> list[str]:
    return [line for kind, text in _blocks() if kind == "shell" for line in text.splitlines()]


def write(folder: pathlib.Path, *wanted: str) -> None:
    """Files of the guide; `NEW=NAME` writes the file NAME under another name."""
    texts = files()
    for name in wanted:
        target, _equals, source = name.partition("=")
        WRITTEN.add(source or target)
        path = folder / target
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(texts[source or target], encoding="utf-8")
