# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parses the PKCS#7 message of an attested document, and verifies its signature.

It verifies only that the signer named by the message signed it, not whether the signer is trusted. Pure; private
to imds.azure.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import re
import typing as t

from ansible_collections.imds.azure.plugins.module_utils._errors import AttestationError, printable

# needs_libraries() of verify.py reports a missing library.
with contextlib.suppress(ImportError):
    from asn1crypto import cms, core
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa

# The maximum of base64 characters. Real messages have about 4400; with a whole chain, they would have 20000.
MAX_SIGNATURE = 128 * 1024
_MAX_CERTIFICATES = 16
# The maximum of bytes of an object identifier. The longest one in use here has 9.
_MAX_IDENTIFIER = 32
# The maximum of nested elements. A certificate with all its names has about 12.
_MAX_DEPTH = 64
# In the first byte of an element: the bits of its tag, and the bit for an element that contains others.
_TAG = 0x1F
_CONSTRUCTED = 0x20
_IDENTIFIER = 6

# IMDS uses the identifiers of signature algorithms (the upper three) in place of digest algorithms.
_DIGESTS = {
    "1.2.840.113549.1.1.11": "SHA256",
    "1.2.840.113549.1.1.12": "SHA384",
    "1.2.840.113549.1.1.13": "SHA512",
    "2.16.840.1.101.3.4.2.1": "SHA256",
    "2.16.840.1.101.3.4.2.2": "SHA384",
    "2.16.840.1.101.3.4.2.3": "SHA512",
}
_RSA = "1.2.840.113549.1.1.1"
# The exceptions of asn1crypto for invalid bytes.
_PARSE_ERRORS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RecursionError,
    TypeError,
    ValueError,
)


class Signed(t.NamedTuple):
    content: bytes
    certificate: x509.Certificate  # the signer's
    others: tuple[x509.Certificate, ...]  # all other certificates of the message


class _Message(t.NamedTuple):
    """A parsed message. Only its form has been checked."""

    content: bytes
    digest: str  # object identifiers, dotted
    algorithm: str
    signature: bytes
    # If the signature does not cover the content itself, it covers the attributes. These are in DER, with
    # the values of content type and message digest among them.
    attributes: bytes | None
    content_types: list[str]
    message_digests: list[bytes]
    certificate: bytes | None  # the signer's, in DER
    others: tuple[bytes, ...]


def signed_content(signature: str) -> Signed:
    """The content and the signer of a message in base64; raises AttestationError."""
    der = _decoded(signature)
    try:
        _check_form(der)
        message = _message(der)
    except _PARSE_ERRORS as exc:
        raise malformed(f"it is not a PKCS#7 message ({printable(str(exc), 120)})") from None
    if message.certificate is None:
        raise bad_signature("the certificate of the signer is not in the message")
    try:
        certificate = x509.load_der_x509_certificate(message.certificate)
        others = tuple(x509.load_der_x509_certificate(der) for der in message.others)
        key = certificate.public_key()
        # Names and dates are parsed on demand. They are read here so that errors occur here.
        _names = [(one.subject, one.issuer) for one in (certificate, *others)]
        _dates = (certificate.not_valid_before_utc, certificate.not_valid_after_utc)
    except (KeyError, ValueError, TypeError, UnsupportedAlgorithm, x509.InvalidVersion) as exc:
        raise malformed(f"a certificate in it can't be read ({printable(str(exc), 120)})") from None
    _check_signature(message, key)
    return Signed(message.content, certificate, others)


def malformed(what: str) -> AttestationError:
    return AttestationError("malformed", f"the attested document is malformed: {what}")


def bad_signature(what: str) -> AttestationError:
    return AttestationError(
        "bad_signature", f"the attested document's signature is invalid: {what}"
    )


def _decoded(signature: str) -> bytes:
    if len(signature) > MAX_SIGNATURE:
        raise malformed(f"it has more than {MAX_SIGNATURE // 1024} KiB")
    try:
        return base64.b64decode(re.sub(r"\s+", "", signature), validate=True)
    except (binascii.Error, ValueError):
        raise malformed("its signature is not base64") from None


def _check_form(der: bytes) -> None:
    """Refuses very long object identifiers and tags, which asn1crypto would parse for seconds.

    The check walks over the tags and lengths before asn1crypto parses the message, because asn1crypto parses an
    identifier as soon as it finds one. The content of primitive elements is skipped.
    """
    at = 0
    # The enclosing elements: the latest end of each, and whether two zero bytes end it.
    around = [(len(der), False)]
    while at < around[-1][0]:
        limit, is_marked = around[-1]
        first, length, at = _header(der, at)
        end = limit if length is None else at + length
        if end > limit:
            raise malformed("an element in it is longer than the element around it")
        if is_marked and first == length == 0:
            around.pop()
        elif first & _CONSTRUCTED:
            around.append((end, length is None))
        else:
            at = end
        if len(around) > _MAX_DEPTH:
            raise malformed("it is nested too deeply")
        while len(around) > 1 and around[-1] == (at, False):
            around.pop()
    if len(around) > 1:
        raise malformed("an element in it does not end")


def _header(der: bytes, at: int) -> tuple[int, int | None, int]:
    """The first byte of an element, its length (None if two zero bytes end it), and the start of its content."""
    first, size = der[at], der[at + 1]
    if first & _TAG == _TAG:
        raise malformed("it has a tag of an unsupported kind")
    at += 2
    length: int | None = size
    if size & 0x80:
        start, at = at, at + (size & 0x7F)
        length = int.from_bytes(der[start:at], "big") if at > start else None
    if length is None and not first & _CONSTRUCTED:
        raise malformed("an element in it does not end")
    if first & ~_CONSTRUCTED == _IDENTIFIER and (length is None or length > _MAX_IDENTIFIER):
        raise malformed("an object identifier in it is too long")
    return first, length, at


def _message(der: bytes) -> _Message:
    info = cms.ContentInfo.load(der, strict=True)
    if info["content_type"].native != "signed_data":
        raise malformed("it is not a signed message")
    signed = info["content"]
    signers = signed["signer_infos"]
    if len(signers) != 1:
        raise malformed(f"it has {len(signers)} signers, but there must be exactly one")
    signer = signers[0]
    inner = signed["encap_content_info"]
    if inner["content_type"].native != "data" or isinstance(inner["content"], core.Void):
        raise malformed("there is no content in it")
    named, others = _certificates(signed["certificates"], signer["sid"])
    attributes, content_types, digests = _attributes(signer["signed_attrs"])
    return _Message(
        content=bytes(inner["content"]),
        digest=signer["digest_algorithm"]["algorithm"].dotted,
        algorithm=signer["signature_algorithm"]["algorithm"].dotted,
        signature=bytes(signer["signature"]),
        attributes=attributes,
        content_types=content_types,
        message_digests=digests,
        certificate=named,
        others=others,
    )


def _certificates(choices: t.Any, sid: t.Any) -> tuple[bytes | None, tuple[bytes, ...]]:
    """The certificate of the signer that the message names, and all others."""
    if isinstance(choices, core.Void):
        return None, ()
    if sid.name != "issuer_and_serial_number":
        raise malformed("its signer is not named by issuer and serial number")
    if len(choices) > _MAX_CERTIFICATES:
        raise malformed(f"it has more than {_MAX_CERTIFICATES} certificates")
    named: list[bytes] = []
    others: list[bytes] = []
    for choice in choices:
        if choice.name != "certificate":
            raise malformed("it has certificates of an unsupported kind")
        if choice.chosen["signature_value"].contents[:1] != b"\0":
            # The BIT STRING's count of unused bits is not covered by the signature, so only 0 is accepted.
            raise malformed("the signature of a certificate in it is not a number of whole bytes")
        body = choice.chosen["tbs_certificate"]
        is_named = (
            body["issuer"].dump() == sid.chosen["issuer"].dump()
            and body["serial_number"].native == sid.chosen["serial_number"].native
        )
        (named if is_named else others).append(choice.chosen.dump())
    if len(named) > 1:
        raise malformed("it has several certificates of its signer")
    return (named[0] if named else None), tuple(others)


def _attributes(attributes: t.Any) -> tuple[bytes | None, list[str], list[bytes]]:
    if isinstance(attributes, core.Void):
        return None, [], []
    values: dict[str, list[t.Any]] = {"content_type": [], "message_digest": []}
    for attribute in attributes:
        found = values.get(attribute["type"].native)
        if found is not None:
            found.extend(value.native for value in attribute["values"])
    # The signature covers the attributes tagged as a plain SET OF (RFC 5652, 5.4).
    return attributes.untag().dump(), values["content_type"], values["message_digest"]


def _check_signature(message: _Message, key: t.Any) -> None:
    digest = _DIGESTS.get(message.digest)
    if digest is None:
        raise bad_signature(f"its digest algorithm {message.digest} is not accepted")
    if _DIGESTS.get(message.algorithm) != digest and message.algorithm != _RSA:
        raise bad_signature(f"its algorithm {message.algorithm} is not accepted")
    if not isinstance(key, rsa.RSAPublicKey):
        raise bad_signature("the signer's key is not an RSA key")
    algorithm = getattr(hashes, digest)()
    if message.attributes is not None:
        _check_attributes(message, algorithm)
    signed = message.content if message.attributes is None else message.attributes
    try:
        key.verify(message.signature, signed, padding.PKCS1v15(), algorithm)
    except (InvalidSignature, UnsupportedAlgorithm, ValueError):
        raise bad_signature("it does not match this content and the signer's key") from None


def _check_attributes(message: _Message, algorithm: hashes.HashAlgorithm) -> None:
    """Checks that the signed attributes belong to this content."""
    digest = hashes.Hash(algorithm)
    digest.update(message.content)
    if message.message_digests != [digest.finalize()] or message.content_types != ["data"]:
        raise bad_signature("its signed attributes belong to another content")


__all__ = ("MAX_SIGNATURE", "Signed", "bad_signature", "malformed", "signed_content")
