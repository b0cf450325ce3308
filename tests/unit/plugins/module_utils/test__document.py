# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests documents: reading, types, tags and addresses."""

from __future__ import annotations

import contextlib
import copy
import json
import typing as t

import pytest
from documents import anything, documents, quick
from doubles import load
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.imds.azure.plugins.module_utils._document import (
    MAX_DEPTH,
    addresses_of,
    cleaned,
    instance_document,
    marked_tags,
    parse_json,
    parse_json_text,
    part,
    tags_of,
    typed,
    without_nulls,
)
from ansible_collections.imds.azure.plugins.module_utils._errors import (
    MalformedError,
)

EVERYTHING = load("everything")

# Reading


@pytest.mark.parametrize("depth", [1, MAX_DEPTH - 1, MAX_DEPTH])
def test_documents_may_nest(depth: int) -> None:
    value = parse_json(b"[" * depth + b"]" * depth)
    for _level in range(depth - 1):
        (value,) = value
    assert value == []


@pytest.mark.parametrize("depth", [MAX_DEPTH + 2, 500, 100_000])
@pytest.mark.parametrize("brackets", [("[", "]"), ('{"a":', "}")])
def test_the_depth_of_documents_is_limited(depth: int, brackets: tuple[str, str]) -> None:
    opening, closing = brackets
    with pytest.raises(ValueError, match="nests deeper than 64 levels"):
        parse_json_text(opening * depth + "1" + closing * depth)


def test_many_sibling_brackets_are_not_deep() -> None:
    assert parse_json_text("[" + "[[]]," * 1000 + "[]]") == [[[]]] * 1000 + [[]]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "Expecting value: line 1 column 1"),
        (b"secret", "Expecting value"),
        (b'{"a": "\xff"}', "byte 7 is not UTF-8"),
        (b'{"a": NaN}', "NaN is not JSON"),
        (b"[-Infinity]", "-Infinity is not JSON"),
        (b"[1e999]", "a number is too large"),
        (b"[" + b"9" * 4301 + b"]", "a number is too large"),
        (b'{"a": -' + b"9" * 4301 + b"}", "a number is too large"),
        (b"1" * 3_000_000, "a number is too large"),
    ],
)
def test_an_error_about_invalid_json_quotes_no_content(body: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        parse_json(body)
    assert "secret" not in str(caught.value)


@quick
@given(
    st.binary(max_size=50) | st.text(alphabet='{}[]",:1eE+-.tfn \\u', max_size=30).map(str.encode)
)
def test_parsing_returns_data_or_raises_value_error(body: bytes) -> None:
    data = None
    with contextlib.suppress(ValueError):
        data = parse_json(body)
    json.dumps(data, allow_nan=False, ensure_ascii=False).encode("utf-8")


MARKED = {
    "__ansible_type": "_AnsibleTaggedStr",
    "value": "{{ 1 + 1 }}",
    "tags": [{"__ansible_type": "TrustedAsTemplate"}],
}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (json.dumps(MARKED), {"value": "{{ 1 + 1 }}", "tags": [{}]}),
        ('{"a": [{"__ansible_vault": {"b": 1}, "__ansible_": 2, "c": 3}]}', {"a": [{"c": 3}]}),
        ('{"_\\u005fansible_unsafe": 1, "__\\u0061nsible_x": 2}', {}),
        ('{"\\u005F\\u005F\\u0061\\u006E\\u0073\\u0069\\u0062\\u006C\\u0065\\u005Fx": 1}', {}),
        ('{"_ansible_x": 1, "ansible__x": 2}', {"_ansible_x": 1, "ansible__x": 2}),
        ('{"name": "__ansible_vault"}', {"name": "__ansible_vault"}),
        ('["\\ud83d", "a\\uDE00b", "\\uDFFF"]', ["\ufffd", "a\ufffdb", "\ufffd"]),
        ('{"\\ud83d": {"\\udc00x": 1}}', {"\ufffd": {"\ufffdx": 1}}),
        ('["\\ud83d\\ude00", "\\u00e9", "\\\\ud83d"]', ["\U0001f600", "é", "\\ud83d"]),
    ],
)
def test_marks_and_lone_surrogates_are_removed(text: str, wanted: t.Any) -> None:
    assert parse_json(text.encode()) == wanted


def test_a_document_that_has_to_be_cleaned_may_nest_as_deep_as_any_other() -> None:
    inner = '{"__ansible_vault": 1}'
    depth = MAX_DEPTH - 1
    for limit in (depth, 100_000):
        text = "[" * limit + inner + "]" * limit
        if limit == depth:
            assert json.dumps(parse_json_text(text)) == "[" * limit + "{}" + "]" * limit
        else:
            with pytest.raises(ValueError, match="nests deeper than 64 levels"):
                parse_json_text(text)


class _Text(str):
    """A text of another type, like Ansible's marked texts."""

    __slots__ = ()


def test_data_from_other_readers_is_cleaned() -> None:
    """An object of another type, as in a fact cache, where older versions of Ansible convert marks to other types."""
    found = cleaned({"tags": object(), "é": (_Text("\udc00"), 1, None), _Text("__ansible_x"): 1})
    assert found == {"tags": "", "é": ["\ufffd", 1, None]}
    assert {type(text) for text in (*found, *found["é"][:1])} == {str}
    # The facts of a large fleet are in memory only once.
    assert cleaned(EVERYTHING) is EVERYTHING


@pytest.mark.parametrize("data", [{}, {"compute": {}}, {"network": None}, {"later": 1}])
def test_an_instance_document(data: dict[str, t.Any]) -> None:
    assert instance_document(data) is data


@pytest.mark.parametrize("data", [None, [], "", 1, 1.5, False, {"compute": []}, {"network": ""}])
def test_invalid_instance_documents(data: t.Any) -> None:
    with pytest.raises(MalformedError, match=r"not an (instance document|object)"):
        instance_document(data)


# Types


def shaped(document: dict[str, t.Any]) -> dict[str, t.Any]:
    """The complete document in the form of the fact."""
    own = copy.deepcopy(document)
    parts = {
        name: typed(name, part(own, name))
        for name in ("compute", "network")
        if isinstance(document.get(name), dict)
    }
    return t.cast("dict[str, t.Any]", without_nulls({**document, **parts}))


def test_documented_booleans_and_quantities() -> None:
    before = copy.deepcopy(EVERYTHING)
    compute = shaped(EVERYTHING)["compute"]
    assert before == EVERYTHING
    storage = compute["storageProfile"]
    first, second = storage["dataDisks"]
    assert {
        "hibernation": compute["additionalCapabilities"]["hibernationEnabled"],
        "layer": compute["isHostCompatibilityLayerVm"],
        "standby": compute["isVmInStandbyPool"],
        "password": compute["osProfile"]["disablePasswordAuthentication"],
        "host": compute["securityProfile"]["encryptionAtHost"],
        "secure": compute["securityProfile"]["secureBootEnabled"],
        "tpm": compute["securityProfile"]["virtualTpmEnabled"],
        "encryption": storage["osDisk"]["encryptionSettings"]["enabled"],
        "accelerator": storage["osDisk"]["writeAcceleratorEnabled"],
        "size": storage["osDisk"]["diskSizeGB"],
        "resource": storage["resourceDisk"]["size"],
    } == {
        "hibernation": True,
        "layer": True,
        "standby": False,
        "password": True,
        "host": False,
        "secure": True,
        "tpm": True,
        "encryption": False,
        "accelerator": False,
        "size": 30,
        "resource": 34603008,
    }
    numbers = (
        "lun",
        "diskSizeGB",
        "bytesPerSecondThrottle",
        "diskCapacityBytes",
        "opsPerSecondThrottle",
    )
    assert [first[name] for name in numbers] == [0, 1024, 979202048, 274877906944, 65280]
    assert [second[name] for name in numbers] == [63, 1024, "", "", ""]
    assert [disk["isUltraDisk"] for disk in (first, second)] == [True, ""]
    assert [disk["isSharedDisk"] for disk in (first, second)] == [False, ""]
    interface = shaped(EVERYTHING)["network"]["interface"][0]
    assert interface["ipv4"]["subnet"] == [{"address": "10.0.0.0", "prefix": 24}]
    assert interface["ipv4"]["ipAddressBlock"] == [{"address": "10.244.0.0", "prefix": 28}]
    assert interface["ipv6"]["subnet"] == [{"address": "fd00:db8::", "prefix": 64}]


def test_identifiers_stay_text() -> None:
    compute = shaped(EVERYTHING)["compute"]
    names = (
        "zone",
        "platformFaultDomain",
        "platformUpdateDomain",
        "platformSubFaultDomain",
        "vmId",
    )
    assert [compute[name] for name in names] == ["3", "0", "04", "", EVERYTHING["compute"]["vmId"]]


def test_exactly_these_values_change_their_type() -> None:
    changed = {
        route: (before, after)
        for (route, before), (_same, after) in zip(
            leaves(EVERYTHING), leaves(shaped(EVERYTHING)), strict=True
        )
        if type(before) is not type(after)
    }
    assert len(changed) == 26, (
        "count here the values of tests/unit/fixtures/everything.json with a type in _TYPED"
    )
    for before, after in changed.values():
        assert before.lower() == str(after).lower()


def leaves(
    value: t.Any, route: tuple[t.Any, ...] = ()
) -> t.Iterator[tuple[tuple[t.Any, ...], t.Any]]:
    if isinstance(value, (dict, list)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, child in items:
            yield from leaves(child, (*route, key))
    else:
        yield route, value


@pytest.mark.parametrize(
    ("given_", "wanted"),
    [
        ("", ""),
        ("64", 64),
        ("-1", -1),
        ("007", 7),
        ("9" * 18, int("9" * 18)),
        ("9" * 19, "9" * 19),
        ("1.5", "1.5"),
        ("0x10", "0x10"),
        (" 1", " 1"),
        ("1\n", "1\n"),
        ("1_000", "1_000"),
        ("٣", "٣"),
        (5, 5),
        (None, ""),
        ([], []),
    ],
)
def test_a_quantity_becomes_an_integer_or_stays_unchanged(given_: t.Any, wanted: t.Any) -> None:
    document = {"compute": {"storageProfile": {"resourceDisk": {"size": given_}}}}
    found = shaped(document)["compute"]["storageProfile"]["resourceDisk"]["size"]
    assert (found, type(found)) == (wanted, type(wanted))


@pytest.mark.parametrize(
    ("given_", "wanted"),
    [
        ("true", True),
        ("False", False),
        ("TRUE", True),
        ("", ""),
        ("yes", "yes"),
        ("1", "1"),
        (" true", " true"),
        (True, True),
        (None, ""),
        ({}, {}),
    ],
)
def test_a_boolean_text_becomes_a_boolean_or_stays_unchanged(given_: t.Any, wanted: t.Any) -> None:
    found = shaped({"compute": {"isHostCompatibilityLayerVm": given_}})
    assert found["compute"]["isHostCompatibilityLayerVm"] is wanted or given_ == wanted


def test_unknown_values_pass_through() -> None:
    document = {"compute": {"later": {"enabled": "true", "size": ["1"]}}, "new": {"lun": "0"}}
    assert shaped(document) == document


@quick
@given(documents)
def test_type_conversion_never_raises_and_keeps_all_keys(document: dict[str, t.Any]) -> None:
    found = shaped(document)
    assert shaped(found) == found
    before = without_nulls(document)
    for (route, value), (same, after) in zip(leaves(before), leaves(found), strict=True):
        assert route == same
        assert str(after).lower() == str(value).lower() or int(after) == int(value)


# Tags


def test_tags() -> None:
    tags, guessed = tags_of(EVERYTHING["compute"])
    assert not guessed
    assert tags == {
        "Role": "WebRole",
        "Env": "",
        "when": "2026-01-31T12:00:00Z",
        "list": "a;b",
        "ключ": "значение",
        "jinja": "{{ 7 * 7 }}",
    }


@pytest.mark.parametrize(
    ("compute", "tags", "guessed"),
    [
        ({}, {}, False),
        ({"tags": ""}, {}, False),
        ({"tags": "a:b;c:d"}, {"a": "b", "c": "d"}, True),
        ({"tags": "a:b:c;d;e:"}, {"a": "b:c", "d": "", "e": ""}, True),
        ({"tags": "a:1;a:2"}, {"a": "1"}, True),
        ({"tags": ";;:x;a:b;"}, {"a": "b"}, True),
        ({"tags": "list:a; b"}, {"list": "a", " b": ""}, True),
        ({"tags": "a:b", "tagsList": []}, {}, False),
        ({"tags": "a:b", "tagsList": None}, {"a": "b"}, True),
        ({"tags": "a:b", "tagsList": ""}, {"a": "b"}, True),
        ({"tags": ["a:b"]}, {}, False),
        ({"tagsList": [{"name": "a", "value": None}, {"name": "b"}]}, {"a": "", "b": ""}, False),
        ({"tagsList": [{"name": "a", "value": 1}, {"name": "a", "value": 2}]}, {"a": 1}, False),
        ({"tagsList": ["a", None, {}, {"name": 5, "value": "x"}, {"value": "x"}]}, {}, False),
        ({"tagsList": [{"name": "", "value": "x"}]}, {"": "x"}, False),
        ({"tagsList": [{"name": "__ansible_vault", "value": "x"}]}, {}, False),
        ({"tags": "__ansible_unsafe:x;a:b;__ansible_"}, {"a": "b"}, True),
    ],
)
def test_odd_tags(compute: dict[str, t.Any], tags: dict[str, str], guessed: bool) -> None:
    assert tags_of(compute) == (tags, guessed)


def test_names_that_tags_can_not_have_are_known() -> None:
    pairs = [{"name": name, "value": "x"} for name in ("__ansible_type", "Role", "__ansible_")]
    assert marked_tags({"tagsList": pairs}) == ["__ansible_type", "__ansible_"]
    assert marked_tags({"tags": "__ansible_type:x;Role:y;_ansible_z:1"}) == ["__ansible_type"]
    assert marked_tags(EVERYTHING["compute"]) == []


# Addresses


def test_addresses_are_ipv4_then_ipv6_in_the_order_of_the_document() -> None:
    assert addresses_of(EVERYTHING["network"]) == {
        "private": ["10.0.0.4", "10.0.0.5", "10.0.1.4", "fd00:db8::4", "fd00:db8:1::4"],
        "public": ["203.0.113.7"],
    }


@quick
@given(anything)
def test_addresses_of_anything(data: t.Any) -> None:
    found = addresses_of(part({"network": {"interface": data}}, "network"))
    assert all(address and isinstance(address, str) for kind in found.values() for address in kind)
