# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests which files are opened, and which are refused before they can cause harm."""

from __future__ import annotations

import os
import pathlib
import socket
import typing as t

import pytest

from ansible_collections.imds.azure.plugins.module_utils._machine import files


def test_a_regular_file_is_opened(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("file")
    with files.open_regular(str(tmp_path / "link")) as file:
        assert files.size_within(file, 5) == 5
        assert file.read() == b"12345"
        with pytest.raises(OSError, match="it is larger than 0 MiB"):
            files.size_within(file, 4)
    with pytest.raises(OSError, match="it is a symbolic link, not a file"):
        files.open_regular(str(tmp_path / "link"), follow=False)


def fifo(path: pathlib.Path) -> None:
    os.mkfifo(path)


def unix_socket(path: pathlib.Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.path.relpath(path))  # the whole path may be too long


def folder(path: pathlib.Path) -> None:
    path.mkdir()


def zeros(path: pathlib.Path) -> None:
    path.symlink_to("/dev/zero")


def dangling(path: pathlib.Path) -> None:
    path.symlink_to("nowhere")


def loop(path: pathlib.Path) -> None:
    path.symlink_to(path.name)


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (fifo, "it is a FIFO, not a file"),
        (unix_socket, "it is a socket, not a file"),
        (zeros, "it is a device, not a file"),
        (folder, "Is a directory"),
        (dangling, "No such file or directory"),
        (loop, "Too many levels of symbolic links"),
    ],
)
def test_only_regular_files_are_opened(
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    make: t.Callable[[pathlib.Path], None],
    reason: str,
) -> None:
    make(tmp_path / "it")
    monkeypatch.setattr(os, "open", None)
    with pytest.raises(OSError, match=reason):
        files.open_regular(str(tmp_path / "it"))


def test_a_file_that_is_replaced_during_the_open_is_refused(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, opened = tmp_path / "it", []
    path.touch()
    really = os.open

    def swapped(*arguments: t.Any, **options: t.Any) -> int:
        path.unlink()
        os.mkfifo(path)
        opened.append(really(*arguments, **options))
        return opened[-1]

    monkeypatch.setattr(os, "open", swapped)
    with pytest.raises(OSError, match="it is a FIFO, not a file"):
        files.open_regular(str(path))
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(opened[0])
