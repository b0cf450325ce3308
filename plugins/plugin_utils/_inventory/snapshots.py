# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes snapshots of hosts: one file each, replaced atomically. Private to imds.azure.

Other users may be able to write to the folder. Their links are not followed, and their FIFOs are not opened.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import typing as t

from ansible_collections.imds.azure.plugins.module_utils._document import parse_json
from ansible_collections.imds.azure.plugins.module_utils._errors import (
    ImdsError,
    MalformedError,
    OptionError,
    printable,
)
from ansible_collections.imds.azure.plugins.module_utils._machine.files import size_within
from ansible_collections.imds.azure.plugins.plugin_utils._attestation.trusted_files import (
    check_folder,
    open_trusted,
    trusted_folder,
)
from ansible_collections.imds.azure.plugins.plugin_utils._inventory.documents import check_readable
from ansible_collections.imds.azure.plugins.plugin_utils._inventory.fact_check import (
    FACT,
    MAX_DOCUMENT,
)
from ansible_collections.imds.azure.plugins.plugin_utils._inventory.fuller_facts import choice_of


class Written(t.NamedTuple):
    path: str
    changed: bool  # whether anything besides the time has changed
    notice: str = ""  # about a fuller older snapshot


def write_snapshot(
    folder: str,
    host: str,
    fact: dict[str, t.Any],
    dry: bool = False,
    keep_fuller: bool = True,
) -> Written:
    """Writes `FOLDER/HOST.json`, unless the existing snapshot is fuller and the user wants to keep it."""
    if not fact:
        raise OptionError(f"{FACT} is empty: the older snapshot is kept")
    if not folder:
        raise OptionError("folder is empty: set the folder of the snapshots")
    if not host or os.sep in host or "\0" in host or host.startswith("."):
        raise OptionError(
            f"no snapshot is written for {printable(host)!r}: a host name that has a slash or begins with a "
            "dot can't be the name of a file"
        )
    path = os.path.join(os.path.abspath(folder), f"{host}.json")
    snapshot = {FACT: fact, "inventory_hostname": host}
    try:
        content = _content(snapshot)
        check_readable(content)
        older = _older_snapshot(path)
        changed = _without_time(older) != _without_time(snapshot)
        # Also checked in check mode, so that it fails in the same cases as the real run.
        check_folder(os.path.dirname(path))
        choice = choice_of(host, "the snapshot", older.get(FACT), fact, keep_fuller)
        if choice.keeps_older:
            return Written(path, False, choice.notice)
        if not dry:
            _replace(path, content)
    except OSError as exc:
        raise ImdsError(f"the snapshot {path} can't be written: {exc.strerror or exc}") from exc
    except (TypeError, ValueError, RecursionError, MalformedError) as exc:
        raise ImdsError(f"the snapshot {path} can't be written: {exc}") from exc
    return Written(path, changed, choice.notice)


def _content(snapshot: dict[str, t.Any]) -> bytes:
    text = json.dumps(snapshot, indent=2, sort_keys=True, ensure_ascii=False)
    return (text + "\n").encode("utf-8", "backslashreplace")


def _older_snapshot(path: str) -> dict[str, t.Any]:
    """The existing snapshot; empty if the file can't be read or is not a snapshot."""
    try:
        with open_trusted(path) as file:
            older = parse_json(file.read(size_within(file, MAX_DOCUMENT)))
    except (OSError, ValueError):
        return {}
    return older if isinstance(older, dict) and isinstance(older.get(FACT), dict) else {}


def _without_time(snapshot: dict[str, t.Any]) -> dict[str, t.Any]:
    fact = snapshot.get(FACT, {})
    return {**snapshot, FACT: {key: fact[key] for key in fact if key != "gathered_at"}}


def _replace(path: str, content: bytes) -> None:
    folder, name = os.path.split(path)
    with trusted_folder(folder) as handle:
        # The random name prevents prepared links, and all steps are relative to the opened folder.
        temporary = f".imds_{secrets.token_hex(16)}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        # The umask sets the mode.
        new = os.open(temporary, flags, 0o666, dir_fd=handle)
        try:
            with os.fdopen(new, "wb") as file:
                file.write(content)
            os.replace(temporary, name, src_dir_fd=handle, dst_dir_fd=handle)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary, dir_fd=handle)
            raise


__all__ = ("Written", "write_snapshot")
