# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests all known attacks on attested documents. Each must fail for the right reason.

An authority of the tests signs the documents, which have the form of Azure's documents. The time
is fixed.
"""

from __future__ import annotations

import base64
import datetime
import functools
import json
import warnings
from collections.abc import Callable, Iterable
from typing import Any

import pytest
from asn1crypto import cms, core
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_collections.imds.azure.plugins.module_utils._errors import (
    AttestationError,
    OptionError,
)
from ansible_collections.imds.azure.plugins.plugin_utils._attestation.signed_data import (
    MAX_SIGNATURE,
    signed_content,
)
from ansible_collections.imds.azure.plugins.plugin_utils._attestation.trust import Trust
from ansible_collections.imds.azure.plugins.plugin_utils._attestation.verify import (
    REASONS,
    Attested,
    expected,
    needs_libraries,
    verify,
)
from imds_simulator import _attested as azure
from imds_simulator._attested import Identity

UTC = datetime.timezone.utc
HOUR = datetime.timedelta(hours=1)
SECOND = datetime.timedelta(seconds=1)
SINCE = datetime.datetime(2026, 1, 1, tzinfo=UTC)
CREATED = datetime.datetime(2026, 7, 28, 13, 0, tzinfo=UTC)
NOW = CREATED + HOUR
EXPIRES = CREATED + 6 * HOUR
NONCE = "0123456789abcdef0123456789abcdef"
COMPUTE: dict[str, Any] = {
    "vmId": "b7b3a3a1-0001-4c4c-9d9d-0a0b0c0d0e0f",
    "subscriptionId": "5f0c1c9e-7a41-4d0e-9d55-2b8f3a6e1c70",
    "sku": "22_04-lts-gen2",
    "licenseType": "Windows_Server",
    "plan": {"name": "basic", "product": "appliance", "publisher": "example"},
}
DOMAINS = {
    "AzurePublicCloud": "metadata.azure.com",
    "AzureUSGovernmentCloud": "metadata.azure.us",
    "AzureChinaCloud": "metadata.azure.cn",
    "AzureGermanCloud": "metadata.microsoftazure.de",
}
PUBLIC = ("westeurope.metadata.azure.com", "metadata.azure.com")


@functools.cache
def root(name: str = "Test Root") -> Identity:
    return azure.issued(name, None, authority=True, since=SINCE)


@functools.cache
def issuing() -> Identity:
    return azure.issued("Test Issuing CA", root(), authority=True, since=SINCE)


@functools.cache
def signer(
    *names: str, issuer: Identity | None = None, subject: str = "metadata.azure.com"
) -> Identity:
    return azure.issued(subject, issuer or issuing(), names=names or PUBLIC, since=SINCE, days=365)


def text(**claims: Any) -> bytes:
    return azure.content(COMPUTE, "2025-04-07", CREATED, NONCE, claims)


def check(
    message: bytes | str,
    *,
    roots: Iterable[Identity] | None = None,
    links: Iterable[Identity] | None = None,
    now: datetime.datetime = NOW,
    nonce: str = NONCE,
    expect: dict[str, Any] | None = None,
    skew: float = 300.0,
) -> Attested:
    signature = message if isinstance(message, str) else base64.b64encode(message).decode()
    trust = Trust(
        tuple(one.certificate for one in ([root()] if roots is None else roots)),
        tuple(one.certificate for one in ([issuing()] if links is None else links)),
    )
    return verify(signature, expected(nonce, expect or {}, skew), trust, now)


def outcome(message: bytes | str, **options: Any) -> Attested | str:
    """The verified content, or the reason of the failure. Other exceptions are raised."""
    try:
        return check(message, **options)
    except AttestationError as exc:
        return exc.reason if is_readable(str(exc)) else f"not readable: {exc}"


def is_readable(message: str) -> bool:
    return message.isprintable() and len(message) < 900


def reason(message: bytes | str, **options: Any) -> str:
    failed = outcome(message, **options)
    assert failed in REASONS
    return str(failed)


def changed(message: bytes, change: Callable[[cms.SignedData], None]) -> bytes:
    """A message with parts that were changed after the signature."""
    info = cms.ContentInfo.load(message)
    change(info["content"])
    der: bytes = info.dump(force=True)
    return der


def flipped(message: bytes, position: int) -> bytes:
    spoilt = bytearray(message)
    spoilt[position] ^= 1 << (position % 8)
    return bytes(spoilt)


# Valid documents


def test_a_genuine_document_is_verified() -> None:
    found = check(azure.signed(text(), signer()))
    assert found.document == json.loads(text())
    assert found.cloud == "AzurePublicCloud"
    assert found.certificate["subject"] == "CN=metadata.azure.com,O=Simulated Corporation"
    assert found.certificate["issuer"] == "CN=Test Issuing CA,O=Simulated Corporation"
    assert found.certificate["dns_names"] == list(PUBLIC)
    assert found.certificate["not_before"] == "2026-01-01T00:00:00Z"
    assert found.certificate["not_after"] == "2027-01-01T00:00:00Z"
    certificate = signer().certificate
    assert found.certificate["sha256"] == certificate.fingerprint(hashes.SHA256()).hex()
    assert int(found.certificate["serial_number"], 16) == certificate.serial_number
    assert found.certificate["chain"][1:] == [
        "CN=Test Issuing CA,O=Simulated Corporation",
        "CN=Test Root,O=Simulated Corporation",
    ]


@pytest.mark.parametrize("cloud", DOMAINS)
@pytest.mark.parametrize(
    "names",
    [
        ("{}",),
        ("some.{}", "{}"),
        ("{}", "some.{}"),
        ("some.{}",),
        ("a.b.{}",),
        ("SOME.{}",),
        ("*.{}",),
    ],
)
def test_every_cloud_signs_in_its_own_name(cloud: str, names: tuple[str, ...]) -> None:
    own = [name.format(DOMAINS[cloud]) for name in names]
    message = azure.signed(text(), signer(*own, subject="any"))
    assert check(message, expect={"cloud": cloud}).cloud == cloud
    assert check(message).cloud == cloud


@pytest.mark.parametrize("digest", [azure.SHA256_WITH_RSA, "2.16.840.1.101.3.4.2.1"])
@pytest.mark.parametrize("attributes", [False, True])
def test_signed_attributes_and_a_proper_digest_are_fine(digest: str, attributes: bool) -> None:
    message = azure.signed(text(), signer(), digest=digest, attributes=attributes)
    assert check(message).document["vmId"] == COMPUTE["vmId"]


@pytest.mark.parametrize(
    ("version", "names"),
    [
        ("2018-10-01", {"nonce", "plan", "timeStamp", "vmId"}),
        ("2019-04-30", {"nonce", "plan", "timeStamp", "vmId", "subscriptionId"}),
        ("2019-11-01", {"nonce", "plan", "timeStamp", "vmId", "subscriptionId", "sku"}),
    ],
)
def test_old_documents_have_less(version: str, names: set[str]) -> None:
    found = check(azure.signed(azure.content(COMPUTE, version, CREATED, NONCE), signer()))
    assert set(found.document) == names


def test_the_document_of_a_classic_vm_has_only_a_vm_id() -> None:
    content = text(plan=None, sku=None, licenseType=None, subscriptionId=None)
    assert set(check(azure.signed(content, signer())).document) == {"nonce", "timeStamp", "vmId"}


def test_intermediates_may_be_in_the_message() -> None:
    message = azure.signed(text(), signer(), embedded=[issuing(), signer()])
    assert check(message, links=[]).cloud == "AzurePublicCloud"


def test_base64_may_have_lines() -> None:
    lines = base64.encodebytes(azure.signed(text(), signer())).decode()
    assert check(lines.replace("\n", "\r\n")).cloud == "AzurePublicCloud"


# The signature


def test_one_bit_of_the_content() -> None:
    message = azure.signed(text(), signer())
    start = message.index(text())
    for position in range(start, start + len(text())):
        assert reason(flipped(message, position)) == "bad_signature"


def test_one_bit_of_the_signature() -> None:
    message = azure.signed(text(), signer())
    for position in range(len(message) - 256, len(message)):
        assert reason(flipped(message, position)) == "bad_signature"


def test_one_bit_of_the_certificate() -> None:
    message = azure.signed(text(), signer())
    der = azure._asn1(signer()).dump()
    start = message.index(der)
    seen = set()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warnings of cryptography about unusual certificates
        for position in range(start, start + len(der)):
            seen.add(reason(flipped(message, position)))
    assert {"bad_signature", "untrusted_chain", "malformed"} <= seen
    # A bit string begins with the number of unused bits at its end.
    unused = start + der.index(b"\x03\x82\x01\x01\x00", len(der) - 270) + 4
    for bit in range(8):
        spoilt = bytearray(message)
        spoilt[unused] ^= 1 << bit
        assert reason(bytes(spoilt)) == "malformed"
    # The signature of the issuer is at its end. Only this test covers it.
    assert reason(flipped(message, start + len(der) - 1)) == "untrusted_chain"


def test_a_changed_bit_never_changes_the_verified_content() -> None:
    message = azure.signed(text(), signer())
    genuine = check(message)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warnings of cryptography about unusual certificates
        for position in range(len(message)):
            assert outcome(flipped(message, position)) in (genuine, *REASONS)


def test_content_swapped_under_a_valid_signature() -> None:
    def swap(parts: cms.SignedData) -> None:
        parts["encap_content_info"] = {"content_type": "data", "content": text(vmId="another")}

    for attributes in (False, True):
        message = azure.signed(text(), signer(), attributes=attributes)
        assert reason(changed(message, swap)) == "bad_signature"


def test_a_signature_of_another_signer() -> None:
    other = azure.issued("other", root("Other Root"), names=PUBLIC, since=SINCE)
    forged = Identity(signer().certificate, other.key)
    assert reason(azure.signed(text(), forged)) == "bad_signature"


def test_two_signers() -> None:
    second = signer("metadata.azure.us", subject="second")
    assert reason(azure.signed(text(), signer(), second)) == "malformed"
    assert reason(azure.signed(text(), signer(), signer())) == "malformed"


def test_no_signer() -> None:
    assert reason(azure.signed(text(), embedded=[signer()])) == "malformed"


def test_the_certificate_of_the_named_signer_is_missing() -> None:
    second = signer("metadata.azure.us", subject="second")
    assert reason(azure.signed(text(), signer(), embedded=[second])) == "bad_signature"
    assert reason(azure.signed(text(), signer(), embedded=[])) == "bad_signature"


def test_several_certificates_match_the_named_signer() -> None:
    message = azure.signed(text(), signer(), embedded=[signer(), signer()])
    assert reason(message) == "malformed"


def test_too_many_certificates() -> None:
    message = azure.signed(text(), signer(), embedded=[signer(), *[issuing()] * 16])
    assert reason(message) == "malformed"


def test_no_certificates_at_all() -> None:
    def drop(parts: cms.SignedData) -> None:
        parts["certificates"] = None

    assert reason(changed(azure.signed(text(), signer()), drop)) == "bad_signature"


def test_attributes_of_another_content() -> None:
    attributes = [
        azure.signed_attributes(b"another content"),
        azure.signed_attributes(text(), "enveloped_data"),
        cms.CMSAttributes([{"type": "content_type", "values": ["data"]}]),
    ]
    for one in attributes:

        def replace(parts: cms.SignedData, one: cms.CMSAttributes = one) -> None:
            info = parts["signer_infos"][0]
            info["signed_attrs"] = one
            info["signature"] = signer().key.sign(
                one.untag().dump(), padding.PKCS1v15(), hashes.SHA256()
            )

        message = changed(azure.signed(text(), signer(), attributes=True), replace)
        assert reason(message) == "bad_signature"


def test_attributes_presented_as_content() -> None:
    """A signature over attributes is also valid for a content with the same bytes."""
    attributes = azure.signed_attributes(text()).untag().dump()
    assert reason(azure.signed(attributes, signer())) == "malformed"


@pytest.mark.parametrize("digest", ["1.3.14.3.2.26", "1.2.840.113549.2.5", "1.2.3.4"])
def test_weak_and_unknown_digests(digest: str) -> None:
    assert reason(azure.signed(text(), signer(), digest=digest)) == "bad_signature"


@pytest.mark.parametrize("algorithm", ["1.2.840.113549.1.1.5", "1.2.840.113549.1.1.12", "1.2.3.4"])
def test_algorithms_that_do_not_match(algorithm: str) -> None:
    def replace(parts: cms.SignedData) -> None:
        parts["signer_infos"][0]["signature_algorithm"] = {"algorithm": algorithm}

    assert reason(changed(azure.signed(text(), signer()), replace)) == "bad_signature"


def test_a_signer_without_an_rsa_key() -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = issuing().certificate.subject
    builder = x509.CertificateBuilder(name, name, key.public_key(), 7, SINCE, SINCE + 9999 * HOUR)
    certificate = builder.sign(issuing().key, hashes.SHA256())
    forged = Identity(certificate, signer().key)
    assert reason(azure.signed(text(), forged)) == "bad_signature"


# The chain


def test_an_unknown_root() -> None:
    message = azure.signed(text(), signer())
    assert reason(message, roots=[root("Other Root")]) == "untrusted_chain"
    assert (
        reason(message, roots=[root("Other Root")], links=[issuing(), root()]) == "untrusted_chain"
    )


def test_a_root_of_the_same_name() -> None:
    def twin() -> Identity:
        azure._key.cache_clear()
        return azure.issued("Test Root", None, authority=True, since=SINCE)

    assert reason(azure.signed(text(), signer()), roots=[twin()]) == "untrusted_chain"


def test_a_root_in_the_message_is_not_trusted() -> None:
    own_root = root("Attacker's Root")
    own = signer(issuer=own_root, subject="own")
    assert reason(azure.signed(text(), own, embedded=[own, own_root])) == "untrusted_chain"


def test_a_signer_that_signed_itself() -> None:
    own = azure.issued("metadata.azure.com", None, names=PUBLIC, since=SINCE)
    assert reason(azure.signed(text(), own)) == "untrusted_chain"


def test_a_missing_intermediate() -> None:
    assert reason(azure.signed(text(), signer()), links=[]) == "untrusted_chain"


def test_an_expired_intermediate() -> None:
    old = azure.issued("Test Old CA", root(), authority=True, since=SINCE, days=100)
    late = azure.issued("late", old, names=PUBLIC, since=SINCE, days=365)
    assert reason(azure.signed(text(), late), links=[old]) == "untrusted_chain"


def test_an_expired_root() -> None:
    old = azure.issued("Test Old Root", None, authority=True, since=SINCE, days=100)
    late = azure.issued("late", old, names=PUBLIC, since=SINCE, days=365)
    assert reason(azure.signed(text(), late), roots=[old], links=[]) == "untrusted_chain"
    now = SINCE + 24 * HOUR
    content = azure.content(COMPUTE, "2025-04-07", now, NONCE)
    found = check(azure.signed(content, late), roots=[old], links=[], now=now)
    assert found.cloud == "AzurePublicCloud"


def test_an_issuer_without_ca_rights() -> None:
    """An attacker with the key of Azure's signer issues a certificate."""
    for link in (signer(), azure.issued("Not a CA", root(), since=SINCE)):
        bad = azure.issued("bad", link, names=PUBLIC, since=SINCE)
        message = azure.signed(text(), bad, embedded=[bad, link])
        assert reason(message, links=[link, issuing()]) == "untrusted_chain"


@pytest.mark.parametrize("where", ["subject", "issuer", "alternative name", "others"])
def test_names_that_the_library_can_not_parse(where: str) -> None:
    """A machine can create such certificates. Some releases of cryptography raise KeyError for them."""
    spoilt = b"\x2c\x07NoTEXT."  # no type of text has this tag
    text_of_name = b"\x0c\x07NoTEXT."
    odd = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "NoTEXT.")])
    by = azure.issued("NoTEXT." if where == "issuer" else "by", None, authority=True, since=SINCE)
    more = [x509.DirectoryName(odd)] if where == "alternative name" else []
    names = x509.SubjectAlternativeName([x509.DNSName(PUBLIC[0]), *more])
    own = azure.issued("NoTEXT." if where == "subject" else "own", by, since=SINCE, extra=[names])
    other = azure.issued("NoTEXT.", None, authority=True, since=SINCE)
    embedded = [own, other] if where == "others" else [own]
    message = azure.signed(text(), own, embedded=embedded)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warnings of cryptography about unusual certificates
        assert reason(message.replace(text_of_name, spoilt)) in ("malformed", "untrusted_chain")


# The name of the signer


@pytest.mark.parametrize(
    "names",
    [
        ["metadata.azure.com.evil.example"],
        ["evilmetadata.azure.com"],
        ["evil-metadata.azure.com"],
        ["metadata.azure.co"],
        ["metadata.azure.org"],
        ["azure.com"],
        ["*.azure.com"],
        ["metadata.azure.com.", "evil.example"],
        ["management.azure.com"],
        ["metadata.azure.com", "metadata.azure.us"],
    ],
)
def test_other_names(names: list[str]) -> None:
    own = azure.issued("metadata.azure.com", issuing(), names=names, since=SINCE)
    assert reason(azure.signed(text(), own)) == "wrong_subject"


def test_the_common_name_is_ignored() -> None:
    wrong = azure.issued("metadata.azure.com", issuing(), names=["vm.evil.example"], since=SINCE)
    assert reason(azure.signed(text(), wrong)) == "wrong_subject"
    none = azure.issued("metadata.azure.com", issuing(), since=SINCE)
    assert reason(azure.signed(text(), none)) == "wrong_subject"


@pytest.mark.parametrize("wanted", ["AzureUSGovernmentCloud", "china", "=AzureGermanCloud"])
def test_the_name_of_another_cloud(wanted: str) -> None:
    assert reason(azure.signed(text(), signer()), expect={"cloud": wanted}) == "wrong_subject"


def test_names_without_a_possible_chain() -> None:
    own = azure.issued("odd", issuing(), names=["f*o.metadata.azure.com"], since=SINCE)
    assert reason(azure.signed(text(), own)) == "untrusted_chain"
    own = azure.issued("odd", issuing(), names=["two words.metadata.azure.com"], since=SINCE)
    assert reason(azure.signed(text(), own)) == "untrusted_chain"


# The time


@pytest.mark.parametrize(
    ("now", "skew"),
    [
        (CREATED, 0),
        (EXPIRES, 0),
        (CREATED - 300 * SECOND, 300),
        (EXPIRES + 300 * SECOND, 300),
    ],
)
def test_valid_times(now: datetime.datetime, skew: float) -> None:
    assert check(azure.signed(text(), signer()), now=now, skew=skew).cloud == "AzurePublicCloud"


@pytest.mark.parametrize(
    ("now", "skew"),
    [
        (CREATED - SECOND, 0),
        (EXPIRES + SECOND, 0),
        (CREATED - 301 * SECOND, 300),
        (EXPIRES + 301 * SECOND, 300),
        (CREATED - 24 * HOUR, 3600),
        (EXPIRES + 24 * HOUR, 3600),
    ],
)
def test_expired_and_not_yet_valid(now: datetime.datetime, skew: float) -> None:
    assert reason(azure.signed(text(), signer()), now=now, skew=skew) == "expired"


def stamps(created: datetime.datetime, expires: datetime.datetime) -> dict[str, str]:
    return {"createdOn": azure.stamp(created), "expiresOn": azure.stamp(expires)}


def test_a_lifetime_that_is_too_long() -> None:
    longest = stamps(NOW, NOW + 24 * HOUR)
    assert check(azure.signed(text(timeStamp=longest), signer())).document["timeStamp"] == longest
    for created, expires in [(NOW, NOW + 24 * HOUR + SECOND), (CREATED, NOW + 9999 * HOUR)]:
        content = text(timeStamp=stamps(created, expires))
        assert reason(azure.signed(content, signer())) == "expired"
    backwards = text(timeStamp=stamps(NOW + 60 * SECOND, NOW - 60 * SECOND))
    assert reason(azure.signed(backwards, signer())) == "expired"


def test_the_certificate_of_the_signer_ends_before_the_document() -> None:
    short = azure.issued("short", issuing(), names=PUBLIC, since=NOW - 24 * HOUR, days=1)
    message = azure.signed(text(), short)
    assert check(message, now=NOW).cloud == "AzurePublicCloud"
    assert reason(message, now=NOW + SECOND) == "expired"
    late = azure.issued("late", issuing(), names=PUBLIC, since=NOW + SECOND)
    assert reason(azure.signed(text(), late)) == "expired"


@pytest.mark.parametrize(
    "value",
    [
        None,
        "soon",
        [],
        {},
        {"createdOn": azure.stamp(CREATED)},
        {"createdOn": azure.stamp(CREATED), "expiresOn": None},
        {"createdOn": azure.stamp(CREATED), "expiresOn": 1},
        {"createdOn": azure.stamp(CREATED), "expiresOn": "07/28/26 19:00:00"},
        {"createdOn": azure.stamp(CREATED), "expiresOn": "13/41/26 25:00:00 -0000"},
        {"createdOn": azure.stamp(CREATED), "expiresOn": "07/28/26 19:00:00 -9999"},
        {"createdOn": "2026-07-28T13:00:00Z", "expiresOn": azure.stamp(EXPIRES)},
        {"createdOn": azure.stamp(CREATED) + "\n", "expiresOn": azure.stamp(EXPIRES)},
    ],
)
def test_invalid_times(value: Any) -> None:
    assert reason(azure.signed(text(timeStamp=value), signer())) == "malformed"


# The VM and the nonce


@pytest.mark.parametrize(
    "nonce", ["20260728-130000", "", NONCE.upper(), NONCE + " ", None, 5, [NONCE]]
)
def test_a_wrong_or_missing_nonce(nonce: Any) -> None:
    assert reason(azure.signed(text(nonce=nonce), signer())) == "nonce_mismatch"


def test_an_expired_stale_document_is_a_nonce_mismatch() -> None:
    message = azure.signed(text(nonce="earlier"), signer())
    assert reason(message, now=EXPIRES + 9 * HOUR) == "nonce_mismatch"


@pytest.mark.parametrize(
    "expect",
    [
        {"vmId": "b7b3a3a1-0001-4c4c-9d9d-0a0b0c0d0e00"},
        {"subscriptionId": "other"},
        {"sku": "other"},
        {"sku": "22_04-LTS-GEN2"},
        {"licenseType": ""},
        {"nonce": "other"},
        {"plan": {"name": "other"}},
        {"plan": {"product": "other"}},
        {"plan": {"publisher": "other"}},
        {"plan": {"name": "basic", "edition": "any"}},
        {"plan": "basic"},
        {"timeStamp": {"createdOn": "other"}},
        {"timeStamp": {"expiresOn": "other"}},
        {"timeStamp": {"expiresOn": {"deep": "er"}}},
        {"zone": "1"},
        {"tags": {"Role": "Web"}},
        {"sku": ""},
        {"vmid": COMPUTE["vmId"]},
        {"plan.name": "basic"},
        {"vmId": {"vmId": COMPUTE["vmId"]}},
        {"vmId": COMPUTE["vmId"], "sku": "other"},
        {"sku": True},
        {"sku": 22},
    ],
)
def test_a_value_that_is_not_expected(expect: dict[str, Any]) -> None:
    assert reason(azure.signed(text(), signer()), expect=expect) == "unexpected_value"


def test_everything_as_expected() -> None:
    expect = {
        **json.loads(text()),
        "vmId": COMPUTE["vmId"].upper(),
        "subscriptionId": COMPUTE["subscriptionId"].upper(),
        "plan": {"publisher": "example"},
        "cloud": "AZURECLOUD",
    }
    assert check(azure.signed(text(), signer()), expect=expect).document == json.loads(text())
    empty = {"name": "", "product": "", "publisher": ""}
    message = azure.signed(text(sku="", licenseType="", plan=empty), signer())
    assert check(message, expect={"sku": "", "licenseType": "", "plan": empty})
    message = azure.signed(text(sku="7", licenseType=True), signer())
    assert check(message, expect={"sku": 7, "licenseType": True})


@pytest.mark.parametrize(
    ("expect", "fields", "hint"),
    [
        ({"name": "web-1"}, {}, "Expect only signed fields, and cloud for the signer"),
        ({"vmId": {"x": "y"}}, {}, "Expect only signed fields, and cloud for the signer"),
        ({"plan": {"edition": "x"}}, {}, "Expect only signed fields"),
        ({"sku": "x"}, {"sku": None}, "Documents have sku since the api_version 2019-11-01"),
    ],
)
def test_an_expectation_of_an_unsigned_field_lists_the_signed_ones(
    expect: dict[str, Any], fields: dict[str, Any], hint: str
) -> None:
    with pytest.raises(AttestationError) as failure:
        check(azure.signed(text(**fields), signer()), expect=expect)
    message = str(failure.value)
    signed = [
        "licenseType, nonce, plan.name, plan.product, plan.publisher, ",
        "sku, " if "sku" not in fields else "",
        "subscriptionId, timeStamp.createdOn, timeStamp.expiresOn, vmId",
    ]
    assert f"Azure did not sign it: this document has {''.join(signed)}. {hint}" in message
    assert failure.value.reason == "unexpected_value"
    assert COMPUTE["vmId"] not in message


@pytest.mark.parametrize(
    ("expect", "says"),
    [
        ({"vmId": None}, "expect.vmId has no value to compare with"),
        ({"vmId": ""}, "expect.vmId has no value"),
        ({"subscriptionId": ""}, "expect.subscriptionId has no value"),
        ({"zone": ""}, "expect.zone has no value"),
        ({"timeStamp": {"createdOn": ""}}, "expect.timeStamp.createdOn has no value"),
        ({"plan": {"name": None}}, "expect.plan.name has no value"),
        ({"vmId": {}}, "expect.vmId is empty and compares nothing"),
        ({"vmId": "x", "subscriptionId": {}}, "expect.subscriptionId is empty"),
        ({"plan": {"name": {}}}, "expect.plan.name is empty"),
        ({"vmId": ["a"]}, "expect.vmId must be a text"),
        ({"vmId": []}, "expect.vmId must be a text"),
        ({"vmId": b"a"}, "expect.vmId must be a text"),
        ({"vmId": datetime.date(2026, 1, 1)}, "expect.vmId must be a text"),
        ({"sku": float("nan")}, "expect.sku is nan, which no value"),
        ({"sku": float("-inf")}, "expect.sku is -inf, which no value"),
        ({5: "x"}, "expect has the name '5', but names are texts"),
        ({"plan": {None: "x"}}, "expect.plan has the name 'None'"),
        ({"": "x"}, "expect has the name '', but"),
        ({"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": {"i": 1}}}}}}}}}, "nested more deeply"),
        ({"cloud": None}, "expect.cloud has no value"),
        ({"cloud": ""}, "expect.cloud has no value"),
        ({"cloud": {}}, "expect.cloud is empty"),
        ({"cloud": {"name": "AzurePublicCloud"}}, "expect.cloud must be the name of a cloud"),
        ({"cloud": True}, "expect.cloud must be the name of a cloud"),
        ({"cloud": "AzureGov"}, "expect.cloud: .* Did you mean AzureUSGovernmentCloud"),
        ({"cloud": "=AzureMoonCloud"}, "the domain with which AzureMoonCloud signs .* is unknown"),
        ({"cloud": "="}, "expect.cloud: '=' names no cloud"),
    ],
)
def test_invalid_expectations(expect: dict[Any, Any], says: str) -> None:
    with pytest.raises(OptionError, match=says):
        expected(NONCE, expect, 300.0)


@pytest.mark.parametrize("skew", [-1.0, 3601.0, float("inf"), float("nan")])
def test_clock_skew_has_its_limits(skew: float) -> None:
    with pytest.raises(OptionError, match="clock_skew must be a number of seconds from 0 to 3600"):
        expected(NONCE, {}, skew)


# Contents that are not attested documents


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b'"vmId"',
        b"{}",
        b'{"vmId":7}',
        b'{"vmId":""}',
        b'{"vmId":',
        b"\xff\xfe",
        b'{"vmId":NaN}',
        b"[" * 20000,
    ],
)
def test_invalid_content(content: bytes) -> None:
    assert reason(azure.signed(content, signer())) == "malformed"


def test_a_detached_content() -> None:
    def drop(parts: cms.SignedData) -> None:
        parts["encap_content_info"] = {"content_type": "data"}

    assert reason(changed(azure.signed(text(), signer()), drop)) == "malformed"


def test_a_message_of_another_type() -> None:
    assert (
        reason(cms.ContentInfo({"content_type": "data", "content": b"text"}).dump()) == "malformed"
    )


def test_a_signer_identified_by_its_key() -> None:
    def replace(parts: cms.SignedData) -> None:
        identifier = core.OctetString(b"key")
        parts["signer_infos"][0]["sid"] = cms.SignerIdentifier("subject_key_identifier", identifier)

    assert reason(changed(azure.signed(text(), signer()), replace)) == "malformed"


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "%%%",
        "AAAA",
        "A",
        "MII=",
        "MIIü",
        "\0",
        "A" * 4 * 1024 * 1024,
        "A" * MAX_SIGNATURE,
        base64.b64encode(b"\x30\x80" * 4000).decode(),
        base64.b64encode(b"\x30\x84\xff\xff\xff\xff").decode(),
    ],
    ids=range(11),
)
def test_texts_that_are_not_messages(signature: str) -> None:
    assert reason(signature) == "malformed"


def survives(message: bytes | str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warnings of cryptography about unusual certificates
        found = outcome(message)
    if isinstance(found, Attested):
        assert found.document == json.loads(text())
    else:
        assert found in REASONS


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=400))
def test_any_text(signature: str) -> None:
    survives(signature)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes(message: bytes) -> None:
    survives(message)


@settings(max_examples=600, deadline=None)
@given(st.data())
def test_any_change_of_a_genuine_message(data: st.DataObject) -> None:
    message = bytearray(azure.signed(text(), signer(), attributes=data.draw(st.booleans())))
    for _change in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(0, len(message)))
        length = data.draw(st.integers(0, 8))
        message[start : start + length] = data.draw(st.binary(max_size=8))
    survives(bytes(message))


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(["vmId", "nonce", "timeStamp", "createdOn", "expiresOn"]), inner
            )
        ),
    )
)
def test_any_content(content: Any) -> None:
    assert outcome(azure.signed(json.dumps(content).encode(), signer())) in REASONS


# The libraries


def test_missing_libraries_are_named() -> None:
    needs_libraries()
    with pytest.raises(
        OptionError, match=r"cryptography 42 or newer, asn1crypto and certifi .* pip install"
    ):
        needs_libraries(["asn1crypto.cms", "no_such_library"])


def element(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    return bytes([tag, 0x83]) + len(content).to_bytes(3, "big") + content


LONG_IDENTIFIER = element(6, b"\xff" * 80_000 + b"\x01")
PLACES = ("content", "inner", "digests", "digest", "signature", "attribute", "value", "unsigned")


def with_long_identifier(place: str) -> bytes:
    """A message in the form of a signed message, with a very long identifier in one place."""

    def identifier(here: str, usual: str) -> bytes:
        return LONG_IDENTIFIER if here == place else bytes(core.ObjectIdentifier(usual).dump())

    def algorithm(here: str) -> bytes:
        return element(0x30, identifier(here, "2.16.840.1.101.3.4.2.1"), b"\x05\0")

    kind = identifier("attribute", "1.2.840.113549.1.9.3")
    value = identifier("value", "1.2.840.113549.1.7.1")
    signer_info = element(
        0x30,
        b"\x02\x01\x01",
        element(0x30, element(0x30), b"\x02\x01\x01"),
        algorithm("digest"),
        element(0xA0, element(0x30, kind, element(0x31, value))),
        algorithm("signature"),
        element(4, b"signature"),
        element(0xA1, element(0x30, identifier("unsigned", "1.2"), element(0x31))),
    )
    signed = element(
        0x30,
        b"\x02\x01\x01",
        element(0x31, algorithm("digests")),
        element(0x30, identifier("inner", "1.2.840.113549.1.7.1"), element(0xA0, element(4))),
        element(0x31, signer_info),
    )
    return element(0x30, identifier("content", "1.2.840.113549.1.7.2"), element(0xA0, signed))


@pytest.mark.parametrize(
    ("message", "says"),
    [
        *((with_long_identifier(place), "object identifier in it is too long") for place in PLACES),
        (element(0x24, LONG_IDENTIFIER), "object identifier in it is too long"),
        (b"\x30\x80" + LONG_IDENTIFIER + b"\0\0", "object identifier in it is too long"),
        (element(0x26, LONG_IDENTIFIER), "object identifier in it is too long"),
        # The previous element claims the identifier as its content. Only one of the readers sees it.
        (
            element(0x30, element(0x30, b"\x04\x83\x01\x38\x88"), LONG_IDENTIFIER),
            "longer than the element around it",
        ),
        (
            element(0x30, element(0x30, b"\x30\x80\x05\0"), LONG_IDENTIFIER),
            "an element in it does not end",
        ),
        (b"\x04\x80" + LONG_IDENTIFIER, "an element in it does not end"),
        (element(0x30, b"\x1f\x06" + LONG_IDENTIFIER[1:]), "it has a tag of an unsupported kind"),
        (
            element(0x30, b"\x1f" + b"\xff" * 90_000 + b"\x01\0"),
            "it has a tag of an unsupported kind",
        ),
        (b"\x30\x80" * 40_000, "it is nested too deeply"),
        (b"\x30\x84\xff\xff\xff\xff", "longer than the element around it"),
    ],
    ids=range(len(PLACES) + 10),
)
def test_slow_messages_are_refused_before_parsing(
    message: bytes, says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cms.ContentInfo, "load", None)
    with pytest.raises(AttestationError, match=says):
        signed_content(base64.b64encode(message).decode())


@pytest.mark.parametrize("attributes", [False, True])
def test_genuine_messages_in_other_forms_verify(attributes: bool) -> None:
    """Indefinite lengths, and octets that look like a very long identifier."""
    message = azure.signed(text(), signer(), attributes=attributes)
    assert message[1] == 0x82
    assert isinstance(outcome(b"\x30\x80" + message[4:] + b"\0\0"), Attested)
    octets = azure.signed(LONG_IDENTIFIER, signer(), attributes=attributes)
    assert signed_content(base64.b64encode(octets).decode()).content == LONG_IDENTIFIER


def test_a_certificate_from_the_year_0_is_malformed() -> None:
    def change(signed: cms.SignedData) -> None:
        validity = signed["certificates"][0].chosen["tbs_certificate"]["validity"]
        moment = core.GeneralizedTime(contents=b"00000101000000Z")
        validity["not_before"] = validity["not_before"].__class__("general_time", moment)

    assert reason(changed(azure.signed(text(), signer()), change)) == "malformed"
