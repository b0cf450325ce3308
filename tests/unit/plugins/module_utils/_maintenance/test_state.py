# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the state of the role maintenance: its lock, its files, and its next steps."""

from __future__ import annotations

import fcntl
import json
import os
import pathlib
import subprocess
import sys
import typing as t

import pytest
from documents import quick
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.imds.azure.plugins.module_utils._endpoints.scheduled_events import (
    is_ambiguous,
    shaped_events,
)
from ansible_collections.imds.azure.plugins.module_utils._maintenance import state
from ansible_collections.imds.azure.plugins.module_utils._maintenance.state import (
    DRAINED,
    DRAINING,
    RESTORING,
    BusyError,
    Folder,
    LostError,
    State,
    Wanted,
    plan,
)

ID = "C7061BAC-AFDC-4513-B24B-AA5F13A16123"
OTHER_ID = "602D9444-D2CD-49C7-8624-8643E7171293"
ELSEWHERE = {"boot_id": "another machine", "namespace": "pid:[1]", "pid": 1, "started": "1"}


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def folder(tmp_path: pathlib.Path, clock: Clock) -> Folder:
    return Folder(str(tmp_path), clock, clock.sleep)


def event(event_id: str = ID, **fields: t.Any) -> dict[str, t.Any]:
    sent = {
        "EventId": event_id,
        "EventStatus": "Scheduled",
        "EventType": "Reboot",
        "Resources": ["web-0"],
        **fields,
    }
    return shaped_events({"Events": [sent]}, 0)[0]


def take(folder: Folder, run: dict[str, t.Any] | None = None, **options: t.Any) -> str:
    token, _warnings = folder.take(run or {}, **{"seconds": 900, "wait": 0, **options})
    return token


def done(folder: Folder) -> dict[str, str]:
    return {state.event["EventId"]: state.done for state in folder.states()[0]}


def test_a_lock_that_is_a_link_to_another_file_is_refused(
    folder: Folder, tmp_path: pathlib.Path
) -> None:
    mine = tmp_path.parent / "mine"
    mine.write_text("mine")
    for link in (os.link, os.symlink):
        link(mine, tmp_path / "lock")
        with pytest.raises(OSError, match=r"has other names: remove it|Too many levels"):
            take(folder)
        (tmp_path / "lock").unlink()
    assert mine.read_text() == "mine"
    assert take(folder)


# The lock.


def test_one_run_at_a_time(folder: Folder) -> None:
    token = take(folder)
    with pytest.raises(BusyError, match="Nothing was done: run the role again later"):
        take(folder)
    folder.release("of another run")
    with pytest.raises(BusyError):
        take(folder)
    folder.release(token)
    assert take(folder) != token


def test_a_run_waits_for_another(folder: Folder, clock: Clock) -> None:
    token = take(folder)

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        if clock.now > 1030:
            folder.release(token)

    assert take(Folder(folder.path, clock, sleep), wait=60)
    assert 1030 < clock.now < 1032


def test_the_wait_for_a_lock_is_limited(folder: Folder, clock: Clock) -> None:
    take(folder)
    with pytest.raises(BusyError):
        take(folder, wait=60)
    assert 1060 <= clock.now < 1062


def test_a_silent_run_from_elsewhere_is_taken_over(folder: Folder, clock: Clock) -> None:
    token = take(folder, ELSEWHERE)
    clock.now += 899
    folder.remember(token, event(), DRAINING)  # the call that renews the lock
    clock.now += 899
    with pytest.raises(BusyError, match="started from another machine"):
        take(folder)
    clock.now += 1
    _token, (warning,) = folder.take({}, 900, 0)
    assert "did not end" in warning
    for step in (
        lambda: folder.remember(token, event(), DRAINED),
        lambda: folder.remember_restoring(token),
        lambda: folder.forget(token, event()),
        lambda: folder.repair(token),
    ):
        with pytest.raises(LostError, match="maintenance_lock_seconds"):
            step()


def test_a_process_that_is_stopped_blocks_no_run_for_ever(folder: Folder) -> None:
    with open(f"{folder.path}/lock", "w") as stopped:
        fcntl.flock(stopped, fcntl.LOCK_EX)
        with pytest.raises(BusyError, match="for more than 20 s"):
            take(folder)
    assert take(folder)


def test_a_restart_of_the_vm_frees_the_lock(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    take(folder, ELSEWHERE)
    monkeypatch.setattr(state, "boot_id", lambda: "after the restart")
    assert take(folder)


def test_a_clock_that_began_anew_does_not_hold_the_lock_for_ever(
    folder: Folder, clock: Clock
) -> None:
    take(folder, ELSEWHERE)
    clock.now = 5.0
    assert take(folder)


@pytest.fixture
def child() -> t.Iterator[subprocess.Popen[bytes]]:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield child
    child.kill()
    child.communicate()


def test_a_dead_run_of_this_machine_is_taken_over(
    folder: Folder, child: subprocess.Popen[bytes]
) -> None:
    take(folder, state.process(child.pid))
    with pytest.raises(BusyError, match=f"process {child.pid} of this machine"):
        take(folder)
    child.kill()
    child.communicate()
    assert take(folder)


def test_another_process_of_the_same_number_is_not_the_run(folder: Folder) -> None:
    take(folder, {**state.process(os.getpid()), "started": "0"})
    assert take(folder)


def test_tasks_of_a_dead_run_are_waited_for(folder: Folder) -> None:
    token = take(folder, {**state.process(os.getpid()), "started": "0"})
    env = {**os.environ, state.RUN_VARIABLE: token}
    command = [sys.executable, "-c", "print(flush=True); input()"]
    task = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=env)
    try:
        assert task.stdout
        task.stdout.readline()  # Before the process starts the program, it has another environment.
        with pytest.raises(BusyError):
            take(folder)
        with pytest.raises(BusyError):
            take(folder, dead=token)
    finally:
        task.kill()
        task.communicate()
    assert take(folder)


def test_the_controller_knows_its_dead_runs(folder: Folder) -> None:
    token = take(folder, ELSEWHERE)
    with pytest.raises(BusyError) as busy:
        take(folder, dead="another one")
    assert busy.value.holder["token"] == token
    assert busy.value.holder["run"] == ELSEWHERE
    assert take(folder, dead=token)


@pytest.mark.parametrize("content", [b"", b'{"token": "a', b"[]", b"{}", b"\xff", b"[" * 9999])
def test_a_truncated_lock_does_not_count(folder: Folder, content: bytes) -> None:
    (pathlib.Path(folder.path) / "lock").write_bytes(content)
    assert take(folder)


@pytest.mark.parametrize("number", ["9" * 4000, "-" + "9" * 400, "1e400", "NaN", '"1"'])
@pytest.mark.parametrize("name", ["expires", "seconds"])
def test_a_lock_with_an_invalid_number_does_not_count(
    folder: Folder, name: str, number: str
) -> None:
    take(folder)
    lock = pathlib.Path(folder.path) / "lock"
    held = json.loads(lock.read_text())
    lock.write_text(json.dumps({**held, name: 0}).replace(f'"{name}": 0', f'"{name}": {number}'))
    assert take(folder)


@pytest.mark.parametrize("kind", ["fifo", "link", "folder"])
def test_a_lock_that_is_no_file(folder: Folder, tmp_path: pathlib.Path, kind: str) -> None:
    lock = pathlib.Path(folder.path) / "lock"
    {
        "fifo": lambda: os.mkfifo(lock),
        "link": lambda: lock.symlink_to(tmp_path / "elsewhere"),
        "folder": lock.mkdir,
    }[kind]()
    with pytest.raises(OSError):
        take(folder)
    assert not (tmp_path / "elsewhere").exists()


# The files.


def test_written_states_are_read(folder: Folder) -> None:
    token = take(folder)
    folder.remember(token, event(Description="ü{{"), DRAINING)
    assert folder.states()[0][0].event == event(Description="ü{{")
    folder.remember(token, event(), DRAINED)
    folder.remember(token, event(OTHER_ID), DRAINED)
    assert done(folder) == {ID: DRAINED, OTHER_ID: DRAINED}
    folder.remember_restoring(token)
    assert done(folder) == {ID: RESTORING, OTHER_ID: RESTORING}
    folder.forget(token, event())
    assert done(folder) == {OTHER_ID: RESTORING}


def test_a_run_that_lost_the_lock_and_restored_makes_the_next_one_drain(
    folder: Folder, clock: Clock
) -> None:
    slow = take(folder, ELSEWHERE)
    folder.remember(slow, event(), DRAINED)
    folder.remember_restoring(slow)
    clock.now += 900
    folder.remember(take(folder), event(OTHER_ID), DRAINED)
    with pytest.raises(LostError, match="the next run drains it again"):
        folder.forget(slow, event())
    assert done(folder)[OTHER_ID] == DRAINING


def test_a_restore_during_a_drain_spoils_the_drain(folder: Folder, clock: Clock) -> None:
    slow = take(folder, ELSEWHERE)
    clock.now += 900
    token = take(folder)
    folder.remember(token, event(), DRAINING)
    with pytest.raises(LostError):
        folder.forget(slow, event(OTHER_ID))
    with pytest.raises(LostError, match="has restored the VM while this run drained it"):
        folder.remember(token, event(), DRAINED)
    assert done(folder) == {ID: DRAINING}
    folder.release(token)
    folder.remember(take(folder), event(), DRAINED)


@pytest.mark.parametrize("name", [ID, ID.lower()])
def test_files_of_version_0_1_0(folder: Folder, name: str) -> None:
    (pathlib.Path(folder.path) / f"{name}.json").write_text(json.dumps(event(name, notice=60)))
    assert done(folder) == {name: DRAINED}
    token = take(folder)
    folder.remember(token, event(), DRAINING)
    assert done(folder) == {ID: DRAINING}
    folder.forget(token, event())
    assert done(folder) == {}
    assert os.listdir(folder.path) == ["lock"]


def test_a_file_of_version_0_1_0_with_another_name(folder: Folder) -> None:
    odd = "a/b"
    (pathlib.Path(folder.path) / "a_b.json").write_text(json.dumps(event(odd)))
    folder.forget(take(folder), event(odd))
    assert done(folder) == {}


ODD_IDS = ["", ".", "..", "../../x", "a/b", "a_b", "a\0b", "x" * 5000, "ü" * 300, "\ud83d", "a\n"]


def test_unusual_identifiers_have_different_files(folder: Folder) -> None:
    token = take(folder)
    for odd in ODD_IDS:
        folder.remember(token, event(odd), DRAINED)
    assert done(folder) == {odd.replace("\ud83d", "\ufffd"): DRAINED for odd in ODD_IDS}
    for odd in ODD_IDS:
        folder.forget(token, event(odd))
    assert os.listdir(folder.path) == ["lock"]


BROKEN = [b"", b'{"state": "drai', b"[]", b"{}", b'{"EventId": 1}', b"\xff", b"[" * 9999, b"1e999"]
BROKEN += [b'{"state": "new", "event": {"EventId": "a"}}', b'{"state": [], "event": {}}']


@pytest.mark.parametrize("content", BROKEN)
def test_a_truncated_file_is_renamed_and_its_name_is_used(folder: Folder, content: bytes) -> None:
    path = pathlib.Path(folder.path) / f"{ID}.json"
    path.write_bytes(content)
    token = take(folder)
    (warning,) = folder.repair(token)
    assert f"{ID}.json can't be read" in warning
    assert f"renamed to {ID}.json.unreadable" in warning
    assert (path.parent / f"{path.name}.unreadable").read_bytes() == content
    assert done(folder) == {ID: DRAINING}
    assert folder.repair(token) == []


@pytest.mark.parametrize("kind", ["file", "fifo", "link", "folder"])
def test_a_foreign_file_is_set_aside(folder: Folder, kind: str) -> None:
    path = pathlib.Path(folder.path) / "notes.json"
    {
        "file": lambda: path.write_text("hello"),
        "fifo": lambda: os.mkfifo(path),
        "link": lambda: path.symlink_to("/dev/zero"),
        "folder": path.mkdir,
    }[kind]()
    token = take(folder)
    folder.remember(token, event(), DRAINED)
    (warning,) = folder.repair(token)
    assert "restore it by hand" in warning
    assert done(folder) == {ID: DRAINED}


def test_check_mode_does_not_change_broken_files(folder: Folder) -> None:
    (pathlib.Path(folder.path) / f"{ID}.json").write_text("half")
    states, warnings = folder.states()
    assert [state.done for state in states] == [DRAINING]
    assert len(warnings) == 1
    assert os.listdir(folder.path) == [f"{ID}.json"]


def test_a_write_that_was_killed_leaves_the_file_before(folder: Folder) -> None:
    token = take(folder)
    folder.remember(token, event(), DRAINING)
    (pathlib.Path(folder.path) / ".new").write_text("half")
    assert done(folder) == {ID: DRAINING}
    folder.remember(token, event(), DRAINED)
    assert done(folder) == {ID: DRAINED}


# The next steps.

ALONE = Wanted([], 900, "alone", "web-0")
ALWAYS = ALONE._replace(approve="always")


def states(**found: str) -> list[State]:
    ids = {"one": ID, "other": OTHER_ID}
    return [State(event(ids[name]), what, ()) for name, what in found.items()]


def ids(events: t.Iterable[dict[str, t.Any]]) -> list[str]:
    return [each["EventId"] for each in events]


@pytest.mark.parametrize("before", [DRAINING, RESTORING])
def test_an_unfinished_drain_is_repeated(before: str) -> None:
    found = plan(states(one=before), [event()], ALONE._replace(approve="never"))
    assert (ids(found.due), found.restore, found.approvable) == ([ID], [], [])


def test_a_drained_event_is_due_until_it_is_approved() -> None:
    found = plan(states(one=DRAINED), [event(ID.lower())], ALONE)
    assert (ids(found.due), found.approvable) == ([ID.lower()], [ID.lower()])
    started = event(EventStatus="Started")
    assert plan(states(one=DRAINED), [started], ALONE) == ([], [], [], [])


@pytest.mark.parametrize("before", [DRAINING, DRAINED, RESTORING])
def test_restoring_waits_until_no_event_is_due(before: str) -> None:
    found = plan(states(one=before), [], ALONE)
    assert (found.due, ids(found.restore)) == ([], [ID])
    # One event may be over while the VM is drained for another event, or soon will be.
    assert plan(states(one=before), [event(OTHER_ID)], ALONE).restore == []
    later = event(OTHER_ID, NotBefore="Mon, 11 Apr 2036 22:26:58 GMT")
    assert ids(plan(states(one=before), [later], ALONE).restore) == [ID]
    assert plan(states(one=before, other=before), [later], ALONE).restore == []


@pytest.mark.parametrize(
    ("approve", "resources", "may"),
    [
        ("alone", ["WEB-0"], True),
        ("alone", ["web-0", "web-1"], False),
        ("alone", [], False),
        ("alone", "web-0", False),
        ("alone", ["web-0", None], False),
        ("alone", ["web-1"], False),
        ("always", ["web-0", "web-1"], True),
        ("always", [], True),
        ("never", ["web-0"], False),
    ],
)
def test_approvable_events(approve: str, resources: t.Any, may: bool) -> None:
    found = plan([], [event(Resources=resources)], ALONE._replace(approve=approve))
    assert (ids(found.due), found.approvable) == ([ID], [ID] if may else [])


@pytest.mark.parametrize("types", [["reboot"], [" Reboot ", "x"], [], [""]])
def test_chosen_types(types: list[str]) -> None:
    assert ids(plan([], [event()], ALONE._replace(types=types)).due) == [ID]


@pytest.mark.parametrize("types", [["Re"], ["Boot"], [".*"]])
def test_other_types(types: list[str]) -> None:
    assert plan([], [event()], ALONE._replace(types=types)).due == []


@pytest.mark.parametrize("odd", ["", " ", " a", "a\n"])
def test_an_event_with_an_unusual_identifier_is_only_not_approved(odd: str) -> None:
    found = plan([], [event(odd), event()], ALWAYS)
    assert (ids(found.due), found.approvable) == ([odd, ID], [ID])
    assert len(found.warnings) == 1


def test_events_with_identifiers_that_differ_in_casing_are_drained_but_not_approved() -> None:
    found = plan([], [event(), event(ID.lower()), event(OTHER_ID)], ALWAYS)
    assert (ids(found.due), found.approvable) == ([ID, OTHER_ID], [OTHER_ID])
    assert "different events" in found.warnings[0]
    # The same event in the list twice is one event.
    twice = plan([], [event(), event()], ALWAYS)
    assert (ids(twice.due), twice.warnings) == ([ID], [])


@pytest.mark.parametrize("identifiers", [[ID], [ID, ID.lower()], [ID, OTHER_ID], ["odd", ""]])
def test_events_of_one_identifier_are_compared_once(
    monkeypatch: pytest.MonkeyPatch, identifiers: list[str]
) -> None:
    compared = []

    def counted(events: t.Sequence[t.Any]) -> bool:
        compared.append(len(events))
        return is_ambiguous(events)

    monkeypatch.setattr(state, "is_ambiguous", counted)
    plan([], [event(each) for each in identifiers * 100], ALWAYS)
    assert sum(compared) == 100 * len(identifiers)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
_FIELDS = dict.fromkeys(("EventStatus", "EventType", "Resources", "NotBefore", "New"), _JSON)


@quick
@given(st.lists(st.fixed_dictionaries({"EventId": st.text()}, optional=_FIELDS)))
def test_a_hostile_event_does_not_affect_others(sent: list[dict[str, t.Any]]) -> None:
    events = [*shaped_events({"Events": sent}, 0), event()]
    found = plan([], events, ALONE)
    assert ID in ids(found.due)
    assert ID in found.approvable


def test_a_flood_of_events_is_cut() -> None:
    flood = [event(f"{number:036}") for number in range(60)]
    found = plan([], flood, ALONE)
    assert ids(found.due) == ids(flood[:50])
    assert "60 events are due: this run handles the first 50" in found.warnings
