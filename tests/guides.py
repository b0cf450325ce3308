# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads the examples of the guides in docs/docsite/rst, so that tests can run them.

A block is a file if it has a caption, or if its first line is a comment with only a name. Tests run the commands of
`shell` blocks unchanged. They do not run `sh` blocks, because these need for example a subscription.
"""

from __future__ import annotations

import pathlib
import re
import textwrap
import typing as t

GUIDES = pathlib.Path(__file__).resolve().parents[1] / "docs" / "docsite" / "rst"
_BLOCK = re.compile(
    r"^( *)\.\. code-block:: (\S+)\n(?:\1 +:caption: (\S+)\n)?\n((?:\1  +.*\n|\n)+)", re.MULTILINE
)
_FIRST_LINE = re.compile(r"# (\S+)\n")


class Block(t.NamedTuple):
    kind: str
    # The name of the file, or "" if the block is not a file.
    name: str
    text: str

    @property
    def commands(self) -> list[str]:
        """The commands of a shell block, one for each line. A backslash at the end of a line continues the command."""
        return re.sub(r" *\\\n *", " ", self.text).splitlines()


def blocks(guide: str) -> list[Block]:
    source = (GUIDES / f"{guide}.rst").read_text(encoding="utf-8") + "\n"
    return [_block(kind, caption, text) for _indent, kind, caption, text in _BLOCK.findall(source)]


def _block(kind: str, caption: str, text: str) -> Block:
    text = textwrap.dedent(text).strip() + "\n"
    named = None if kind == "shell" else _FIRST_LINE.match(text)
    return Block(kind, caption or (named[1] if named else ""), text)
