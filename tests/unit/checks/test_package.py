# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What is held against a tarball."""

from __future__ import annotations

import io
import pathlib
import tarfile

import pytest
import yaml

from checks import package, worktree
from environments import ROOT, SIMULATOR

README = "[a](docs/docsite/rst/fleet.rst) [b](https://example.invalid/x) [c](no.md#there)\n"


@pytest.fixture
def names() -> set[str]:
    """What a tarball without a fault has."""
    known = {path.as_posix() for path in worktree.files()}
    return package.wanted(known) | {"MANIFEST.json", "FILES.json"}


def pack(folder: pathlib.Path, names: set[str], readme: str = "") -> pathlib.Path:
    tarball = folder / "x.tar.gz"
    with tarfile.open(tarball, "w:gz") as archive:
        for name in names:
            data = readme.encode() if name == "README.md" else b""
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return tarball


def test_a_good_tarball_is_good(tmp_path: pathlib.Path, names: set[str]) -> None:
    answer = package.contents(pack(tmp_path, names))
    assert (answer.status, answer.output) == (0, "")


def test_the_build_leaves_out_the_simulator() -> None:
    ignored = yaml.safe_load((ROOT / "galaxy.yml").read_text(encoding="utf-8"))["build_ignore"]
    assert SIMULATOR.relative_to(ROOT).parts[0] in ignored


@pytest.mark.parametrize(
    "name",
    [
        "tests/environments.py",
        "tests/simulator/imds_simulator/__init__.py",
        "tests/simulator/pyproject.toml",
        ".github/workflows/ci.yml",
        "Makefile",
        "plugins/modules/instance_facts.pyc",
        "docs/benchmarks/inventory.json",
    ],
)
def test_what_nobody_needs_is_named(tmp_path: pathlib.Path, names: set[str], name: str) -> None:
    answer = package.contents(pack(tmp_path, names | {name}))
    assert answer.status == 1
    assert answer.output == f"{name} is for nobody who uses the collection\n"


@pytest.mark.parametrize(
    "name",
    ["meta/runtime.yml", "plugins/module_utils/_client.py", "roles/placement/templates/map.js"],
)
def test_what_is_missing_is_named(tmp_path: pathlib.Path, names: set[str], name: str) -> None:
    answer = package.contents(pack(tmp_path, names - {name}))
    assert f"{name} is missing\n" in answer.output


def test_links_lead_somewhere(tmp_path: pathlib.Path, names: set[str]) -> None:
    answer = package.contents(pack(tmp_path, names, README))
    assert answer.output == "README.md has a link to no.md, which is missing\n"


def test_a_warning_of_galaxy_is_a_failure() -> None:
    output = "Loading role guard\nWARNING: No changelog found. \n...ansible-lint run complete\n"
    assert package.warnings(output) == ["WARNING: No changelog found. "]


def test_what_galaxy_does_not_describe_is_named() -> None:
    found = [
        {"content_type": kind, "name": path.stem, "description": "x"}
        for kind, pattern in package.DESCRIBED.items()
        for path in ROOT.glob(pattern)
    ]
    found.append({"content_type": "eda/plugins/event_source", "name": "x", "description": ""})
    assert package.undescribed(found) == []
    assert package.undescribed(found[1:]) == [
        f"{found[0]['content_type']} {found[0]['name']} has no description"
    ]
    assert package.undescribed(found[:-1]) == ["the event source is not listed"]


def test_requirements_are_compared_without_comments(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "requirements.txt"
    file.write_text("# x\na>=1  # from collection x.y\n\nb\n", encoding="utf-8")
    assert package.requirement_lines(file) == {"a>=1", "b"}
