# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The integration tests: ansible-test's targets against the simulator, on each ansible-core."""

from __future__ import annotations

import functools
import json
import pathlib
import re
import typing as t

from checks import home, isolation, report, worktree
from environments import ROOT, bin_folder

COMMAND = ("ansible-test", "integration", "--local", "--color", "no", "--continue-on-error")
# Its last words, with the names of the targets below them; and what it says before each target.
FAILED = re.compile(
    r"^.*integration test\(s\) listed below .* failed\..*\n((?:[\w.-]+\n)+)", re.MULTILINE
)
TAIL = 50
# The targets of a core run in so many shares, side by side; alone, a core would take as long as the slowest part of all.
SHARES = 3
START = re.compile(r"^(?=Running \S+ integration test )", re.MULTILINE)


def integration(cores: t.Sequence[str], targets: t.Sequence[str]) -> report.Outcome:
    if not isolation.prefix():
        print(
            "integration: no network namespaces here, so only the tests' own care keeps them local"
        )
    wanted: t.Mapping[str, t.Sequence[str]] = {core: every_target() for core in cores} or DAILY
    return report.side_by_side(
        functools.partial(run_targets, core, number, share)
        for core in wanted
        for number, share in enumerate(shares(targets or wanted[core]), 1)
    )


# These take minutes, so they begin first.
SLOW = ("role_maintenance", "guides", "faults", "examples")
MAIN_JOB = ("cloud", "instance_facts", "instances", "metadata")


def every_target() -> list[str]:
    files = (ROOT / "tests" / "integration" / "targets").glob("*/aliases")
    names = {file.parent.name for file in files}
    return [*SLOW, *sorted(names.difference(SLOW))]


# What runs where no core was named: at both ends of the range nearly everything, and in between, where cores began to
# trust nothing by themselves, the main job. `make test-matrix` runs everything everywhere.
DAILY: dict[str, t.Sequence[str]] = {
    "core-newest": every_target(),
    "core-2.16": every_target()[len(SLOW) :],
    "core-2.19": MAIN_JOB,
}


def shares(targets: t.Sequence[str]) -> list[t.Sequence[str]]:
    return [share for start in range(SHARES) if (share := targets[start::SHARES])]


def run_targets(core: str, number: int, targets: t.Sequence[str]) -> report.Outcome:
    name = f"integration {core} {number}"
    programs = bin_folder(core)
    env = {**report.with_programs(programs), "HOME": str(home.folder(f"{core}-{number}"))}
    with worktree.copy(f"{core}-{number}") as tree:
        answer = report.run(name, (*isolation.prefix(), *COMMAND, *targets), tree, env)
        passed = passed_targets(tree / "tests" / "output" / "data")
    failed = failed_targets(answer.output)
    # When it failed without a failed target, ansible-test itself did: an unknown target, a bad alias, a crash.
    outcome = report.Outcome(len(passed), len(failed) or int(answer.status != 0))
    report.say(name, answer, str(outcome), output_of(failed, answer.output))
    return outcome


def passed_targets(data: pathlib.Path) -> list[str]:
    """ansible-test writes down which targets passed."""
    files = data.glob("integration-*.json")
    return [
        name for file in files for name in json.loads(file.read_text(encoding="utf-8"))["targets"]
    ]


def failed_targets(output: str) -> list[str]:
    """Those that failed it only says."""
    named = FAILED.search(output)
    return named[1].split() if named else []


def output_of(targets: t.Collection[str], output: str) -> str:
    """What these targets printed last, which is where they failed; nothing when there are none."""
    sections = START.split(FAILED.sub("", output))
    ends = (end_of(section) for section in sections[1:] if section.split()[1] in targets)
    return "".join(ends)


def end_of(section: str) -> str:
    first, *lines = section.splitlines(keepends=True)
    left_out = ["[...]\n"] if len(lines) > TAIL else []
    return "".join([first, *left_out, *lines[-TAIL:]])
