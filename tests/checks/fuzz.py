# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Coverage-guided fuzzing of what reads answers and documents, for a bounded time."""

from __future__ import annotations

import functools
import os
import re
import typing as t

from checks import report
from environments import ROOT, VENVS, bin_folder

TARGETS = ("answers", "bodies", "documents", "files", "texts")
SECONDS = 20
# What was tried is kept, so that each run begins where the one before it ended.
CORPUS = VENVS / "fuzz-corpus"
DONE = re.compile(r"^Done (\d+) runs in (\d+) second", re.MULTILINE)


def fuzz(_cores: t.Sequence[str], arguments: t.Sequence[str]) -> report.Outcome:
    """The argument is for how many seconds each target is tried."""
    seconds = int(arguments[0]) if arguments else SECONDS
    python = bin_folder("fuzz") / "python"
    return report.side_by_side(
        functools.partial(try_target, str(python), name, seconds) for name in TARGETS
    )


def try_target(python: str, target: str, seconds: int) -> report.Outcome:
    command = [python, "-m", "fuzz", target, str(seconds), str(CORPUS)]
    env = {**os.environ, "ANSIBLE_HOME": str(VENVS / "home")}
    answer = report.run(f"fuzz {target}", command, ROOT / "tests", env)
    done = DONE.search(answer.output)
    verdict = f"{done[1]} inputs, none of which broke anything" if done else "failed"
    broken = not done or bool(answer.status)
    report.say(f"fuzz {target}", answer, verdict, answer.output[-6000:])
    return report.Outcome(passed=int(not broken), failed=int(broken))
