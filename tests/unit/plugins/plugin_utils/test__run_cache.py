# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One result for a run, with real processes."""

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
import typing as t

import pytest

from ansible_collections.imds.azure.plugins.module_utils._errors import (
    ImdsError,
    OptionError,
    UnavailableError,
)
from ansible_collections.imds.azure.plugins.plugin_utils import _run_cache
from ansible_collections.imds.azure.plugins.plugin_utils._run_cache import RunCache

# As Ansible makes its workers.
FORK = multiprocessing.get_context("fork")
DOCUMENT = {"compute": {"name": "wéb-1", "odd": "\ud800"}}


class Calls:
    """Counts across processes how often the result was made."""

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
    """What each of so many processes gets, or the message of the error that it gets."""
    results = FORK.SimpleQueue()
    # A busy machine may take a second to start them all.
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


def test_fifty_at_once_ask_once(folder: pathlib.Path, calls: Calls) -> None:
    cache = RunCache(str(folder), "instance")
    assert in_processes(50, lambda: cache.get(slowly(calls))) == [DOCUMENT] * 50
    assert calls.count == 1
    # And whoever comes later doesn't ask, either.
    assert RunCache(str(folder), "instance").get(slowly(calls)) == DOCUMENT
    assert calls.count == 1


@pytest.mark.parametrize("result", [{}, [], "", None, 0, False, DOCUMENT])
def test_any_result_is_kept(folder: pathlib.Path, calls: Calls, result: t.Any) -> None:
    def make() -> t.Any:
        calls.add()
        return result

    cache = RunCache(str(folder), "x")
    assert [cache.get(make), cache.get(make)] == [result, result]
    assert calls.count == 1


def test_keys_share_nothing(folder: pathlib.Path) -> None:
    keys = [("a",), ("b",), ("a", "b"), ("a\nb", "c")]
    for number, key in enumerate(keys):
        assert RunCache(str(folder), *key).get(lambda number=number: number) == number


def test_only_their_user_may_read_what_is_left(folder: pathlib.Path) -> None:
    old = os.umask(0)
    try:
        RunCache(str(folder), "x").get(lambda: DOCUMENT)
        with pytest.raises(UnavailableError):
            RunCache(str(folder), "y").get(_fail)
    finally:
        os.umask(old)
    files = sorted(folder.iterdir())
    assert [file.name.partition(".")[2] for file in files] != []
    assert sorted(file.name.partition(".")[2] for file in files) == [
        "json",
        "json.failed",
        "json.lock",
        "json.lock",
    ]
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def _fail() -> t.NoReturn:
    raise UnavailableError("no answer")


def test_a_failure_is_shared_with_those_who_waited(
    folder: pathlib.Path, tmp_path: pathlib.Path
) -> None:
    cache = RunCache(str(folder), "x")
    (tmp_path / "come").mkdir()
    come, calls = Calls(tmp_path / "come"), Calls(tmp_path)

    def make() -> t.NoReturn:
        # However late the machine starts the last of them.
        while come.count < 20:
            time.sleep(0.02)
        slowly(calls, UnavailableError("GET x failed: no answer"))()
        raise AssertionError

    def ask() -> t.Any:
        come.add()
        return cache.get(make)

    assert set(in_processes(20, ask)) == {"UnavailableError: GET x failed: no answer"}
    # One that the machine stopped between coming and looking tries anew.
    assert calls.count <= 3


def test_a_failure_is_not_for_those_who_come_later(folder: pathlib.Path, calls: Calls) -> None:
    cache = RunCache(str(folder), "x")
    for _count in range(2):
        with pytest.raises(UnavailableError, match="no answer"):
            cache.get(slowly(calls, UnavailableError("no answer")))
    assert calls.count == 2
    assert cache.get(slowly(calls)) == DOCUMENT
    assert cache.get(_fail) == DOCUMENT


def test_the_first_keeps_the_kind_of_its_error(folder: pathlib.Path) -> None:
    def refuse() -> t.NoReturn:
        raise OptionError("endpoint is refused")

    with pytest.raises(OptionError):
        RunCache(str(folder), "x").get(refuse)


def test_another_exception_passes_and_blocks_nobody(folder: pathlib.Path) -> None:
    cache = RunCache(str(folder), "x")
    with pytest.raises(KeyError):
        cache.get(lambda: {}["x"])
    assert cache.get(lambda: DOCUMENT) == DOCUMENT


def test_a_holder_that_is_killed_blocks_nobody(folder: pathlib.Path, calls: Calls) -> None:
    cache = RunCache(str(folder), "x")

    def hang() -> None:
        calls.add()
        time.sleep(60)

    holder = FORK.Process(target=lambda: cache.get(hang))
    holder.start()
    while not calls.count:
        time.sleep(0.01)
    waiting = FORK.Process(target=lambda: cache.get(slowly(calls)))
    waiting.start()
    time.sleep(0.2)
    assert calls.count == 1
    os.kill(holder.pid or 0, signal.SIGKILL)
    holder.join(10)
    waiting.join(10)
    assert (holder.exitcode, waiting.exitcode) == (-signal.SIGKILL, 0)
    assert calls.count == 2
    assert cache.get(_fail) == DOCUMENT


def test_a_holder_that_is_killed_while_it_writes_leaves_nothing_half(
    folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = RunCache(str(folder), "x")

    def killed(_data: t.Any, file: t.Any) -> None:
        file.write('{"result": {"compute"')
        file.flush()
        os.kill(os.getpid(), signal.SIGKILL)

    with monkeypatch.context() as patched:
        patched.setattr(_run_cache.json, "dump", killed)
        holder = FORK.Process(target=lambda: cache.get(lambda: DOCUMENT))
        holder.start()
        holder.join(10)
    assert holder.exitcode == -signal.SIGKILL
    assert cache.get(lambda: "made anew") == "made anew"


@pytest.mark.parametrize("content", ["", "{", "[]", "5", "null", "{}", '{"other": 1}', "\x00"])
def test_a_file_that_is_not_of_the_cache_is_no_result(folder: pathlib.Path, content: str) -> None:
    cache = RunCache(str(folder), "x")
    cache.get(lambda: DOCUMENT)
    (path,) = folder.glob("*.json")
    path.write_text(content)
    assert cache.get(lambda: "made anew") == "made anew"
    assert cache.get(_fail) == "made anew"


def test_without_a_folder_everybody_asks(tmp_path: pathlib.Path, calls: Calls) -> None:
    cache = RunCache(str(tmp_path / "none"), "x")
    for _count in range(2):
        assert cache.get(slowly(calls)) == DOCUMENT
    with pytest.raises(UnavailableError):
        cache.get(_fail)
    assert calls.count == 2


@contextlib.contextmanager
def refused(
    monkeypatch: pytest.MonkeyPatch, target: t.Any, name: str, number: int
) -> t.Iterator[None]:
    """Root may write everywhere, so what the kernel would say is made up."""

    def refuse(*_arguments: t.Any, **_options: t.Any) -> t.NoReturn:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patched:
        patched.setattr(target, name, refuse)
        yield


@pytest.mark.parametrize(
    ("target", "name", "number"),
    [
        (_run_cache.os, "open", errno.EROFS),
        (_run_cache.os, "open", errno.ENOSPC),
        (_run_cache.tempfile, "mkstemp", errno.EACCES),
        (_run_cache.tempfile, "mkstemp", errno.ENOSPC),
        (_run_cache.json, "dump", errno.ENOSPC),
        (_run_cache.json, "dump", errno.EDQUOT),
        (_run_cache.os, "replace", errno.EIO),
        (fcntl, "flock", errno.ENOLCK),
        (fcntl, "flock", errno.ENOSYS),
    ],
)
def test_a_folder_that_takes_nothing_costs_the_cache_and_not_the_run(
    folder: pathlib.Path, monkeypatch: pytest.MonkeyPatch, target: t.Any, name: str, number: int
) -> None:
    cache = RunCache(str(folder), "x")
    with refused(monkeypatch, target, name, number):
        assert cache.get(lambda: DOCUMENT) == DOCUMENT
        with pytest.raises(UnavailableError, match="no answer"):
            RunCache(str(folder), "y").get(_fail)
    assert [
        file.name for file in folder.iterdir() if file.suffix not in (".json", ".lock", ".failed")
    ] == []


def test_a_disk_that_is_really_full(folder: pathlib.Path) -> None:
    """A limit on the size of files stands in for the disk: the kernel refuses the write itself."""
    cache = RunCache(str(folder), "x")
    large = {"compute": {"userData": "x" * 100_000}}

    def ask() -> t.Any:
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        return cache.get(lambda: large) == large

    assert in_processes(1, ask) == [True]
    assert [file.suffix for file in folder.iterdir()] == [".lock"]
    assert cache.get(lambda: large) == large
