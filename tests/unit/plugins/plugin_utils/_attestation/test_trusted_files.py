# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests which folders and entries are trusted, and that a path with an untrusted entry is refused."""

from __future__ import annotations

import contextlib
import os
import pathlib
import stat
import typing as t

import pytest

from ansible_collections.imds.azure.plugins.plugin_utils._attestation import trusted_files
from ansible_collections.imds.azure.plugins.plugin_utils._attestation.trusted_files import (
    check_folder,
    is_foreign,
    open_trusted,
    trusted_folder,
)

ROOT, OWN, OWNER, OTHER = 0, 1000, 2000, 3000
as_root = pytest.mark.skipif(os.geteuid() != ROOT, reason="gives files to another user")


def status(mode: int, user: int) -> os.stat_result:
    return os.stat_result((mode, 0, 0, 1, user, 0, 0, 0, 0, 0))


@pytest.mark.parametrize("user", [ROOT, OWN, OWNER])
@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFREG, stat.S_IFDIR])
def test_the_users_that_are_trusted_in_every_folder(kind: int, user: int) -> None:
    assert not is_foreign(status(kind, user), status(0o1777, OWNER), OWN)


@pytest.mark.parametrize(
    ("kind", "folder", "foreign"),
    [
        (stat.S_IFLNK, 0o755, False),
        (stat.S_IFLNK, 0o775, True),
        (stat.S_IFLNK, 0o757, True),
        (stat.S_IFLNK, 0o1777, True),
        # A group may share a folder of snapshots.
        (stat.S_IFREG, 0o775, False),
        (stat.S_IFDIR, 0o775, False),
        (stat.S_IFREG, 0o1777, True),
        (stat.S_IFDIR, 0o1777, True),
        (stat.S_IFREG, 0o777, True),
    ],
)
def test_entries_of_untrusted_users(kind: int, folder: int, foreign: bool) -> None:
    assert is_foreign(status(kind, OTHER), status(folder, OWNER), OWN) is foreign


def test_a_path_leads_over_links(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").write_bytes(b"1")
    (tmp_path / "away").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "up").symlink_to("../away//./b/../b")
    (tmp_path / "a" / "file").symlink_to("up/file")
    (tmp_path / "top").symlink_to(f"{'../' * 60}{str(tmp_path)[1:]}/away/up")
    for name in ("away/file", "top/file", "away/up/file"):
        with open_trusted(str(tmp_path / name)) as file:
            assert file.read() == b"1"
    (tmp_path / "loop").symlink_to("loop")
    for look in (open_trusted, check_folder):
        with pytest.raises(OSError, match="Too many levels"):
            look(str(tmp_path / "loop" / "x"))
    for path in ("/", str(tmp_path), str(tmp_path / "top")):
        with pytest.raises(IsADirectoryError):
            open_trusted(path)


def test_a_folder_is_made_where_it_is_missing(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "away").symlink_to("a")
    (tmp_path / "dangling").symlink_to("a/later")
    for name, real in (("away/x/y", "a/x/y"), ("dangling/z", "a/later/z"), ("away", "a")):
        check_folder(str(tmp_path / name))
        with trusted_folder(str(tmp_path / name)) as handle:
            assert os.path.samestat(os.fstat(handle), os.stat(tmp_path / real))
    (tmp_path / "odd").symlink_to("missing/../a")
    with pytest.raises(FileNotFoundError), trusted_folder(str(tmp_path / "odd")):
        pass
    (tmp_path / "file").touch()
    for name in ("file", "file/x"):
        with pytest.raises(NotADirectoryError), trusted_folder(str(tmp_path / name)):
            pass


@as_root
def test_links_of_another_user_lead_to_no_file(tmp_path: pathlib.Path) -> None:
    """All of these belong to another user, in folders with write access for everybody."""
    shared = tmp_path / "shared"
    (shared / "folder").mkdir(parents=True)
    shared.chmod(0o1777)
    (tmp_path / "secret").write_bytes(b"1")
    (shared / "folder" / "file").write_bytes(b"1")
    (shared / "file").write_bytes(b"1")
    (shared / "link").symlink_to(tmp_path / "secret")
    (shared / "linked").symlink_to(tmp_path)
    (tmp_path / "own").symlink_to(shared / "link")
    wanted = ("folder/file", "file", "link", "linked/secret", "../own")
    for name in wanted:
        open_trusted(str(shared / name)).close()
    for entry in shared.iterdir():
        os.chown(entry, OTHER, OTHER, follow_symlinks=False)
    for name in wanted:
        with pytest.raises(PermissionError, match="belongs to another user, in a folder that oth"):
            open_trusted(str(shared / name))
    shared.chmod(0o755)
    for name in wanted:
        open_trusted(str(shared / name)).close()


@as_root
def test_a_file_that_is_replaced_after_the_check_is_refused(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o1777)
    path = tmp_path / "file"
    path.touch()
    before_open(monkeypatch, "file", lambda: os.chown(path, OTHER, OTHER))
    with pytest.raises(PermissionError, match="it belongs to another user"):
        open_trusted(str(path))


def before_open(
    monkeypatch: pytest.MonkeyPatch, name: str, swap: t.Callable[[], object], times: int = 2
) -> None:
    """Calls a function just before a name is opened for the given time."""
    really = os.open
    left = [times]

    def swapped(path: str, *arguments: t.Any, **options: t.Any) -> int:
        if os.path.basename(path) == name:
            left[0] -= 1
            if not left[0]:
                swap()
        return really(path, *arguments, **options)

    monkeypatch.setattr(os, "open", swapped)


@pytest.fixture
def shared(tmp_path: pathlib.Path) -> pathlib.Path:
    """A folder in which everybody can rename all entries, and a folder of another user."""
    shared = tmp_path / "shared"
    for folder, content in ((shared / "own", b"good"), (tmp_path / "theirs", b"evil")):
        folder.mkdir(parents=True)
        (folder / "file").write_bytes(content)
    shared.chmod(0o777)
    for entry in (tmp_path / "theirs", tmp_path / "theirs" / "file"):
        os.chown(entry, OTHER, OTHER)
    return shared


def to_link(shared: pathlib.Path) -> None:
    (shared / "own").rename(shared / "gone")
    (shared / "own").symlink_to(shared.parent / "theirs")
    os.chown(shared / "own", OTHER, OTHER, follow_symlinks=False)


def to_folder(shared: pathlib.Path) -> None:
    (shared / "own").rename(shared / "gone")
    (shared.parent / "theirs").rename(shared / "own")


def moved(shared: pathlib.Path) -> None:
    (shared / "own").rename(shared.parent / "theirs" / "own")


@as_root
@pytest.mark.parametrize("swap", [to_link, to_folder, moved])
def test_a_swapped_folder_does_not_redirect_the_path(
    shared: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    swap: t.Callable[[pathlib.Path], None],
) -> None:
    # The folder is already checked and open. Only the file in it is not open yet.
    before_open(monkeypatch, "file", lambda: swap(shared))
    with open_trusted(str(shared / "own" / "file")) as file:
        assert file.read() == b"good"


@as_root
@pytest.mark.parametrize("swap", [to_link, to_folder])
def test_a_folder_that_is_swapped_before_it_is_entered_is_refused(
    shared: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    swap: t.Callable[[pathlib.Path], None],
) -> None:
    before_open(monkeypatch, "own", lambda: swap(shared))
    with pytest.raises(OSError, match=r"Not a directory|it belongs to another user"):
        open_trusted(str(shared / "own" / "file"))


@as_root
def test_dots_lead_to_the_opened_parent_folder(
    shared: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (shared / "own" / "up").symlink_to("../file")
    (shared / "file").write_bytes(b"good")
    before_open(monkeypatch, "up", lambda: moved(shared), times=1)
    with open_trusted(str(shared / "own" / "up")) as file:
        assert file.read() == b"good"


@as_root
def test_the_checked_link_is_read(shared: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (shared / "link").symlink_to("own/file")
    really = os.readlink

    def swapped(*arguments: t.Any, **options: t.Any) -> str:
        (shared / "link").unlink()
        (shared / "link").symlink_to(shared.parent / "theirs" / "file")
        os.chown(shared / "link", OTHER, OTHER, follow_symlinks=False)
        return really(*arguments, **options)

    monkeypatch.setattr(os, "readlink", swapped)
    with open_trusted(str(shared / "link")) as file:
        assert file.read() == b"good"


@as_root
def test_systems_without_descriptors_of_links(
    shared: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trusted_files, "_O_PATH", 0)
    (shared / "link").symlink_to("own/file")
    with open_trusted(str(shared / "link")) as file:
        assert file.read() == b"good"
    os.chown(shared / "link", OTHER, OTHER, follow_symlinks=False)
    with pytest.raises(PermissionError, match="a link belongs to another user"):
        open_trusted(str(shared / "link"))


def test_no_descriptor_stays_open(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").touch()
    before = os.listdir("/proc/self/fd")
    open_trusted(str(tmp_path / "file")).close()
    with trusted_folder(str(tmp_path / "new" / "folder")):
        pass
    with contextlib.suppress(OSError):
        open_trusted(str(tmp_path / "missing"))
    assert os.listdir("/proc/self/fd") == before
