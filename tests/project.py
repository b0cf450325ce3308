# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The facts about the project that tools and tests need: its folders, and the supported versions of ansible-core and Python."""

from __future__ import annotations

import os
import pathlib
import typing as t

ROOT = pathlib.Path(__file__).resolve().parent.parent
# The tools create all their files in this folder.
VENVS = ROOT / ".venv"
OLDEST_PYTHON = (3, 7)


class Pythons(t.NamedTuple):
    """The Pythons that an ansible-core supports, on controllers and on managed nodes. Tests prefer the first one of `controllers`."""

    controllers: tuple[str, ...]
    nodes: tuple[str, ...]


def _versions(first: int, last: int) -> tuple[str, ...]:
    return tuple(f"3.{minor}" for minor in range(first, last + 1))


# The supported minor versions of ansible-core, the oldest first. tests/requirements/core-NAME.txt has the exact release of each,
# and tests/unit/test_metadata.py compares the Pythons with those of ansible-test.
CORES = {
    "2.16": Pythons(("3.10", "3.11", "3.12"), _versions(OLDEST_PYTHON[1], 12)),
    "2.17": Pythons(("3.12", "3.11", "3.10"), _versions(7, 12)),
    "2.18": Pythons(("3.12", "3.11", "3.13"), _versions(8, 13)),
    "2.19": Pythons(("3.11", "3.12", "3.13"), _versions(8, 13)),
    "2.20": Pythons(("3.12", "3.13", "3.14"), _versions(9, 14)),
    "newest": Pythons(("3.13", "3.14", "3.12"), _versions(9, 14)),
}


def search_path() -> str:
    """PATH with the Pythons of pyenv, and without the shims of version managers.

    A shim exists for each version, even for versions that can't run.
    """
    pyenv = pathlib.Path(os.environ.get("PYENV_ROOT") or pathlib.Path.home() / ".pyenv")
    given = os.environ.get("PATH", os.defpath).split(os.pathsep)
    folders = [folder for folder in given if os.path.basename(folder) != "shims"]
    folders += [str(folder) for folder in sorted(pyenv.glob("versions/[0-9]*/bin"), reverse=True)]
    return os.pathsep.join(dict.fromkeys(folders))
