# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documents: reading, types, tags, addresses and routes."""

from __future__ import annotations

import contextlib
import copy
import json
import typing as t

import pytest
from documents import SHAPES, anything, documents, quick
from doubles import Request, Response, client, load, ok, refusal, text
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.imds.azure.plugins.module_utils._document import (
    MAX_DEPTH,
    addresses_of,
    instance_document,
    parse_json,
    parse_json_text,
    parse_route,
    part,
    tags_of,
    typed,
    walk,
    without_nulls,
)
from ansible_collections.imds.azure.plugins.module_utils._errors import (
    ImdsError,
    MalformedError,
    NotFoundError,
    OptionError,
)
from simulator import Vm
from simulator._messages import Request as SimulatorRequest
from simulator._routes import answer

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
def test_but_not_without_end(depth: int, brackets: tuple[str, str]) -> None:
    opening, closing = brackets
    with pytest.raises(ValueError, match="nests deeper than 64 levels"):
        parse_json_text(opening * depth + "1" + closing * depth)


def test_many_brackets_side_by_side_are_no_depth() -> None:
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
        (b"[" + b"9" * 5000 + b"]", "too large|Exceeds the limit"),
    ],
)
def test_what_is_no_json_says_so_without_its_content(body: bytes, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        parse_json(body)
    assert "secret" not in str(caught.value)


@quick
@given(
    st.binary(max_size=50) | st.text(alphabet='{}[]",:1eE+-.tfn \\u', max_size=30).map(str.encode)
)
def test_reading_gives_data_or_a_value_error(body: bytes) -> None:
    data = None
    with contextlib.suppress(ValueError):
        data = parse_json(body)
    json.dumps(data, allow_nan=False)


@pytest.mark.parametrize("data", [{}, {"compute": {}}, {"network": None}, {"later": 1}])
def test_an_instance_document(data: dict[str, t.Any]) -> None:
    assert instance_document(data) is data


@pytest.mark.parametrize("data", [None, [], "", 1, 1.5, False, {"compute": []}, {"network": ""}])
def test_no_instance_document(data: t.Any) -> None:
    with pytest.raises(MalformedError, match=r"not an (instance document|object)"):
        instance_document(data)


# Types


def shaped(document: dict[str, t.Any]) -> dict[str, t.Any]:
    """The whole document as the fact has it."""
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
    assert len(changed) == 26
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
def test_a_quantity_is_an_integer_or_what_it_was(given_: t.Any, wanted: t.Any) -> None:
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
def test_a_boolean_is_one_or_what_it_was(given_: t.Any, wanted: t.Any) -> None:
    found = shaped({"compute": {"isHostCompatibilityLayerVm": given_}})
    assert found["compute"]["isHostCompatibilityLayerVm"] is wanted or given_ == wanted


def test_what_is_not_known_passes_through() -> None:
    document = {"compute": {"later": {"enabled": "true", "size": ["1"]}}, "new": {"lun": "0"}}
    assert shaped(document) == document


@quick
@given(documents)
def test_shaping_never_raises_and_loses_nothing(document: dict[str, t.Any]) -> None:
    found = shaped(document)
    assert shaped(found) == found
    for (route, value), (same, after) in zip(leaves(document), leaves(found), strict=True):
        assert route == same
        assert str(after).lower() == ("" if value is None else str(value)).lower() or int(
            after
        ) == int(value)


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
    ],
)
def test_odd_tags(compute: dict[str, t.Any], tags: dict[str, str], guessed: bool) -> None:
    assert tags_of(compute) == (tags, guessed)


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


# Routes


@pytest.mark.parametrize(
    ("route", "segments"),
    [
        ("instance", ("instance",)),
        ("/instance", ("instance",)),
        ("/metadata/instance/", ("instance",)),
        ("metadata/instance/compute", ("instance", "compute")),
        ("instance/compute/tagsList/0/näme", ("instance", "compute", "tagsList", "0", "näme")),
        ("instance/a..b/..c", ("instance", "a..b", "..c")),
    ],
)
def test_routes(route: str, segments: tuple[str, ...]) -> None:
    assert parse_route(route) == segments


@pytest.mark.parametrize(
    "route",
    [
        "",
        "/",
        "///",
        "metadata",
        "/metadata/",
        "instance//compute",
        "instance/../identity",
        "instance/./compute",
        "instance?format=text",
        "instance#x",
        "scheduledevents%3Fapi-version=2019-08-01",
        "instance/%2e%2e/identity",
        "instance\\compute",
        "instance/a b",
        "instance/a\nb",
        "instance/\x7f",
        "instance/\x00",
        " instance",
    ],
)
def test_no_routes(route: str) -> None:
    with pytest.raises(OptionError, match="is not an IMDS route") as caught:
        parse_route(route)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("route", "value"),
    [
        ("compute/name", "wéb-日本-1"),
        ("compute/zone", "3"),
        ("compute/publicKeys/1/path", "/home/ü/.ssh/authorized_keys"),
        ("network/interface/1/ipv4/ipAddress/0", {"privateIpAddress": "10.0.1.4"}),
        ("network/interface/2/ipv6/ipAddress", []),
    ],
)
def test_walking(route: str, value: t.Any) -> None:
    assert walk(EVERYTHING, route.split("/"), "instance") == value


@pytest.mark.parametrize(
    ("value", "words"),
    [("x", "x"), ("", ""), (None, ""), (True, "true"), (False, "false"), (5, "5"), (0.5, "0.5")],
)
def test_a_leaf_is_text(value: t.Any, words: str) -> None:
    assert walk({"a": value}, ["a"], "instance") == words


@pytest.mark.parametrize(
    ("route", "message"),
    [
        ("compute/nam", "there is no 'instance/compute/nam': 'instance/compute' has additionalCap"),
        ("Compute", "there is no 'instance/Compute': 'instance' has compute, network"),
        ("compute/name/x", "'instance/compute/name' is a value and has nothing below it"),
        ("network/interface/3", "'instance/network/interface' is a list of 3 (0 to 2)"),
        ("network/interface/00", "is a list of 3 (0 to 2)"),
        ("network/interface/-1", "is a list of 3 (0 to 2)"),
        ("network/interface/+0", "is a list of 3 (0 to 2)"),
        ("network/interface/٠", "is a list of 3 (0 to 2)"),
        ("network/interface/1e0", "is a list of 3 (0 to 2)"),
        ("network/interface/" + "9" * 5000, "is a list of 3 (0 to 2)"),
        ("network/interface/2/ipv4/ipAddress/0", "ipAddress' is a list of 0"),
    ],
)
def test_a_route_that_does_not_exist_names_what_does(route: str, message: str) -> None:
    with pytest.raises(NotFoundError) as caught:
        walk(EVERYTHING, route.split("/"), "instance")
    assert message in str(caught.value)
    assert len(str(caught.value)) < 3000


def routes_of(value: t.Any, above: tuple[str, ...] = ("instance",)) -> t.Iterator[tuple[str, ...]]:
    yield above
    if isinstance(value, (dict, list)):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, child in items:
            yield from routes_of(child, (*above, str(key)))


def asked_directly(document: dict[str, t.Any], route: str) -> t.Any:
    """What the client gets from the simulated service for that very route."""
    vm = Vm("web-1", document)

    def send(request: Request, _timeout: float) -> Response:
        target = request.url[len("http://169.254.169.254") :]
        found = answer(vm, SimulatorRequest.parse("GET", target, list(request.headers.items())))
        return Response(found.status, {"content-type": found.content_type}, found.body)

    return client(send).route(route).data


def outcome(ask: t.Callable[[], t.Any]) -> t.Any:
    try:
        return ask()
    except NotFoundError:
        return NotFoundError
    except ImdsError as exc:
        return type(exc)


@pytest.mark.parametrize("name", SHAPES)
def test_cached_and_direct_lookups_agree_on_every_route(name: str) -> None:
    document = SHAPES[name]
    # Every field, whatever the version that introduced it: the walk knows nothing of versions.
    served = asked_directly(document, "instance")
    for segments in routes_of(served):
        walked = walk(served, segments[1:], "instance")
        assert asked_directly(document, "/".join(segments)) == walked
        for wrong in ("nothing", "0x", "99"):
            missing = (*segments, wrong)
            assert outcome(lambda m=missing: asked_directly(document, "/".join(m))) is NotFoundError
            assert outcome(lambda m=missing: walk(served, m[1:], "instance")) is NotFoundError


keys = st.text(alphabet="abcÄ日09-_~.+@:&='", min_size=1, max_size=4).filter(
    lambda key: key not in (".", "..")
)
trees = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=8,
)


@quick
@given(st.dictionaries(keys, trees, max_size=3), st.lists(keys, max_size=3))
@example({"a": {"b": None}}, ["a", "b", "c"])
def test_cached_and_direct_lookups_agree_on_any_document(
    document: dict[str, t.Any], guess: list[str]
) -> None:
    for segments in [*routes_of(document), ("instance", *guess)]:
        route = "/".join(parse_route("/".join(segments)))
        walked = outcome(lambda s=segments: walk(document, s[1:], "instance"))
        assert outcome(lambda r=route: asked_directly(document, r)) == walked


def test_the_helpers_answer_as_the_service() -> None:
    assert ok({"b": 1, "a": "ü"}).body == '{"a":"ü","b":1}'.encode()
    assert (text("x").status, refusal(410, retry_after="1").headers) == (200, {"retry-after": "1"})
