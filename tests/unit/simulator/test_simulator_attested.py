# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests /metadata/attested/document: the signed content and the signature."""

from __future__ import annotations

import base64
import json
import subprocess
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
import requests
from asn1crypto import cms

from imds_simulator import FleetError, Simulator, Vm, load_fleet

URL = "/metadata/attested/document"
CLOUDS = {
    "AzurePublicCloud": "metadata.azure.com",
    "AZUREUSGOVERNMENTCLOUD": "metadata.azure.us",
    "AzureChinaCloud": "metadata.azure.cn",
    "AzureGermanCloud": "metadata.microsoftazure.de",
    "Unheard-of": "metadata.azure.com",
}


def message_of(answer: requests.Response) -> bytes:
    assert answer.status_code == 200
    assert answer.json()["encoding"] == "pkcs7"
    assert set(answer.json()) == {"encoding", "signature"}
    return base64.b64decode(answer.json()["signature"], validate=True)


def content_of(answer: requests.Response) -> dict[str, Any]:
    signed = cms.ContentInfo.load(message_of(answer), strict=True)["content"]
    content: dict[str, Any] = json.loads(bytes(signed["encap_content_info"]["content"]))
    return content


def test_the_shape_of_the_message(get: Any) -> None:
    signed = cms.ContentInfo.load(message_of(get(f"{URL}?nonce=1")), strict=True)["content"]
    (signer,) = signed["signer_infos"]
    (certificate,) = signed["certificates"]
    assert signed["version"].native == signer["version"].native == "v1"
    assert signer["signed_attrs"].native is None
    assert signer["digest_algorithm"]["algorithm"].dotted == "1.2.840.113549.1.1.11"
    assert signer["signature_algorithm"]["algorithm"].dotted == "1.2.840.113549.1.1.1"
    assert signed["encap_content_info"]["content_type"].native == "data"
    assert signer["sid"].chosen["serial_number"].native == certificate.chosen.serial_number
    text = bytes(signed["encap_content_info"]["content"])
    assert text == json.dumps(json.loads(text), separators=(",", ":"), sort_keys=True).encode()


def test_the_content_of_the_message(get: Any, vm: Vm) -> None:
    compute = vm.document["compute"]
    content = content_of(get(f"{URL}?nonce=a%2Fb"))
    assert content.pop("nonce") == "a/b"
    stamps = content.pop("timeStamp")
    created, expires = (
        datetime.strptime(stamps[name], "%m/%d/%y %H:%M:%S %z")
        for name in ("createdOn", "expiresOn")
    )
    assert (expires - created).total_seconds() == 6 * 3600
    assert abs((datetime.now(timezone.utc) - created).total_seconds()) < 60
    names = ("licenseType", "plan", "sku", "subscriptionId", "vmId")
    assert content == {name: compute[name] for name in names}


def test_the_default_nonce_is_the_expiry_time(get: Any) -> None:
    content = content_of(get(URL))
    expires = datetime.strptime(content["timeStamp"]["expiresOn"], "%m/%d/%y %H:%M:%S %z")
    assert content["nonce"] == f"{expires:%Y%m%d-%H%M%S}"


@pytest.mark.parametrize(
    ("version", "more"),
    [
        ("2018-10-01", set()),
        ("2019-04-30", {"subscriptionId"}),
        ("2019-11-01", {"subscriptionId", "sku"}),
        ("2020-09-01", {"subscriptionId", "sku", "licenseType"}),
    ],
)
def test_versions(get: Any, version: str, more: set[str]) -> None:
    content = content_of(get(URL, version=version))
    assert set(content) == {"nonce", "plan", "timeStamp", "vmId"} | more


@pytest.mark.parametrize(
    ("path", "options", "status"),
    [
        (URL, {"version": "2018-04-02"}, 404),
        (URL, {"version": None}, 400),
        (URL, {"text": True}, 400),
        (f"{URL}?nonce={'x' * 32}", {}, 200),
        (f"{URL}?nonce={'x' * 33}", {}, 400),
        (f"{URL}?nonce=", {}, 400),
        (f"{URL}?nonce=1&nonce=2", {}, 400),
        (f"{URL}/", {}, 200),
        (f"{URL}/signature", {}, 404),
        ("/metadata/attested", {}, 404),
        (URL, {"method": "POST"}, 405),
        (URL, {"headers": {}}, 400),
    ],
)
def test_rules(get: Any, path: str, options: dict[str, Any], status: int) -> None:
    assert get(path, **options).status_code == status


def test_a_classic_machine_has_none(get: Any, vm: Vm) -> None:
    vm.document = {"network": {"interface": []}}
    answer = get(URL)
    assert (answer.status_code, answer.text) == (500, '{ "error": "Internal error" }')


@pytest.mark.parametrize("cloud", CLOUDS)
def test_every_cloud_has_its_name(session: requests.Session, cloud: str) -> None:
    document = {"compute": {"azEnvironment": cloud, "location": "North Europe", "vmId": "1"}}
    with Simulator([Vm("one", document)]) as simulator:
        answer = session.get(
            f"{simulator['one'].url}{URL}?api-version=2025-04-07", headers={"Metadata": "true"}
        )
    (certificate,) = cms.ContentInfo.load(message_of(answer))["content"]["certificates"]
    domain = CLOUDS[cloud]
    assert certificate.chosen.subject.native["common_name"] == domain
    names = certificate.chosen.subject_alt_name_value.native
    assert names == [f"northeurope.{domain}", domain]


def test_nonces_of_earlier_requests_and_other_claims(
    get: Any, vm: Vm, session: requests.Session
) -> None:
    url = f"{vm.url}/simulator/attested"
    body = {"stale_nonces": 2, "claims": {"vmId": "other", "sku": None}}
    assert session.put(url, json=body).status_code == 204
    answers = [content_of(get(f"{URL}?nonce=mine")) for _request in range(3)]
    assert [one["nonce"] == "mine" for one in answers] == [False, False, True]
    assert all(one["vmId"] == "other" and "sku" not in one for one in answers)
    shown = session.get(url).json()
    assert (shown["stale_nonces"], shown["claims"]) == (0, body["claims"])
    assert session.put(url, json={}).status_code == 204
    assert content_of(get(URL))["vmId"] == vm.document["compute"]["vmId"]


@pytest.mark.parametrize(
    "body", [[], {"stale": 1}, {"stale_nonces": True}, {"stale_nonces": -1}, {"claims": []}, "x"]
)
def test_control_refuses_unknown_keys(vm: Vm, session: requests.Session, body: Any) -> None:
    answer = session.put(f"{vm.url}/simulator/attested", json=body)
    assert answer.status_code == 400
    assert answer.json()["error"]


def test_another_program_can_verify_it(
    get: Any, vm: Vm, session: requests.Session, tmp_path: Path
) -> None:
    """Verifies the chain with openssl, which is independent of this collection. It refuses the digest algorithm, so it verifies only the chain."""
    certificates = session.get(f"{vm.url}/simulator/attested").json()
    for name in ("roots", "intermediates"):
        (tmp_path / name).write_text(certificates[name])
    (leaf,) = cms.ContentInfo.load(message_of(get(URL)))["content"]["certificates"]
    (tmp_path / "leaf.der").write_bytes(leaf.chosen.dump())
    command = ["openssl", "verify", "-CAfile", "roots", "-untrusted", "intermediates"]
    command += ["-verify_hostname", "metadata.azure.com", "-purpose", "sslserver", "leaf.der"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_fleet_file_can_set_claims(tmp_path: Path) -> None:
    path = tmp_path / "fleet.json"
    one = {"document": {"compute": {"name": "one"}}, "stale_nonces": 1, "claims": {"vmId": "1"}}
    path.write_text(json.dumps([one]))
    (vm,) = load_fleet(path)
    assert (vm.stale_nonces, vm.claims) == (1, {"vmId": "1"})
    for bad in ({"stale_nonces": -1}, {"stale_nonces": True}, {"claims": [1]}):
        path.write_text(json.dumps([one | bad]))
        with pytest.raises(FleetError, match=next(iter(bad))):
            load_fleet(path)
