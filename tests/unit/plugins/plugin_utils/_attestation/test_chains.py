# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests that the search for chains is bounded, with any certificates in the document of a machine.

The tests count signature checks and calls of the library. Seconds would depend on the machine.
"""

from __future__ import annotations

import base64
import datetime
import functools
import itertools
import typing as t

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from ansible_collections.imds.azure.plugins.module_utils._errors import AttestationError
from ansible_collections.imds.azure.plugins.plugin_utils._attestation import chains, verify
from ansible_collections.imds.azure.plugins.plugin_utils._attestation.trust import Trust
from imds_simulator import _attested as azure
from imds_simulator._attested import Identity

SINCE = datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone.utc)
NOW = datetime.datetime(2026, 7, 28, 14, 0, tzinfo=datetime.timezone.utc)
NONCE = "0123456789abcdef0123456789abcdef"
PUBLIC = ("metadata.azure.com",)


@functools.cache
def root(name: str = "Root") -> Identity:
    return azure.issued(name, None, authority=True, since=SINCE)


@functools.cache
def issuing() -> Identity:
    return azure.issued("Issuing CA", root(), authority=True, since=SINCE)


@functools.cache
def signer(issuer: Identity | None = None) -> Identity:
    return azure.issued("metadata.azure.com", issuer or issuing(), names=PUBLIC, since=SINCE)


def named(name: str) -> Identity:
    """An authority that has only a name and a key. Documents contain only certificates for it."""
    return root(name)


def certificate(subject: Identity, by: Identity) -> Identity:
    """A certificate for the name and the key of one authority, issued by another one."""
    key = subject.key.public_key()
    builder = x509.CertificateBuilder(
        by.certificate.subject,
        subject.certificate.subject,
        key,
        x509.random_serial_number(),
        SINCE,
        SINCE + datetime.timedelta(days=3650),
    )
    extensions: list[tuple[x509.ExtensionType, bool]] = [
        (x509.BasicConstraints(True, None), True),
        (azure._usage(True), True),
        (x509.SubjectKeyIdentifier.from_public_key(key), False),
        (x509.AuthorityKeyIdentifier.from_issuer_public_key(by.key.public_key()), False),
    ]
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return Identity(builder.sign(by.key, hashes.SHA256()), subject.key)


def mesh(names: t.Sequence[Identity], count: int) -> list[Identity]:
    """Certificates by which each of the names issues each of the other names."""
    pairs = itertools.cycle(itertools.permutations(names, 2))
    return [certificate(subject, by) for subject, by in itertools.islice(pairs, count)]


class Counted:
    """The number of signature checks and of calls of the library that an attack causes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.checks = 0
        self.calls: list[int] = []
        check, verified = chains.is_issued_by, verify._verified

        def counted_check(child: t.Any, issuer: t.Any) -> bool:
            self.checks += 1
            return check(child, issuer)

        def counted_call(verifier: t.Any, leaf: t.Any, links: t.Any) -> t.Any:
            self.calls.append(len(links))
            return verified(verifier, leaf, links)

        monkeypatch.setattr(chains, "is_issued_by", counted_check)
        monkeypatch.setattr(verify, "_verified", counted_call)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Counted:
    return Counted(monkeypatch)


def outcome(
    own: Identity, others: t.Sequence[Identity], links: t.Sequence[Identity] = ()
) -> list[str] | str:
    """The found chain, or the reason why there is none."""
    content = azure.content({"vmId": "1"}, "2025-04-07", NOW, NONCE)
    message = base64.b64encode(azure.signed(content, own, embedded=[own, *others])).decode()
    trust = Trust((root().certificate,), tuple(link.certificate for link in links))
    try:
        wanted = verify.expected(NONCE, {}, 300.0)
        found = verify.verify(message, wanted, trust, NOW)
    except AttestationError as exc:
        return exc.reason
    return [name.split(",")[0] for name in found.certificate["chain"]]


GENUINE = ["CN=metadata.azure.com", "CN=Issuing CA", "CN=Root"]
A, B = "Hostile A", "Hostile B"


def loop(each: int) -> list[Identity]:
    """Two names that issue each other, with this number of certificates for each."""
    return mesh([named(A), named(B)], 2 * each)


@pytest.mark.parametrize(
    "others",
    [
        pytest.param(lambda: loop(4), id="4+4"),
        pytest.param(lambda: loop(7), id="7+7"),
        pytest.param(lambda: mesh([named(f"Hostile {c}") for c in "ABCD"], 15), id="mesh of 4"),
        pytest.param(lambda: mesh([named(f"Hostile {c}") for c in "ABCDEFGH"], 15), id="of 8"),
        pytest.param(
            lambda: [certificate(named(A), named(A)) for _copy in range(15)], id="themselves"
        ),
    ],
)
def test_a_signer_without_a_chain_to_a_root(
    counted: Counted, others: t.Callable[[], list[Identity]]
) -> None:
    assert outcome(signer(named(A)), others(), [issuing()]) == "untrusted_chain"
    assert counted.checks <= chains.MAX_CHECKS
    # None of these certificates leads to a trusted root, so the library does not get them.
    assert counted.calls == []


@pytest.mark.parametrize("each", [4, 7])
def test_a_genuine_signer_among_hostile_certificates(counted: Counted, each: int) -> None:
    """The certificates have the name and the key of the genuine authority, and issue each other."""
    others = mesh([issuing(), named(B)], 2 * each)
    assert outcome(signer(), others, [issuing()]) == GENUINE
    assert counted.calls == [1]
    assert counted.checks <= 4
    counted.calls.clear()
    assert outcome(signer(), [*others, issuing()]) == GENUINE
    assert counted.calls == [1]


def test_hostile_certificates_under_a_genuine_one_that_is_no_authority(counted: Counted) -> None:
    """An attacker can have a server certificate of a trusted authority, and its key."""
    server = azure.issued("server.example", issuing(), names=["server.example"], since=SINCE)
    names = [named(f"Hostile {c}") for c in "ABC"]
    under = [certificate(name, server) for name in names]
    others = [server, *under, *mesh(names, 10)]
    assert outcome(signer(named(A)), others, [issuing()]) == "untrusted_chain"
    assert 1 <= len(counted.calls) <= chains.MAX_CHAINS
    assert max(counted.calls) <= chains.MAX_LINKS
    assert counted.checks <= chains.MAX_CHECKS


def test_invalid_chains_to_a_root(counted: Counted) -> None:
    """All certificates are genuine, so the library gets all of the many chains one by one."""
    names = [named(f"Level {level}") for level in range(5)]
    pairs = itertools.pairwise([root(), *names])
    others = [certificate(below, above) for above, below in pairs for _copy in range(3)]
    wrong = azure.issued("wrong", names[-1], names=PUBLIC, authority=True, since=SINCE)
    assert outcome(wrong, others) == "untrusted_chain"
    assert len(counted.calls) == chains.MAX_CHAINS
    assert counted.checks <= chains.MAX_CHECKS


def test_every_search_has_its_limits() -> None:
    names = [named(f"Hostile {letter}") for letter in "ABCDEFGH"]
    links = [one.certificate for one in mesh(names, 56)]
    with pytest.raises(chains.GivenUpError):
        list(chains.chains(signer(named(A)).certificate, [root().certificate], links))


@pytest.mark.parametrize("length", [0, 1, 4, chains.MAX_LINKS])
def test_genuine_chains_of_any_length(length: int) -> None:
    above = root()
    links = []
    for level in range(length):
        above = certificate(named(f"Level {level}"), above)
        links.append(above)
    found = outcome(signer(above), links)
    assert isinstance(found, list)
    assert len(found) == length + 2


def test_a_chain_that_is_too_long_is_not_found() -> None:
    above = root()
    links = []
    for level in range(chains.MAX_LINKS + 1):
        above = certificate(named(f"Level {level}"), above)
        links.append(above)
    assert outcome(signer(above), links) == "untrusted_chain"


def test_both_paths_of_a_cross_signed_authority() -> None:
    """The first certificate of the authority leads to an untrusted root."""
    others = [certificate(issuing(), named("Old Root")), certificate(issuing(), root())]
    assert outcome(signer(), others) == GENUINE
    assert outcome(signer(), others[::-1]) == GENUINE


def test_a_trusted_link_ends_the_chain() -> None:
    """trusted_roots can contain an authority that another authority issued."""
    leaf, middle = signer().certificate, issuing().certificate
    assert list(chains.chains(leaf, [middle], [])) == [[]]
    assert list(chains.chains(leaf, [leaf], [])) == [[]]
    assert list(chains.chains(leaf, [], [middle])) == []
    # A trusted certificate can also be one of the intermediates.
    assert next(chains.chains(leaf, [middle], [middle])) == []


def test_unreadable_certificates_are_not_intermediates() -> None:
    class Broken:
        @property
        def subject(self) -> t.Any:
            raise ValueError("broken")

    broken: t.Any = Broken()
    leaf = signer().certificate
    found = list(chains.chains(leaf, [root().certificate], [broken, issuing().certificate]))
    assert found == [[issuing().certificate]]
