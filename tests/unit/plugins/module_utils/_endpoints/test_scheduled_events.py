# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the form of scheduled events, their VMs, and their changes."""

from __future__ import annotations

import typing as t

import pytest
from documents import quick
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.imds.azure.plugins.module_utils._endpoints import scheduled_events
from ansible_collections.imds.azure.plugins.module_utils._errors import MalformedError

ID = "C7061BAC-AFDC-4513-B24B-AA5F13A16123"
BEGINS = 1775946418  # 2026-04-11T22:26:58Z
EVENT = {
    "EventId": ID,
    "EventStatus": "Scheduled",
    "EventType": "Freeze",
    "ResourceType": "VirtualMachine",
    "Resources": ["WestNO_0", "WestNO_1"],
    "NotBefore": "Mon, 11 Apr 2026 22:26:58 GMT",
    "Description": "Virtual machine is being paused.",
    "EventSource": "Platform",
    "DurationInSeconds": 5,
}


def shaped(now: float = BEGINS - 900, **fields: t.Any) -> dict[str, t.Any]:
    (event,) = scheduled_events.shaped_events({"Events": [{**EVENT, **fields}]}, now)
    return event


def test_an_event_keeps_its_names_and_gets_its_times() -> None:
    assert shaped() == {**EVENT, "not_before": "2026-04-11T22:26:58Z", "notice": 900}


def test_fields_that_old_versions_lack_are_present() -> None:
    # A capture of 2019, when events had no description, source and duration yet.
    event = {
        "EventId": ID,
        "EventStatus": "Scheduled",
        "EventType": "Freeze",
        "ResourceType": "VirtualMachine",
        "Resources": ["xxxx"],
        "NotBefore": "Thu, 26 Sep 2019 15:15:21 GMT",
    }
    assert scheduled_events.shaped_events({"DocumentIncarnation": 279, "Events": [event]}, 0) == [
        {
            **event,
            "Description": "",
            "EventSource": "",
            "DurationInSeconds": -1,
            "not_before": "2019-09-26T15:15:21Z",
            "notice": 1569510921,
        }
    ]


@pytest.mark.parametrize("not_before", ["", None])
def test_a_started_event_has_no_time_left(not_before: str | None) -> None:
    event = shaped(EventStatus="Started", NotBefore=not_before)
    assert (event["NotBefore"], event["not_before"], event["notice"]) == ("", "", 0)


@pytest.mark.parametrize(
    ("fields", "now", "notice"),
    [
        ({}, BEGINS - 0.5, 0),
        ({}, BEGINS - 1, 1),
        ({}, BEGINS + 60, 0),
        ({"NotBefore": "soon"}, BEGINS - 900, 0),
        ({"EventStatus": "Started"}, BEGINS - 900, 0),
    ],
)
def test_notice(fields: dict[str, t.Any], now: float, notice: int) -> None:
    assert shaped(now, **fields)["notice"] == notice


@pytest.mark.parametrize(
    ("sent", "seconds"),
    [(5, 5), (0, 0), (-1, -1), ("9", 9), (None, -1), ("", -1), (True, -1), ("many", -1), (1.5, -1)],
)
def test_durations_are_seconds(sent: t.Any, seconds: int) -> None:
    assert shaped(DurationInSeconds=sent)["DurationInSeconds"] == seconds


def test_unknown_fields_pass_through() -> None:
    event = shaped(EventType="Levitate", EventStatus="Pondered", New={"a": 1})
    assert (event["EventType"], event["EventStatus"], event["New"]) == (
        "Levitate",
        "Pondered",
        {"a": 1},
    )


@pytest.mark.parametrize(
    ("sent", "names"),
    [
        (None, []),
        ({"a": "a"}, []),
        ([1, "b", None, ["c"]], ["", "b", "", ""]),
        ("a", ["a"]),
        (" a ", ["a"]),
        ("a, b,c", ["a", "b", "c"]),
        ("a b;c", ["a b;c"]),
        ("", []),
        (" , ", []),
    ],
)
def test_resources_are_a_list_of_texts(sent: t.Any, names: list[str]) -> None:
    assert shaped(Resources=sent)["Resources"] == names


def test_resources_that_are_a_text_are_kept_as_they_were_sent() -> None:
    event = shaped(Resources="WestNO_0, WestNO_1")
    assert event["resources_text"] == "WestNO_0, WestNO_1"
    assert scheduled_events.about([event], "westno_1") == [event]
    # The role maintenance converts events that a module has already converted.
    assert scheduled_events.shaped_events({"Events": [event]}, BEGINS - 900) == [event]
    assert "resources_text" not in shaped()


@pytest.mark.parametrize(
    ("not_before", "iso"),
    [
        ("2026-04-11T22:26:58Z", "2026-04-11T22:26:58Z"),
        ("2026-04-11T22:26:58.1234567Z", "2026-04-11T22:26:58Z"),
        ("2026-04-11 22:26:58", "2026-04-11T22:26:58Z"),
        ("2026-04-12T00:26:58+02:00", "2026-04-11T22:26:58Z"),
        ("2026-04-31T22:26:58Z", ""),
    ],
)
def test_a_date_may_be_in_iso_form(not_before: str, iso: str) -> None:
    event = shaped(NotBefore=not_before)
    assert (event["NotBefore"], event["not_before"]) == (not_before, iso)
    assert event["notice"] == (900 if iso else 0)


@pytest.mark.parametrize(
    "data", [{"Events": None}, {"Events": []}, {"Events": None, "DocumentIncarnation": 7}]
)
def test_no_events(data: dict[str, t.Any]) -> None:
    document = scheduled_events.events_document(data)
    assert document["Events"] == []
    assert scheduled_events.incarnation_of(document) == data.get("DocumentIncarnation", 0)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ([], "no list of Events"),
        (None, "no list of Events"),
        ({}, "no list of Events"),
        ({"Events": ""}, "no list of Events"),
        ({"events": None}, "no list of Events"),
        ({"Events": {}}, "no list of Events"),
        ({"Events": ["a"]}, "no EventId"),
        ({"Events": [{}]}, "no EventId"),
        ({"Events": [{"EventId": 1}]}, "no EventId"),
    ],
)
def test_invalid_documents_of_events(data: t.Any, message: str) -> None:
    with pytest.raises(MalformedError, match=message):
        scheduled_events.events_document(data)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)


_FIELDS = {name: _JSON for name in EVENT if name != "EventId"}


@quick
@given(st.lists(st.fixed_dictionaries({"EventId": st.text()}, optional=_FIELDS)))
def test_any_document_is_refused_or_shaped(events: list[dict[str, t.Any]]) -> None:
    try:
        document = scheduled_events.events_document({"Events": events})
    except MalformedError:
        return
    shaped = scheduled_events.shaped_events(document, BEGINS)
    assert all(set(event) >= {*EVENT, "not_before", "notice"} for event in shaped)
    assert all(isinstance(event["DurationInSeconds"], int) for event in shaped)
    scheduled_events.changes(shaped, shaped)
    scheduled_events.about(shaped, "a")


@pytest.mark.parametrize(("sent", "count"), [(3, 3), ("3", 3), (None, 0), ("x", 0)])
def test_incarnation(sent: t.Any, count: int) -> None:
    assert scheduled_events.incarnation_of({"DocumentIncarnation": sent}) == count


def test_name_of_this_vm() -> None:
    assert scheduled_events.name_in({"compute": {"name": "web-0"}}) == "web-0"


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"compute": None},
        {"compute": {}},
        {"compute": {"name": ""}},
        {"compute": {"name": "x" * 1001}},
        # As an option, this means the events of all VMs.
        {"compute": {"name": "*"}},
    ],
)
def test_a_vm_without_name(document: dict[str, t.Any]) -> None:
    with pytest.raises(MalformedError, match=r"no compute\.name .* set resource"):
        scheduled_events.name_in(document)


@pytest.mark.parametrize(
    ("resource", "ids"),
    [("a", ["1", "2"]), ("A", ["1", "2"]), ("b", ["2"]), ("c", []), ("*", ["1", "2", "3"])],
)
def test_filtering_by_resource(resource: str, ids: list[str]) -> None:
    names: dict[str, list[str]] = {"1": ["A"], "2": ["a", "B"], "3": []}
    events = [{"EventId": key, "Resources": value} for key, value in names.items()]
    assert [event["EventId"] for event in scheduled_events.about(events, resource)] == ids


def test_others_in_an_event() -> None:
    event = {"Resources": ["a", "B", "c"]}
    assert scheduled_events.others_in(event, "b") == ["a", "c"]
    assert scheduled_events.others_in({"Resources": ["a"]}, "A") == []
    # For Python, the Kelvin sign is a capital k.
    assert scheduled_events.others_in({"Resources": ["wor\u212a"]}, "work") == ["wor\u212a"]
    assert not scheduled_events.is_alone(shaped(Resources=["wor\u212a"]), "work")


@pytest.mark.parametrize("name", ["WestNO_0", "westno_0"])
def test_an_event_for_one_vm_alone(name: str) -> None:
    assert scheduled_events.is_alone(shaped(Resources=[name]), "WestNO_0")


NOT_ALONE = [
    None,
    "WestNO_0",
    {"WestNO_0": "WestNO_0"},
    [],
    [""],
    [["WestNO_0"]],
    ["WestNO_0", ""],
    ["WestNO_0", None],
    ["WestNO_0", {}],
    ["WestNO_0", "WestNO_1"],
    ["WestNO_0", "westno_0"],
    ["WestNO_1"],
    [" WestNO_0"],
    "WestNO_0,",
    ["*"],
]


@pytest.mark.parametrize("sent", NOT_ALONE)
def test_an_event_that_may_be_for_other_vms(sent: t.Any) -> None:
    assert not scheduled_events.is_alone(shaped(Resources=sent), "WestNO_0")
    assert not scheduled_events.is_alone(shaped(Resources=sent), "*")
    assert not scheduled_events.is_alone(shaped(Resources=sent), "")


def test_a_number_is_not_the_name_of_a_vm() -> None:
    assert not scheduled_events.is_alone(shaped(Resources=[1]), "1")


def test_what_ansible_takes_for_a_mark_is_left_out() -> None:
    event = shaped(
        New=[{"__ansible_type": "x", "kept": {"__ansible_unsafe": "y"}}],
        __ansible_vault="z",
        Description="half \ud83d",
    )
    assert event["New"] == [{"kept": {}}]
    assert "__ansible_vault" not in event
    assert event["Description"] == "half \ufffd"


def test_events_by_id() -> None:
    events = [{"EventId": ID}, {"EventId": ID.lower()}, {"EventId": "other"}]
    assert scheduled_events.events_by_id(events, ID.lower()) == events[:2]
    assert scheduled_events.events_by_id(events, ID[:-1]) == []


def test_different_events_by_one_identifier_are_ambiguous() -> None:
    assert not scheduled_events.is_ambiguous([])
    assert not scheduled_events.is_ambiguous([shaped(), shaped()])
    assert scheduled_events.is_ambiguous([shaped(), shaped(EventId=ID.lower())])
    assert scheduled_events.is_ambiguous([shaped(), shaped(Resources=["WestNO_0"])])


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        (ID, True),
        (ID.lower(), True),
        (ID + "0", False),
        (ID[:-1], False),
        ("Reboot", False),
        ("", False),
        (ID + "\n", False),
    ],
)
def test_is_event_id(text: str, is_one: bool) -> None:
    assert scheduled_events.is_event_id(text) is is_one


def test_start_request() -> None:
    assert (
        scheduled_events.start_request('a"ü') == b'{"StartRequests": [{"EventId": "a\\"\\u00fc"}]}'
    )


def state(**statuses: str) -> list[dict[str, t.Any]]:
    return [{"EventId": key, "EventStatus": value} for key, value in statuses.items()]


def test_changes() -> None:
    before = state(gone="Scheduled", over="Started", same="Scheduled", begun="Scheduled")
    after = state(same="Scheduled", begun="Started", new="Scheduled", sudden="Started")
    found = scheduled_events.changes(before, after)
    assert [
        (change.change, change.event["EventId"], change.previous_status) for change in found
    ] == [
        ("disappeared", "gone", "Scheduled"),
        ("disappeared", "over", "Started"),
        ("status_changed", "begun", "Scheduled"),
        ("appeared", "new", ""),
        ("appeared", "sudden", ""),
    ]
    # The present and the last state.
    assert found[0].event is before[0]
    assert found[2].event is after[1]


def test_other_changes_are_not_reported() -> None:
    before = [{"EventId": "a", "EventStatus": "Scheduled", "NotBefore": "x", "notice": 900}]
    after = [{"EventId": "a", "EventStatus": "Scheduled", "NotBefore": "y", "notice": 890}]
    assert scheduled_events.changes(before, after) == []


def test_an_event_that_is_listed_twice_is_one() -> None:
    twice = state(a="Scheduled") * 2
    assert len(scheduled_events.changes([], twice)) == 1
    assert scheduled_events.changes(twice, twice) == []


_STATES = st.dictionaries(st.sampled_from("abcd"), st.sampled_from(["Scheduled", "Started"]))


@quick
@given(_STATES, _STATES)
def test_changes_lead_from_one_state_to_the_other(
    before: dict[str, str], after: dict[str, str]
) -> None:
    found = dict(before)
    for change in scheduled_events.changes(state(**before), state(**after)):
        if change.change == "disappeared":
            del found[change.event["EventId"]]
        else:
            assert change.previous_status == found.get(change.event["EventId"], "")
            found[change.event["EventId"]] = change.event["EventStatus"]
    assert found == after
