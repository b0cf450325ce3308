# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the contents of the tarball, and its use by Galaxy and by execution environments."""

from __future__ import annotations

import fnmatch
import json
import os
import pathlib
import re
import subprocess
import sys
import tarfile
import typing as t

import pytest

from project import ROOT

TARBALL = pathlib.Path(os.environ["IMDS_TARBALL"])
# The files that users need. Each pattern matches files of the tarball, and each of its files matches a pattern.
CONTENTS = (
    "MANIFEST.json",
    "FILES.json",
    "README.md",
    "SECURITY.md",
    "CODE_OF_CONDUCT.md",
    "MAINTAINERS.md",
    "LICENSE",
    "LICENSES/*.txt",
    "CONTRIBUTING.md",
    "requirements.txt",
    "CHANGELOG.md",
    "changelogs/changelog.yaml",
    "docs/benchmarks.md",
    "docs/docsite/*",
    "docs/schemas/*.json",
    "extensions/eda/plugins/event_source/*.py",
    "extensions/eda/rulebooks/*.yml",
    "meta/execution-environment.yml",
    "meta/extensions.yml",
    "meta/runtime.yml",
    "playbooks/*.yml",
    "plugins/*.py",
    "plugins/*.yml",
    "plugins/plugin_utils/_attestation/pem/*.pem",
    "roles/*/README.md",
    "roles/*/defaults/*.yml",
    "roles/*/meta/*.yml",
    "roles/*/tasks/*.yml",
    "roles/*/templates/*",
    "roles/*/vars/*.yml",
)
LINK = re.compile(r"\]\(https://github\.com/imds-azure/imds\.azure/(?:blob|tree)/main/([^)#]+)")
RELATIVE = re.compile(r"\]\((?!https?:)[^)]+")
# The contents that galaxy-importer must describe, and the files of these contents.
DESCRIBED = {
    "module": "plugins/modules/*.py",
    "lookup": "plugins/lookup/*.py",
    "inventory": "plugins/inventory/*.py",
    "filter": "plugins/filter/*.yml",
    "test": "plugins/test/*.yml",
    "role": "roles/*",
}


@pytest.fixture(scope="session")
def names() -> set[str]:
    with tarfile.open(TARBALL) as archive:
        return {member.name for member in archive if not member.isdir()}


def wanted(names: t.Iterable[str]) -> set[str]:
    return {name for name in names if any(fnmatch.fnmatch(name, each) for each in CONTENTS)}


def test_it_has_nothing_that_users_do_not_need(names: set[str]) -> None:
    assert names - wanted(names) == set()


def test_it_has_all_that_users_need(names: set[str]) -> None:
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    there = {name for name in listed if (ROOT / name).exists()}
    assert wanted(there) - names == set()
    assert [each for each in CONTENTS if not fnmatch.filter(names, each)] == []


def test_links_of_the_readme_lead_somewhere() -> None:
    """Tests that links to the repository are absolute, because Automation Hub shows the page at another address."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    links = LINK.findall(readme)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
    assert RELATIVE.findall(readme) == []


@pytest.fixture(scope="session")
def galaxy(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[dict[str, str]]]:
    """The messages of galaxy-importer, and the contents that it lists."""
    folder = tmp_path_factory.mktemp("galaxy")
    (folder / TARBALL.name).symlink_to(TARBALL)
    done = subprocess.run(
        [sys.executable, "-m", "galaxy_importer.main", TARBALL.name],
        cwd=folder,
        env={**os.environ, "GALAXY_IMPORTER_CHECK_REQUIRED_TAGS": "true"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    result = json.loads((folder / "importer_result.json").read_text(encoding="utf-8"))
    return done.stdout, result["contents"]


def test_galaxy_warns_of_nothing(galaxy: tuple[str, list[dict[str, str]]]) -> None:
    assert re.findall(r"^(?:WARNING|ERROR|CRITICAL).*", galaxy[0], re.MULTILINE) == []


def test_galaxy_has_a_description_of_everything(
    galaxy: tuple[str, list[dict[str, str]]],
) -> None:
    described = {(each["content_type"], each["name"]) for each in galaxy[1] if each["description"]}
    expected = {
        (kind, path.stem) for kind, pattern in DESCRIBED.items() for path in ROOT.glob(pattern)
    }
    assert expected - described == set()
    assert "eda/plugins/event_source" in {each["content_type"] for each in galaxy[1]}


def test_an_execution_environment_gets_the_requirements(tmp_path: pathlib.Path) -> None:
    """Tests ansible-builder with the installed tarball."""
    place = tmp_path / "ansible_collections" / "imds" / "azure"
    place.mkdir(parents=True)
    with tarfile.open(TARBALL) as archive:
        archive.extractall(place, filter="data")
    found = tmp_path / "python.txt"
    command = ["ansible-builder", "introspect", f"--write-pip={found}", str(tmp_path)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    assert lines(found) == lines(ROOT / "requirements.txt")


def test_the_example_of_an_execution_environment_can_be_built(tmp_path: pathlib.Path) -> None:
    """Runs only `ansible-builder create`, which writes the files for the build. The build itself needs Podman or Docker."""
    definition = ROOT / "examples" / "execution-environment.yml"
    command = ["ansible-builder", "create", f"--file={definition}", f"--context={tmp_path}"]
    subprocess.run(
        [*command, "--output-filename=Containerfile"], check=True, stdout=subprocess.DEVNULL
    )
    galaxy = (tmp_path / "_build" / "requirements.yml").read_text(encoding="utf-8")
    assert "https://github.com/imds-azure/imds.azure.git" in galaxy
    steps = (tmp_path / "Containerfile").read_text(encoding="utf-8").splitlines()
    git = next(number for number, step in enumerate(steps) if "install git-core" in step)
    collection = next(number for number, step in enumerate(steps) if "collection install" in step)
    assert git < collection


def lines(file: pathlib.Path) -> set[str]:
    texts = file.read_text(encoding="utf-8").splitlines()
    return {text.partition("#")[0].strip() for text in texts} - {""}
