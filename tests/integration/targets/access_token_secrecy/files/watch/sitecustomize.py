# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Keeps a copy of each file that a Python program removes, so that the test can also search temporary files.

Python imports it in every process that has this folder in PYTHONPATH.
"""

from __future__ import annotations

import itertools
import os
import shutil
import sys

FOLDER = os.environ["KEEP_REMOVED"]
NUMBERS = itertools.count()


def keep(path: str) -> None:
    if os.path.isdir(path):
        for folder, _folders, names in os.walk(path):
            for name in names:
                keep(os.path.join(folder, name))
    elif os.path.isfile(path) and not path.startswith(FOLDER):
        # Without the module tempfile, because it removes files while it holds its lock.
        shutil.copyfile(path, os.path.join(FOLDER, f"{os.getpid()}-{next(NUMBERS)}"))


def watch(event: str, arguments: tuple[object, ...]) -> None:
    if event in ("os.remove", "shutil.rmtree"):
        keep(os.path.abspath(os.fsdecode(arguments[0])))  # type: ignore[arg-type]


sys.addaudithook(watch)
