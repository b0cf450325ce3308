# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests with real processes that a run has one result."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import multiprocessing
import os
import pathlib
import signal
import stat
import time
import types
import typing as t

import pytest
from doubles import Clock

from ansible_collections.imds.azure.plugins.module_utils._errors import (
    ImdsError,
    OptionError,
    UnavailableError,
)
from ansible_collections.imds.azure.plugins.plugin_utils._lookup import run_cache
from ansible_collections.imds.azure.plugins.plugin_utils._lookup.run_cache import RunCache

# Ansible creates its workers in this way.
FORK = multiprocessing.get_context("fork")
DOCUMENT = {"compute": {"name": "wéb-1", "odd": "\ud800"}}


def get(
    cache: RunCache,
    make: t.Callable[[], t.Any],
    *names: str,
    deadline: float = 60.0,
) -> t.Any:
    """The result with one of the names. A new result gets the last name."""
    names = names or ("whole",)
    return cache.get(names, lambda _left: (names[-1], make()), lambda: deadline)


class Calls:
    """Counts how often all processes together created the result."""

    def __init__(self, folder: pathlib.Path) -> None:
        self._path = folder / "calls"
        self._path.touch()

    def add(self) -> None:
        with open(self._path, "a") as file:
            file.write("x")

    @property
    def count(self) -> int:
        return len(self._path.read_text())


@pytest.fixture
def calls(tmp_path: pathlib.Path) -> Calls:
    return Calls(tmp_path)


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    made: pathlib.Path = tmp_path / "tmp"
    made.mkdir(mode=0o700)
    return made


def in_processes(count: int, ask: t.Callable[[], t.Any]) -> list[t.Any]:
    """The result of each of these processes, or the message of its error."""
    results = FORK.SimpleQueue()
    # A busy machine may need a second to start all of them.
    together = FORK.Barrier(count)

    def work() -> None:
        together.wait(60)
        try:
            results.put(ask())
        except ImdsError as exc:
            results.put(f"{type(exc).__name__}: {exc}")

    workers = [FORK.Process(target=work) for _count in range(count)]
    for worker in workers:
        worker.start()
    found = [results.get() for _worker in workers]
    for worker in workers:
        worker.join(10)
        assert worker.exitcode == 0
    results.close()
    return found


def slowly(calls: Calls, error: ImdsError | None = None) -> t.Callable[[], t.Any]:
    def make() -> t.Any:
        calls.add()
        time.sleep(0.3)
        if error:
            raise error
        return DOCUMENT

    return make


def test_fifty_processes_send_one_request(folder: pathlib.Path, calls: Calls) -> None:
    cache = RunCache(str(folder), "instance")
    assert in_processes(50, lambda: get(cache, slowly(calls))) == [DOCUMENT] * 50
    assert calls.count == 1
    # Later processes do not send a request either.
    assert get(RunCache(str(folder), "instance"), slowly(calls)) == DOCUMENT
    assert calls.count == 1


@pytest.mark.parametrize("result", [{}, [], "", None, 0, False, DOCUMENT])
def test_any_result_is_kept(folder: pathlib.Path, calls: Calls, result: t.Any) -> None:
    def make() -> t.Any:
        calls.add()
        return result

    cache = RunCache(str(folder), "x")
    assert [get(cache, make), get(cache, make)] == [result, result]
    assert calls.count == 1


def test_keys_share_nothing(folder: pathlib.Path) -> None:
    keys = [("a",), ("b",), ("a", "b"), ("a\nb", "c")]
    for number, key in enumerate(keys):
        assert get(RunCache(str(folder), *key), lambda number=number: number) == number


def test_only_the_user_can_read_the_files(folder: pathlib.Path) -> None:
    old = os.umask(0)
    try:
        get(RunCache(str(folder), "x"), lambda: DOCUMENT)
        with pytest.raises(UnavailableError):
            get(RunCache(str(folder), "y"), _fail)
    finally:
        os.umask(old)
    files = sorted(folder.iterdir())
    assert sorted(file.name.partition(".")[2] for file in files) == [
        "failed",
        "lock",
        "lock",
        "whole.json",
    ]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def _fail() -> t.NoReturn:
    raise UnavailableError("no answer")


def test_waiting_callers_share_a_failure(folder: pathlib.Path, tmp_path: pathlib.Path) -> None:
    cache = RunCache(str(folder), "x")
    (tmp_path / "come").mkdir()
    come, calls = Calls(tmp_path / "come"), Calls(tmp_path)

    def make() -> t.NoReturn:
        # The last process may start late.
        while come.count < 20:
            time.sleep(0.02)
        slowly(calls, UnavailableError("GET x failed: no answer"))()
        raise AssertionError

    def ask() -> t.Any:
        come.add()
        return get(cache, make)

    assert set(in_processes(20, ask)) == {"UnavailableError: GET x failed: no answer"}
    # A process that was paused between its start and its check may try again.
    assert calls.count <= 3


def test_later_callers_try_again_after_a_failure(folder: pathlib.Path, calls: Calls) -> None:
    cache = RunCache(str(folder), "x")
    for _count in range(2):
        with pytest.raises(UnavailableError, match="no answer"):
            get(cache, slowly(calls, UnavailableError("no answer")))
    assert calls.count == 2
    assert get(cache, slowly(calls)) == DOCUMENT
    assert get(cache, _fail) == DOCUMENT


def test_the_first_caller_gets_the_original_error(folder: pathlib.Path) -> None:
    def refuse() -> t.NoReturn:
        raise OptionError("endpoint is refused")

    with pytest.raises(OptionError):
        get(RunCache(str(folder), "x"), refuse)


def test_other_exceptions_pass_and_free_the_lock(folder: pathlib.Path) -> None:
    cache = RunCache(str(folder), "x")
    with pytest.raises(KeyError):
        get(cache, lambda: {}["x"])
    assert get(cache, lambda: DOCUMENT) == DOCUMENT


def test_a_killed_holder_frees_the_lock(folder: pathlib.Path, calls: Calls) -> None:
    cache = RunCache(str(folder), "x")

    def hang() -> None:
        calls.add()
        time.sleep(60)

    holder = FORK.Process(target=lambda: get(cache, hang))
    holder.start()
    while not calls.count:
        time.sleep(0.01)
    waiting = FORK.Process(target=lambda: get(cache, slowly(calls)))
    waiting.start()
    time.sleep(0.2)
    assert calls.count == 1
    os.kill(holder.pid or 0, signal.SIGKILL)
    holder.join(10)
    waiting.join(10)
    assert (holder.exitcode, waiting.exitcode) == (-signal.SIGKILL, 0)
    assert calls.count == 2
    assert get(cache, _fail) == DOCUMENT


def test_a_stopped_holder_blocks_no_longer_than_the_deadline(
    folder: pathlib.Path, calls: Calls
) -> None:
    cache = RunCache(str(folder), "x")

    def stop() -> t.Any:
        calls.add()
        os.kill(os.getpid(), signal.SIGSTOP)
        return DOCUMENT

    holder = FORK.Process(target=lambda: get(cache, stop))
    holder.start()
    try:
        os.waitid(os.P_PID, holder.pid or 0, os.WSTOPPED | os.WNOWAIT)
        (said,) = set(in_processes(3, lambda: get(cache, slowly(calls), deadline=0.2)))
        assert said.startswith(
            f"UnavailableError: no instance document within the deadline of 0.2 s: the process {holder.pid} of "
            "this run requests the document"
        )
        assert "continue it or end it" in said
    finally:
        os.kill(holder.pid or 0, signal.SIGCONT)
        holder.join(10)
    assert calls.count == 1
    assert get(cache, _fail) == DOCUMENT


def test_the_wait_counts_towards_the_deadline(
    folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a clock that moves ten seconds at each check of a lock, which is held for thirty seconds."""
    cache, clock = RunCache(str(folder), "x"), Clock()
    get(cache, lambda: "", "other")
    (lock,) = folder.glob("*.lock")
    holder = os.open(lock, os.O_RDWR)
    fcntl.flock(holder, fcntl.LOCK_EX)

    def sleep(_seconds: float) -> None:
        clock.sleep(10)
        if clock.now == 30:
            os.close(holder)

    fake = types.SimpleNamespace(monotonic=lambda: clock.now, sleep=sleep)
    monkeypatch.setattr(run_cache, "time", fake)
    assert cache.get(["x"], lambda left: ("x", left()), lambda: 50.0) == 19.0


def test_a_result_is_found_under_each_of_the_names(folder: pathlib.Path) -> None:
    cache = RunCache(str(folder), "x")
    assert get(cache, lambda: "without", "whole", "bare") == "without"
    assert get(cache, _fail, "bare") == "without"
    assert get(cache, lambda: "with", "whole") == "with"
    assert get(cache, _fail, "whole", "bare") == "with"
    assert get(cache, _fail, "bare", "whole") == "without"
    # If there is a result, the deadline is not read.
    assert cache.get(["bare"], lambda _left: _fail(), _fail) == "without"


def test_a_holder_killed_during_a_write_leaves_no_partial_file(
    folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = RunCache(str(folder), "x")

    def killed(_data: t.Any, file: t.Any) -> None:
        file.write('{"result": {"compute"')
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)

    with monkeypatch.context() as patched:
        patched.setattr(run_cache.json, "dump", killed)
        holder = FORK.Process(target=lambda: get(cache, lambda: DOCUMENT))
        holder.start()
        holder.join(10)
    assert holder.exitcode == -signal.SIGKILL
    assert get(cache, lambda: "made anew") == "made anew"


@pytest.mark.parametrize("content", ["", "{", "[]", "5", "null", "{}", '{"other": 1}', "\x00"])
def test_a_foreign_file_is_not_a_result(folder: pathlib.Path, content: str) -> None:
    cache = RunCache(str(folder), "x")
    get(cache, lambda: DOCUMENT)
    (path,) = folder.glob("*.json")
    path.write_text(content)
    assert get(cache, lambda: "made anew") == "made anew"
    assert get(cache, _fail) == "made anew"


def test_without_a_folder_each_caller_sends_a_request(tmp_path: pathlib.Path, calls: Calls) -> None:
    cache = RunCache(str(tmp_path / "none"), "x")
    for _count in range(2):
        assert get(cache, slowly(calls)) == DOCUMENT
    with pytest.raises(UnavailableError):
        get(cache, _fail)
    assert calls.count == 2


@contextlib.contextmanager
def refused(
    monkeypatch: pytest.MonkeyPatch, target: t.Any, name: str, number: int
) -> t.Iterator[None]:
    """Root may write everywhere, so the error of the kernel is simulated."""

    def refuse(*_arguments: t.Any, **_options: t.Any) -> t.NoReturn:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(target, name, refuse)
        yield


@pytest.mark.parametrize(
    ("target", "name", "number"),
    [
        (run_cache.os, "open", errno.EROFS),
        (run_cache.os, "open", errno.ENOSPC),
        (run_cache.tempfile, "mkstemp", errno.EACCES),
        (run_cache.tempfile, "mkstemp", errno.ENOSPC),
        (run_cache.json, "dump", errno.ENOSPC),
        (run_cache.json, "dump", errno.EDQUOT),
        (run_cache.os, "replace", errno.EIO),
        (fcntl, "flock", errno.ENOLCK),
        (fcntl, "flock", errno.ENOSYS),
    ],
)
def test_an_unwritable_cache_folder_is_ignored(
    folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch, target: t.Any, name: str, number: int
) -> None:
    cache = RunCache(str(folder), "x")
    with refused(monkeypatch, target, name, number):
        assert get(cache, lambda: DOCUMENT) == DOCUMENT
        with pytest.raises(UnavailableError, match="no answer"):
            get(RunCache(str(folder), "y"), _fail)
    assert [
        file.name for file in folder.iterdir() if file.suffix not in (".json", ".lock", ".failed")
    ] == []


def test_a_disk_that_is_really_full(folder: pathlib.Path) -> None:
    """A limit of the size of files simulates a full disk, because then the kernel refuses the write."""
    cache = RunCache(str(folder), "x")
    large = {"compute": {"userData": "x" * 100_000}}

    def ask() -> t.Any:
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        return get(cache, lambda: large) == large

    assert in_processes(1, ask) == [True]
    assert [file.suffix for file in folder.iterdir()] == [".lock"]
    assert get(cache, lambda: large) == large
