# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The action plugins, so that a test also covers later ones."""

from __future__ import annotations

import importlib
import pathlib
import typing as t

from ansible_collections.imds.azure.plugins import action

FOLDER = pathlib.Path(next(iter(action.__path__)))


def action_plugins(without: t.Collection[str]) -> dict[str, t.Any]:
    """The plugins by their names."""
    names = sorted({file.stem for file in FOLDER.glob("*.py")} - {"__init__", *without})
    return {name: importlib.import_module(f"{action.__name__}.{name}") for name in names}
