# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A copy of the working tree, committed or not, at a place where Ansible's tools accept a collection."""

from __future__ import annotations

import contextlib
import pathlib
import shutil
import subprocess
import typing as t

from environments import ROOT, VENVS, lock

COLLECTION = pathlib.Path("ansible_collections", "imds", "azure")


@contextlib.contextmanager
def copy(name: str) -> t.Iterator[pathlib.Path]:
    """A fresh copy at .venv/tree-NAME/ansible_collections/imds/azure; nobody else renews it meanwhile."""
    tree = VENVS / f"tree-{name}"
    with lock(tree):
        shutil.rmtree(tree, ignore_errors=True)
        for path in files():
            target = tree / COLLECTION / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / path, target, follow_symlinks=False)
        # Else ansible-test asks the repository around it, which ignores all of .venv.
        subprocess.run(["git", "init", "--quiet", "--template="], cwd=tree / COLLECTION, check=True)
        yield tree / COLLECTION


def files() -> list[pathlib.Path]:
    """Every file that git knows or could add, relative to the root."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = (pathlib.Path(name) for name in sorted(set(listed.split("\0"))) if name)
    return [path for path in paths if (ROOT / path).is_symlink() or (ROOT / path).is_file()]
