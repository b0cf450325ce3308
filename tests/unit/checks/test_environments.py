# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which Python an environment gets, and when it is made anew."""

from __future__ import annotations

import pathlib
import sys
from collections.abc import Iterator

import pytest

import environments

VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"


@pytest.fixture
def machine(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pathlib.Path]:
    """A machine with nothing on PATH but what the test puts into the folder, and no pyenv."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("PYENV_ROOT", raising=False)
    environments.find_python.cache_clear()
    yield tmp_path
    environments.find_python.cache_clear()


def put_program(path: pathlib.Path, script: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    path.chmod(0o755)


def test_a_python_that_does_not_run_is_passed_over(machine: pathlib.Path) -> None:
    put_program(machine / f"python{VERSION}", "echo 'not installed' >&2; exit 127")
    assert environments.find_python(VERSION) is None
    put_program(machine / "python3", f'exec "{sys.executable}" "$@"')
    environments.find_python.cache_clear()
    assert environments.find_python(VERSION)


def test_a_python_of_another_version_is_passed_over(machine: pathlib.Path) -> None:
    put_program(machine / "python3.99", f'exec "{sys.executable}" "$@"')
    assert environments.find_python("3.99") is None


def test_pythons_of_pyenv_are_found_though_no_shell_does(machine: pathlib.Path) -> None:
    put_program(machine / ".pyenv/versions/3.99.1/bin/python3.99", "echo 3.99 /real/python")
    assert environments.find_python("3.99") == "/real/python"


def test_the_first_python_that_works_is_taken(machine: pathlib.Path) -> None:
    environment = environments.Environment("x", pythons=("3.97", "3.98"), lesser=("3.90",))
    put_program(machine / "python3.90", "echo 3.90 /lesser")
    assert environments.choose_python(environment) == ("3.90", "/lesser")
    environments.find_python.cache_clear()
    put_program(machine / "python3.98", "echo 3.98 /better")
    assert environments.choose_python(environment) == ("3.98", "/better")


@pytest.mark.usefixtures("machine")
def test_without_any_python_the_message_says_which_to_install() -> None:
    environment = environments.Environment("x", pythons=("3.97", "3.98"))
    with pytest.raises(environments.EnvironmentFailed, match=r"^x: .*install one of 3\.97, 3\.98$"):
        environments.choose_python(environment)


def test_an_unknown_environment_is_named_beside_those_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert environments.main(["core-1.0"]) == 1
    assert "no environment 'core-1.0'; there are: core-2.16, " in capsys.readouterr().err


@pytest.fixture
def requirements(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    folder = tmp_path / "requirements"
    folder.mkdir()
    (folder / "x.txt").write_text("-r common.txt\na\n", encoding="utf-8")
    (folder / "common.txt").write_text("b\n", encoding="utf-8")
    monkeypatch.setattr(environments, "REQUIREMENTS", folder)
    return folder


@pytest.mark.parametrize("changed", ["x.txt", "common.txt"])
def test_changed_requirements_make_it_anew(
    tmp_path: pathlib.Path, requirements: pathlib.Path, changed: str
) -> None:
    environment = environments.Environment("x", pythons=(VERSION,))
    folder = tmp_path / "x"
    put_program(folder / "bin/python", "")
    assert not environments.is_current(folder, environment)
    stamp = environments.fingerprint(folder, environment)
    (folder / "stamp").write_text(stamp, encoding="utf-8")
    assert environments.is_current(folder, environment)
    with (requirements / changed).open("a", encoding="utf-8") as file:
        file.write("c\n")
    assert not environments.is_current(folder, environment)


@pytest.mark.usefixtures("requirements")
def test_a_python_that_is_gone_makes_it_anew(tmp_path: pathlib.Path) -> None:
    environment = environments.Environment("x", pythons=(VERSION,))
    folder = tmp_path / "x"
    (folder / "bin").mkdir(parents=True)
    (folder / "bin/python").symlink_to(tmp_path / "gone")
    stamp = environments.fingerprint(folder, environment)
    (folder / "stamp").write_text(stamp, encoding="utf-8")
    assert not environments.is_current(folder, environment)


def test_a_failed_command_is_one_message() -> None:
    with pytest.raises(
        environments.EnvironmentFailed, match=r"^no luck \(exit status 3\)\nbecause$"
    ):
        environments.run(["sh", "-c", "echo because; exit 3"], "no luck")


def test_collections_are_taken_out_of_a_package(tmp_path: pathlib.Path) -> None:
    (tmp_path / "lib" / "python3.99" / "site-packages").mkdir(parents=True)
    fake = tmp_path / "pip.py"
    fake.write_text(
        "import sys, zipfile\n"
        "folder = sys.argv[sys.argv.index('--dest') + 1]\n"
        "with zipfile.ZipFile(folder + '/x-1-py3-none-any.whl', 'w') as wheel:\n"
        "    wheel.writestr('ansible_collections/a/b/MANIFEST.json', '{}')\n"
        "    wheel.writestr('ansible_collections/a/bc/MANIFEST.json', '{}')\n",
        encoding="utf-8",
    )
    environment = environments.Environment("x", pythons=("3.99",), collections=("a.b",))
    environments.add_collections(tmp_path, [sys.executable, str(fake)], environment)
    found = sorted(path.name for path in tmp_path.glob("lib/*/site-packages/*/a/*"))
    assert found == ["b"]
    assert {path.name for path in tmp_path.iterdir()} == {"pip.py", "lib"}
