# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Running a command and saying how it went: one line when it is good, all of its output when it is not.

Parts of the checks run side by side, in threads; each command waits for its turn, so that they don't run all at once.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import subprocess
import time
import typing as t
from concurrent.futures import ThreadPoolExecutor

from environments import TURNS, VENVS

LOGS = VENVS / "logs"


@dataclasses.dataclass(frozen=True)
class Outcome:
    """How many tests passed and failed; a linter that is content counts as no test at all."""

    passed: int = 0
    failed: int = 0

    def __add__(self, other: Outcome) -> Outcome:
        return Outcome(self.passed + other.passed, self.failed + other.failed)

    def __str__(self) -> str:
        return f"{self.passed} passed, {self.failed} failed"


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a command left behind."""

    status: int
    output: str
    seconds: float

    @classmethod
    def of(cls, problems: t.Sequence[str], seconds: float = 0.0) -> Answer:
        """That of a check without a command of its own: bad when there are problems."""
        return cls(int(bool(problems)), "".join(f"{each}\n" for each in sorted(problems)), seconds)


def run(
    name: str,
    command: t.Sequence[str],
    cwd: pathlib.Path,
    env: t.Mapping[str, str] | None = None,
) -> Answer:
    """Runs a command and keeps what it prints, also in .venv/logs/NAME.txt."""
    with TURNS:
        answer = answer_of(command, cwd, env)
    LOGS.mkdir(parents=True, exist_ok=True)
    (LOGS / f"{name.replace(' ', '-')}.txt").write_text(answer.output, encoding="utf-8")
    return answer


def answer_of(
    command: t.Sequence[str], cwd: pathlib.Path, env: t.Mapping[str, str] | None
) -> Answer:
    start = time.monotonic()
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=os.environ if env is None else env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        return Answer(done.returncode, done.stdout, time.monotonic() - start)
    except OSError as error:
        return Answer(127, f"{command[0]}: {error}\n", time.monotonic() - start)


def say(name: str, answer: Answer, verdict: str = "", important: str = "") -> None:
    """The one line; when the command failed, below its output or what is important in that."""
    line = f"{name}: {verdict or ('failed' if answer.status else 'ok')} ({answer.seconds:.1f} s)"
    if answer.status:
        output = (important or answer.output).rstrip()
        line = f"--- {name}, exit status {answer.status}:\n{output}\n---\n{line}"
    print(f"{line}\n", end="", flush=True)


def side_by_side(jobs: t.Iterable[t.Callable[[], Outcome]]) -> Outcome:
    """The sum of the outcomes of jobs that run together."""
    started = list(jobs)
    with ThreadPoolExecutor(max(1, len(started))) as pool:
        return sum(pool.map(lambda job: job(), started), Outcome())


def with_programs(folder: pathlib.Path) -> dict[str, str]:
    """This process' environment with the programs of a virtual environment first."""
    path = os.environ.get("PATH", os.defpath)
    return {**os.environ, "PATH": f"{folder}{os.pathsep}{path}"}
