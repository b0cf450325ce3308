# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Opens files of the controller in such a way that its other users can't choose the files. Private to imds.azure.

If other users can write to a folder, a symbolic link in it has to belong to this user, to root or to the owner of the
folder. In a folder that everybody can write to, the same applies to files and folders. The kernel enforces the first
rule as well, but only in folders like /tmp.

A path is resolved name by name. Each folder is open while its entries are checked, so another user can't redirect
the path by moving files.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import typing as t

from ansible_collections.imds.azure.plugins.module_utils._machine.files import open_regular

_ROOT = 0
_MAX_LINKS = 40
# On Linux, O_PATH opens a link itself, and a folder without the permission to list it. On other systems, a folder
# is opened for reading.
_O_PATH = getattr(os, "O_PATH", 0)
_FOLDER = _O_PATH | os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class _Folder(t.NamedTuple):
    handle: int
    path: str  # with all links resolved


def open_trusted(path: str) -> t.BinaryIO:
    """A regular file, open for reading; raises OSError with the reason if it is not acceptable."""
    with _walked(path) as (folder, missing, name):
        if missing:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        if not name:
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
        file = open_regular(name, follow=False, folder=folder.handle)
        try:
            # The file may have been replaced in the meantime.
            _check(folder, name, os.fstat(file.fileno()))
        except OSError:
            file.close()
            raise
        return file


@contextlib.contextmanager
def trusted_folder(path: str) -> t.Iterator[int]:
    """A folder as an open descriptor for `dir_fd`; it is created if it is missing. Raises OSError."""
    with contextlib.ExitStack() as opened, _walked(path) as (folder, missing, name):
        if name:
            raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
        if os.pardir in missing:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), path)
        for each in missing:
            with contextlib.suppress(FileExistsError):
                os.mkdir(each, dir_fd=folder.handle)
            folder = _entered(opened, folder, each)
        yield folder.handle


def check_folder(path: str) -> None:
    """Raises OSError if `trusted_folder` would refuse the existing part of the path."""
    with _walked(path):
        pass


@contextlib.contextmanager
def _walked(path: str) -> t.Iterator[tuple[_Folder, list[str], str]]:
    """The last existing folder of a path, the missing names below it, and the name of a file in it."""
    with contextlib.ExitStack() as opened:
        top = _Folder(os.open(os.sep, _FOLDER), os.sep)
        opened.callback(os.close, top.handle)
        # The parent folders stay open, because `..` changes if another user moves a folder.
        folders = [top]
        waiting = _names(os.path.abspath(path))
        missing: list[str] = []
        file = ""
        links = 0
        while waiting and not missing:
            name = waiting.pop()
            folder = folders[-1]
            if name == os.pardir:
                folders = folders[:-1] or [top]
                continue
            try:
                status, target = _look(folder, name)
            except FileNotFoundError:
                missing = [name, *reversed(waiting)]
                continue
            if stat.S_ISLNK(status.st_mode):
                links += 1
                if links > _MAX_LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
                waiting.extend(_names(target))
                folders = [top] if os.path.isabs(target) else folders
            elif stat.S_ISDIR(status.st_mode):
                folders.append(_entered(opened, folder, name))
            elif waiting:
                raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), path)
            else:
                file = name
        yield folders[-1], missing, file


def _names(path: str) -> list[str]:
    """The names in a path, in reverse order."""
    return [name for name in reversed(path.split(os.sep)) if name not in ("", os.curdir)]


def _look(folder: _Folder, name: str) -> tuple[os.stat_result, str]:
    """The status of an entry after its check, and the target if it is a link."""
    if not _O_PATH:
        status = os.stat(name, dir_fd=folder.handle, follow_symlinks=False)
        _check(folder, name, status)
        is_link = stat.S_ISLNK(status.st_mode)
        return status, os.readlink(name, dir_fd=folder.handle) if is_link else ""
    # The opened link is checked and read, even if another link gets its name in the meantime.
    handle = os.open(name, _O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder.handle)
    try:
        status = os.fstat(handle)
        _check(folder, name, status)
        return status, os.readlink("", dir_fd=handle) if stat.S_ISLNK(status.st_mode) else ""
    finally:
        os.close(handle)


def _entered(opened: contextlib.ExitStack, folder: _Folder, name: str) -> _Folder:
    handle = os.open(name, _FOLDER, dir_fd=folder.handle)
    opened.callback(os.close, handle)
    _check(folder, name, os.fstat(handle))
    return _Folder(handle, os.path.join(folder.path, name))


def _check(folder: _Folder, name: str, status: os.stat_result) -> None:
    if is_foreign(status, os.fstat(folder.handle), os.geteuid()):
        kind = "a link" if stat.S_ISLNK(status.st_mode) else "it"
        entry = os.path.join(folder.path, name)
        raise PermissionError(
            errno.EACCES,
            f"{kind} belongs to another user, in a folder that others can write to ({entry}). Use a "
            "folder that only you can write to",
            entry,
        )


def is_foreign(status: os.stat_result, folder: os.stat_result, user: int) -> bool:
    """Whether an untrusted user could have put this entry into its folder."""
    others = stat.S_IWOTH | (stat.S_IWGRP if stat.S_ISLNK(status.st_mode) else 0)
    return bool(folder.st_mode & others) and status.st_uid not in (_ROOT, user, folder.st_uid)


__all__ = ("check_folder", "is_foreign", "open_trusted", "trusted_folder")
