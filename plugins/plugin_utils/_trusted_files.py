# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Files of the controller, whose other users must not choose which ones are used. Private to imds.azure.

A symbolic link counts only if it belongs to this user, to root or to the owner of its folder, unless
nobody else can write to the folder. In a folder that everybody can write to, the same holds for
files and folders. The kernel has the first rule, too, but only for folders like /tmp.
"""

from __future__ import annotations

import errno
import os
import stat
import typing as t

from ansible_collections.imds.azure.plugins.module_utils._files import open_regular

_ROOT = 0
_MAX_LINKS = 40


def open_trusted(path: str) -> t.BinaryIO:
    """A regular file, open for reading, or OSError that says what is wrong with it."""
    real = trusted_path(path)
    file = open_regular(real, follow=False)
    try:
        # Somebody may have replaced it since its path was looked at.
        _check(real, os.fstat(file.fileno()), os.stat(os.path.dirname(real)))
    except OSError:
        file.close()
        raise
    return file


def trusted_path(path: str) -> str:
    """The path without links, or OSError. The end of it need not exist."""
    folder, folder_status = os.sep, os.stat(os.sep)
    waiting = _names(os.path.abspath(path))
    links = 0
    while waiting:
        name = waiting.pop()
        entry = os.path.dirname(folder) if name == os.pardir else os.path.join(folder, name)
        try:
            status = os.lstat(entry)
        except FileNotFoundError:
            return os.path.normpath(os.path.join(entry, *reversed(waiting)))
        if name != os.pardir:
            _check(entry, status, folder_status)
        if stat.S_ISLNK(status.st_mode):
            links += 1
            if links > _MAX_LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            target = os.readlink(entry)
            waiting.extend(_names(target))
            if os.path.isabs(target):
                folder, folder_status = os.sep, os.stat(os.sep)
        else:
            folder, folder_status = entry, status
    return folder


def _names(path: str) -> list[str]:
    """The names of which a path is made, the first one last."""
    return [name for name in reversed(path.split(os.sep)) if name not in ("", os.curdir)]


def _check(entry: str, status: os.stat_result, folder: os.stat_result) -> None:
    if is_foreign(status, folder, os.geteuid()):
        kind = "a link" if stat.S_ISLNK(status.st_mode) else "it"
        raise PermissionError(
            errno.EACCES,
            f"{kind} belongs to another user, in a folder that others can write to ({entry}). Use a "
            "folder that only you can write to",
            entry,
        )


def is_foreign(status: os.stat_result, folder: os.stat_result, user: int) -> bool:
    """Could a user whom nobody trusts have put this entry into its folder?"""
    others = stat.S_IWOTH | (stat.S_IWGRP if stat.S_ISLNK(status.st_mode) else 0)
    return bool(folder.st_mode & others) and status.st_uid not in (_ROOT, user, folder.st_uid)


__all__ = ("is_foreign", "open_trusted", "trusted_path")
