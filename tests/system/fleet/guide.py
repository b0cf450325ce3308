# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the files and commands of docs/docsite/rst/fleet.rst, so that the test can run them."""

from __future__ import annotations

import pathlib

import guides

# The used files.
WRITTEN: set[str] = set()


def files() -> dict[str, str]:
    """The files by their names, which are in the comments of their first lines."""
    found = {}
    for block in guides.blocks("fleet"):
        if block.kind != "shell":
            assert block.name, f"a block of {block.kind} without a name: {block.text}"
            found[block.name] = block.text
    return found


def commands() -> list[str]:
    shells = [block for block in guides.blocks("fleet") if block.kind == "shell"]
    return [line for block in shells for line in block.commands]


def write(folder: pathlib.Path, *wanted: str) -> None:
    """Files of the guide; `NEW=NAME` writes the file NAME under another name."""
    texts = files()
    for name in wanted:
        target, _equals, source = name.partition("=")
        WRITTEN.add(source or target)
        path = folder / target
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(texts[source or target], encoding="utf-8")
