# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tarball that users get: what is in it, what Galaxy says of it, and that it works where it is installed."""

from __future__ import annotations

import fnmatch
import json
import os
import pathlib
import re
import shutil
import tarfile
import typing as t

from checks import isolation, report, worktree
from checks.stage import Stage
from environments import ROOT, SIMULATOR, VENVS, bin_folder

FOLDER = VENVS / "package"
# What users need.  Each pattern has files in the tarball, and each file there has a pattern.
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
    "changelogs/changelog.yaml",
    "docs/benchmarks.md",
    "docs/docsite/*",
    "docs/schemas/*.json",
    "examples/*.yml",
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
# With the first release.
LATER = ("CHANGELOG.md",)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")
# What galaxy-importer must have found a description of, and the files that it comes from.
DESCRIBED = {
    "module": "plugins/modules/*.py",
    "lookup": "plugins/lookup/*.py",
    "inventory": "plugins/inventory/*.py",
    "filter": "plugins/filter/*.yml",
    "test": "plugins/test/*.yml",
    "role": "roles/*",
}
SMOKE = (ROOT / "tests/package/smoke.yml", ROOT / "tests/demo/fleet.imds.yml")
INVENTORIES = ("-i", "fleet.imds.yml", "-i", "hosts.json")


def package(_cores: t.Sequence[str], _arguments: t.Sequence[str]) -> report.Outcome:
    tools, users = bin_folder("lint"), bin_folder("execution")
    stage = Stage(FOLDER, users, json.loads((SIMULATOR / "imds_simulator/fleet.json").read_text()))
    tarball = build(stage, tools)
    if not tarball:
        return report.Outcome(failed=1)
    steps: tuple[tuple[str, t.Callable[[], report.Answer]], ...] = (
        ("contents", lambda: contents(tarball)),
        ("galaxy-importer", lambda: importer(stage, tools, tarball)),
        ("install", lambda: install(stage, tarball)),
        ("requirements", lambda: requirements(stage, tools)),
        ("smoke", lambda: smoke(stage, tools)),
    )
    outcome = report.Outcome()
    for name, step in steps:
        answer = step()
        report.say(f"package {name}", answer)
        outcome += report.Outcome(int(not answer.status), int(bool(answer.status)))
    return outcome


def build(stage: Stage, tools: pathlib.Path) -> pathlib.Path | None:
    command = [f"{tools}/ansible-galaxy", "collection", "build", "--output-path", str(FOLDER)]
    with worktree.copy("package") as tree:
        answer = report.run("package build", command, tree, stage.environment())
    report.say("package build", answer)
    return next(FOLDER.glob("*.tar.gz"), None)


def contents(tarball: pathlib.Path) -> report.Answer:
    with tarfile.open(tarball) as archive:
        names = {member.name for member in archive if not member.isdir()}
        readme = t.cast(t.IO[bytes], archive.extractfile("README.md")).read().decode()
    return report.Answer.of(
        [
            *(f"{name} is for nobody who uses the collection" for name in names - wanted(names)),
            *(f"{name} is missing" for name in missing(names)),
            *(f"README.md has a link to {link}, which is missing" for link in dead(readme, names)),
        ]
    )


def wanted(names: t.Iterable[str]) -> set[str]:
    patterns = (*CONTENTS, *LATER)
    return {name for name in names if any(fnmatch.fnmatch(name, each) for each in patterns)}


def missing(names: t.Collection[str]) -> set[str]:
    """Patterns without any file, and files of the repository that have a pattern."""
    known = {path.as_posix() for path in worktree.files()}
    return {each for each in CONTENTS if not fnmatch.filter(names, each)} | (
        wanted(known).difference(names)
    )


def dead(readme: str, names: t.Collection[str]) -> list[str]:
    """A link leads to a file, or to a folder that has some."""
    there = {str(path) for name in names for path in (name, *pathlib.PurePosixPath(name).parents)}
    return [link for link in LINK.findall(readme) if link.rstrip("/") not in there]


def importer(stage: Stage, tools: pathlib.Path, tarball: pathlib.Path) -> report.Answer:
    """Galaxy's own check; a warning is a failure."""
    command = [f"{tools}/python", "-m", "galaxy_importer.main", tarball.name]
    env = {
        **stage.environment(),
        "PATH": f"{tools}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
        "GALAXY_IMPORTER_CHECK_REQUIRED_TAGS": "true",
    }
    answer = report.run("package galaxy-importer", command, FOLDER, env)
    result = FOLDER / "importer_result.json"
    if answer.status or not result.exists():
        return report.Answer.of([answer.output], answer.seconds)
    found = json.loads(result.read_text(encoding="utf-8"))["contents"]
    return report.Answer.of([*warnings(answer.output), *undescribed(found)], answer.seconds)


def warnings(output: str) -> list[str]:
    return re.findall(r"^(?:WARNING|ERROR|CRITICAL).*", output, re.MULTILINE)


def undescribed(found: t.Iterable[t.Mapping[str, str]]) -> list[str]:
    """Plugins and roles that Galaxy would show without a word, or not at all."""
    described = {(each["content_type"], each["name"]) for each in found if each["description"]}
    expected = {
        (kind, path.stem) for kind, pattern in DESCRIBED.items() for path in ROOT.glob(pattern)
    }
    names = {each["content_type"] for each in found}
    problems = [f"{kind} {name} has no description" for kind, name in expected - described]
    if "eda/plugins/event_source" not in names:
        problems.append("the event source is not listed")
    return problems


def install(stage: Stage, tarball: pathlib.Path) -> report.Answer:
    """Where there is no network at all."""
    galaxy = [f"{stage.programs}/ansible-galaxy", "collection"]
    where = ["--offline", "--collections-path", str(FOLDER / "collections")]
    env = {**stage.environment(), "ANSIBLE_COLLECTIONS_PATH": str(FOLDER / "collections")}
    for command in (
        [*galaxy, "install", *where, tarball.name],
        [*galaxy, "verify", *where, "imds.azure"],
    ):
        answer = report.run("package install", [*isolation.prefix(), *command], FOLDER, env)
        if answer.status:
            break
    return answer


def requirements(stage: Stage, tools: pathlib.Path) -> report.Answer:
    """What an execution environment gets is what the environment of the smoke test was made of."""
    found = FOLDER / "python.txt"
    introspect = (f"{tools}/ansible-builder", "introspect", f"--write-pip={found}", "collections")
    answer = report.run("package requirements", introspect, FOLDER, stage.environment())
    if answer.status:
        return answer
    declared = requirement_lines(ROOT / "requirements.txt")
    return report.Answer.of(
        [
            f"{line!r} is not in both requirements.txt and the execution environment"
            for line in declared.symmetric_difference(requirement_lines(found))
        ],
        answer.seconds,
    )


def requirement_lines(file: pathlib.Path) -> set[str]:
    lines = file.read_text(encoding="utf-8").splitlines()
    return {line.partition("#")[0].strip() for line in lines} - {""}


def smoke(stage: Stage, tools: pathlib.Path) -> report.Answer:
    """With nothing but ansible-core and what requirements.txt asks for."""
    for file in SMOKE:
        shutil.copy(file, FOLDER)
    gather = ("ansible-playbook", "-i", "hosts.json", "imds.azure.gather")
    commands = (
        (*gather, "-e", "imds_snapshot_dir=snapshots"),
        ("ansible-playbook", *INVENTORIES, "smoke.yml"),
        ("ansible-doc", "--type", "role", "imds.azure.guard"),
    )
    return stage.run("package smoke", FOLDER / "collections", commands, tools / "python")
