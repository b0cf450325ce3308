# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests instance documents without a part: the exact requests, and the results of the answers."""

from __future__ import annotations

import json
import pathlib
import subprocess
import sys
import typing as t

import pytest
from doubles import BASE, NETWORK, Always, Clock, Script, client, ok, refusal, unknown_version

from ansible_collections.imds.azure.plugins.module_utils._client import ImdsClient
from ansible_collections.imds.azure.plugins.module_utils._errors import (
    MalformedError,
    TransportError,
    UnavailableError,
)
from ansible_collections.imds.azure.plugins.module_utils._service import IMDS
from ansible_collections.imds.azure.plugins.module_utils._transport import Transport, http_transport
from ansible_collections.imds.azure.plugins.plugin_utils._requests_transport import (
    requests_transport,
)
from imds_simulator import Fault, Simulator, Vm

COMPUTE = {"name": "web-1", "vmId": "1"}
WHOLE = {"compute": COMPUTE, "network": NETWORK}
NEWEST_TESTED = IMDS.newest
URL = f"{BASE}/instance?api-version={NEWEST_TESTED}"
FULL_URL = f"{URL}&extended=true"
EXTENDED = {"extended": {"compute": {"hasCustomData": False}}}

WITHOUT_NETWORK: list[dict[str, t.Any]] = [
    {"compute": COMPUTE},
    {"compute": COMPUTE, "network": None},
    {"compute": COMPUTE, "network": {}},
    {"compute": COMPUTE, "network": {"interface": []}},
    {"compute": COMPUTE, "network": {"interface": None}},
    {"compute": COMPUTE, "network": {"interface": [{}]}},
]
WITHOUT_COMPUTE: list[dict[str, t.Any]] = [
    {"network": NETWORK},
    {"network": NETWORK, "compute": None},
    {"network": NETWORK, "compute": {}},
    {"network": NETWORK, "compute": {"name": "", "vmId": ""}},
]
WITHOUT_BOTH: list[dict[str, t.Any]] = [
    {},
    {"later": 1},
    {"compute": None, "network": None},
    {"compute": {}, "network": {"interface": []}},
    EXTENDED,
]


@pytest.mark.parametrize("part", [*WITHOUT_NETWORK, *WITHOUT_COMPUTE, *WITHOUT_BOTH])
def test_an_incomplete_document_is_requested_again(part: dict[str, t.Any]) -> None:
    clock = Clock()
    with Script((URL, ok(part)), (URL, ok(part)), (URL, ok(WHOLE))) as send:
        found = client(send, clock).instance()
    assert {name: found.data[name] for name in WHOLE} == WHOLE
    assert found[2:] == ((), ())
    assert clock.sleeps == [1.0, 1.5]


@pytest.mark.parametrize(
    ("part", "missing"),
    [(one, "network") for one in WITHOUT_NETWORK] + [(one, "compute") for one in WITHOUT_COMPUTE],
)
def test_a_missing_part_is_accepted_with_a_notice(part: dict[str, t.Any], missing: str) -> None:
    clock = Clock()
    send = Always(ok(part), clock)
    found = client(send, clock).instance()
    assert (found.data, found.incomplete) == (part, (missing,))
    (notice,) = found.notices
    assert notice.startswith(f"GET {URL} was answered without {missing}, after 3 attempts, so")
    assert "the role imds.azure.diagnose" in notice
    assert "azure_imds_complete" in notice
    assert ("Classic VMs" in notice) is (missing == "compute")
    assert clock.sleeps == [1.0, 1.5]


@pytest.mark.parametrize("nothing", WITHOUT_BOTH)
@pytest.mark.parametrize("complete", [False, True])
def test_neither_part_is_an_error(nothing: dict[str, t.Any], complete: bool) -> None:
    clock = Clock()
    words = "was answered, but with neither compute nor network, after 3 attempts. Try again later"
    with pytest.raises(MalformedError, match=words) as caught:
        client(Always(ok(nothing)), clock).instance(complete=complete)
    assert (caught.value.status, caught.value.answered) == (200, True)


def test_two_incomplete_answers_complete_each_other() -> None:
    with Script((URL, ok({"compute": COMPUTE})), (URL, ok({"network": NETWORK}))) as send:
        found = client(send).instance()
    assert (found.data, found.incomplete) == (WHOLE, ())


@pytest.mark.parametrize(
    "trouble", [refusal(500), refusal(404), ok([]), ok({}), TransportError("connection reset")]
)
def test_a_failed_second_request_keeps_earlier_parts(trouble: t.Any) -> None:
    part = {"compute": COMPUTE}
    with Script((URL, ok(part)), (URL, trouble), (URL, trouble)) as send:
        assert client(send).instance()[1:3] == (part, ("network",))


@pytest.mark.parametrize(
    ("limits", "requests"),
    [({"attempts": 1}, 1), ({"deadline": 0.9}, 1), ({"deadline": 2.0}, 2), ({}, 3)],
)
def test_there_are_no_more_requests_than_allowed(limits: dict[str, t.Any], requests: int) -> None:
    clock = Clock()
    send = Always(ok({"compute": COMPUTE}), clock)
    assert client(send, clock, **limits).instance().incomplete == ("network",)
    assert len(send.requests) == requests
    assert clock.now < 3


@pytest.mark.parametrize(
    ("part", "wanted"), [({"compute": COMPUTE}, ["compute"]), ({"network": NETWORK}, ["network"])]
)
def test_an_unwanted_part_may_be_missing(part: dict[str, t.Any], wanted: list[str]) -> None:
    with Script((URL, ok(part))) as send:
        assert client(send).instance(wanted)[1:] == (part, (), ())


def test_other_endpoints_need_only_compute() -> None:
    with Script((URL, ok({"network": NETWORK})), (URL, ok({"compute": COMPUTE}))) as send:
        assert client(send).newest_instance() == WHOLE
    with Script((URL, ok({"compute": COMPUTE}))) as send:
        client(send).newest_instance()


# extended=true


@pytest.mark.parametrize("document", [WHOLE, {"network": NETWORK}, {"compute": COMPUTE}])
def test_a_part_missing_from_a_complete_answer_does_not_exist(document: dict[str, t.Any]) -> None:
    with Script((FULL_URL, ok({**document, **EXTENDED}))) as send:
        found = client(send).instance(complete=True)
    assert found[1:] == ({**document, **EXTENDED}, (), ())


def test_a_complete_answer_is_retried_until_the_deadline() -> None:
    clock = Clock()
    with Script((FULL_URL, refusal(500)), (FULL_URL, ok({**WHOLE, **EXTENDED}))) as send:
        assert client(send, clock).instance(complete=True).incomplete == ()
    assert clock.sleeps == [1.0]
    words = "status 500, after .*IMDS may know only a part of .* that part with complete=false"
    with pytest.raises(UnavailableError, match=words):
        client(Always(refusal(500)), Clock()).instance(complete=True)


def test_a_notice_mentions_an_ignored_parameter() -> None:
    with Script((FULL_URL, ok(WHOLE))) as send:
        assert client(send).instance(complete=True).notices == ()
    part = ok({"compute": COMPUTE})
    with Script((FULL_URL, part), (URL, part), (URL, part)) as send:
        (notice,) = client(send).instance(complete=True).notices
    assert "This IMDS does not know extended=true" in notice


def test_a_refused_parameter_is_left_out() -> None:
    with Script((FULL_URL, refusal(400)), (URL, ok(WHOLE))) as send:
        assert client(send).instance(complete=True)[1:] == (WHOLE, (), ())
    old = URL.replace(NEWEST_TESTED, "2019-06-01")
    with Script(
        (FULL_URL, unknown_version("2019-06-01")),
        (f"{old}&extended=true", refusal(400, '{"error": "Bad request"}')),
        (URL, unknown_version("2019-06-01")),
        (old, ok(WHOLE)),
    ) as send:
        assert client(send).instance(complete=True)[:2] == ("2019-06-01", WHOLE)


# Over real sockets


@pytest.mark.parametrize("send", [http_transport, requests_transport()], ids=["http", "requests"])
def test_both_transports(send: Transport) -> None:
    document = {"compute": {"name": "web-1"}, "network": NETWORK}
    with Simulator([Vm("web-1", document)], rate_limit=0) as simulator:
        vm = simulator["web-1"]
        made = ImdsClient(send, vm.url, system=Clock().system())
        vm.faults = [Fault("partial", parts=["network"], times=2)]
        assert made.instance()[1:] == (document, (), ())
        assert len(vm.requests) == 3
        vm.lost = ["compute"]
        assert made.instance()[1:3] == ({"network": NETWORK}, ("compute",))
        with pytest.raises(UnavailableError, match="status 500"):
            made.instance(complete=True)
        vm.lost = []
        assert "extended" in made.instance(complete=True).data


def test_a_complete_document_needs_no_further_import() -> None:
    code = f"""
import sys
sys.path[:0] = {sys.path!r}
from ansible_collections.imds.azure.plugins.module_utils import _client, _transport
answer = _transport.Response(200, {{}}, {json.dumps(WHOLE).encode()!r})
found = _client.ImdsClient(lambda request, timeout: answer).instance()
assert not found.incomplete
names = ("_arc", "_validation", "_incomplete_documents", "_retry", "_failures", "_negotiation")
print([name for name in names if any(m.endswith("." + name) for m in sys.modules)])
"""
    done = subprocess.run(
        [sys.executable, "-c", code],
        check=True,
        capture_output=True,
        text=True,
        cwd=pathlib.Path(__file__).parent,
    )
    assert done.stdout == "[]\n"
