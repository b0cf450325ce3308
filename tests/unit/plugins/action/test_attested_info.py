# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the action: the module arguments on the managed node, the checks of the answer, and the result."""

from __future__ import annotations

import base64
import datetime
import http.server
import pathlib
import socket
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.task import Task
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID
from doubles import HOSTILE as CONTROLS

from ansible_collections.imds.azure.plugins.action.attested_info import ActionModule
from imds_simulator import _attested as azure

VM_ID = "b7b3a3a1-0001-4c4c-9d9d-0a0b0c0d0e0f"
ENDPOINT = "http://127.0.0.1:8169"


class Action(ActionModule):
    """The action with a managed node whose module returns these answers in turn."""

    _load_name = "attested_info"  # the plugin loader sets this attribute

    def __init__(self, args: dict[str, Any], *answers: Any) -> None:
        task = Task()
        task.args = args
        connection: Any = SimpleNamespace(_shell=SimpleNamespace(tmpdir="/nowhere"))
        unused: Any = None
        super().__init__(task, connection, unused, DataLoader(), unused, unused)
        self._answers = list(answers)
        self.sent: list[dict[str, Any]] = []

    def _execute_module(
        self, module_name: Any = None, module_args: Any = None, *_others: Any, **_options: Any
    ) -> Any:
        assert module_name == "imds.azure.attested_info"
        self.sent.append(module_args)
        answer = self._answers.pop(0)
        return answer(module_args["nonce"]) if callable(answer) else answer


def answers(nonce: str = "", signer: azure.Identity | None = None, **claims: Any) -> Any:
    """The result of the module: a document for the nonce of the request, or for another nonce."""

    def answer(given: str) -> dict[str, Any]:
        now = datetime.datetime.now(datetime.timezone.utc)
        content = azure.content({"vmId": VM_ID}, "2025-04-07", now, nonce or given, claims)
        usual = azure._signer("metadata.azure.com", "westeurope")
        message = azure.signed(content, signer or usual)
        return {"signature": base64.b64encode(message).decode(), "api_version": "2025-04-07"}

    return answer


@pytest.fixture
def trust(tmp_path: pathlib.Path) -> dict[str, Any]:
    paths = {}
    for name, pem in azure.authorities().items():
        paths[name] = tmp_path / f"{name}.pem"
        paths[name].write_text(pem)
    return {
        "trusted_roots": [str(paths["roots"])],
        "intermediates": [str(paths["intermediates"])],
        "endpoint": ENDPOINT,
    }


def test_a_verified_document(trust: dict[str, Any]) -> None:
    action = Action({**trust, "expect": {"vmId": VM_ID}}, answers())
    result = action.run(task_vars={})
    (sent,) = action.sent
    assert sent == {"endpoint": ENDPOINT, "nonce": result["nonce"]}
    assert len(result["nonce"]) == 32
    assert set(result) == {
        "changed",
        "verified",
        "document",
        "certificate",
        "cloud",
        "signature",
        "nonce",
        "api_version",
    }
    assert result["verified"] is True
    assert result["changed"] is False
    assert result["document"]["vmId"] == VM_ID


WRITTEN = {"imds.azure.attested_info": {"expect": {"vmId": "{{ ordered_vm_id }}"}}}
REPLACED = {"ordered_vm_id": VM_ID, "ansible_facts": {"ordered_vm_id": VM_ID}}


@pytest.mark.parametrize(
    "written", [WRITTEN, {"x": "{% if y %}{% endif %}"}, None, "imds.azure.attested_info: {}"]
)
def test_a_host_can_not_set_its_expectations(trust: dict[str, Any], written: Any) -> None:
    action = Action({**trust, "expect": {"vmId": VM_ID}})
    action._task._ds = written
    result = action.run(task_vars=dict(REPLACED))
    assert "facts that are variables: ordered_vm_id" in result["msg"]
    assert result["failed"] is True
    assert result["verified"] is False
    assert action.sent == []


@pytest.mark.parametrize(
    "variables",
    [
        # The second fact hides the first one in `ansible_facts`.
        {**REPLACED, "ansible_ordered_vm_id": 1, "ansible_facts": {"ordered_vm_id": 1}},
        {"inventory_hostname": "b", "ansible_facts": {"inventory_hostname": 1}},
    ],
)
def test_a_fact_that_hides_another_is_refused(
    trust: dict[str, Any], variables: dict[str, Any]
) -> None:
    action = Action({**trust, "expect": {"vmId": VM_ID}})
    action._task._ds = WRITTEN
    assert "facts that are variables" in action.run(task_vars=variables)["msg"]


def test_a_delegated_host_can_not_set_its_expectations(trust: dict[str, Any]) -> None:
    action = Action({**trust, "expect": {"vmId": VM_ID}})
    action._task._ds = WRITTEN
    action._task.delegate_to = "other"
    variables = {"ansible_delegated_vars": {"other": dict(REPLACED)}}
    assert "facts that are variables: ordered_vm_id" in action.run(task_vars=variables)["msg"]


def test_defaults_of_the_module_may_be_templates(trust: dict[str, Any]) -> None:
    action = Action({**trust, "expect": {"vmId": VM_ID}})
    action._task._ds = {"imds.azure.attested_info": {}}
    action._task.module_defaults = [{"imds.azure.attested_info": {"expect": "{{ all }}"}}]
    assert "facts that are variables" in action.run(task_vars=dict(REPLACED))["msg"]


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"ordered_vm_id": VM_ID},
        # With inject_facts_as_vars = false, facts are not variables.
        {"ansible_facts": {"ordered_vm_id": VM_ID}},
        {"packages": {"a": []}, "ansible_facts": {"packages": {"a": []}}},
        {"facter_x": "a", "ansible_facts": {"facter_x": "a"}},
        {"ansible_distribution": "Debian", "ansible_facts": {"distribution": "Debian"}},
    ],
)
def test_other_facts_are_accepted(trust: dict[str, Any], variables: dict[str, Any]) -> None:
    action = Action({**trust, "expect": {"vmId": VM_ID}}, answers())
    action._task._ds = WRITTEN
    assert action.run(task_vars=variables)["verified"] is True


@pytest.mark.parametrize("more", [{}, {"verify": False}])
def test_facts_do_not_matter_without_templates(trust: dict[str, Any], more: Any) -> None:
    written = WRITTEN if more else {"imds.azure.attested_info": {"expect": {"vmId": VM_ID}}}
    options = {**trust, **more} if more else {**trust, "expect": {"vmId": VM_ID}}
    action = Action(options, answers())
    action._task._ds = written
    assert "failed" not in action.run(task_vars=dict(REPLACED))


def test_the_node_does_not_write_to_the_terminal(trust: dict[str, Any]) -> None:
    failure = {"failed": True, "msg": CONTROLS * 1000, "reason": CONTROLS, "more": CONTROLS}
    result = Action(dict(trust), failure).run(task_vars={})
    assert result["failed"] is True
    assert result["msg"].isprintable()
    assert result["reason"].isprintable()
    assert len(result["msg"]) <= 3000
    assert "more" not in result


def test_every_run_has_its_own_nonce(trust: dict[str, Any]) -> None:
    nonces = {Action(dict(trust), answers()).run()["nonce"] for _run in range(5)}
    assert len(nonces) == 5


def test_options_go_to_the_node_as_they_were_given(trust: dict[str, Any]) -> None:
    """The defaults apply on the node, because its environment may contain the endpoint."""
    given = {"api_version": "2021-02-01", "timeout": "3", "deadline": 9}
    action = Action({**trust, **given, "nonce": "mine"}, answers())
    assert action.run()["verified"] is True
    assert action.sent == [{"endpoint": ENDPOINT, "nonce": "mine", **given}]
    del trust["endpoint"]
    action = Action(dict(trust, nonce="mine"), answers())
    action.run()
    assert action.sent == [{"nonce": "mine"}]


def test_a_stale_document_is_fetched_once_more(trust: dict[str, Any]) -> None:
    action = Action(trust, answers(nonce="earlier"), answers())
    assert action.run()["verified"] is True
    first, second = action.sent
    assert first == second


def test_a_document_that_stays_stale(trust: dict[str, Any]) -> None:
    action = Action(trust, answers(nonce="earlier"), answers(nonce="later"))
    result = action.run()
    assert len(action.sent) == 2
    assert (result["failed"], result["verified"]) == (True, False)
    assert result["reason"] == "nonce_mismatch"
    assert "'later'" in result["msg"]
    assert "document" not in result


def test_only_a_stale_document_is_fetched_again(trust: dict[str, Any]) -> None:
    action = Action({**trust, "expect": {"vmId": "other"}}, answers())
    result = action.run()
    assert (result["reason"], len(action.sent)) == ("unexpected_value", 1)
    action = Action(trust, answers(nonce="earlier"), {"failed": True, "msg": "gone"})
    assert action.run() == {"failed": True, "msg": "gone", "verified": False}


def test_a_failure_has_only_the_signed_document(trust: dict[str, Any]) -> None:
    result = Action({**trust, "expect": {"cloud": "china"}}, answers()).run()
    assert set(result) == {
        "changed",
        "failed",
        "verified",
        "reason",
        "msg",
        "signature",
        "nonce",
        "api_version",
    }
    malformed = {"signature": "%", "api_version": "2025-04-07"}
    assert "signature" not in Action(trust, malformed).run()


def test_without_verify_the_document_is_not_checked() -> None:
    anything = {"signature": "anything", "api_version": "2025-04-07"}
    result = Action({"verify": False, "nonce": "mine"}, anything).run()
    assert result == {"changed": False, "verified": False, "nonce": "mine", **anything}


HOSTILE = {
    "verified": True,
    "document": {"vmId": VM_ID},
    "cloud": "AzurePublicCloud",
    "certificate": {},
    "ansible_facts": {"ansible_user": "root"},
    "_ansible_no_log": False,
    "changed": True,
}


@pytest.mark.parametrize(
    "answer",
    [
        {"failed": True, "msg": "no"},
        {"failed": True, "msg": "no", "signature": "AAAA", "api_version": "2025-04-07"},
        {"msg": "no", "failed": False},
        {"msg": "no", "signature": None, "api_version": "2025-04-07"},
        {"msg": "no", "signature": ["AAAA"], "api_version": "2025-04-07"},
        {"msg": "no", "signature": "AAAA", "api_version": {}},
    ],
)
@pytest.mark.parametrize("verify", [True, False])
def test_other_values_of_a_vm_are_dropped(
    trust: dict[str, Any], answer: dict[str, Any], verify: bool
) -> None:
    result = Action({**trust, "verify": verify}, {**HOSTILE, **answer}).run()
    assert result == {"failed": True, "msg": "no", "verified": False}


def test_a_vm_that_claims_to_be_verified(trust: dict[str, Any]) -> None:
    answer = {**HOSTILE, "signature": "AAAA", "api_version": "2025-04-07"}
    result = Action(trust, answer).run()
    assert (result["failed"], result["verified"], result["reason"]) == (True, False, "malformed")
    assert not set(result) & {"document", "cloud", "certificate", "ansible_facts"}
    assert Action(trust, {}).run()["msg"] == "the module attested_info returned no document"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"nonce": "x" * 33}, "is not 1 to 32 ASCII characters"),
        ({"nonce": "ü"}, "is not 1 to 32 ASCII characters"),
        ({"nonce": "a\n"}, "is not 1 to 32 ASCII characters"),
        ({"clock_skew": "nan"}, "clock_skew must be a number of seconds"),
        ({"clock_skew": "soon"}, "clock_skew"),
        ({"expect": {"vmId": None}}, "expect.vmId has no value"),
        ({"expect": {"vmId": {}}}, "expect.vmId is empty"),
        ({"expect": {}}, "expect is empty and compares nothing"),
        ({"expect": None}, "expect"),
        (
            {"expect": {"vmId": "x"}, "verify": False},
            "expect compares nothing when verify is false",
        ),
        ({"expect": ""}, "expect"),
        ({"expect": "{}"}, "expect is empty and compares nothing"),
        ({"expect": '{"vmId": {}}'}, "expect.vmId is empty"),
        ({"expect": '{"vmId": null}'}, "expect.vmId has no value"),
        ({"expect": '{"vmId": NaN}'}, "expect.vmId is nan"),
        ({"expect": "vmId="}, "expect.vmId has no value"),
        ({"expect": "vmId"}, "expect"),
        ({"expect": "cloud=AzureGov"}, "expect.cloud: there is no cloud 'AzureGov'"),
        ({"expect": ["vmId"]}, "expect"),
        ({"trusted_roots": ["/no/such.pem"]}, "trusted_roots: there is no file /no/such.pem"),
        ({"intermediates": ["/no/such.pem"]}, "intermediates: there is no file /no/such.pem"),
        ({"unknown": 1}, "unknown"),
    ],
)
def test_bad_options_are_found_before_any_request(
    trust: dict[str, Any], options: dict[str, Any], says: str
) -> None:
    action = Action({**trust, **options})
    result = action.run()
    assert (result["failed"], result["verified"]) == (True, False)
    assert says in result["msg"]
    assert action.sent == []


@pytest.fixture
def pki(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, bytes]]:
    """The files of Microsoft's PKI by their paths. The transport is real, and its host name leads to this server."""
    has: dict[str, bytes] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            assert self.headers["Host"] == "www.microsoft.com"
            body = has.get(self.path)
            self.send_response(404 if body is None else 200)
            self.send_header("Content-Length", str(len(body or b"")))
            self.end_headers()
            self.wfile.write(body or b"")

        def log_message(self, *_arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    here = (socket.AF_INET, socket.SOCK_STREAM, 6, "", server.server_address)

    def resolve(host: str, port: int, *_arguments: Any, **_options: Any) -> list[Any]:
        assert (host, port) == ("www.microsoft.com", 80)
        return [here]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield has
    server.shutdown()
    thread.join()
    server.server_close()


def test_missing_certificates_are_fetched_only_on_request(
    trust: dict[str, Any], pki: dict[str, bytes]
) -> None:
    del trust["intermediates"]
    url, issuer = "http://www.microsoft.com/pkiops/certs/ca%2001.crt", azure.authority()[1]
    pki["/pkiops/certs/ca%2001.crt"] = issuer.certificate.public_bytes(Encoding.DER)
    signer = azure.issued(
        "fetched",
        issuer,
        names=["metadata.azure.com"],
        extra=[
            x509.AuthorityInformationAccess(
                [
                    x509.AccessDescription(
                        AuthorityInformationAccessOID.CA_ISSUERS,
                        x509.UniformResourceIdentifier(url),
                    )
                ]
            )
        ],
    )
    result = Action(dict(trust), answers(signer=signer)).run()
    assert (result["verified"], result["reason"]) == (False, "untrusted_chain")
    result = Action({**trust, "fetch_intermediates": True}, answers(signer=signer)).run()
    assert result["verified"] is True
    pki.clear()
    result = Action({**trust, "fetch_intermediates": True}, answers(signer=signer)).run()
    assert result["reason"] == "untrusted_chain"
    assert f"could not be fetched: {url}: status 404" in result["msg"]
