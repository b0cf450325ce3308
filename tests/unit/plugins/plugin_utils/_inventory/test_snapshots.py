# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import contextlib
import json
import os
import pathlib
import stat
import sys
import typing as t

import pytest
from doubles import NETWORK

from ansible_collections.imds.azure.plugins.module_utils._errors import ImdsError, OptionError
from ansible_collections.imds.azure.plugins.plugin_utils._inventory.documents import documents_in
from ansible_collections.imds.azure.plugins.plugin_utils._inventory.snapshots import write_snapshot

FACT = {"compute": {"name": "wéb", "vmId": "a"}, "gathered_at": "2026-01-31T12:00:00Z"}
LATER = {**FACT, "gathered_at": "2026-02-28T12:00:00Z"}


def broken(exc: ImdsError) -> t.NoReturn:
    raise exc


def test_a_snapshot_is_a_document_of_its_host(tmp_path: pathlib.Path) -> None:
    path, changed, _notice = write_snapshot(str(tmp_path / "new" / "er"), "web-1", FACT)
    assert (path, changed) == (str(tmp_path / "new" / "er" / "web-1.json"), True)
    (document,) = documents_in(path, broken)
    assert (document.data, document.snapshot_of) == (FACT, "web-1")


def test_a_snapshot_that_became_too_large_is_not_written(tmp_path: pathlib.Path) -> None:
    # Each control character needs six bytes in JSON.
    fact = {"compute": {"name": "a"}, "x": "\x01" * 3 * 1024**2}
    with pytest.raises(ImdsError, match=r"web-1\.json can't be written: it is larger than 16 MiB"):
        write_snapshot(str(tmp_path), "web-1", fact)
    assert os.listdir(tmp_path) == []


def test_a_new_time_alone_is_written_but_is_not_a_change(tmp_path: pathlib.Path) -> None:
    write_snapshot(str(tmp_path), "web-1", FACT)
    path, changed, _notice = write_snapshot(str(tmp_path), "web-1", LATER)
    assert not changed
    assert json.loads(pathlib.Path(path).read_text("utf-8"))["azure_imds"] == LATER
    assert write_snapshot(str(tmp_path), "web-1", {"compute": {"name": "db"}})[1]


@pytest.mark.parametrize("dry", [False, True])
def test_a_fuller_snapshot_is_kept(tmp_path: pathlib.Path, dry: bool) -> None:
    whole = {**FACT, "network": NETWORK}
    path = write_snapshot(str(tmp_path), "web-1", whole).path
    for lesser in (LATER, {"network": NETWORK}, {**LATER, "network": {"interface": []}}):
        written = write_snapshot(str(tmp_path), "web-1", lesser, dry)
        assert not written.changed
        assert written.notice.startswith("web-1: the snapshot of 2026-01-31T12:00:00Z has ")
        assert json.loads(pathlib.Path(path).read_text("utf-8"))["azure_imds"] == whole
    forced = write_snapshot(str(tmp_path), "web-1", LATER, keep_fuller=False)
    assert forced.changed
    assert "is replaced, because keep_fuller is false" in forced.notice
    assert json.loads(pathlib.Path(path).read_text("utf-8"))["azure_imds"] == LATER
    assert write_snapshot(str(tmp_path), "web-1", {**whole, "later": 1}) == (path, True, "")


@pytest.mark.parametrize(
    "older", ["{", "[]", '{"azure_imds": 5}', "\udc80", "[" * 100_000, '{"a":' * 100_000]
)
def test_a_file_that_is_not_a_snapshot_is_replaced(tmp_path: pathlib.Path, older: str) -> None:
    (tmp_path / "web-1.json").write_text(older, "utf-8", "surrogateescape")
    assert write_snapshot(str(tmp_path), "web-1", FACT)[1]


def zeros(path: pathlib.Path) -> None:
    path.symlink_to("/dev/zero")


def sparse(path: pathlib.Path) -> None:
    path.touch()
    os.truncate(path, 1024**4)


def dangling(path: pathlib.Path) -> None:
    path.symlink_to("nowhere")


def loop(path: pathlib.Path) -> None:
    path.symlink_to(path.name)


def link(path: pathlib.Path) -> None:
    (path.parent / "mine").write_text("mine")
    path.symlink_to("mine")


@pytest.mark.parametrize("make", [os.mkfifo, zeros, sparse, dangling, loop, link])
def test_any_entry_with_the_name_of_a_snapshot_is_replaced(
    tmp_path: pathlib.Path, make: t.Callable[[pathlib.Path], None]
) -> None:
    make(tmp_path / "web-1.json")
    path, changed, _notice = write_snapshot(str(tmp_path), "web-1", FACT)
    assert changed
    assert json.loads(pathlib.Path(path).read_text("utf-8"))["azure_imds"] == FACT
    assert not pathlib.Path(path).is_symlink()
    left = {file.name: file.read_text() for file in tmp_path.iterdir() if file.name != "web-1.json"}
    assert left == ({"mine": "mine"} if make is link else {})


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_the_mode_is_that_of_a_new_file(tmp_path: pathlib.Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        path, *_rest = write_snapshot(str(tmp_path), "web-1", FACT)
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.stat(path).st_mode) == mode
    assert os.listdir(tmp_path) == ["web-1.json"]


@pytest.mark.skipif(os.geteuid() != 0, reason="gives files to another user")
@pytest.mark.parametrize("dry", [False, True])
def test_a_folder_of_another_user_is_refused(tmp_path: pathlib.Path, dry: bool) -> None:
    shared, own = tmp_path / "shared", tmp_path / "own"
    shared.mkdir()
    shared.chmod(0o1777)
    own.mkdir()
    (shared / "link").symlink_to(own)
    (shared / "folder").mkdir()
    for entry in shared.iterdir():
        os.chown(entry, 3000, 3000, follow_symlinks=False)
    for folder in ("link", "link/below", "folder", "folder/below"):
        with pytest.raises(ImdsError, match=r"web-1\.json can't be written: .* another user, in a"):
            write_snapshot(str(shared / folder), "web-1", FACT, dry)
    assert os.listdir(own) == os.listdir(shared / "folder") == []


Hook = t.Callable[[str, tuple[t.Any, ...]], None]
HOOKS: list[Hook] = []


@pytest.fixture
def meanwhile() -> t.Iterator[t.Callable[[Hook], None]]:
    """Calls a function just before Python opens, creates or renames a file, as another user could act then."""

    def audit(event: str, arguments: tuple[t.Any, ...]) -> None:
        for hook in HOOKS if event in ("open", "os.rename", "os.mkdir") else ():
            hook(event, arguments)

    sys.addaudithook(audit)
    yield HOOKS.append
    HOOKS.clear()


@pytest.mark.parametrize("when", ["open", "os.rename"])
def test_a_swapped_temporary_file_or_folder_overwrites_nothing(
    tmp_path: pathlib.Path, meanwhile: t.Callable[[Hook], None], when: str
) -> None:
    shared, mine = tmp_path / "shared", tmp_path / ".bashrc"
    shared.mkdir()
    mine.write_text("mine")
    swapped: list[str] = []

    def swap(event: str, _arguments: tuple[t.Any, ...]) -> None:
        for entry in shared.glob(".imds_*") if event == when and not swapped else ():
            swapped.append(entry.name)
            is_folder = entry.is_dir()
            entry.rename(shared / "gone")
            if is_folder:
                entry.mkdir()
                (entry / "web-1.json").symlink_to(mine)
            else:
                entry.symlink_to(mine)

    meanwhile(swap)
    with contextlib.suppress(ImdsError):
        write_snapshot(str(shared), "web-1", FACT)
    assert swapped
    assert mine.read_text() == "mine"


@pytest.mark.parametrize("when", ["open", "os.rename"])
def test_a_swapped_folder_gets_nothing(
    tmp_path: pathlib.Path, meanwhile: t.Callable[[Hook], None], when: str
) -> None:
    """If the folder is replaced at any time after its check, the file is in the checked folder."""
    shared, own = tmp_path / "shared", tmp_path / "own"
    shared.mkdir()
    own.mkdir()
    (own / "web-1.json").write_text("own")

    def swap(event: str, arguments: tuple[t.Any, ...]) -> None:
        if event == when and ".imds_" in str(arguments[0]) and not shared.is_symlink():
            shared.rename(tmp_path / "gone")
            shared.symlink_to(own)

    meanwhile(swap)
    write_snapshot(str(shared), "web-1", FACT)
    HOOKS.clear()
    assert {path.name: path.read_text() for path in own.iterdir()} == {"web-1.json": "own"}
    assert os.listdir(tmp_path / "gone") == ["web-1.json"]


def test_a_write_that_fails_leaves_nothing(
    tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_arguments: t.Any, **_options: t.Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(ImdsError, match="can't be written: No space left"):
        write_snapshot(str(tmp_path), "web-1", FACT)
    assert os.listdir(tmp_path) == []


def test_a_fact_that_is_no_json_is_one_message(tmp_path: pathlib.Path) -> None:
    deep: dict[str, t.Any] = {}
    for _level in range(100_000):
        deep = {"a": deep}
    for fact in (deep, {"when": tmp_path}):
        with pytest.raises(ImdsError, match=r"the snapshot .*web-1\.json can't be written: .*"):
            write_snapshot(str(tmp_path), "web-1", fact)
    while deep:  # The deletion of this value in one step would exceed Python's stack.
        deep = deep["a"]


def test_a_dry_run_writes_nothing(tmp_path: pathlib.Path) -> None:
    assert write_snapshot(str(tmp_path / "new"), "web-1", FACT, dry=True)[1]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("folder", "host", "fact", "message"),
    [
        ("", "web-1", FACT, "folder is empty"),
        (".", "web-1", {}, "azure_imds is empty: the older snapshot is kept"),
        (".", "../web-1", FACT, "can't be the name of a file"),
        (".", ".web-1", FACT, "can't be the name of a file"),
        (".", "web\0-1", FACT, "can't be the name of a file"),
        (".", "", FACT, "can't be the name of a file"),
    ],
)
def test_invalid_facts_are_refused(
    tmp_path: pathlib.Path,
    monkeypatch: pytest.MonkeyPatch,
    folder: str,
    host: str,
    fact: dict[str, t.Any],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(OptionError, match=message):
        write_snapshot(folder, host, fact)
    assert list(tmp_path.iterdir()) == []


def test_a_failure_leaves_no_partial_file(tmp_path: pathlib.Path) -> None:
    (tmp_path / "web-1.json").mkdir()
    with pytest.raises(ImdsError, match=r"snapshot .*web-1\.json can't be written: Is a directory"):
        write_snapshot(str(tmp_path), "web-1", FACT)
    assert [path.name for path in tmp_path.iterdir()] == ["web-1.json"]


@pytest.mark.parametrize(
    "compute", [{"value": [], "Count": 0}, {"zone": int("-" + "9" * 4300)}], ids=["list", "number"]
)
def test_a_snapshot_that_is_written_can_be_read(
    tmp_path: pathlib.Path, compute: dict[str, object]
) -> None:
    written = write_snapshot(str(tmp_path), "evil", {"compute": compute})
    broken: list[Exception] = []
    found = list(documents_in(written.path, broken.append))
    assert broken == []
    assert found[0].data == {"compute": compute}
