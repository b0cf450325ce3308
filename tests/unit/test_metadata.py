# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests that facts are equal in all files in which tools require them."""

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


def requirements(file: pathlib.Path) -> dict[str, str]:
    """The packages of a requirements file and of the files that it includes, with their versions."""
    packages: dict[str, str] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith("-r "):
            packages.update(requirements(file.parent / line.removeprefix("-r ")))
        elif found := re.match(r"([\w-]+)\s*(.*)", line):
            packages[found[1]] = found[2]
    return packages


MODULES = sorted(plugin_names("modules"))
# The modules that query IMDS.
WITH_SHARED_OPTIONS = [
    name
    for name in MODULES
    if "imds.azure._imds" in documentation("modules", name)["extends_documentation_fragment"]
]


def test_the_action_group_has_the_modules_with_the_shared_options() -> None:
    grouped = load("meta/runtime.yml")["action_groups"]["all"]
    assert sorted(grouped) == WITH_SHARED_OPTIONS, (
        "action_groups of meta/runtime.yml lists the modules with the doc fragment imds.azure._imds"
    )


@pytest.mark.parametrize("name", WITH_SHARED_OPTIONS)
def test_a_module_reads_the_variables_of_its_host_by_an_action_plugin(name: str) -> None:
    file = f"plugins/action/{name}.py"
    assert (ROOT / file).is_file(), (
        f"add {file}: without it the variables azure_imds_* set no option of {name}"
    )


def test_actions_are_documented_by_modules() -> None:
    undocumented = plugin_names("action") - set(MODULES)
    assert not undocumented, f"add modules of these names to plugins/modules: {undocumented}"


OLDEST_CORE = next(iter(CORES))
PROSE = [ROOT / "README.md", *(ROOT / "docs/docsite/rst").glob("*.rst")]


def test_the_oldest_supported_core_is_the_oldest_that_is_tested() -> None:
    assert load("meta/runtime.yml")["requires_ansible"] == f">={OLDEST_CORE}.0", (
        "requires_ansible of meta/runtime.yml is the first of CORES in tests/project.py"
    )


@pytest.mark.parametrize("file", PROSE, ids=lambda file: file.name)
def test_the_oldest_versions_are_said_as_they_are(file: pathlib.Path) -> None:
    text = " ".join(file.read_text(encoding="utf-8").split())
    path = file.relative_to(ROOT)
    cores = re.findall(r"ansible-core ([\d.]+) or newer", text)
    pythons = re.findall(r"[Mm]anaged nodes (?:need|with) Python ([\d.]+)", text)
    assert set(cores) <= {OLDEST_CORE}, f"{path} names another core than meta/runtime.yml"
    assert set(pythons) <= {".".join(map(str, OLDEST_PYTHON))}, (
        f"{path} names another Python than OLDEST_PYTHON of tests/project.py"
    )
    assert (cores and pythons) or file.name != "README.md", (
        "README.md says which core, and which Python of managed nodes, is the oldest"
    )


@pytest.mark.parametrize("core", [core for core in CORES if core != "newest"])
def test_an_environment_holds_the_core_it_is_named_for(core: str) -> None:
    file = ROOT / "tests" / "requirements" / f"core-{core}.txt"
    assert requirements(file)["ansible-core"] == f"~= {core}.0", f"{file} has another core"


def test_the_newest_core_is_newer_than_the_others() -> None:
    text = (ROOT / "tests/requirements/execution-newest.txt").read_text(encoding="utf-8")
    before = list(CORES)[-2]
    assert f"ansible-core ~= 2.{int(before.partition('.')[2]) + 1}.0;" in text


def test_a_core_runs_on_the_pythons_that_its_ansible_test_names() -> None:
    constants = pytest.importorskip("ansible_test._util.target.common.constants")
    release = ".".join(version("ansible-core").split(".")[:2])
    core = release if release in CORES else "newest"
    nodes = (*constants.REMOTE_ONLY_PYTHON_VERSIONS, *constants.CONTROLLER_PYTHON_VERSIONS)
    supported = [each for each in nodes if tuple(map(int, each.split("."))) >= OLDEST_PYTHON]
    told = f"CORES of tests/project.py has other Pythons for {core} than its ansible-test"
    assert set(CORES[core].controllers) == set(constants.CONTROLLER_PYTHON_VERSIONS), told
    assert list(CORES[core].nodes) == supported, told


def test_sanity_ignores_nothing() -> None:
    assert list((ROOT / "tests").glob("sanity/ignore*.txt")) == []


def modules_in(file: str) -> set[str]:
    """The modules of this collection that a file of plays or tasks uses."""
    text = (ROOT / file).read_text(encoding="utf-8")
    return set(re.findall(r"^ +imds\.azure\.(\w+):", text, re.MULTILINE))


def test_every_module_that_is_sent_is_tried_on_every_python() -> None:
    sent = {
        file.stem
        for file in (ROOT / "plugins/modules").glob("*.py")
        if "AnsibleModule" in file.read_text(encoding="utf-8")
    }
    file = "tests/system/pythons/modules.yml"
    assert modules_in(file) == sent, f"{file} has a task for each module that a host runs"


def test_every_module_is_tried_with_the_variables_of_a_host() -> None:
    file = "tests/integration/targets/host_variables/tasks/modules.yml"
    assert sorted(modules_in(file)) == WITH_SHARED_OPTIONS, (
        f"{file} has a task for each module with the doc fragment imds.azure._imds"
    )


def test_an_execution_environment_gets_the_same_requirements() -> None:
    assert load("meta/execution-environment.yml")["dependencies"]["python"] == "requirements.txt"


@pytest.mark.parametrize("kind", ["inventory", "lookup", "modules"])
def test_plugins_document_the_requirements_there_are(kind: str) -> None:
    known = requirements(ROOT / "requirements.txt")
    for name in plugin_names(kind):
        for line in documentation(kind, name)["requirements"]:
            match = re.match(r"([\w-]+) (>= [\d.]+)", line)
            if match:
                assert known[match[1]] == match[2].replace(" ", ""), (
                    f"plugins/{kind}/{name}.py says {line}, and requirements.txt says another version"
                )


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


WORKFLOW = ".github/workflows/ci.yml"


def test_the_workflow_has_read_permissions_and_pins_actions_by_commit() -> None:
    """Tests that actions are pinned by commit, because a tag can be moved to another commit."""
    workflow = load(WORKFLOW)
    assert workflow["permissions"] == {"contents": "read"}
    steps = (step for job in workflow["jobs"].values() for step in job["steps"])
    used = [step["uses"] for step in steps if "uses" in step]
    assert used
    assert [each for each in used if not re.fullmatch(r"[\w/-]+@[0-9a-f]{40}", each)] == []


def test_the_workflow_has_every_core() -> None:
    """Tests that units run on each Python of each ansible-core, and integration on the first Python."""
    jobs = load(WORKFLOW)["jobs"]
    units, integration = (
        [(each["core"], each["python"]) for each in jobs[name]["strategy"]["matrix"]["include"]]
        for name in ("units", "integration")
    )
    assert units == [(core, each) for core, known in CORES.items() for each in known.controllers]
    assert integration == [(core, known.controllers[0]) for core, known in CORES.items()]


def test_the_readme_names_all_there_is() -> None:
    kinds = ("modules", "lookup", "inventory", "filter", "test")
    names = {name for kind in kinds for name in plugin_names(kind)}
    names |= {path.name for path in (ROOT / "roles").iterdir()}
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    unnamed = sorted(name for name in names if f"`imds.azure.{name}`" not in readme)
    assert not unnamed, "the tables below 'Contents' of README.md name every plugin and role"


@pytest.mark.parametrize("role", sorted(path.name for path in (ROOT / "roles").iterdir()))
def test_a_second_use_of_a_role_with_other_values_is_not_skipped(role: str) -> None:
    """Ansible compares the texts of the values. So equal templates count as one use of a role."""
    file = f"roles/{role}/meta/main.yml"
    assert load(file).get("allow_duplicates") is True, f"set allow_duplicates: true in {file}"


def test_no_powershell_module_has_the_name_of_a_python_module() -> None:
    """Ansible sorts the files with the same name. So it would also send the PowerShell module to Linux hosts."""
    modules = ROOT / "plugins" / "modules"
    stems = {
        suffix: {file.stem for file in modules.rglob(f"*{suffix}")} for suffix in (".ps1", ".py")
    }
    assert stems[".py"]
    assert stems[".ps1"] & stems[".py"] == set()


def test_the_redirect_of_a_facts_module_is_only_a_message() -> None:
    routing = load("meta/runtime.yml")["plugin_routing"]["modules"]
    for name, entry in routing.items():
        module, _dot, suffix = name.partition(".")
        assert suffix == "ps1"
        assert module in plugin_names("modules")
        assert entry["redirect"].removeprefix("imds.azure.") not in plugin_names("modules")


WINDOWS_FRAGMENT = "imds.azure._attributes.windows"


def test_the_modules_for_windows_hosts_are_documented_as_such() -> None:
    documented = {
        name
        for name in plugin_names("modules")
        if WINDOWS_FRAGMENT in documentation("modules", name)["extends_documentation_fragment"]
    }
    able = {
        name
        for name in plugin_names("action")
        if "run_on_windows(self, task_vars" in (ROOT / f"plugins/action/{name}.py").read_text()
    }
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    rows = [line.split("|") for line in readme.splitlines() if line.startswith("| `imds.azure.")]
    listed = {
        name
        for row in rows
        if row[-2].strip().startswith("yes")
        for name in re.findall(r"`imds\.azure\.(\w+)`", row[1])
    }
    assert documented == able
    assert documented == listed & documented
    assert listed & plugin_names("modules") - documented == {"snapshot"}
