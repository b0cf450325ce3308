# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs commands in turn and measures each run.

The elapsed time is the time that users wait. The CPU time of a command and of its child processes is comparable even on a
machine with other load.
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
    """The measurements of one run, or the medians of several runs."""

    seconds: float
    cpu: float
    megabytes: float
    requests: int = 0
    bytes: int = 0  # of the bodies of all answers
    # The ratios to the floor.
    times_seconds: float = 1.0
    times_cpu: float = 1.0


# Returns the number of requests and of bytes so far.
Counter = t.Callable[[], tuple[int, int]]


@dataclasses.dataclass(frozen=True)
class Candidate:
    name: str
    command: t.Sequence[str]
    cwd: pathlib.Path
    env: t.Mapping[str, str]
    # Whether the output is complete. Without this check, a command that does nothing would be the fastest.
    is_good: t.Callable[[str], bool]
    count: Counter = lambda: (0, 0)
    # The prefix that runs the command in another namespace.
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
    """All runs by name. The order changes in each round (A B C, B C A, C A B), because the speed of the machine drifts."""
    found: dict[str, list[Run]] = {candidate.name: [] for candidate in candidates}
    # The first round is a warm-up and does not count, because it compiles files and fills caches.
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
        # The usage of only this process and its children, which the module subprocess does not return.
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
    """The medians. Each run is compared with the floor of the same round."""
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
    """Prints to standard error, because standard output is for results."""
    print(message, file=sys.stderr, flush=True)
