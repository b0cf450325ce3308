# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the lookup with a simulated IMDS. The plugin is loaded as Ansible loads it."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
from ansible import constants as C
from ansible.errors import AnsibleLookupError, AnsibleOptionsError
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import lookup_loader
from ansible.template import Templar
from ansible.utils.display import Display
from doubles import HOSTILE, load

from ansible_collections.imds.azure.plugins.plugin_utils import _requests_transport
from imds_simulator import Fault, Simulator, Vm

EVERYTHING = load("everything")
BALANCER = {"publicIpAddresses": [], "inboundRules": [{"frontendPort": 80}], "outboundRules": []}

Look = t.Callable[..., list[t.Any]]


@pytest.fixture(scope="module")
def simulated() -> t.Iterator[Vm]:
    with Simulator([Vm("web-1", EVERYTHING)], rate_limit=0) as simulator:
        yield simulator["web-1"]


@pytest.fixture
def vm(simulated: Vm) -> Vm:
    fresh = Vm("web-1", EVERYTHING, loadbalancer=BALANCER)
    simulated.__dict__.update(fresh.__dict__, url=simulated.url)
    return simulated


# This is too short to request an incomplete document again.
ONCE = {"azure_imds_deadline": 0.5}


@pytest.fixture
def look(vm: Vm, monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> Look:
    """Runs the lookup with a new plugin in each call, as each task does."""
    monkeypatch.setattr(C, "DEFAULT_LOCAL_TMP", str(tmp_path))

    def look(
        *terms: t.Any, variables: dict[str, t.Any] | None = None, **options: t.Any
    ) -> list[t.Any]:
        given = {"azure_imds_endpoint": vm.url, "azure_imds_deadline": 3, **(variables or {})}
        templar = Templar(loader=DataLoader(), variables=given)
        plugin = lookup_loader.get("imds.azure.metadata", loader=DataLoader(), templar=templar)
        found: list[t.Any] = plugin.run(list(terms), variables=given, **options)
        return found

    return look


def targets(vm: Vm) -> list[str]:
    return [request.target for request in vm.requests]


def test_one_result_for_each_term(look: Look, vm: Vm) -> None:
    assert look(
        "instance/compute/name", "/metadata/instance/compute/zone/", "instance/compute/plan"
    ) == [
        "wéb-日本-1",
        "3",
        EVERYTHING["compute"]["plan"],
    ]
    assert look("instance/network/interface/0/ipv4/ipAddress/1/privateIpAddress") == ["10.0.0.5"]
    assert targets(vm) == ["/metadata/instance?api-version=2025-04-07"]


def test_results_are_copies(look: Look) -> None:
    look("instance/compute/plan")[0].clear()
    assert look("instance/compute/plan") == [EVERYTHING["compute"]["plan"]]


def kept_in(folder: pathlib.Path) -> str:
    """All files that the lookups of a run have written."""
    return "".join(file.read_text() for file in folder.iterdir())


USER_DATA = EVERYTHING["compute"]["userData"]


def test_user_data_is_stored_only_if_a_lookup_requests_it(
    look: Look, vm: Vm, tmp_path: pathlib.Path
) -> None:
    assert look("instance/compute/name", "instance/compute/plan/name", "instance/network")[0]
    assert '"tagsList"' in kept_in(tmp_path)
    assert USER_DATA not in kept_in(tmp_path)
    assert len(vm.requests) == 1
    assert look("instance/compute/userData") == [USER_DATA]
    assert USER_DATA in kept_in(tmp_path)
    # The second request is the last one for all routes.
    assert look("instance/compute", query="userData") == [USER_DATA]
    assert look("instance")[0]["compute"]["name"] == look("instance/compute/name")[0]
    assert len(vm.requests) == 2


def test_a_run_that_begins_with_user_data_takes_one_request(look: Look, vm: Vm) -> None:
    assert look("instance")[0]["compute"]["userData"] == USER_DATA
    assert look("instance/compute/zone", "instance/compute/customData", "instance/compute")
    assert len(vm.requests) == 1


@pytest.mark.parametrize("empty", [{"userData": "", "customData": ""}, {}])
def test_a_vm_without_user_data_takes_one_request(
    look: Look, vm: Vm, empty: dict[str, str]
) -> None:
    compute = {
        key: value
        for key, value in EVERYTHING["compute"].items()
        if key not in ("userData", "customData")
    }
    vm.document = {"compute": {**compute, **empty}, "network": {"interface": []}}
    assert look("instance/compute/zone", "instance", variables=ONCE)[1]["compute"]["zone"] == "3"
    assert look("instance/compute", variables=ONCE)[0].get("userData", "") == ""
    assert len(vm.requests) == 1


def routes(value: t.Any, above: str) -> t.Iterator[str]:
    yield above
    if isinstance(value, (dict, list)):
        for key, child in value.items() if isinstance(value, dict) else enumerate(value):
            yield from routes(child, f"{above}/{key}")


def test_every_route_is_answered_in_the_same_way_with_and_without_the_cache(look: Look) -> None:
    whole = look("instance", cache=False)[0]
    every = list(routes(whole, "instance"))
    assert len(every) > 100
    # In reverse order, so that routes without user data come first.
    for route in reversed(every):
        assert look(route) == look(route, cache=False), route


def test_without_the_cache_each_route_is_requested(look: Look, vm: Vm) -> None:
    assert look("instance/compute/zone", "instance/compute/plan", cache=False) == [
        "3",
        EVERYTHING["compute"]["plan"],
    ]
    assert targets(vm) == [
        "/metadata/instance/compute/zone?api-version=2025-04-07",
        "/metadata/instance/compute/zone?api-version=2025-04-07&format=text",
        "/metadata/instance/compute/plan?api-version=2025-04-07",
    ]


def test_other_roots_are_requested_each_time(look: Look, vm: Vm) -> None:
    for _count in range(2):
        assert look("loadbalancer") == [{"loadbalancer": BALANCER}]
    assert "2025-04-07" in look("versions")[0]["apiVersions"]
    assert targets(vm) == [
        *["/metadata/loadbalancer?api-version=2025-04-07"] * 2,
        "/metadata/versions",
    ]


def test_without_the_library_requests_cached_routes_work(
    look: Look, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        _requests_transport, "_IMPORT_ERROR", ImportError("No module named 'requests'")
    )
    assert look("instance/compute/zone") == ["3"]
    for options in ({"cache": False}, {}):
        with pytest.raises(AnsibleOptionsError, match="pip install requests"):
            look("instance/compute/zone" if options else "versions", **options)


def test_each_version_has_its_own_document(look: Look, vm: Vm) -> None:
    assert "zone" in look("instance/compute")[0]
    old = look("instance/compute", api_version="2017-08-01")[0]
    assert "zone" not in old
    assert len(vm.requests) == 2


def test_a_query(look: Look) -> None:
    assert look("instance/compute/tagsList", query="[?value==''].name") == [["Env"]]
    assert look("instance/compute", query="storageProfile.osDisk.name") == ["os"]


@pytest.mark.parametrize("cache", [True, False])
@pytest.mark.parametrize("default", [None, "", "none", [], {}])
def test_a_default(look: Look, cache: bool, default: t.Any) -> None:
    assert look("instance/compute/none", "instance/compute/zone", default=default, cache=cache) == [
        default,
        "3",
    ]


def test_a_default_applies_only_to_missing_routes(look: Look, vm: Vm) -> None:
    vm.loadbalancer = None
    assert look("loadbalancer", default={}) == [{}]
    vm.faults = [Fault("status", status=503)]
    with pytest.raises(AnsibleLookupError, match="status 503"):
        look("loadbalancer", default={})


@pytest.mark.parametrize("cache", [True, False])
def test_the_message_about_a_missing_route_names_existing_keys(look: Look, cache: bool) -> None:
    with pytest.raises(
        AnsibleLookupError, match="'instance/compute/plan' has name, product, publisher"
    ):
        look("instance/compute/plan/price", cache=cache)


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    words: list[str] = []
    monkeypatch.setattr(Display, "warning", lambda _self, text, *_more, **_kw: words.append(text))
    return words


def test_an_incomplete_answer_causes_one_warning_in_a_run(
    look: Look, vm: Vm, said: list[str]
) -> None:
    vm.lost = ["network"]
    assert look("instance/compute/name", "instance/compute/zone", variables=ONCE)[1] == "3"
    assert look("instance/network/interface", default="none", variables=ONCE) == ["none"]
    (warning,) = said
    assert "was answered without network, after 1 attempt" in warning
    assert len(vm.requests) == 1


def test_a_part_from_a_later_request_is_included(look: Look, vm: Vm, said: list[str]) -> None:
    vm.faults = [Fault("partial", parts=["network"], times=1)]
    options = {"azure_imds_deadline": 20}
    mac = EVERYTHING["network"]["interface"][0]["macAddress"]
    assert look("instance/network/interface/0/macAddress", variables=options) == [mac]
    assert said == []


NOTHING = ["{}", "null", '""']


@pytest.mark.parametrize("fault", [{"kind": "partial", "parts": ["network", "compute"]}, *NOTHING])
@pytest.mark.parametrize("route", ["instance", "instance/compute", "instance/network"])
def test_an_incomplete_route_is_read_from_the_document(
    look: Look, vm: Vm, said: list[str], route: str, fault: t.Any
) -> None:
    if isinstance(fault, str):
        fault = {"kind": "status", "status": 200, "body": fault}
    if route == "instance" and fault.get("body") in NOTHING[1:]:
        return  # not a document, and not within its parts
    whole = look(route)
    vm.requests.clear()
    vm.faults = [Fault(times=1, **fault)]
    assert look(route, cache=False) == whole
    assert [target.partition("?")[0] for target in targets(vm)] == [
        f"/metadata/{route}",
        "/metadata/instance",
    ]
    assert said == []


@pytest.mark.parametrize("route", ["instance/network", "instance/network/interface/0"])
def test_a_route_of_a_missing_part_names_the_existing_keys(
    look: Look, vm: Vm, said: list[str], route: str
) -> None:
    vm.lost = ["network"]
    with pytest.raises(AnsibleLookupError, match="'instance' has compute"):
        look(route, cache=False)
    assert look(route, cache=False, default="x") == ["x"]
    assert ["was answered without network" in words for words in said] == [True, True]


@pytest.mark.parametrize("cache", [True, False])
def test_the_option_complete_returns_a_complete_document_or_an_error(
    look: Look, vm: Vm, said: list[str], cache: bool
) -> None:
    full = {"complete": True, "cache": cache}
    assert look("instance/compute/zone", **full) == ["3"]
    assert targets(vm)[-1] == "/metadata/instance?api-version=2025-04-07&extended=true"
    # Other options of the request give another document.
    look("instance/compute/zone", cache=cache)
    assert "extended" not in targets(vm)[-1]
    vm.document = {"network": EVERYTHING["network"]}
    variables = {"azure_imds_complete": True, "azure_imds_api_version": "2023-07-01"}
    with pytest.raises(AnsibleLookupError, match="'instance' has extended, network"):
        look("instance/compute", variables=variables, cache=cache)
    assert said == []
    vm.lost = ["network"]
    with pytest.raises(AnsibleLookupError, match="status 500"):
        look("instance/network", complete=True, api_version="2024-07-17", cache=cache)


def test_params(look: Look, vm: Vm) -> None:
    look("instance/compute", cache=False, params={"extended": True, "nonce": "a b"})
    assert targets(vm) == [
        "/metadata/instance/compute?api-version=2025-04-07&extended=true&nonce=a%20b"
    ]


@pytest.mark.parametrize(
    ("terms", "options", "message"),
    [
        (["identity/oauth2/token"], {}, "use the lookup imds.azure.access_token"),
        (["Identity/oauth2/token"], {}, "use the lookup imds.azure.access_token"),
        (["/metadata/IDENTITY/oauth2/token"], {}, "use the lookup imds.azure.access_token"),
        (["identity"], {"cache": False}, "use the lookup imds.azure.access_token"),
        (["instance/../identity"], {}, "is not an IMDS route"),
        ([""], {}, "is not an IMDS route"),
        (["instance?format=text"], {}, "go into the option params"),
        (["instance"], {"params": {"a": "b"}}, "params needs cache=false"),
        (
            ["versions"],
            {"params": {"API-Version": "x", "format": "y"}},
            "must not have api-version and format",
        ),
        (
            ["instance"],
            {"params": {"a": "b"}, "cache": False, "complete": True},
            "params and complete=true exclude each other",
        ),
        (["instance"], {"query": "["}, "is not a JMESPath expression"),
        (["instance"], {"endpoint": "http://example.com"}, "is refused"),
        (["instance"], {"api_version": "newest"}, "neither 'latest' nor a date"),
        (["instance"], {"timeout": 0}, "timeout must be a number of seconds"),
        (["instance/\udc80"], {"cache": False}, "is not an IMDS route|not Unicode"),
        ([["instance", "versions"]], {}, r"query\('imds.azure.metadata', \*routes\)"),
        ([5], {}, "5 is not an IMDS route"),
        ([], {}, "the route is missing: pass one, for example"),
        ([], {"default": "x"}, "if routes else"),
        ([], {"wantlist": True}, "the route is missing"),
        ([[]], {}, r"\[\] is not an IMDS route"),
        (["compute/location"], {}, "did you mean 'instance/compute/location'?"),
        (["/metadata/network/interface/0"], {}, "mean 'instance/network/interface/0'?"),
        (["Compute"], {"default": ""}, "mean 'instance/compute'?"),
        (
            ["versions"],
            {"defualt": ""},
            "there is no option defualt: the options are api_version, cache,",
        ),
    ],
)
def test_invalid_options(
    look: Look, vm: Vm, terms: list[t.Any], options: dict[str, t.Any], message: str
) -> None:
    with pytest.raises(AnsibleOptionsError, match=message):
        look(*terms, **options)
    assert vm.requests == []


@pytest.mark.parametrize("name", ["wantlist", "allow_unsafe", "errors"])
def test_arguments_of_ansible_itself_are_accepted(look: Look, name: str) -> None:
    assert look("instance/compute/zone", **{name: True}) == ["3"]


@pytest.mark.parametrize(
    ("terms", "options"),
    [
        ([HOSTILE], {}),
        ([f"compute/{HOSTILE}"], {}),
        ([f"instance/{HOSTILE}"], {}),
        (["instance/compute/\u202e"], {}),
        (["instance/compute/\u202e"], {"cache": False}),
        (["instance/\udcff"], {"cache": False}),
        ([["instance", HOSTILE]], {}),
        (["instance"], {HOSTILE: 1}),
        (["instance"], {"query": HOSTILE}),
        (["instance/compute"], {"query": 'abs("\u202e")'}),
        (["versions"], {"params": {HOSTILE: HOSTILE}}),
        (["instance"], {"endpoint": HOSTILE[:-1]}),
        (["instance"], {"api_version": HOSTILE[:-1]}),
    ],
)
def test_no_message_writes_to_the_terminal(
    look: Look, vm: Vm, terms: list[t.Any], options: dict[str, t.Any]
) -> None:
    vm.document = {"compute": {HOSTILE[:-1]: HOSTILE[:-1], "name": "web-1"}}
    with pytest.raises((AnsibleOptionsError, AnsibleLookupError)) as caught:
        look(*terms, **options)
    assert str(caught.value).isprintable()


def test_options_of_variables_are_templated(look: Look, vm: Vm) -> None:
    from ansible import template

    trusted = getattr(template, "trust_as_template", str)
    variables = {"azure_imds_endpoint": trusted("{{ base }}"), "base": vm.url}
    assert look("instance/compute/zone", variables=variables) == ["3"]


def test_a_failure_is_one_message(look: Look, vm: Vm) -> None:
    vm.faults = [Fault("status", status=403)]
    with pytest.raises(AnsibleLookupError, match=f"GET {vm.url}/metadata/instance.* status 403"):
        look("instance/compute/zone")
