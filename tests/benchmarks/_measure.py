# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs commands in turn and keeps what each run took.

Wall time is what people wait for; CPU time (of a command and of all that it started and waited for) is what can be compared on a
machine that others use as well.
"""

from __future__ import annotations

import dataclasses
import os
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time
import typing as t


@dataclasses.dataclass(frozen=True)
class Run:
    """What one run took, or the medians of several."""

    seconds: float
    cpu: float
    megabytes: float
    requests: int = 0
    bytes: int = 0  # of the answers' bodies
    # How many times the floor's.
    times_seconds: float = 1.0
    times_cpu: float = 1.0


# Requests and bytes so far.
Counter = t.Callable[[], tuple[int, int]]


@dataclasses.dataclass(frozen=True)
class Candidate:
    name: str
    command: t.Sequence[str]
    cwd: pathlib.Path
    env: t.Mapping[str, str]
    # Whether what it printed is all there: who did nothing would be quick.
    is_good: t.Callable[[str], bool]
    count: Counter = lambda: (0, 0)
    # What takes the command to where it is to run.
    prefix: t.Sequence[str] = ()


def in_turn(
    candidates: t.Sequence[Candidate], runs: int, title: str, warm_up: bool = True
) -> dict[str, Run]:
    """Medians by name; the first candidate is the floor of the others."""
    found = rounds(candidates, runs, title, warm_up)
    floor = found[candidates[0].name]
    return {name: medians(every, floor) for name, every in found.items()}


def rounds(
    candidates: t.Sequence[Candidate], runs: int, title: str, warm_up: bool = True
) -> dict[str, list[Run]]:
    """Each run by name: all run in turn (A B C B C A C A B …), because the speed of a machine drifts, and what ran before counts."""
    found: dict[str, list[Run]] = {candidate.name: [] for candidate in candidates}
    # A first round that doesn't count: nothing is in memory yet, and nothing compiled.
    for number in range(0 if warm_up else 1, runs + 1):
        first = number % len(candidates)
        for candidate in (*candidates[first:], *candidates[:first]):
            say(f"{title}, run {number} of {runs}: {candidate.name}")
            found[candidate.name].append(run(candidate))
    return {name: every[-runs:] for name, every in found.items()}


def run(candidate: Candidate) -> Run:
    requests, sent = candidate.count()
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        start = time.monotonic()
        process = subprocess.Popen(
            [*candidate.prefix, *candidate.command],
            cwd=candidate.cwd,
            env=candidate.env,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
        )
        # Of this process and its own alone, which subprocess doesn't tell.
        _pid, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        printed, complaints = (text_of(file) for file in (output, errors))
    if process.returncode or not candidate.is_good(printed):
        end = f"{printed[-2000:]}\n{complaints[-2000:]}"
        sys.exit(f"{candidate.name}: exit status {process.returncode}\n{end}")
    requests_now, sent_now = candidate.count()
    return Run(
        seconds,
        usage.ru_utime + usage.ru_stime,
        usage.ru_maxrss / 1024,
        requests_now - requests,
        sent_now - sent,
    )


def text_of(file: t.IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def medians(runs: t.Sequence[Run], floor: t.Sequence[Run]) -> Run:
    """Each is compared with the floor of its own round."""
    pairs = list(zip(runs, floor, strict=True))
    return Run(
        seconds=statistics.median(one.seconds for one in runs),
        cpu=statistics.median(one.cpu for one in runs),
        megabytes=statistics.median(one.megabytes for one in runs),
        requests=int(statistics.median(one.requests for one in runs)),
        bytes=int(statistics.median(one.bytes for one in runs)),
        times_seconds=statistics.median(one.seconds / least.seconds for one, least in pairs),
        times_cpu=statistics.median(one.cpu / least.cpu for one, least in pairs),
    )


def say(message: str) -> None:
    """To standard error: standard output is for results."""
    print(message, file=sys.stderr, flush=True)
