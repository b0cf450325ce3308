# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots of hosts: one file each, replaced whole or not at all. Private to imds.azure."""

from __future__ import annotations

import contextlib
import json
import os
import typing as t

from ansible_collections.imds.azure.plugins.module_utils._errors import (
    ImdsError,
    OptionError,
    printable,
)
from ansible_collections.imds.azure.plugins.plugin_utils._documents import FACT


def write_snapshot(
    folder: str, host: str, fact: dict[str, t.Any], dry: bool = False
) -> tuple[str, bool]:
    """Writes `FOLDER/HOST.json`; the path, and whether more than the time has changed."""
    if not fact:
        raise OptionError(f"{FACT} is empty: an older snapshot is not replaced by nothing")
    if not folder:
        raise OptionError("folder is empty: say where the snapshots are to be")
    if os.sep in host or host.startswith("."):
        raise OptionError(
            f"no snapshot is written for {printable(host)!r}: a host name with a slash, or with a "
            "dot first, is no name for a file"
        )
    path = os.path.join(os.path.abspath(folder), f"{host}.json")
    snapshot = {FACT: fact, "inventory_hostname": host}
    changed = _timeless(_older(path)) != _timeless(snapshot)
    if not dry:
        text = json.dumps(snapshot, indent=2, sort_keys=True, ensure_ascii=False)
        _replace(path, (text + "\n").encode("utf-8", "backslashreplace"))
    return path, changed


def _older(path: str) -> dict[str, t.Any]:
    try:
        with open(path, encoding="utf-8") as file:
            older = json.load(file)
    except (OSError, ValueError):
        return {}
    return older if isinstance(older, dict) and isinstance(older.get(FACT), dict) else {}


def _timeless(snapshot: dict[str, t.Any]) -> dict[str, t.Any]:
    fact = snapshot.get(FACT, {})
    return {**snapshot, FACT: {key: fact[key] for key in fact if key != "gathered_at"}}


def _replace(path: str, content: bytes) -> None:
    # The process id keeps two controllers with one folder apart.
    temporary = f"{path}.{os.getpid()}.new"
    try:
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(temporary, "wb") as file:
            file.write(content)
        os.replace(temporary, path)
    except OSError as exc:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise ImdsError(f"the snapshot {path} can't be written: {exc.strerror or exc}") from exc


__all__ = ("write_snapshot",)
