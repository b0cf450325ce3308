# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Facts that stand in more than one file, because tools want them there: they must agree."""

from __future__ import annotations

import functools
import pathlib
import re
import typing as t
from importlib.metadata import version

import pytest
import yaml

from project import CORES, OLDEST_PYTHON, ROOT


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


OLDEST_CORE = next(iter(CORES))
PROSE = [ROOT / "README.md", *(ROOT / "docs/docsite/rst").glob("*.rst")]


def test_the_oldest_supported_core_is_the_oldest_that_is_tested() -> None:
    assert load("meta/runtime.yml")["requires_ansible"] == f">={OLDEST_CORE}.0"


@pytest.mark.parametrize("file", PROSE, ids=lambda file: file.name)
def test_the_oldest_versions_are_said_as_they_are(file: pathlib.Path) -> None:
    text = " ".join(file.read_text(encoding="utf-8").split())
    cores = re.findall(r"ansible-core ([\d.]+) or newer", text)
    pythons = re.findall(r"[Mm]anaged nodes (?:need|with) Python ([\d.]+)", text)
    assert set(cores) <= {OLDEST_CORE}
    assert set(pythons) <= {".".join(map(str, OLDEST_PYTHON))}
    assert (cores and pythons) or file.name != "README.md"


@pytest.mark.parametrize("core", [core for core in CORES if core != "newest"])
def test_an_environment_holds_the_core_it_is_named_for(core: str) -> None:
    assert requirements(f"tests/requirements/core-{core}.txt")["ansible-core"] == f"~= {core}.0"


def test_the_newest_core_is_newer_than_the_others() -> None:
    text = (ROOT / "tests/requirements/execution.txt").read_text(encoding="utf-8")
    before = list(CORES)[-2]
    assert f"ansible-core ~= 2.{int(before.partition('.')[2]) + 1}.0;" in text


def test_a_core_runs_on_the_pythons_that_its_ansible_test_names() -> None:
    constants = pytest.importorskip("ansible_test._util.target.common.constants")
    release = ".".join(version("ansible-core").split(".")[:2])
    core = release if release in CORES else "newest"
    nodes = (*constants.REMOTE_ONLY_PYTHON_VERSIONS, *constants.CONTROLLER_PYTHON_VERSIONS)
    supported = [each for each in nodes if tuple(map(int, each.split("."))) >= OLDEST_PYTHON]
    assert set(CORES[core].controllers) == set(constants.CONTROLLER_PYTHON_VERSIONS)
    assert list(CORES[core].nodes) == supported


def test_sanity_ignores_nothing() -> None:
    assert list((ROOT / "tests").glob("sanity/ignore*.txt")) == []


def test_every_module_that_is_sent_is_tried_on_every_python() -> None:
    text = (ROOT / "tests/system/pythons/modules.yml").read_text(encoding="utf-8")
    tried = set(re.findall(r"^      imds\.azure\.(\w+):", text, re.MULTILINE))
    sent = {
        file.stem
        for file in (ROOT / "plugins/modules").glob("*.py")
        if "AnsibleModule" in file.read_text(encoding="utf-8")
    }
    assert tried == sent


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


WORKFLOW = "ci.yml"


def steps() -> list[dict[str, t.Any]]:
    jobs = load(f".github/workflows/{WORKFLOW}")["jobs"].values()
    return [step for job in jobs for step in job["steps"]]


def test_the_workflow_may_only_read_and_uses_what_nobody_can_move() -> None:
    """A tag may be moved to something else."""
    assert load(f".github/workflows/{WORKFLOW}")["permissions"] == {"contents": "read"}
    used = [step["uses"] for step in steps() if "uses" in step]
    assert used
    assert [each for each in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", each)] == []


@pytest.mark.parametrize("job", ["units", "integration"])
def test_the_workflow_has_every_core_with_each_of_its_pythons(job: str) -> None:
    matrix = load(f".github/workflows/{WORKFLOW}")["jobs"][job]["strategy"]["matrix"]["include"]
    listed = {(each["core"], each["python"]) for each in matrix}
    wanted = {(core, each) for core, known in CORES.items() for each in known.controllers}
    assert listed == (
        wanted if job == "units" else {(core, CORES[core].controllers[0]) for core in CORES}
    )


def test_the_readme_names_all_there_is() -> None:
    kinds = ("modules", "lookup", "inventory", "filter", "test")
    names = {name for kind in kinds for name in plugin_names(kind)}
    names |= {path.name for path in (ROOT / "roles").iterdir()}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    assert {name for name in names if f"`imds.azure.{name}`" not in readme} == set()


@pytest.mark.parametrize("role", sorted(path.name for path in (ROOT / "roles").iterdir()))
def test_a_second_use_of_a_role_with_other_values_is_not_skipped(role: str) -> None:
    """Ansible compares the text of the values, and templates of the same text are one use to it."""
    assert load(f"roles/{role}/meta/main.yml")["allow_duplicates"] is True
