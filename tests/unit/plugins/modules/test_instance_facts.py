# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the module with a simulated IMDS. It reads arguments and prints one JSON document, as Ansible runs it."""

from __future__ import annotations

import functools
import json
import pathlib
import re
import typing as t

import pytest
import yaml
from ansible.module_utils import basic
from doubles import load

from ansible_collections.imds.azure.plugins.module_utils import _client, _gathered
from ansible_collections.imds.azure.plugins.module_utils._facts import azure_imds
from ansible_collections.imds.azure.plugins.modules import instance_facts
from imds_simulator import Fault, Simulator, Vm

EVERYTHING = load("everything")
DOCUMENTED = yaml.safe_load(instance_facts.DOCUMENTATION)["options"]

Run = t.Callable[..., dict[str, t.Any]]


@pytest.fixture(scope="module")
def simulated() -> t.Iterator[Vm]:
    with Simulator([Vm("web-1", EVERYTHING)], rate_limit=0) as simulator:
        yield simulator["web-1"]


@pytest.fixture
def vm(simulated: Vm) -> Vm:
    fresh = Vm("web-1", EVERYTHING)
    simulated.__dict__.update(fresh.__dict__, url=simulated.url)
    return simulated


@pytest.fixture
def run(
    vm: Vm,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: pathlib.Path,
) -> Run:
    """The output of the module with these arguments."""
    # If code of the controller is loaded, newer versions of ansible-core print a warning, and the result lacks it.
    said: list[str] = []
    monkeypatch.setattr(basic.AnsibleModule, "warn", lambda _self, words: said.append(words))

    def run(**arguments: t.Any) -> dict[str, t.Any]:
        given = {"endpoint": vm.url, "_ansible_remote_tmp": str(tmp_path), **arguments}
        given = {name: value for name, value in given.items() if value is not None}
        text = json.dumps({"ANSIBLE_MODULE_ARGS": given}).encode()
        monkeypatch.setattr(basic, "_ANSIBLE_ARGS", text)
        # Newer versions of ansible-core require a serialization profile.
        if hasattr(basic, "_ANSIBLE_PROFILE"):
            monkeypatch.setattr(basic, "_ANSIBLE_PROFILE", "legacy")
        said.clear()
        with pytest.raises(SystemExit) as ended:
            instance_facts.main()
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        found: dict[str, t.Any] = json.loads(printed.out)
        assert bool(found.get("failed")) is bool(ended.value.code)
        return {**found, "said": said}

    return run


def firmware(
    monkeypatch: pytest.MonkeyPatch, in_azure: bool | None, has_arc_agent: bool = False
) -> None:
    system = functools.partial(
        _client.System, in_azure=lambda: in_azure, has_arc_agent=lambda: has_arc_agent
    )
    monkeypatch.setattr(_client, "System", system)


def test_the_facts_of_a_vm(run: Run, vm: Vm) -> None:
    found = run()
    assert {"failed", "msg"}.isdisjoint(found)
    assert not found.get("changed")
    fact = found["ansible_facts"]["azure_imds"]
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", fact.pop("gathered_at"))
    assert fact["compute"]["storageProfile"]["resourceDisk"]["size"] == 34603008
    assert "userData" not in fact["compute"]
    (request,) = vm.requests
    assert request.target == "/metadata/instance?api-version=2025-04-07"
    # The simulator leaves out the fields of later versions.
    served = json.loads(json.dumps(EVERYTHING))
    del served["compute"]["interconnectGroupId"]
    del served["compute"]["interconnectSubgroupId"]
    del served["network"]["interface"][0]["interfaceCompartmentID"]
    assert fact == azure_imds(served, "2025-04-07")[0]


def test_check_mode_returns_the_same(run: Run) -> None:
    plain = run()["ansible_facts"]["azure_imds"]
    checked = run(_ansible_check_mode=True)["ansible_facts"]["azure_imds"]
    assert {**plain, "gathered_at": ""} == {**checked, "gathered_at": ""}


def test_raw_and_user_data(run: Run) -> None:
    fact = run(raw=True, user_data=True)["ansible_facts"]["azure_imds"]
    assert fact["compute"]["storageProfile"]["resourceDisk"]["size"] == "34603008"
    assert fact["user_data_text"] == "#cloud-config\nname: héalth\n"


@pytest.mark.parametrize(("raw", "empty"), [(False, ""), (True, None)])
def test_only_a_raw_fact_has_nulls(run: Run, vm: Vm, raw: bool, empty: str | None) -> None:
    vm.document = {"compute": {"name": "x", "zone": None}, "network": {"interface": []}}
    fact = run(raw=raw)["ansible_facts"]["azure_imds"]
    assert fact["compute"]["zone"] == empty


@pytest.mark.parametrize(
    ("subset", "keys"),
    [
        (["tags", "addresses"], {"tags", "addresses"}),
        ("tags", {"tags"}),
        (["!all"], set()),
        (["!compute", "!network"], {"cloud", "tags", "addresses"}),
        ([], {"compute", "network", "cloud", "tags", "addresses"}),
    ],
)
def test_a_subset_of_the_fact(run: Run, subset: t.Any, keys: set[str]) -> None:
    fact = run(gather_subset=subset)["ansible_facts"]["azure_imds"]
    assert set(fact) == {"api_version", "gathered_at", "service", "resource_type", *keys}


def test_old_tags_come_with_a_warning(run: Run, vm: Vm) -> None:
    vm.document = load("2017-08-01-scale-set")
    found = run(api_version="2017-08-01")
    assert found["ansible_facts"]["azure_imds"]["tags"] == {"scaleSetName": "vault-set"}
    assert "no tagsList" in found["said"][0]


@pytest.mark.parametrize("document", [{}, {"network": {"interface": []}}, {"compute": None}])
def test_an_empty_document_is_one_error(run: Run, vm: Vm, document: dict[str, t.Any]) -> None:
    vm.document = document
    found = run(deadline=0.5)
    assert found["failed"]
    assert "was answered, but with neither compute nor network, after 1 attempt." in found["msg"]
    assert run(deadline=0.5, required=False)["ansible_facts"] == {"azure_imds": {}}


@pytest.mark.parametrize("lost", ["compute", "network"])
def test_an_incomplete_answer_is_a_fact_with_a_warning(run: Run, vm: Vm, lost: str) -> None:
    vm.lost = [lost]
    found = run(deadline=0.5)
    fact = found["ansible_facts"]["azure_imds"]
    assert lost not in fact
    assert found["incomplete"] == [lost]
    (warning,) = found["said"]
    assert f"was answered without {lost}, after 1 attempt" in warning
    assert "status 500" in run(deadline=0.5, complete=True)["msg"]


@pytest.mark.parametrize(
    ("lost", "subset"),
    [
        ("compute", ["network"]),
        ("compute", ["addresses"]),
        ("network", ["!network", "!addresses"]),
        ("network", ["tags"]),
        ("network", ["cloud", "compute"]),
        ("compute", ["!all"]),
    ],
)
def test_a_part_that_no_subset_needs_may_be_missing(
    run: Run, vm: Vm, lost: str, subset: list[str]
) -> None:
    vm.lost = [lost]
    found = run(gather_subset=subset)
    assert (found["incomplete"], found["said"], len(vm.requests)) == ([], [], 1)


def test_a_part_from_a_later_request_is_included(run: Run, vm: Vm) -> None:
    vm.faults = [Fault("partial", parts=["network"], times=1)]
    found = run()
    assert found["ansible_facts"]["azure_imds"]["addresses"]["private"] != []
    assert (found["incomplete"], found["said"], len(vm.requests)) == ([], [], 2)


def test_a_complete_document_of_a_classic_vm_has_no_warning(run: Run, vm: Vm) -> None:
    vm.document = {"network": EVERYTHING["network"]}
    found = run(complete=True)
    assert (found["incomplete"], found["said"], len(vm.requests)) == ([], [], 1)
    assert found["ansible_facts"]["azure_imds"]["extended"] != {}


def test_unusual_texts_arrive_unchanged(run: Run, vm: Vm) -> None:
    odd = "{{ 7 * 7 }} \u2028 \x00 日本 🦊 \\ \" ' \r\n"
    vm.document = {"compute": {"name": odd, "tagsList": [{"name": odd, "value": odd}]}}
    vm.faults = [Fault("status", status=200, body=json.dumps(vm.document))]
    fact = run()["ansible_facts"]["azure_imds"]
    assert fact["compute"]["name"] == odd
    assert fact["tags"] == {odd: odd}


def test_marks_are_left_out_of_the_fact(run: Run, vm: Vm) -> None:
    names = ["__ansible_vault", "half\ud83d", "__ansible_type"]
    network = EVERYTHING["network"]
    compute = {
        "tagsList": [{"name": name, "value": "x"} for name in names],
        "later": {"__ansible_unsafe": {"deep": 1}, "kept": [{"__ansible_type": "x"}]},
    }
    vm.faults = [
        Fault("status", status=200, body=json.dumps({"compute": compute, "network": network}))
    ]
    found = run()
    fact = found["ansible_facts"]["azure_imds"]
    assert fact["tags"] == {"half\ufffd": "x"}
    assert fact["compute"]["later"] == {"kept": [{}]}
    assert [tag["name"] for tag in fact["compute"]["tagsList"]] == [
        "__ansible_vault",
        "half\ufffd",
        "__ansible_type",
    ]
    (warning,) = found["said"]
    assert "tags lacks __ansible_type, __ansible_vault, because" in warning
    vm.faults = [
        Fault("status", status=200, body=json.dumps({"compute": compute, "network": network}))
    ]
    assert run(gather_subset=["compute"])["said"] == []


def test_a_document_of_the_maximum_depth(run: Run, vm: Vm) -> None:
    vm.faults = [Fault("status", status=200, body='{"compute":{"x":' + "[" * 60 + "]" * 60 + "}}")]
    assert run()["ansible_facts"]["azure_imds"]["compute"]["x"] != []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"endpoint": "http://example.com"}, "endpoint 'http://example.com' is refused"),
        ({"api_version": "newest"}, "api_version 'newest' is neither 'latest' nor a date"),
        ({"timeout": 0}, "timeout must be a number of seconds above 0, not '0.0'"),
        ({"deadline": -1}, "deadline must be a number of seconds above 0, not '-1.0'"),
        ({"gather_subset": ["hardware"]}, "gather_subset"),
        ({"proxy": "x"}, "Unsupported parameters"),
    ],
)
@pytest.mark.parametrize("required", [True, False])
def test_an_invalid_option_fails(
    run: Run, vm: Vm, arguments: dict[str, t.Any], message: str, required: bool
) -> None:
    found = run(**arguments, required=required)
    assert found["failed"]
    assert message in found["msg"]
    assert "ansible_facts" not in found
    assert vm.requests == []


FAILURES = {
    "refused": (Fault("status", status=403), "status 403"),
    "broken": (Fault("status", status=200, body="<html>"), "that are not JSON"),
    "a list": (Fault("status", status=200, body="[]"), "it is a list, not an instance document"),
    "cut": (Fault("truncate"), "the answer ended after"),
    "closed": (Fault("close"), "closed without an answer"),
    "no version": (
        Fault("status", status=400, body='{"error": "Bad request. api-version is invalid"}'),
        "IMDS rejected api-version",
    ),
    "bad request": (Fault("status", status=400, body="{}"), "without naming api-version"),
}


@pytest.mark.parametrize(("fault", "message"), FAILURES.values(), ids=FAILURES)
def test_a_failure_is_one_message(run: Run, vm: Vm, fault: Fault, message: str) -> None:
    vm.faults = [fault]
    found = run(deadline=0.3)
    fault.used = 0
    assert found["failed"]
    assert message in found["msg"]
    assert vm.url in found["msg"]
    assert "Traceback" not in json.dumps(found)
    assert "ansible_facts" not in found


@pytest.mark.parametrize(
    ("in_azure", "answers", "warns"),
    [
        (True, True, True),
        (True, False, True),
        (None, True, True),
        (None, False, False),
        (False, True, False),
        (False, False, False),
    ],
)
def test_not_required_means_an_empty_fact(
    run: Run,
    vm: Vm,
    monkeypatch: pytest.MonkeyPatch,
    in_azure: bool | None,
    answers: bool,
    warns: bool,
) -> None:
    firmware(monkeypatch, in_azure)
    vm.faults = [Fault("status", status=403) if answers else Fault("close")]
    found = run(required=False, deadline=0.3)
    assert not found.get("failed")
    assert found["ansible_facts"] == {"azure_imds": {}}
    assert [words[:33] for words in found["said"]] == ["azure_imds is empty: GET http://1"] * warns


@pytest.mark.parametrize("in_azure", [True, False, None])
def test_an_empty_fact_of_a_host_with_the_arc_agent_comes_with_a_warning(
    run: Run, vm: Vm, monkeypatch: pytest.MonkeyPatch, in_azure: bool | None
) -> None:
    firmware(monkeypatch, in_azure, has_arc_agent=True)
    vm.faults = [Fault("close")]
    found = run(required=False, deadline=0.3)
    assert found["ansible_facts"] == {"azure_imds": {}}
    assert [words[:33] for words in found["said"]] == ["azure_imds is empty: GET http://1"]


ANSWERS = {
    "a page": Fault("status", status=200, body="<html>", headers={"Content-Type": "text/html"}),
    "JSON of another service": Fault("status", status=200, body="[]"),
    "nothing": Fault("status", status=200, body=""),
    "no HTTP": Fault("raw", body="SSH-2.0-OpenSSH_9.2\r\n"),
    "half a document": Fault("truncate"),
    "a redirect": Fault("status", status=302, headers={"Location": "http://127.0.0.1:1/"}),
    "another version": Fault("status", status=400, body="{}"),
}


@pytest.mark.parametrize("fault", ANSWERS.values(), ids=ANSWERS)
def test_something_that_is_not_imds_answers(
    run: Run, vm: Vm, monkeypatch: pytest.MonkeyPatch, fault: Fault
) -> None:
    firmware(monkeypatch, None)
    vm.faults = [fault]
    found = run(required=False, deadline=0.3)
    assert found["ansible_facts"] == {"azure_imds": {}}
    assert [words[:33] for words in found["said"]] == ["azure_imds is empty: GET http://1"]


def test_the_environment_of_the_node_names_the_endpoint(
    run: Run, vm: Vm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AZURE_IMDS_ENDPOINT", vm.url)
    assert run(endpoint=None)["ansible_facts"]["azure_imds"]["compute"]["zone"] == "3"


def test_the_documentation_matches_the_argument_spec() -> None:
    spec = _gathered.argument_spec()
    own = {name: entry for name, entry in spec.items() if name in DOCUMENTED}
    documented = {
        name: {key: value for key, value in entry.items() if key != "description"}
        for name, entry in DOCUMENTED.items()
    }
    assert documented == own
    shared = set(spec) - set(DOCUMENTED)
    assert shared == {"endpoint", "api_version", "timeout", "deadline"}


def test_what_it_returns_is_documented(run: Run) -> None:
    fact = run(user_data=True, complete=True)["ansible_facts"]["azure_imds"]
    documented = yaml.safe_load(instance_facts.RETURN)["ansible_facts"]["contains"]["azure_imds"]
    assert set(documented["contains"]) == set(fact)
    assert set(documented["contains"]["cloud"]["contains"]) == set(fact["cloud"])
    assert set(documented["contains"]["addresses"]["contains"]) == set(fact["addresses"])
