# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Opens only regular files. Private to imds.azure.

To open a FIFO would wait for a writer, to read /dev/zero would never end, and to open a device can have effects.
"""

from __future__ import annotations

import errno
import os
import stat
import typing as t

_KINDS = {
    stat.S_IFBLK: "a device",
    stat.S_IFCHR: "a device",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFLNK: "a symbolic link",
    stat.S_IFSOCK: "a socket",
}


def open_regular(path: str, follow: bool = True, folder: int | None = None) -> t.BinaryIO:
    """The file, open for reading, or OSError; without `follow` a symbolic link is refused.

    `folder` is the descriptor of the folder at which a relative path begins.
    """
    # Checked before the file is opened, because of devices, and again afterwards, because it may have been replaced.
    _check(path, os.stat(path, dir_fd=folder, follow_symlinks=follow))
    flags = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | (0 if follow else os.O_NOFOLLOW)
    handle = os.open(path, flags, dir_fd=folder)
    try:
        _check(path, os.fstat(handle))
    except OSError:
        os.close(handle)
        raise
    return os.fdopen(handle, "rb")


def _check(path: str, found: os.stat_result) -> None:
    kind = stat.S_IFMT(found.st_mode)
    if kind == stat.S_IFDIR:
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), path)
    if kind != stat.S_IFREG:
        raise OSError(errno.EINVAL, f"it is {_KINDS.get(kind, 'something else')}, not a file", path)


def size_within(file: t.BinaryIO, limit: int) -> int:
    """The current size of the file in bytes; raises OSError if it is above the limit."""
    size = os.fstat(file.fileno()).st_size
    if size > limit:
        raise OSError(errno.EFBIG, f"it is larger than {limit // 1024**2} MiB")
    return size


__all__ = ("open_regular", "size_within")
