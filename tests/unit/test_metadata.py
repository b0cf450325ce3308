# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts that stand in more than one file, because tools want them there: they must agree."""

from __future__ import annotations

import fnmatch
import functools
import pathlib
import re
import typing as t

import pytest
import yaml

import environments
from checks import worktree

ROOT = environments.ROOT
# What a user gets at the top of the collection; everything else is for those who work on it.
SHIPPED = {
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "LICENSES",
    "README.md",
    "SECURITY.md",
    "changelogs",
    "docs",
    "extensions",
    "galaxy.yml",
    "meta",
    "playbooks",
    "plugins",
    "requirements.txt",
    "roles",
}


@functools.cache
def load(name: str) -> t.Any:
    return yaml.safe_load((ROOT / name).read_text(encoding="utf-8"))


def plugin_names(kind: str) -> set[str]:
    return {file.stem for file in (ROOT / "plugins" / kind).glob("*.py")} - {"__init__"}


def documentation(kind: str, name: str) -> dict[str, t.Any]:
    source = (ROOT / "plugins" / kind / f"{name}.py").read_text(encoding="utf-8")
    block = re.search(r'^DOCUMENTATION = r?"""$(.*?)^"""$', source, re.MULTILINE | re.DOTALL)
    found: dict[str, t.Any] = yaml.safe_load(block[1]) if block else {}
    return {"extends_documentation_fragment": [], "requirements": [], **found}


def requirements(name: str) -> dict[str, str]:
    """The packages of a requirements file, and what is said about their versions."""
    lines = (ROOT / name).read_text(encoding="utf-8").splitlines()
    found = (
        re.match(r"([\w-]+)\s*(.*)", line) for line in lines if not line.startswith(("#", "-"))
    )
    return {match[1]: match[2] for match in found if match}


def test_the_action_group_has_what_takes_the_shared_options() -> None:
    takers = {
        name
        for name in plugin_names("modules")
        if "imds.azure._imds" in documentation("modules", name)["extends_documentation_fragment"]
    }
    assert set(load("meta/runtime.yml")["action_groups"]["all"]) == takers


def test_actions_are_documented_by_modules() -> None:
    assert plugin_names("action") <= plugin_names("modules")


def test_the_oldest_supported_core_is_the_oldest_that_is_tested() -> None:
    oldest = environments.CORES[0].removeprefix("core-")
    assert load("meta/runtime.yml")["requires_ansible"] == f">={oldest}.0"


@pytest.mark.parametrize("name", [name for name in environments.CORES if name != "core-newest"])
def test_an_environment_holds_the_core_it_is_named_for(name: str) -> None:
    release = name.removeprefix("core-")
    assert requirements(f"tests/requirements/{name}.txt")["ansible-core"] == f"~= {release}.0"


@pytest.mark.parametrize("name", environments.ENVIRONMENTS)
def test_an_environment_has_requirements(name: str) -> None:
    assert (environments.REQUIREMENTS / f"{name}.txt").is_file()


def test_an_execution_environment_gets_the_same_requirements() -> None:
    assert load("meta/execution-environment.yml")["dependencies"]["python"] == "requirements.txt"


@pytest.mark.parametrize("kind", ["inventory", "lookup", "modules"])
def test_plugins_document_the_requirements_there_are(kind: str) -> None:
    known = requirements("requirements.txt")
    for name in plugin_names(kind):
        for line in documentation(kind, name)["requirements"]:
            match = re.match(r"([\w-]+) (>= [\d.]+)", line)
            if match:
                assert known[match[1]] == match[2].replace(" ", ""), f"{kind}/{name}.py: {line}"


def test_addresses_are_of_one_repository() -> None:
    galaxy = load("galaxy.yml")
    assert galaxy["homepage"] == galaxy["repository"]
    assert galaxy["issues"].startswith(galaxy["repository"])
    assert galaxy["documentation"].startswith(galaxy["repository"])


def test_the_license_is_there() -> None:
    for license_id in load("galaxy.yml")["license"]:
        assert (ROOT / "LICENSES" / f"{license_id}.txt").read_bytes() == (
            ROOT / "LICENSE"
        ).read_bytes()


def test_the_tarball_holds_what_users_need_and_nothing_else() -> None:
    ignored = load("galaxy.yml")["build_ignore"]
    shipped = {path.parts[0] for path in worktree.files() if not is_ignored(path, ignored)}
    assert shipped <= SHIPPED, "add to build_ignore in galaxy.yml, or to SHIPPED here"


def is_ignored(path: pathlib.Path, patterns: t.Iterable[str]) -> bool:
    """As `ansible-galaxy collection build` decides: a folder that is left out takes all that is in it along."""
    steps = [path, *path.parents]
    return any(fnmatch.fnmatch(step.as_posix(), pattern) for step in steps for pattern in patterns)
