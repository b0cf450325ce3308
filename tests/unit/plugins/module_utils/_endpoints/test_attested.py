# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the endpoint, the nonce and the names of clouds of attested documents."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_collections.imds.azure.plugins.module_utils._client import ImdsClient, Limits, System
from ansible_collections.imds.azure.plugins.module_utils._clouds import attested_cloud
from ansible_collections.imds.azure.plugins.module_utils._endpoints.attested import (
    attested_document,
    checked_nonce,
)
from ansible_collections.imds.azure.plugins.module_utils._errors import (
    MalformedError,
    OptionError,
    UnavailableError,
)
from ansible_collections.imds.azure.plugins.module_utils._transport import Request, Response

URL = "http://169.254.169.254/metadata/attested/document?api-version=2025-04-07&nonce=a%2Fb%26c"


def client(*answers: tuple[int, Any]) -> tuple[ImdsClient, list[str]]:
    """A client with these answers in turn, and its requests."""
    script, asked = list(answers), []

    def send(request: Request, _timeout: float) -> Response:
        asked.append(f"{request.method} {request.url}")
        assert request.headers["Metadata"] == "true"
        status, body = script.pop(0)
        return Response(status, {}, json.dumps(body).encode())

    slept: list[float] = []
    system = System(lambda: sum(slept), lambda: 0.0, slept.append, lambda: 1.0)
    return ImdsClient(send, limits=Limits(deadline=10.0), system=system), asked


def test_the_nonce_is_sent_and_the_signature_returned() -> None:
    imds, asked = client((200, {"encoding": "pkcs7", "signature": "MII="}))
    assert attested_document(imds, "a/b&c") == ("2025-04-07", "MII=")
    assert asked == [f"GET {URL}"]


def test_a_404_is_retried_as_for_every_root_document() -> None:
    imds, asked = client(
        (404, {}), (410, {}), (503, {}), (200, {"encoding": "pkcs7", "signature": "MII="})
    )
    assert attested_document(imds, "a/b&c").data == "MII="
    assert len(asked) == 4
    imds, _asked = client(*[(503, {})] * 9)
    with pytest.raises(UnavailableError, match=r"attested/document.* failed: status 503"):
        attested_document(imds, "a/b&c")


def test_a_version_from_before_there_were_any_is_named_as_the_cause() -> None:
    imds, _asked = client(*[(404, {})] * 9)
    with pytest.raises(UnavailableError, match=r"status 404, .* Check api_version: .* 2018-10-01"):
        attested_document(imds, "x")


def test_an_older_imds_gets_requests_with_its_own_version() -> None:
    rejection = {"error": "api-version is invalid", "newest-versions": ["2020-09-01", "2020-06-01"]}
    imds, asked = client((400, rejection), (200, {"encoding": "pkcs7", "signature": "MII="}))
    assert attested_document(imds, "x").api_version == "2020-09-01"
    assert asked[1].endswith("?api-version=2020-09-01&nonce=x")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ([], "it is a list, not an attested document"),
        ("text", "it is a text, not an attested document"),
        (None, "it is null, not an attested document"),
        ({}, "it has no 'signature' in the 'encoding' pkcs7"),
        ({"encoding": "pkcs7"}, "it has no 'signature'"),
        ({"encoding": "pkcs7", "signature": 5}, "it has no 'signature'"),
        ({"encoding": "jwt", "signature": "MII="}, "in the 'encoding' pkcs7"),
        ({"signature": "MII="}, "in the 'encoding' pkcs7"),
    ],
)
def test_invalid_attested_documents(data: Any, says: str) -> None:
    imds, asked = client((200, data))
    with pytest.raises(MalformedError) as failed:
        attested_document(imds, "a/b&c")
    assert str(failed.value).startswith(f"GET {URL} was answered, but ")
    assert says in str(failed.value)
    assert len(asked) == 1


@pytest.mark.parametrize("nonce", ["x", "0" * 32, "~!*'();:@&=+$,/?%#[]"])
def test_a_nonce(nonce: str) -> None:
    assert checked_nonce(nonce) == nonce


@pytest.mark.parametrize("nonce", ["", "0" * 33, "a b", "a\n", "a\t", "ü", "\0", "\x7f"])
def test_no_nonce(nonce: str) -> None:
    with pytest.raises(OptionError, match="is not 1 to 32 ASCII characters without blanks"):
        checked_nonce(nonce)


@pytest.mark.parametrize(
    ("name", "cloud"),
    [
        ("metadata.azure.com", "AzurePublicCloud"),
        ("EastUS.Metadata.Azure.Com", "AzurePublicCloud"),
        ("usgovvirginia.metadata.azure.us", "AzureUSGovernmentCloud"),
        ("metadata.azure.cn", "AzureChinaCloud"),
        ("x.y.metadata.microsoftazure.de", "AzureGermanCloud"),
        ("metadata.azure.com.evil.example", None),
        ("evilmetadata.azure.com", None),
        ("azure.com", None),
        ("metadata.azure.com.", None),
        ("", None),
    ],
)
def test_the_cloud_of_a_name(name: str, cloud: str | None) -> None:
    found = attested_cloud(name)
    assert (found.name if found else None) == cloud
