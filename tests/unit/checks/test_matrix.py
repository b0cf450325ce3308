# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which ansible-core meets which Python, on controllers and on managed nodes."""

from __future__ import annotations

import argparse
import pathlib

import pytest

import environments
from checks import __main__ as command_line
from checks import pythons
from checks.report import Answer, Outcome

RECAP = """\
PLAY RECAP *********************************************************************
py310                      : ok=14   changed=1    unreachable=0    failed=0    skipped=0    rescued=0    ignored=0
py37                       : ok=3    changed=0    unreachable=0    failed=1    skipped=0    rescued=0    ignored=0
py38                       : ok=0    changed=0    unreachable=1    failed=0    skipped=0    rescued=0    ignored=0
"""


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine with these Pythons only."""
    there = ("3.7", "3.11", "3.12")
    monkeypatch.setattr(environments, "find_python", lambda version: version in there or None)
    monkeypatch.setattr(pythons, "find_python", lambda version: version in there or None)


@pytest.mark.usefixtures("machine")
def test_a_line_becomes_an_environment_for_each_python_there_is(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert environments.matrix(["core-2.16"]) == ["core-2.16-py3.11", "core-2.16-py3.12"]
    assert capsys.readouterr().err == "core-2.16: not on this machine: Python 3.10\n"


@pytest.mark.usefixtures("machine")
def test_a_line_without_any_python_fails_when_it_is_made() -> None:
    names = environments.matrix(["core-newest", "core-2.17-py3.10"])
    assert names == ["core-newest-py3.12", "core-2.17-py3.10"]
    with pytest.raises(environments.EnvironmentFailed, match=r"^core-2\.17-py3\.10: no Python"):
        environments.choose_python(environments.ENVIRONMENTS[names[1]])


def test_an_environment_of_the_matrix_has_the_requirements_of_its_line() -> None:
    environment = environments.ENVIRONMENTS["core-2.18-py3.13"]
    assert environment.requirements_file.name == "core-2.18.txt"
    assert environment.pythons == ("3.13",)


def test_cores_may_be_named_with_a_python() -> None:
    assert command_line.core_names("2.16-py3.11 newest") == ["core-2.16-py3.11", "core-newest"]
    with pytest.raises(
        argparse.ArgumentTypeError, match=r"^no such core: core-2\.16-py2; there are: core-2\.16, "
    ):
        command_line.core_names("2.16-py2")


def test_each_python_meets_the_newest_core_that_knows_it() -> None:
    plan = {"core-1": ["3.7", "3.8"], "core-2": ["3.8", "3.9"], "core-3": ["3.9"]}
    assert pythons.newest_only(plan) == {"core-1": ["3.7"], "core-2": ["3.8"], "core-3": ["3.9"]}


@pytest.mark.usefixtures("machine")
def test_pythons_that_are_missing_are_named_once(capsys: pytest.CaptureFixture[str]) -> None:
    plan = {"core-1": ["3.7", "3.10"], "core-2": ["3.9", "3.10", "3.12"]}
    assert pythons.without_missing(plan) == {"core-1": ["3.7"], "core-2": ["3.12"]}
    assert capsys.readouterr().out == "pythons: not on this machine: 3.9, 3.10\n"


def test_a_core_says_itself_which_pythons_it_supports(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "lib/python3.99/site-packages/ansible_test/_util/target/common/constants.py"
    file.parent.mkdir(parents=True)
    file.write_text(
        "REMOTE_ONLY_PYTHON_VERSIONS = (\n    '2.7',\n    '3.6',\n    '3.7',\n)\n\n"
        "CONTROLLER_PYTHON_VERSIONS = (\n    '3.10',\n)\n\n"
        "SUPPORTED_PYTHON_VERSIONS = REMOTE_ONLY_PYTHON_VERSIONS + CONTROLLER_PYTHON_VERSIONS\n",
        encoding="utf-8",
    )
    assert pythons.managed_pythons(tmp_path / "bin") == ["3.7", "3.10"]


def test_each_host_is_a_test() -> None:
    assert pythons.outcome_of(Answer(2, RECAP, 1.0)) == Outcome(passed=1, failed=2)
    assert pythons.outcome_of(Answer(4, "ERROR! the playbook is broken\n", 1.0)) == Outcome(
        failed=1
    )
