# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests that five slots are shared between all processes, each at most four times a second."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import pathlib
import shutil
import time

import pytest

from ansible_collections.imds.azure.plugins.module_utils._errors import TransportError
from ansible_collections.imds.azure.plugins.module_utils._managed_identity.rate_limit import (
    INTERVAL,
    SLOTS,
    rate_limit_in,
)


class Clock:
    """A clock that moves only during sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_five_at_once_and_no_sixth(tmp_path: pathlib.Path, clock: Clock) -> None:
    turn = rate_limit_in(str(tmp_path), clock, clock.sleep)
    with contextlib.ExitStack() as held:
        for _each in range(SLOTS):
            held.enter_context(turn(1))
        assert clock.now == 1000.0
        with pytest.raises(TransportError, match="other processes use up the rate limit"), turn(3):
            pytest.fail("a sixth got in")
    assert 1003 <= clock.now < 1003.1
    with turn(0):  # they are free, and their wait has ended
        pass


def test_twenty_a_second(tmp_path: pathlib.Path, clock: Clock) -> None:
    turn = rate_limit_in(str(tmp_path), clock, clock.sleep)
    starts = []
    for _each in range(60):
        with turn(10):
            starts.append(clock.now)
    assert starts[4] == 1000.0, "the first five don't wait"
    for start in starts:
        assert sum(start <= other < start + 1 for other in starts) <= 20
    assert starts[-1] - starts[0] < 4, "and it is not slower than need be"


def test_the_pause_of_a_slot_begins_when_it_is_taken(tmp_path: pathlib.Path, clock: Clock) -> None:
    turn = rate_limit_in(str(tmp_path), clock, clock.sleep)
    with contextlib.ExitStack() as held:
        for _each in range(SLOTS):
            held.enter_context(turn(0))
        clock.now += INTERVAL + 0.001
    with turn(0):
        assert clock.now == 1000.0 + INTERVAL + 0.001


def test_times_from_before_the_last_boot_are_ignored(tmp_path: pathlib.Path, clock: Clock) -> None:
    turn = rate_limit_in(str(tmp_path), clock, clock.sleep)
    for _each in range(SLOTS):
        with turn(0):
            pass
    clock.now = 3.0
    with turn(0):
        assert clock.now == 3.0


def test_the_files_hold_a_time_and_are_the_users_own(tmp_path: pathlib.Path, clock: Clock) -> None:
    with rate_limit_in(str(tmp_path), clock, clock.sleep)(0):
        pass
    (file,) = tmp_path.iterdir()
    assert file.name == f"imds_azure_token_{os.getuid()}_0"
    assert file.read_text() == "1000.000000             "
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"", b"nonsense", b"\xff" * 24, b"inf", b"nan"])
def test_a_file_with_something_else_in_it(
    tmp_path: pathlib.Path, clock: Clock, content: bytes
) -> None:
    (tmp_path / f"imds_azure_token_{os.getuid()}_0").write_bytes(content)
    with rate_limit_in(str(tmp_path), clock, clock.sleep)(0):
        assert clock.now == 1000.0


def hopeless(folder: pathlib.Path) -> None:
    """Creates an entry in the place of the first file that is not a file of this user."""
    (folder / f"imds_azure_token_{os.getuid()}_0").symlink_to(folder / "elsewhere")


def pipe(folder: pathlib.Path) -> None:
    os.mkfifo(folder / f"imds_azure_token_{os.getuid()}_0")


@pytest.mark.parametrize("lay", [hopeless, pipe])
def test_files_of_other_users_do_not_block(
    tmp_path: pathlib.Path, clock: Clock, lay: object
) -> None:
    assert callable(lay)
    lay(tmp_path)
    turn = rate_limit_in(str(tmp_path), clock, clock.sleep)
    for _each in range(10):
        with turn(0):
            assert clock.now == 1000.0
    assert not (tmp_path / "elsewhere").exists()


def test_a_file_with_another_name_is_not_written_to(tmp_path: pathlib.Path, clock: Clock) -> None:
    """Another user created a hard link to a file of this user in the place of a slot."""
    for content in ("mine", "", "1000.0"):
        mine = tmp_path / f"mine{content}"
        mine.write_text(content)
        (tmp_path / "turns").mkdir()
        os.link(mine, tmp_path / "turns" / f"imds_azure_token_{os.getuid()}_0")
        with rate_limit_in(str(tmp_path / "turns"), clock, clock.sleep)(0):
            assert clock.now == 1000.0
        assert mine.read_text() == content
        shutil.rmtree(tmp_path / "turns")


def test_without_a_folder_there_is_no_rate_limit(tmp_path: pathlib.Path, clock: Clock) -> None:
    turn = rate_limit_in(str(tmp_path / "missing"), clock, clock.sleep)
    with turn(0), turn(0), turn(0), turn(0), turn(0), turn(0):
        assert clock.now == 1000.0


def test_a_failure_frees_the_slot(tmp_path: pathlib.Path, clock: Clock) -> None:
    turn = rate_limit_in(str(tmp_path), clock, clock.sleep)
    before = len(os.listdir("/proc/self/fd"))
    for _each in range(20):
        with contextlib.suppress(OSError), turn(1):
            raise OSError
    assert len(os.listdir("/proc/self/fd")) == before


def work(folder: str, results: multiprocessing.SimpleQueue[tuple[float, float]]) -> None:
    readings: list[float] = []

    def clock() -> float:
        readings.append(time.monotonic())
        return readings[-1]

    turn = rate_limit_in(folder, clock)
    for _each in range(3):
        with turn(30):
            # The time at which the slot was taken, without a later wait for a processor.
            start = readings[-1]
            time.sleep(0.03)
            results.put((start, time.monotonic()))


def test_processes_share_the_slots(tmp_path: pathlib.Path) -> None:
    context = multiprocessing.get_context("spawn")
    results: multiprocessing.SimpleQueue[tuple[float, float]] = context.SimpleQueue()
    workers = [context.Process(target=work, args=(str(tmp_path), results)) for _each in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert [worker.exitcode for worker in workers] == [0] * 8
    spans = [results.get() for _each in range(24)]
    for start, _end in spans:
        assert sum(other <= start < end for other, end in spans) <= SLOTS
        assert sum(start <= other < start + 1 for other, _end in spans) <= 20


def test_a_killed_process_frees_its_slot(tmp_path: pathlib.Path) -> None:
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.close(reader)
        with contextlib.ExitStack() as held:
            for _each in range(SLOTS):
                held.enter_context(rate_limit_in(str(tmp_path))(1))
            os.write(writer, b"held")
            time.sleep(60)
        os._exit(0)
    os.close(writer)
    assert os.read(reader, 4) == b"held"
    with pytest.raises(TransportError), rate_limit_in(str(tmp_path))(0.3):
        pytest.fail("the child has all of them")
    os.kill(child, 9)
    os.waitpid(child, 0)
    os.close(reader)
    with rate_limit_in(str(tmp_path))(1):
        pass
