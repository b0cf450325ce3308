# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the client with the service of the Azure Arc agent: the choice of the service, versions, documents and absent endpoints."""

from __future__ import annotations

import contextlib
import json
import typing as t

import pytest
from doubles import BASE, Always, Clock, Script, load, ok, refusal

from ansible_collections.imds.azure.plugins.module_utils._client import (
    DEFAULT_ENDPOINT,
    Endpoint,
    ImdsClient,
    Limits,
    System,
    service_at,
)
from ansible_collections.imds.azure.plugins.module_utils._endpoints.attested import (
    attested_document,
)
from ansible_collections.imds.azure.plugins.module_utils._endpoints.scheduled_events import (
    scheduled_events,
    start_event,
)
from ansible_collections.imds.azure.plugins.module_utils._errors import (
    ImdsError,
    NotFoundError,
    OptionError,
    TransportError,
    UnavailableError,
    VersionError,
)
from ansible_collections.imds.azure.plugins.module_utils._firmware import has_arc_agent
from ansible_collections.imds.azure.plugins.module_utils._options import (
    client_from,
    endpoint_from,
    shared_argument_spec,
)
from ansible_collections.imds.azure.plugins.module_utils._service import ARC, IMDS
from ansible_collections.imds.azure.plugins.module_utils._transport import Request, Response

DEFAULTS = {name: entry["default"] for name, entry in shared_argument_spec().items()}
LINUX = load("arc/linux")
WORDS = "The api-version not specified. Supported are 2021-02-01 2020-06-01 2019-11-01 2019-08-15"
HINT = (
    "This host is an Azure Arc-enabled server: set the option endpoint (variable "
    "azure_imds_endpoint) to arc or auto"
)
REFUSED = TransportError("connection refused", unreachable=True)


def system(in_azure: bool | None = False, agent: bool = True, clock: Clock | None = None) -> System:
    return (clock or Clock()).system(in_azure=in_azure)._replace(has_arc_agent=lambda: agent)


def arc(send: t.Callable[[Request, float], Response], **given: t.Any) -> ImdsClient:
    return client_from({**DEFAULTS, "endpoint": "arc", **given}.__getitem__, send, system())


def url(version: str, route: str = "instance", more: str = "") -> str:
    return f"{ARC.endpoint}/metadata/{route}?api-version={version}{more}"


# The choice of the service


@pytest.mark.parametrize("agent", [True, False])
@pytest.mark.parametrize("in_azure", [True, False, None])
@pytest.mark.parametrize("endpoint", ["arc", "auto", DEFAULT_ENDPOINT, "http://127.0.0.1:8080"])
def test_endpoint(endpoint: str, in_azure: bool | None, agent: bool) -> None:
    """In Azure, auto always means IMDS. It also means IMDS if the firmware can't be read."""
    expected = {
        "arc": ARC.endpoint,
        "auto": ARC.endpoint if in_azure is False and agent else IMDS.endpoint,
    }
    assert endpoint_from(endpoint, system(in_azure, agent)) == expected.get(endpoint, endpoint)


@pytest.mark.parametrize("endpoint", ["arc", "auto"])
def test_nothing_is_sent_to_the_address_of_imds(endpoint: str) -> None:
    """On machines of other clouds, another service has this address."""
    option = {**DEFAULTS, "endpoint": endpoint, "deadline": 20.0}.__getitem__
    for outcome in (ok(LINUX), REFUSED, refusal(500), refusal(400, WORDS)):
        send = Always(outcome)
        made = client_from(option, send, system())
        with contextlib.suppress(ImdsError):
            made.instance()
        assert send.requests
        assert all(request.url.startswith(ARC.endpoint + "/") for request in send.requests)


@pytest.mark.parametrize("endpoint", ["ARC", "arc ", "Auto", "himds", "http://arc"])
def test_other_words_are_refused(endpoint: str) -> None:
    with pytest.raises(OptionError, match="or one of the words arc, auto"):
        endpoint_from(endpoint, system())


@pytest.mark.parametrize(
    ("endpoint", "service"),
    [
        (DEFAULT_ENDPOINT, IMDS),
        ("http://127.0.0.1:40342", ARC),
        ("http://127.0.0.7:40342", ARC),
        ("http://localhost:40342", ARC),
        ("http://[::1]:40342", ARC),
        ("http://169.254.169.254:40342", IMDS),
        ("http://[fe80::1]:40342", IMDS),
        ("http://127.0.0.1", IMDS),
        ("http://127.0.0.1:40341", IMDS),
        ("http://[::1]", IMDS),
    ],
)
def test_service_of_an_endpoint(endpoint: str, service: object) -> None:
    assert service_at(endpoint) is service
    assert ImdsClient(Always(ok(LINUX)), endpoint).service is service


def test_the_agent_is_known_by_its_program(tmp_path: t.Any) -> None:
    program = tmp_path / "himds"
    assert not has_arc_agent(str(program))
    program.touch()
    assert has_arc_agent(str(program))


# Versions


def test_the_version_of_the_first_request() -> None:
    with Script((url("2020-06-01"), ok(LINUX))) as send:
        assert arc(send).instance()[:2] == ("2020-06-01", LINUX)


@pytest.mark.parametrize(
    "body",
    [
        WORDS.replace("2020-06-01 ", ""),
        json.dumps(
            {"error": "invalid_request", "error_description": WORDS.replace("2020-06-01 ", "")}
        ),
        json.dumps({"error": WORDS.replace("2020-06-01 ", "")}),
        "The api-version not specified. Supported are 2021-02-01, 2019-11-01 and 2019-08-15.",
    ],
)
def test_the_newest_version_that_the_refusal_names_in_words(body: str) -> None:
    with Script((url("2020-06-01"), refusal(400, body)), (url("2019-11-01"), ok(LINUX))) as send:
        assert arc(send).instance().api_version == "2019-11-01"


@pytest.mark.parametrize(
    "body",
    [
        "The api-version not specified. Supported are none",
        "The api-version not specified.",
        "The api-version not specified. Supported are 2021-02-01 2022-01-01",
        "The api-version not specified. Supported are 2020-13-01 20200601",
    ],
)
def test_the_floor_after_a_list_without_a_usable_date(body: str) -> None:
    with Script((url("2020-06-01"), refusal(400, body)), (url("2019-08-15"), ok(LINUX))) as send:
        assert arc(send).instance().api_version == "2019-08-15"


def test_no_version_that_both_know() -> None:
    words = "The api-version not specified. Supported are 2021-02-01"
    script = Script(
        (url("2020-06-01"), refusal(400, words)), (url("2019-08-15"), refusal(400, words))
    )
    with script as send, pytest.raises(VersionError) as raised:
        arc(send).instance()
    assert str(raised.value) == (
        f"GET {url('2019-08-15')} failed: The Azure Arc agent rejected api-version 2020-06-01, 2019-08-15 "
        f"(status 400, '{words}'). It offers 2021-02-01: set api_version."
    )


def test_a_version_that_the_user_gave_is_never_replaced() -> None:
    offer = "It offers 2019-08-15, 2019-11-01, 2020-06-01, 2021-02-01"
    script = Script((url("2019-03-11"), refusal(400, WORDS)))
    with script as send, pytest.raises(VersionError, match=offer):
        arc(send, api_version="2019-03-11").instance()


def test_the_list_is_read_from_a_refusal_only() -> None:
    """A document may contain such words, for example in a tag."""
    refused = refusal(404, "invalid version. Supported are 2019-11-01")
    with Script((url("2020-06-01"), refused), (url("2019-08-15"), ok(LINUX))) as send:
        assert arc(send).instance().api_version == "2019-08-15"


# Documents


@pytest.mark.parametrize("name", ["linux", "linux-of-a-lab", "windows"])
@pytest.mark.parametrize("complete", [True, False])
def test_documents_are_whole_without_a_network(name: str, complete: bool) -> None:
    with Script((url("2020-06-01"), ok(load(f"arc/{name}")))) as send:
        answer = arc(send).instance(complete=complete)
    assert (answer.incomplete, answer.notices) == ((), ())


def test_a_document_without_compute_is_requested_again() -> None:
    empty = {"compute": {}, "network": {}}
    with Script((url("2020-06-01"), ok(empty)), (url("2020-06-01"), ok(LINUX))) as send:
        assert arc(send).instance().data["compute"] == LINUX["compute"]


def test_the_newest_document_of_a_client_with_a_version_of_its_own() -> None:
    with Script((url("2020-06-01"), ok(LINUX))) as send:
        assert arc(send, api_version="2019-11-01").newest_instance() == LINUX


# Endpoints that the agent lacks


@pytest.mark.parametrize(
    ("ask", "absent"),
    [
        (lambda made: attested_document(made, "nonce"), "attested documents"),
        (scheduled_events, "scheduled events"),
        (lambda made: start_event(made, "id"), "scheduled events"),
        (lambda made: made.get(Endpoint("loadbalancer")), "load balancer metadata"),
        (lambda made: made.get(Endpoint("versions", version="")), "list of versions"),
    ],
)
def test_no_request_is_sent_for_endpoints_that_arc_lacks(
    ask: t.Callable[[ImdsClient], t.Any], absent: str
) -> None:
    with Script() as send, pytest.raises(NotFoundError) as raised:
        ask(arc(send))
    said = str(raised.value)
    assert f"Azure Arc has no {absent}, so no request for {ARC.endpoint}/metadata/" in said
    assert "An Azure Arc-enabled server has only instance documents and tokens" in said


# Failures


def message(endpoint: str, outcome: Response | Exception, made_in: System) -> str:
    option = {**DEFAULTS, "endpoint": endpoint}.__getitem__
    with pytest.raises(ImdsError) as raised:
        client_from(option, Always(outcome), made_in).instance()
    return str(raised.value)


@pytest.mark.parametrize(
    "outcome",
    [
        TransportError("no complete answer within 2 s"),
        REFUSED,
        refusal(401, "", server="EC2ws"),
        refusal(404, "<html>", server="EC2ws"),
        refusal(400),
        Response(200, {}, b"not JSON"),
        ok([]),
        ok({}),
    ],
)
def test_each_failure_of_the_default_endpoint_names_the_endpoint_of_arc(
    outcome: Response | Exception,
) -> None:
    said = message(DEFAULT_ENDPOINT, outcome, system())
    assert said.endswith(f". {HINT}")
    assert said.count(HINT) == 1
    assert HINT not in message(DEFAULT_ENDPOINT, outcome, system(agent=False))
    assert HINT not in message("http://127.0.0.1:8080", outcome, system())


@pytest.mark.parametrize("in_azure", [True, None])
def test_no_hint_where_the_firmware_may_be_that_of_azure(in_azure: bool | None) -> None:
    assert HINT not in message(DEFAULT_ENDPOINT, REFUSED, system(in_azure))


@pytest.mark.parametrize(
    ("outcome", "advice"),
    [
        (
            REFUSED,
            "Nothing listens there. Run systemctl status himdsd and azcmagent show on the server",
        ),
        (TransportError("no complete answer within 10 s"), "systemctl status himdsd"),
        (refusal(503, "Service Unavailable"), "has not loaded its configuration yet"),
        (refusal(500), "The Azure Arc agent reports an internal error"),
        (refusal(404), "or it is not connected"),
        (refusal(403), "The Azure Arc agent forbids the request"),
    ],
)
def test_failures_of_the_agent_say_what_to_do(outcome: Response | Exception, advice: str) -> None:
    said = message("arc", outcome, system())
    assert advice in said
    assert "IMDS" not in said


def test_requests_to_a_starting_agent_are_retried() -> None:
    with Script(
        (url("2020-06-01"), refusal(503, "Service Unavailable")), (url("2020-06-01"), ok(LINUX))
    ) as send:
        assert arc(send).instance().data == LINUX


def test_a_host_without_the_agent_gets_one_request() -> None:
    clock = Clock()
    send = Always(REFUSED)
    option = {**DEFAULTS, "endpoint": "arc"}.__getitem__
    with pytest.raises(UnavailableError, match="The Azure Arc agent is not installed on this host"):
        client_from(option, send, system(agent=False, clock=clock)).instance()
    assert (len(send.requests), clock.sleeps) == (1, [])


def test_the_limits_of_the_agent_are_the_usual_ones() -> None:
    assert arc(Always(ok(LINUX)))._limits == Limits()


def test_requests_to_imds_are_unchanged() -> None:
    with Script((f"{BASE}/instance?api-version=2025-04-07", ok(load("everything")))) as send:
        client_from({**DEFAULTS, "endpoint": "auto"}.__getitem__, send, system(True)).instance()
