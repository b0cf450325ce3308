# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests which files Ansible reads because they are in a folder that is an inventory source."""

from __future__ import annotations

import os
import pathlib

import pytest
from ansible import context

from ansible_collections.imds.azure.plugins.plugin_utils._inventory.folders import (
    inventory_source_of,
)


def found(monkeypatch: pytest.MonkeyPatch, sources: list[str], *paths: str) -> tuple[str, ...]:
    monkeypatch.setattr(context, "CLIARGS", {"inventory": sources})
    return tuple(os.path.relpath(one) if one else "" for one in inventory_source_of(paths))


@pytest.fixture(autouse=True)
def folder(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.chdir(tmp_path)
    for name in ("hosts", "hosts/below", "hosts/.hidden", "other", "hosts-2"):
        (tmp_path / name).mkdir()
    (tmp_path / "hosts.yml").touch()
    (tmp_path / "hosts/link").symlink_to(tmp_path / "other")
    (tmp_path / "linked").symlink_to(tmp_path / "hosts/below")
    return tmp_path


@pytest.mark.parametrize(
    "path",
    [
        "hosts/a.json",
        "hosts/below/a.json",
        "hosts/below/not/there/a.json",
        "hosts/link/a.json",
        "linked/a.json",
        "other/../hosts/a.json",
        "hosts/a.ndjson",
    ],
)
def test_files_that_ansible_reads(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    source = "hosts"
    assert found(monkeypatch, ["hosts.yml", "a,b", source], path) == (
        os.path.normpath(path),
        source,
    )
    absolute = os.path.abspath("hosts")
    assert found(monkeypatch, [absolute], os.path.abspath(path))[1] == "hosts"


@pytest.mark.parametrize(
    "path",
    [
        "a.json",
        "other/a.json",
        "hosts-2/a.json",
        "hosts/.hidden/a.json",
        "hosts/.hidden/below/a.json",
        "hosts/.a.json",
        "hosts/group_vars/a.json",
        "hosts/host_vars/a.json",
        "hosts/below/a.json.bak",
        "hosts/old.orig/a.json",
        "hosts/a.json~",
    ],
)
def test_files_that_ansible_ignores(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    assert found(monkeypatch, ["hosts", "hosts.yml", "none"], path) == ("", "")


def test_the_first_file_that_is_read_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    paths = ["other/a.json", "hosts/.a.json", "hosts/b.json", "hosts/below/c.json"]
    assert found(monkeypatch, ["other.yml", "hosts"], *paths) == ("hosts/b.json", "hosts")
    assert found(monkeypatch, [], *paths) == found(monkeypatch, ["hosts"]) == ("", "")
