# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which entries of which folders are used, and that a path with one that is not is refused."""

from __future__ import annotations

import os
import pathlib
import stat

import pytest

from ansible_collections.imds.azure.plugins.plugin_utils._trusted_files import (
    is_foreign,
    open_trusted,
    trusted_path,
)

ROOT, OWN, OWNER, OTHER = 0, 1000, 2000, 3000
as_root = pytest.mark.skipif(os.geteuid() != ROOT, reason="gives files to another user")


def status(mode: int, user: int) -> os.stat_result:
    return os.stat_result((mode, 0, 0, 1, user, 0, 0, 0, 0, 0))


@pytest.mark.parametrize("user", [ROOT, OWN, OWNER])
@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFREG, stat.S_IFDIR])
def test_who_is_trusted_in_every_folder(kind: int, user: int) -> None:
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
def test_what_another_user_may_have_put_there(kind: int, folder: int, foreign: bool) -> None:
    assert is_foreign(status(kind, OTHER), status(folder, OWNER), OWN) is foreign


def test_a_path_loses_its_links(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").write_bytes(b"1")
    (tmp_path / "away").symlink_to(tmp_path / "a")
    (tmp_path / "a" / "up").symlink_to("../away//./b/../b")
    (tmp_path / "a" / "file").symlink_to("up/file")
    real = tmp_path.resolve()
    assert trusted_path(str(tmp_path / "away" / "file")) == str(real / "a" / "b" / "file")
    assert trusted_path(str(tmp_path / "away" / "x" / "y")) == str(real / "a" / "x" / "y")
    assert trusted_path("/") == "/"
    with open_trusted(str(tmp_path / "away" / "file")) as file:
        assert file.read() == b"1"
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(OSError, match="Too many levels"):
        trusted_path(str(tmp_path / "loop" / "x"))


@as_root
def test_nothing_of_another_user_leads_to_a_file(tmp_path: pathlib.Path) -> None:
    """Each of these is where everybody can write, and belongs to somebody else."""
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
def test_a_file_that_is_replaced_after_the_look_is_refused(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o1777)
    path = tmp_path / "file"
    path.touch()
    really = os.open

    def swapped(*arguments: object) -> int:
        os.chown(path, OTHER, OTHER)
        return really(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(os, "open", swapped)
    with pytest.raises(PermissionError, match="it belongs to another user"):
        open_trusted(str(path))
