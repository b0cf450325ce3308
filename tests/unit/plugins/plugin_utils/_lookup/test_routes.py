# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests routes, and their values in a document."""

from __future__ import annotations

import typing as t

import pytest
from documents import SHAPES, quick
from doubles import Request, Response, client, load, ok, refusal, text
from hypothesis import example, given
from hypothesis import strategies as st

from ansible_collections.imds.azure.plugins.module_utils._errors import (
    ImdsError,
    NotFoundError,
    OptionError,
)
from ansible_collections.imds.azure.plugins.plugin_utils._lookup.routes import (
    ask_route,
    parse_route,
    walk,
)
from imds_simulator import Vm
from imds_simulator._messages import Request as SimulatorRequest
from imds_simulator._routes import answer

EVERYTHING = load("everything")


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
def test_the_message_about_a_missing_route_names_existing_keys(route: str, message: str) -> None:
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
    """The answer of the simulated service for the same route."""
    vm = Vm("web-1", document)

    def send(request: Request, _timeout: float) -> Response:
        target = request.url[len("http://169.254.169.254") :]
        found = answer(vm, SimulatorRequest.parse("GET", target, list(request.headers.items())))
        return Response(found.status, {"content-type": found.content_type}, found.body)

    return ask_route(client(send), route).data


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
    # All fields of all versions, because the code for routes does not depend on versions.
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
