# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests that the files in `examples` are equal to the files in the README and the guides.

    make units CORES=newest ARGS="-k examples" UPDATE_EXAMPLES=1

writes the files again. Integration tests run the examples of the README and the guides.
"""

from __future__ import annotations

import os
import pathlib
import re

import pytest

import guides

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
FENCED = re.compile(r"^```yaml\n(# (\S+)\n.*?)^```$", re.MULTILINE | re.DOTALL)
# These files are not in the README. The guide to tools describes them.
OTHERS = {"ansible-navigator.yml", "execution-environment.yml"}


def shown() -> dict[str, str]:
    """The files by their names below `examples`."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    found = {f"readme/{name}": text for text, name in FENCED.findall(readme)}
    for page in guides.GUIDES.glob("*.rst"):
        named = (block for block in guides.blocks(page.stem) if block.name)
        found.update({f"{page.stem}/{block.name}": block.text for block in named})
    return found


SHOWN = shown()


@pytest.mark.parametrize("name", SHOWN)
def test_an_example_is_the_one_that_is_shown(name: str) -> None:
    file = EXAMPLES / name
    if os.environ.get("UPDATE_EXAMPLES"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(SHOWN[name], encoding="utf-8")
    found = file.read_text(encoding="utf-8") if file.is_file() else None
    assert found == SHOWN[name], (
        f"run this test with UPDATE_EXAMPLES=1 to write {file.relative_to(ROOT)} anew"
    )


def test_every_example_is_shown() -> None:
    files = {str(file.relative_to(EXAMPLES)) for file in EXAMPLES.rglob("*") if file.is_file()}
    assert files == {*SHOWN, *OTHERS}
