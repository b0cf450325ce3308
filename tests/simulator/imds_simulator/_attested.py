# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""/metadata/attested/document: data about the machine, signed in Azure's format by a test authority.

Each process creates its own authority, so that nobody can trust it permanently.
"""

from __future__ import annotations

import base64
import functools
import json
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

from asn1crypto import algos, cms, core
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from imds_simulator._api_versions import api_version
from imds_simulator._instance import BAD_REQUEST, NOT_FOUND, NOT_IN_FULL
from imds_simulator._messages import Answer, Request, as_json
from imds_simulator._vm import Vm

DOMAINS = {
    "azurepubliccloud": "metadata.azure.com",
    "azureusgovernmentcloud": "metadata.azure.us",
    "azurechinacloud": "metadata.azure.cn",
    "azuregermancloud": "metadata.microsoftazure.de",
}
LIFETIME = timedelta(hours=6)
# The algorithm of a signature, although the standard requires that of a digest.
SHA256_WITH_RSA = "1.2.840.113549.1.1.11"

_INTRODUCED = "2018-10-01"
_FIELDS = {"subscriptionId": "2019-04-30", "sku": "2019-11-01", "licenseType": "2020-09-01"}
_NONCE_LENGTH = 32


class Identity(NamedTuple):
    certificate: x509.Certificate
    key: rsa.RSAPrivateKey


def attested(vm: Vm, request: Request) -> Answer:
    version = api_version(vm, request)
    # Assumption: earlier versions do not have this route, and there is no other format.
    if request.segments[2:] not in (["document"], ["document", ""]) or version < _INTRODUCED:
        return NOT_FOUND
    if request.parameter("format") not in (None, "json"):
        return BAD_REQUEST
    nonce = request.parameter("nonce")
    # Assumption: the handling of nonces of other lengths. 32 characters are known to work.
    if nonce is not None and not 0 < len(nonce) <= _NONCE_LENGTH:
        return BAD_REQUEST
    # A classic virtual machine has no such document. Assumption: the body of this 500.
    if "compute" not in vm.document:
        return NOT_IN_FULL
    now = datetime.now(timezone.utc)
    if vm.stale_nonces:
        vm.stale_nonces -= 1
        nonce = default_nonce(now - timedelta(hours=1))
    compute = vm.document["compute"]
    text = content(compute, version, now, nonce, vm.claims)
    message = signed(text, _signer(_domain(compute), _region(compute)))
    return as_json({"encoding": "pkcs7", "signature": base64.b64encode(message).decode()})


def authorities() -> dict[str, str]:
    """The certificates in PEM that a client needs to verify these documents."""
    root, intermediate = authority()
    return {"roots": _pem(root), "intermediates": _pem(intermediate)}


def _pem(identity: Identity) -> str:
    return identity.certificate.public_bytes(Encoding.PEM).decode()


def content(
    compute: dict[str, Any],
    version: str,
    created: datetime,
    nonce: str | None = None,
    claims: dict[str, Any] | None = None,
) -> bytes:
    """The signed content: compact JSON with sorted keys."""
    plan = compute.get("plan") or {"name": "", "product": "", "publisher": ""}
    expires = created + LIFETIME
    document = {
        "nonce": default_nonce(created) if nonce is None else nonce,
        "plan": plan,
        "timeStamp": {"createdOn": stamp(created), "expiresOn": stamp(expires)},
        "vmId": compute.get("vmId", ""),
    }
    for name, since in _FIELDS.items():
        if version >= since:
            document[name] = compute.get(name, "")
    document.update(claims or {})
    kept = {name: value for name, value in document.items() if value is not None}
    return json.dumps(kept, separators=(",", ":"), sort_keys=True).encode()


def default_nonce(created: datetime) -> str:
    """The nonce for a request without a nonce. It contains the expiry time of the document, which differs from the documentation."""
    return f"{created + LIFETIME:%Y%m%d-%H%M%S}"


def stamp(moment: datetime) -> str:
    return f"{moment:%m/%d/%y %H:%M:%S} -0000"


def _domain(compute: dict[str, Any]) -> str:
    name = str(compute.get("azEnvironment", "")).lower()
    return DOMAINS.get(name, DOMAINS["azurepubliccloud"])


def _region(compute: dict[str, Any]) -> str:
    return "".join(str(compute.get("location", "")).lower().split())


@functools.cache
def authority() -> tuple[Identity, Identity]:
    """A root certificate, and the intermediate certificate that it issued."""
    root = issued("Simulated Root", None, authority=True)
    return root, issued("Simulated Issuing CA 01", root, authority=True)


@functools.cache
def _signer(domain: str, region: str) -> Identity:
    names = [f"{region}.{domain}", domain] if region else [domain]
    return issued(domain, authority()[1], names=names, days=180)


@functools.cache
def _key(_purpose: str) -> rsa.RSAPrivateKey:
    """The key and the certificate of a name. They are kept, because creating them is slow."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def issued(
    subject: str,
    issuer: Identity | None,
    *,
    names: Sequence[str] = (),
    authority: bool = False,
    since: datetime | None = None,
    days: int = 3650,
    extra: Iterable[x509.ExtensionType] = (),
) -> Identity:
    """A certificate with the properties of Azure's certificates. An issuer signs it; a root signs itself."""
    key = _key(subject)
    by = issuer or Identity(None, key)  # type: ignore[arg-type] # which it is itself, soon
    name = _name(subject)
    start = since or datetime.now(timezone.utc) - timedelta(days=1)
    public = key.public_key()
    builder = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(by.certificate.subject if issuer else name)
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
        .add_extension(x509.BasicConstraints(authority, None), critical=True)
        .add_extension(_usage(authority), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(by.key.public_key()), critical=False
        )
    )
    if not authority:
        builder = builder.add_extension(
            x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False
        )
    if names:
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False
        )
    for extension in extra:
        builder = builder.add_extension(extension, critical=False)
    return Identity(builder.sign(by.key, hashes.SHA256()), key)


def _name(common_name: str) -> x509.Name:
    organization = x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Simulated Corporation")
    return x509.Name([organization, x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _usage(authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_encipherment=not authority,
        content_commitment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def signed(
    text: bytes,
    *signers: Identity,
    embedded: Iterable[Identity] | None = None,
    digest: str = SHA256_WITH_RSA,
    attributes: bool = False,
) -> bytes:
    """A message in the form of IMDS: one signer, no signed attributes, and only the certificate of the signer."""
    algorithm = {"algorithm": digest, "parameters": core.Null()}
    certificates = [_asn1(identity) for identity in (signers if embedded is None else embedded)]
    return message(
        {
            "version": "v1",
            "digest_algorithms": [algorithm],
            "encap_content_info": {"content_type": "data", "content": text},
            "certificates": certificates,
            "signer_infos": [_signer_info(text, one, algorithm, attributes) for one in signers],
        }
    )


def message(fields: dict[str, Any]) -> bytes:
    info = cms.ContentInfo({"content_type": "signed_data", "content": cms.SignedData(fields)})
    der: bytes = info.dump()
    return der


def _asn1(identity: Identity) -> asn1_x509.Certificate:
    return asn1_x509.Certificate.load(identity.certificate.public_bytes(Encoding.DER))


def _signer_info(
    text: bytes, signer: Identity, algorithm: dict[str, Any], with_attributes: bool
) -> cms.SignerInfo:
    own = _asn1(signer)
    info = {
        "version": "v1",
        "sid": cms.SignerIdentifier(
            "issuer_and_serial_number",
            {"issuer": own.issuer, "serial_number": own.serial_number},
        ),
        "digest_algorithm": algos.DigestAlgorithm(algorithm),
        "signature_algorithm": {"algorithm": "rsassa_pkcs1v15", "parameters": core.Null()},
    }
    to_sign = text
    if with_attributes:
        info["signed_attrs"] = signed_attributes(text)
        to_sign = info["signed_attrs"].untag().dump()
    info["signature"] = signer.key.sign(to_sign, padding.PKCS1v15(), hashes.SHA256())
    return cms.SignerInfo(info)


def signed_attributes(text: bytes, content_type: str = "data") -> cms.CMSAttributes:
    digest = hashes.Hash(hashes.SHA256())
    digest.update(text)
    return cms.CMSAttributes(
        [
            {"type": "content_type", "values": [content_type]},
            {"type": "message_digest", "values": [digest.finalize()]},
        ]
    )
