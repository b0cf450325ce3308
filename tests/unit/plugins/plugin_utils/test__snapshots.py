# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import json
import pathlib
import typing as t

import pytest

from ansible_collections.imds.azure.plugins.module_utils._errors import ImdsError, OptionError
from ansible_collections.imds.azure.plugins.plugin_utils._documents import documents_in
from ansible_collections.imds.azure.plugins.plugin_utils._snapshots import write_snapshot

FACT = {"compute": {"name": "wéb"}, "gathered_at": "2026-01-31T12:00:00Z"}
LATER = {**FACT, "gathered_at": "2026-02-28T12:00:00Z"}


def broken(exc: ImdsError) -> t.NoReturn:
    raise exc


def test_a_snapshot_is_a_document_of_its_host(tmp_path: pathlib.Path) -> None:
    path, changed = write_snapshot(str(tmp_path / "new" / "er"), "web-1", FACT)
    assert (path, changed) == (str(tmp_path / "new" / "er" / "web-1.json"), True)
    (document,) = documents_in(path, broken)
    assert (document.data, document.snapshot_of) == (FACT, "web-1")


def test_only_the_time_is_no_change_but_is_written(tmp_path: pathlib.Path) -> None:
    write_snapshot(str(tmp_path), "web-1", FACT)
    path, changed = write_snapshot(str(tmp_path), "web-1", LATER)
    assert not changed
    assert json.loads(pathlib.Path(path).read_text("utf-8"))["azure_imds"] == LATER
    assert write_snapshot(str(tmp_path), "web-1", {"compute": {"name": "db"}})[1]


@pytest.mark.parametrize("older", ["{", "[]", '{"azure_imds": 5}', "\udc80"])
def test_what_was_no_snapshot_is_replaced(tmp_path: pathlib.Path, older: str) -> None:
    (tmp_path / "web-1.json").write_text(older, "utf-8", "surrogateescape")
    assert write_snapshot(str(tmp_path), "web-1", FACT)[1]


def test_a_dry_run_writes_nothing(tmp_path: pathlib.Path) -> None:
    assert write_snapshot(str(tmp_path / "new"), "web-1", FACT, dry=True)[1]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("folder", "host", "fact", "message"),
    [
        ("", "web-1", FACT, "folder is empty"),
        (".", "web-1", {}, "azure_imds is empty: an older snapshot is not replaced by nothing"),
        (".", "../web-1", FACT, "is no name for a file"),
        (".", ".web-1", FACT, "is no name for a file"),
    ],
)
def test_what_is_refused(
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


def test_a_failure_leaves_nothing_half_done(tmp_path: pathlib.Path) -> None:
    (tmp_path / "web-1.json").mkdir()
    with pytest.raises(ImdsError, match=r"snapshot .*web-1\.json can't be written: Is a directory"):
        write_snapshot(str(tmp_path), "web-1", FACT)
    assert [path.name for path in tmp_path.iterdir()] == ["web-1.json"]
