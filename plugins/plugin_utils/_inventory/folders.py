# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds files that Ansible itself reads because they are in an inventory source. Private to imds.azure.

Ansible reads each file of a folder that is an inventory source, and of all folders below it. It reads a snapshot as
an inventory, with warnings and unwanted groups. It skips files that its settings ignore, and all names that begin
with a dot.
"""

from __future__ import annotations

import os
import typing as t

from ansible import context
from ansible.inventory.manager import IGNORED


def inventory_source_of(paths: t.Iterable[str]) -> tuple[str, str]:
    """The first of the paths that Ansible reads, and the inventory source that contains it.

    Both are "" if Ansible reads none. A path may be in a folder that does not exist yet.
    """
    sources = [source for source in context.CLIARGS.get("inventory") or () if os.path.isdir(source)]
    if not sources:
        return "", ""
    folders: dict[str, str] = {}
    for path in paths:
        folder, name = os.path.split(path)
        if folder not in folders:
            folders[folder] = next((one for one in sources if _reads(one, folder)), "")
        if folders[folder] and not _is_ignored(name):
            return path, folders[folder]
    return "", ""


def way_out(source: str, what: str) -> str:
    """The advice at the end of a warning about files that Ansible reads for this source."""
    return (
        f"with warnings and unwanted groups. Keep {what} in another place, or in a folder whose name begins "
        f"with a dot, for example {os.path.join(source, '.snapshots')}"
    )


def _reads(source: str, folder: str) -> bool:
    """Whether Ansible reads this folder for the source. Links may lead into the source, or be in it."""
    for form in (os.path.abspath, os.path.realpath):
        below = os.path.relpath(form(folder), form(source))
        names = [name for name in below.split(os.sep) if name != os.curdir]
        if os.pardir not in names and not any(map(_is_ignored, names)):
            return True
    return False


def _is_ignored(name: str) -> bool:
    return IGNORED.search(os.fsencode(name)) is not None


__all__ = ("inventory_source_of", "way_out")
