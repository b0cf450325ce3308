# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests missing intermediates, which come only from Microsoft's PKI. A server on loopback replaces it.

The transport is real. A resolver maps the names of Microsoft's hosts to this server.
"""

from __future__ import annotations

import base64
import contextlib
import datetime
import functools
import http.server
import threading
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import AuthorityInformationAccessOID

from ansible_collections.imds.azure.plugins.module_utils._errors import (
    AttestationError,
    UnavailableError,
)
from ansible_collections.imds.azure.plugins.module_utils._transport import (
    Request,
    Response,
    Transport,
)
from ansible_collections.imds.azure.plugins.plugin_utils._attestation.issuers import (
    MAX_BYTES,
    MAX_HOPS,
    is_allowed,
    issuers,
)
from ansible_collections.imds.azure.plugins.plugin_utils._attestation.trust import Trust
from ansible_collections.imds.azure.plugins.plugin_utils._attestation.verify import (
    Attested,
    expected,
    verify,
)
from ansible_collections.imds.azure.plugins.plugin_utils._requests_transport import (
    requests_transport,
)
from imds_simulator import _attested as azure
from imds_simulator._attested import Identity

NOW = datetime.datetime.now(datetime.timezone.utc)
CERTS = "http://www.microsoft.com/pkiops/certs"
OTHER = "http://caissuers.microsoft.com/pkiops/certs"


class Answer(NamedTuple):
    body: bytes = b""
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


class Pki:
    """A server with an answer for each URL of all hosts."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.address = ""
        self._send = requests_transport(MAX_BYTES)

    def send(self, request: Request, timeout: float) -> Response:
        parts = urlsplit(request.url)
        local = parts._replace(scheme="http", netloc=self.address).geturl()
        headers = {**request.headers, "Host": parts.netloc, "X-Scheme": parts.scheme}
        return self._send(request._replace(url=local, headers=headers), timeout)


@pytest.fixture
def pki() -> Iterator[Pki]:
    pki = Pki()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            url = f"{self.headers['X-Scheme']}://{self.headers['Host']}{self.path}"
            pki.asked.append(url)
            answer = pki.answers.get(url, Answer(b"", 404))
            self.send_response(answer.status)
            length = ("Content-Length", str(len(answer.body)))
            for name, value in dict([length, *answer.headers]).items():
                self.send_header(name, value)
            self.end_headers()
            with contextlib.suppress(OSError):  # the client may close early
                self.wfile.write(answer.body)

        def log_message(self, *_arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    pki.address = "{}:{}".format(*server.server_address[:2])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield pki
    server.shutdown()
    thread.join()
    server.server_close()


def access(*urls: str) -> x509.AuthorityInformationAccess:
    return x509.AuthorityInformationAccess(
        [
            x509.AccessDescription(
                AuthorityInformationAccessOID.CA_ISSUERS, x509.UniformResourceIdentifier(url)
            )
            for url in urls
        ]
    )


def der(identity: Identity) -> bytes:
    return identity.certificate.public_bytes(Encoding.DER)


@functools.cache
def chain(*urls: str) -> tuple[Identity, ...]:
    """A root, an authority for each URL except the first one, and a signer. Each names the URL of its issuer."""
    made = [azure.issued("Fetched Root", None, authority=True)]
    for index, url in enumerate(urls[:-1]):
        authority = azure.issued(
            f"Fetched CA {index}", made[-1], authority=True, extra=[access(url)]
        )
        made.append(authority)
    names = ["metadata.azure.com"]
    return (*made, azure.issued("signer", made[-1], names=names, extra=[access(*urls[-1:])]))


def attested(root: Identity, signer: Identity, send: Transport | None) -> Attested:
    message = azure.signed(azure.content({"vmId": "1"}, "2025-04-07", NOW, "nonce"), signer)
    wanted = expected("nonce", {}, 300.0)
    trust = Trust((root.certificate,))
    return verify(base64.b64encode(message).decode(), wanted, trust, NOW, send)


def test_missing_links_are_fetched(pki: Pki) -> None:
    urls = (f"{CERTS}/root%20-%20xsign.crt", f"{CERTS}/ca-0.crt", f"{OTHER}/ca-1.crt")
    root, first, second, signer = chain(*urls)
    pki.answers = {urls[1]: Answer(der(first)), urls[2]: Answer(der(second))}
    found = attested(root, signer, pki.send)
    assert found.certificate["chain"] == [
        f"CN={name},O=Simulated Corporation"
        for name in ("signer", "Fetched CA 1", "Fetched CA 0", "Fetched Root")
    ]
    assert pki.asked == [urls[2], urls[1]]


def test_issuers_are_fetched_only_if_this_is_enabled_and_necessary(pki: Pki) -> None:
    root, first, second, signer = chain(f"{CERTS}/0", f"{CERTS}/1", f"{CERTS}/2")
    with pytest.raises(AttestationError, match="Set fetch_intermediates") as failed:
        attested(root, signer, None)
    assert failed.value.reason == "untrusted_chain"
    message = azure.signed(azure.content({"vmId": "1"}, "2025-04-07", NOW, "nonce"), signer)
    trust = Trust((root.certificate,), (first.certificate, second.certificate))
    signature = base64.b64encode(message).decode()
    assert verify(signature, expected("nonce", {}, 0.0), trust, NOW, pki.send)
    assert pki.asked == []


def test_a_fetched_certificate_is_not_trusted(pki: Pki) -> None:
    """The hosts belong to Microsoft, but anybody on the network can answer HTTP requests."""
    url = f"{CERTS}/root.crt"
    root, signer = chain(url)
    pki.answers = {url: Answer(der(root))}
    other = azure.issued("Other Root", None, authority=True)
    with pytest.raises(AttestationError) as failed:
        attested(other, signer, pki.send)
    assert failed.value.reason == "untrusted_chain"
    assert pki.asked == [url]


def test_the_number_of_fetched_certificates_is_limited(pki: Pki) -> None:
    urls = tuple(f"{CERTS}/{index}.crt" for index in range(MAX_HOPS + 2))
    root, *authorities, signer = chain(*urls)
    pki.answers = {url: Answer(der(one)) for url, one in zip(urls[1:], authorities, strict=True)}
    with pytest.raises(AttestationError, match="Check trusted_roots"):
        attested(root, signer, pki.send)
    assert len(pki.asked) == MAX_HOPS == 4


def test_a_loop_ends(pki: Pki) -> None:
    url = f"{CERTS}/loop.crt"
    loop = azure.issued("Loop", None, authority=True, extra=[access(url)])
    pki.answers = {url: Answer(der(loop))}
    assert len(list(issuers(loop.certificate, pki.send))) == MAX_HOPS
    assert len(pki.asked) == MAX_HOPS


def test_the_second_address_helps_where_the_first_fails(pki: Pki) -> None:
    urls = (f"{CERTS}/gone.crt", f"{OTHER}/there.crt")
    root = azure.issued("Fetched Root", None, authority=True)
    one = azure.issued("One", root, authority=True, extra=[access(*urls)])
    pki.answers = {urls[1]: Answer(der(root))}
    assert list(issuers(one.certificate, pki.send)) == [root.certificate]
    assert pki.asked == [*urls]


def test_https_is_accepted(pki: Pki) -> None:
    url = "https://www.microsoft.com:443/pkiops/certs/one.crt"
    root, one = chain(url)
    pki.answers = {url: Answer(der(root))}
    assert list(issuers(one.certificate, pki.send)) == [root.certificate]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Answer(b"", 404), "status 404"),
        (Answer(b"", 503), "status 503"),
        (Answer(b"", 302, (("Location", "http://127.0.0.1:1/"),)), "status 302"),
        (Answer(b"", 301, (("Location", f"{CERTS}/other.crt"),)), "status 301"),
        (Answer(b"x" * (MAX_BYTES + 1)), "the answer is larger than 64 KiB"),
        (Answer(b"x" * 9, 200, (("Content-Length", "70000"),)), "the answer is larger than 64 KiB"),
        (Answer(b"x" * MAX_BYTES), "not a certificate"),
        (Answer(b""), "not a certificate"),
        (Answer(b"<html>"), "not a certificate"),
        (
            Answer(b"x" * 9, 200, (("Content-Length", "100"),)),
            "the answer ended after 9 of 100 bytes",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_useless_answers(pki: Pki, answer: Answer, says: str) -> None:
    url = f"{CERTS}/one.crt"
    root, signer = chain(url)
    pki.answers = {url: answer, f"{CERTS}/other.crt": Answer(der(root))}
    with pytest.raises(UnavailableError, match=says):
        list(issuers(signer.certificate, pki.send))
    with pytest.raises(AttestationError, match=f"could not be fetched: {url}: {says}") as failed:
        attested(azure.issued("Other Root", None, authority=True), signer, pki.send)
    assert failed.value.reason == "untrusted_chain"
    assert pki.asked == [url, url]


def test_no_server_answers() -> None:
    _root, signer = chain(f"{CERTS}/one.crt")
    pki = Pki()
    pki.address = "127.0.0.1:1"
    with pytest.raises(UnavailableError, match="connection refused"):
        list(issuers(signer.certificate, pki.send))


def test_a_proxy_in_the_environment_is_not_used(pki: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    url = f"{CERTS}/one.crt"
    root, signer = chain(url)
    pki.answers = {url: Answer(der(root))}
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert list(issuers(signer.certificate, pki.send)) == [root.certificate]


NOWHERE = [
    "http://www.microsoft.com/other/certs/one.crt",
    "http://www.microsoft.com/pkiops",
    "http://www.microsoft.com/pkiops/../admin",
    "http://www.microsoft.com/pkiops/%2e%2E/admin",
    "http://www.microsoft.com/pkiops/certs/one.crt?redirect=http://evil.example",
    "http://www.microsoft.com.evil.example/pkiops/certs/one.crt",
    "http://evil.example/www.microsoft.com/pkiops/one.crt",
    "http://www.microsoft.com@evil.example/pkiops/one.crt",
    "http://user:password@www.microsoft.com/pkiops/one.crt",
    "http://www.microsoft.com:8080/pkiops/one.crt",
    "http://www.microsoft.com:443/pkiops/one.crt",
    "http://www.microsoft.com:x/pkiops/one.crt",
    "http://evil.example\\@www.microsoft.com/pkiops/one.crt",
    "http://www.microsoft.com\n.evil.example/pkiops/one.crt",
    "http://www.microsoft.com /pkiops/one.crt",
    "http://www.mícrosoft.com/pkiops/one.crt",
    "http://microsoft.com/pkiops/one.crt",
    "http://crl.microsoft.com/pkiops/one.crt",
    "ftp://www.microsoft.com/pkiops/one.crt",
    "file:///www.microsoft.com/pkiops/one.crt",
    "ldap://caissuers.microsoft.com/pkiops/one.crt",
    "//www.microsoft.com/pkiops/one.crt",
    "http://169.254.169.254/metadata/identity/oauth2/token",
    "http://127.0.0.1/pkiops/one.crt",
    "http://localhost/pkiops/one.crt",
    "http://[::1]/pkiops/one.crt",
    "http://[www.microsoft.com/pkiops/one.crt",
    "http://[www.microsoft.com]/pkiops/one.crt",
    "http://[www.microsoft.com].evil.example/pkiops/one.crt",
    "http://www.microsoft.com[::1]/pkiops/one.crt",
    "http://www.microsoft.com:80:80/pkiops/one.crt",
    "http://www.microsoft.com:/pkiops/one.crt",
    "http://www.microsoft.com:080/pkiops/one.crt",
    "http://www.microsoft.com./pkiops/one.crt",
    "http://www.microsoft.com\t/pkiops/one.crt",
    "ht\ntp://www.microsoft.com/pkiops/one.crt",
    "http://www.microsoft.com/pkiops/one.crt\n",
    " http://www.microsoft.com/pkiops/one.crt",
    "http://www.microsoft.com\u3002/pkiops/one.crt",
    "http://www.micro\u017foft.com/pkiops/one.crt",
    "http:/www.microsoft.com/pkiops/one.crt",
    "http:///www.microsoft.com/pkiops/one.crt",
    "http://www.microsoft.com/pkiops/one.crt#here",
    "http://www.microsoft.com/pkiops/one.crt;x",
    "http://www.microsoft.com/pkiops/\\..\\one.crt",
    "http://www.microsoft.com\\pkiops/one.crt",
    "http://cacerts.digicert.com/DigiCertGlobalRootG2.crt",
    "",
]


@pytest.mark.parametrize("url", NOWHERE)
def test_urls_of_other_servers_are_refused(url: str) -> None:
    assert not is_allowed(url)


def test_no_request_goes_to_other_servers(pki: Pki) -> None:
    urls = [url for url in NOWHERE if url.isascii() and url.isprintable()]
    root = azure.issued("Fetched Root", None, authority=True)
    signer = azure.issued("signer", root, names=["metadata.azure.com"], extra=[access(*urls)])
    assert list(issuers(signer.certificate, pki.send)) == []
    assert pki.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "http://www.microsoft.com/pkiops/certs/Microsoft%20TLS%20G2%20RSA%20CA%20OCSP%2002.crt",
        "http://caissuers.microsoft.com/pkiops/certs/Microsoft%20TLS%20RSA%20Root%20G2%20-%20xsign.crt",
        "https://www.microsoft.com/pkiops/certs/one.crt",
        "HTTP://WWW.MICROSOFT.COM/pkiops/certs/one.crt",
        "http://www.microsoft.com:80/pkiops/certs/one.crt",
    ],
)
def test_the_urls_in_azure_certificates_are_allowed(url: str) -> None:
    assert is_allowed(url)


def test_a_certificate_without_an_address(pki: Pki) -> None:
    assert list(issuers(azure.authority()[1].certificate, pki.send)) == []
