# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How the results of other programs are read, and what the last line and the exit status say of them."""

from __future__ import annotations

import json
import pathlib

import pytest

from checks import __main__ as command_line
from checks import home, integration, pytests, report, sanity
from checks.report import Outcome

JUNIT = """<testsuites><testsuite errors="1" failures="2" skipped="3" tests="10" /></testsuites>"""


def test_skipped_unit_tests_are_neither_passed_nor_failed(tmp_path: pathlib.Path) -> None:
    file = tmp_path / "units.xml"
    assert pytests.read_results(file) == Outcome()
    file.write_text(JUNIT, encoding="utf-8")
    assert pytests.read_results(file) == Outcome(passed=4, failed=3)


INTEGRATION = """\
WARNING: whatever
Running good integration test role
fine
Running bad-1 integration test role
not fine
ERROR: Command "ansible-playbook bad-1.yml" returned exit status 2.
Running bad_2 integration test script
not fine either
FATAL: The 2 integration test(s) listed below (out of 3) failed. See error output above for details:
bad-1
bad_2
"""


def test_failed_targets_are_counted_and_shown_without_the_others() -> None:
    failed = integration.failed_targets(INTEGRATION)
    shown = integration.output_of(failed, INTEGRATION)
    assert failed == ["bad-1", "bad_2"]
    assert shown.startswith("Running bad-1 ")
    assert shown.endswith("not fine either\n")
    assert "good" not in shown


def test_of_a_long_output_the_end_is_shown() -> None:
    lines = "".join(f"line {number}\n" for number in range(integration.TAIL + 1))
    shown = integration.output_of(["x"], f"Running x integration test role\n{lines}")
    assert shown.startswith("Running x integration test role\n[...]\nline 1\n")
    assert shown.endswith(f"line {integration.TAIL}\n")


def test_without_failed_targets_nothing_is_picked() -> None:
    output = "FATAL: Target pattern not matched: x\n"
    assert integration.failed_targets(output) == []
    assert integration.output_of([], output) == ""


def test_passed_targets_are_counted(tmp_path: pathlib.Path) -> None:
    assert integration.passed_targets(tmp_path) == []
    targets = json.dumps({"targets": {"a": {}, "b": {}}})
    (tmp_path / "integration-1.json").write_text(targets, encoding="utf-8")
    assert integration.passed_targets(tmp_path) == ["a", "b"]


SANITY = """\
Running sanity test "compile" on Python 3.8
Running sanity test "compile" on Python 3.9
Running sanity test "pep8"
Looking in indexes: somewhere
WARNING: Skipping sanity test "import" on Python 3.8 because it could not be found.
WARNING: Required program "shellcheck" not found.
ERROR: a.py:1:1: bad
See documentation for help: there
"""


def test_sanity_says_what_was_left_out() -> None:
    assert sanity.verdict(SANITY) == "ok, 2 checks; left out: import on Python 3.8, shellcheck"
    assert sanity.verdict('Running sanity test "pep8"\n') == "ok, 1 checks"


def test_sanity_shows_errors_alone() -> None:
    errors = "ERROR: a.py:1:1: bad\nSee documentation for help: there"
    assert sanity.errors(SANITY) == errors


def test_the_settings_of_pip_become_a_file() -> None:
    listed = ":env:.cert='/c.pem'\nglobal.cert='/d.pem'\nglobal.index='a'\ninstall.find-links='/x\\n/y'\n"
    settings = home.read_pip_settings(listed)
    assert {name: dict(settings[name]) for name in settings.sections()} == {
        "global": {"cert": "/c.pem", "index": "a"},
        "install": {"find-links": "/x\n/y"},
    }


@pytest.mark.parametrize(
    ("parts", "outcome", "status"),
    [
        (["units"], Outcome(passed=1), 0),
        (["units"], Outcome(passed=1, failed=1), 1),
        (["units", "lint"], Outcome(), 1),
        (["integration"], Outcome(), 1),
        (["lint"], Outcome(), 0),
        (["lint"], Outcome(failed=1), 1),
    ],
)
def test_no_test_at_all_is_no_success(parts: list[str], outcome: Outcome, status: int) -> None:
    assert command_line.conclude(parts, outcome) == status


def test_the_last_line_is_plain(capsys: pytest.CaptureFixture[str]) -> None:
    command_line.conclude(["lint", "units"], Outcome(passed=12) + Outcome(passed=1, failed=2))
    assert capsys.readouterr().out == "13 passed, 2 failed\n"


@pytest.mark.parametrize("text", ["2.16 newest", "core-2.16 core-newest"])
def test_cores_are_named_short_or_long(text: str) -> None:
    assert command_line.core_names(text) == ["core-2.16", "core-newest"]


@pytest.fixture(autouse=True)
def logs(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> pathlib.Path:
    monkeypatch.setattr(report, "LOGS", tmp_path / "logs")
    return tmp_path / "logs"


def test_a_command_leaves_a_log(logs: pathlib.Path, tmp_path: pathlib.Path) -> None:
    answer = report.run("a b", ["sh", "-c", "echo out; echo err >&2; exit 3"], tmp_path)
    assert (answer.status, answer.output) == (3, "out\nerr\n")
    assert (logs / "a-b.txt").read_text(encoding="utf-8") == "out\nerr\n"


def test_a_missing_program_is_a_failure_like_others(tmp_path: pathlib.Path) -> None:
    answer = report.run("a", ["no-such-program"], tmp_path)
    assert answer.status == 127
    assert answer.output.startswith("no-such-program: ")


def test_output_is_shown_only_when_it_is_bad(capsys: pytest.CaptureFixture[str]) -> None:
    report.say("good", report.Answer(0, "long story", 1.0))
    report.say("bad", report.Answer(2, "long story", 1.0))
    said = capsys.readouterr().out
    assert said == (
        "good: ok (1.0 s)\n--- bad, exit status 2:\nlong story\n---\nbad: failed (1.0 s)\n"
    )
