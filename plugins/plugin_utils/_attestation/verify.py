# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Verifies an attested document.

Pure except for `send`, which fetches missing intermediates if the user wants this. Every failed check raises
AttestationError, without any data of the document. Private to imds.azure.
"""

from __future__ import annotations

import contextlib
import datetime
import importlib
import math
import re
import typing as t

from ansible_collections.imds.azure.plugins.module_utils._clouds import Cloud, attested_cloud
from ansible_collections.imds.azure.plugins.module_utils._document import parse_json
from ansible_collections.imds.azure.plugins.module_utils._errors import (
    AttestationError,
    OptionError,
    UnavailableError,
    listed,
    printable,
)
from ansible_collections.imds.azure.plugins.plugin_utils._attestation.chains import (
    GivenUpError,
    chains,
)
from ansible_collections.imds.azure.plugins.plugin_utils._attestation.issuers import issuers
from ansible_collections.imds.azure.plugins.plugin_utils._attestation.signed_data import (
    Signed,
    malformed,
    signed_content,
)
from ansible_collections.imds.azure.plugins.plugin_utils._lookup.routes import leaf_text
from ansible_collections.imds.azure.plugins.plugin_utils._wanted_clouds import KNOWN, wanted_cloud

# needs_libraries() reports a missing library.
with contextlib.suppress(ImportError):
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

if t.TYPE_CHECKING:
    from cryptography.x509.verification import ServerVerifier

    from ansible_collections.imds.azure.plugins.module_utils._transport import Transport
    from ansible_collections.imds.azure.plugins.plugin_utils._attestation.trust import Trust

# The last one exists since cryptography 42.
_MODULES = ("asn1crypto.cms", "certifi", "cryptography.x509.verification")

REASONS = (
    "bad_signature",
    "untrusted_chain",
    "wrong_subject",
    "expired",
    "nonce_mismatch",
    "unexpected_value",
    "malformed",
)
# Every known document has a lifetime of exactly 6 hours. The larger limit allows Azure to change it, and still
# excludes documents that never expire.
MAX_LIFETIME = datetime.timedelta(hours=24)
MAX_CLOCK_SKEW = 3600.0

_TIME = re.compile(r"[0-9]{2}/[0-9]{2}/[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2} [+-][0-9]{4}\Z")
# Identifiers whose casing does not matter.
_GUIDS = ("vmId", "subscriptionId")
# The only expectation about the signer instead of the document.
_CLOUD = "cloud"
# Azure signs these as empty texts for many VMs. For all other fields, an empty expectation comes from an empty
# variable.
_MAY_BE_EMPTY = ("sku", "licenseType", "plan.name", "plan.product", "plan.publisher")
# The fields that Azure has been observed to sign, with the first api-version of each.
_SIGNED_SINCE = {
    "nonce": "2018-10-01",
    "plan": "2018-10-01",
    "timeStamp": "2018-10-01",
    "vmId": "2018-10-01",
    "subscriptionId": "2019-04-30",
    "sku": "2019-11-01",
    "licenseType": "2020-09-01",
}
# An attested document has two levels. The limit bounds the recursion over options.
_MAX_DEPTH = 8


class Attested(t.NamedTuple):
    document: dict[str, t.Any]
    certificate: dict[str, t.Any]
    cloud: str


class Expected(t.NamedTuple):
    """The expectations that a genuine document has to meet."""

    nonce: str
    values: t.Mapping[str, t.Any]
    cloud: Cloud | None  # of the signer; None accepts every known cloud
    clock_skew: datetime.timedelta


def needs_libraries(modules: t.Iterable[str] = _MODULES) -> None:
    """Raises OptionError if a library is missing or too old."""
    try:
        for module in modules:
            importlib.import_module(module)
    except ImportError as exc:
        raise OptionError(
            "verifying attested documents needs the Python libraries cryptography 42 or newer, "
            "asn1crypto and certifi on the controller: pip install 'cryptography>=42' asn1crypto "
            f"certifi ({exc})"
        ) from None


def expected(nonce: str, values: t.Mapping[str, t.Any], clock_skew: float) -> Expected:
    """Expectations from options; raises OptionError for invalid ones."""
    # ansible-core 2.16 passes a text if one of the values is a date.
    if not isinstance(values, t.Mapping):
        raise OptionError(
            "expect must be a dictionary of texts, numbers, booleans and dictionaries"
        )
    if not 0 <= clock_skew <= MAX_CLOCK_SKEW:
        raise OptionError(f"clock_skew must be a number of seconds from 0 to {MAX_CLOCK_SKEW:.0f}")
    if values:
        _check_values(values, "")
    rest = {name: value for name, value in values.items() if name != _CLOUD}
    return Expected(nonce, rest, _wanted_signer(values), datetime.timedelta(seconds=clock_skew))


def _check_values(values: t.Mapping[t.Any, t.Any], path: str, depth: int = 1) -> None:
    """Refuses every expectation that compares nothing, or that no document can meet."""
    where = f"expect{path and '.'}{printable(path, 120)}"
    if not values:
        raise OptionError(f"{where} is empty and compares nothing: remove it, or fill it")
    if depth > _MAX_DEPTH:
        raise OptionError(f"{where} is nested more deeply than any attested document")
    for name, value in values.items():
        if not isinstance(name, str) or not name:
            raise OptionError(
                f"{where} has the name {printable(str(name), 80)!r}, but names are texts"
            )
        _check_expectation(value, f"{path}{path and '.'}{name}", depth)


def _check_expectation(value: t.Any, path: str, depth: int) -> None:
    where = f"expect.{printable(path, 120)}"
    if value is None or (value == "" and path not in _MAY_BE_EMPTY):
        # An empty line of YAML or an empty variable must not count as a passed check.
        raise OptionError(f"{where} has no value to compare with")
    if isinstance(value, dict):
        _check_values(value, path, depth + 1)
    elif not isinstance(value, (str, bool, int, float)):
        raise OptionError(f"{where} must be a text, a number, a boolean or a dictionary")
    elif isinstance(value, float) and not math.isfinite(value):
        raise OptionError(f"{where} is {value}, which no value of a document can equal")


def _wanted_signer(values: t.Mapping[str, t.Any]) -> Cloud | None:
    if _CLOUD not in values:
        return None
    name = values[_CLOUD]
    if not isinstance(name, str):
        raise OptionError(f"expect.cloud must be the name of a cloud: {KNOWN}")
    try:
        cloud = wanted_cloud(name)
    except OptionError as exc:
        raise OptionError(f"expect.cloud: {exc}") from None
    if not cloud.attested_domain:
        raise OptionError(
            f"expect.cloud: the domain with which {printable(cloud.name, 80)} signs attested documents "
            f"is unknown, so its documents can't be verified. The known clouds are {KNOWN}"
        )
    return cloud


def verify(
    signature: str,
    wanted: Expected,
    trust: Trust,
    now: datetime.datetime,
    send: Transport | None = None,
) -> Attested:
    """The content of the document, if all checks pass at the time `now` (a time with a zone)."""
    signed = signed_content(signature)
    name, cloud = _signed_in_name(signed.certificate, wanted.cloud)
    chain = _trusted_chain(signed, name, trust, now, send)
    document = _document(signed.content)
    _check_nonce(document, wanted.nonce)
    _check_times(document, now, wanted.clock_skew)
    _check_fields(document, wanted.values)
    return Attested(document, _described(chain), cloud.name)


def _signed_in_name(certificate: x509.Certificate, cloud: Cloud | None) -> tuple[str, Cloud]:
    """The name of the signer that belongs to a cloud, and the cloud.

    Only alternative names are used, because a common name may be any text.
    """
    names = _dns_names(certificate)
    known = [(name, found) for name in names if (found := attested_cloud(name)) is not None]
    if not known or len({found.name for _name, found in known}) > 1:
        raise AttestationError(
            "wrong_subject",
            "the names of the attested document's signer are not those of one Azure cloud: "
            f"{listed(names, 5)}",
        )
    name, found = known[0]
    if cloud is not None and cloud.name != found.name:
        raise AttestationError(
            "wrong_subject",
            f"the attested document is signed by {found.name}, but expect.cloud has {cloud.name}",
        )
    return name, found


def _dns_names(certificate: x509.Certificate) -> list[str]:
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        return extension.value.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        return []
    except (KeyError, ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as exc:
        raise malformed(f"its certificate can't be read ({printable(str(exc), 120)})") from None


def _trusted_chain(
    signed: Signed, name: str, trust: Trust, now: datetime.datetime, send: Transport | None
) -> list[x509.Certificate]:
    leaf = signed.certificate
    if not leaf.not_valid_before_utc <= now <= leaf.not_valid_after_utc:
        raise AttestationError(
            "expired",
            "the certificate that signed the attested document is valid from "
            f"{_utc(leaf.not_valid_before_utc)} to {_utc(leaf.not_valid_after_utc)}, and now it is "
            f"{_utc(now)}. Check the clock of the controller",
        )
    verifier = _verifier(name, trust.roots, now)
    # The machine's own certificates come last, so they can't use up the limits before the others are tried.
    links = [*trust.intermediates, *signed.others]
    problem = ""
    try:
        chain = _chain(verifier, leaf, trust.roots, links)
        for link in issuers(leaf, send) if chain is None and send else ():
            links.append(link)
            chain = _chain(verifier, leaf, trust.roots, links)
            if chain is not None:
                break
    except UnavailableError as exc:
        problem = f" (an intermediate could not be fetched: {exc})"
    except GivenUpError:
        raise AttestationError(
            "untrusted_chain",
            f"the attested document has {len(signed.others)} certificates besides its signer's, which "
            "allow too many chains, and no chain that was tried leads to a trusted root. Documents of "
            "Azure have only the signer's certificate",
        ) from None
    if chain is None:
        raise AttestationError("untrusted_chain", _untrusted(leaf, problem, send is not None))
    return chain


def _untrusted(leaf: x509.Certificate, problem: str, fetching: bool) -> str:
    advice = "Check trusted_roots" if fetching else "Set fetch_intermediates"
    return (
        "no valid chain leads from the certificate that signed the attested document, issued by "
        f"{printable(leaf.issuer.rfc4514_string(), 120)!r}, to a trusted root{problem}. {advice}, or "
        "give the missing certificates as intermediates"
    )


def _verifier(
    name: str, roots: t.Sequence[x509.Certificate], now: datetime.datetime
) -> ServerVerifier | None:
    # The library needs a name without a wildcard. Only the domain matters, so any label can replace it.
    subject = name.replace("*", "any", 1) if name.startswith("*.") else name
    with contextlib.suppress(ValueError):
        builder = PolicyBuilder().store(Store(list(roots))).time(now)
        return builder.build_server_verifier(x509.DNSName(subject))
    return None


def _chain(
    verifier: ServerVerifier | None,
    leaf: x509.Certificate,
    roots: t.Sequence[x509.Certificate],
    links: t.Sequence[x509.Certificate],
) -> list[x509.Certificate] | None:
    """The first chain that the library accepts. For each candidate, the library gets only its intermediates."""
    for candidate in chains(leaf, roots, links) if verifier else ():
        found = _verified(verifier, leaf, candidate)
        if found is not None:
            return found
    return None


def _verified(
    verifier: t.Any, leaf: x509.Certificate, links: list[x509.Certificate]
) -> list[x509.Certificate] | None:
    with contextlib.suppress(VerificationError, ValueError):
        found: list[x509.Certificate] = verifier.verify(leaf, links)
        return found
    return None


def _document(content: bytes) -> dict[str, t.Any]:
    try:
        document = parse_json(content)
    except ValueError as exc:
        raise malformed(f"its content is not JSON ({exc})") from None
    # Classic VMs have only this field.
    vm_id = document.get("vmId") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(vm_id, str) or not vm_id:
        raise malformed("its content has no vmId")
    return document


def _check_nonce(document: dict[str, t.Any], nonce: str) -> None:
    found = document.get("nonce")
    if found != nonce:
        there = repr(printable(found, 80)) if isinstance(found, str) else "none"
        raise AttestationError(
            "nonce_mismatch",
            f"the attested document was made for another request: its nonce is {there}, but the nonce "
            f"of this request is {nonce!r}",
        )


def _check_times(
    document: dict[str, t.Any], now: datetime.datetime, skew: datetime.timedelta
) -> None:
    created, expires = _moment(document, "createdOn"), _moment(document, "expiresOn")
    if not created - skew <= now <= expires + skew:
        raise AttestationError(
            "expired",
            f"the attested document is valid from {_utc(created)} to {_utc(expires)}, and now it is "
            f"{_utc(now)}. Check the clock of the controller",
        )
    if not datetime.timedelta(0) <= expires - created <= MAX_LIFETIME:
        raise AttestationError(
            "expired",
            f"the attested document claims to be valid from {_utc(created)} to {_utc(expires)}, but "
            "documents of Azure are valid for a few hours",
        )


def _moment(document: dict[str, t.Any], name: str) -> datetime.datetime:
    stamps = document.get("timeStamp")
    text = stamps.get(name) if isinstance(stamps, dict) else None
    if isinstance(text, str) and _TIME.match(text):
        with contextlib.suppress(ValueError):
            return datetime.datetime.strptime(text, "%m/%d/%y %H:%M:%S %z")
    raise malformed(f"its content has no timeStamp.{name}")


def _check_fields(document: dict[str, t.Any], wanted: t.Mapping[str, t.Any]) -> None:
    for path, value in _leaves(wanted):
        _check_field(document, path, value)


def _leaves(
    values: t.Mapping[str, t.Any], path: tuple[str, ...] = ()
) -> t.Iterator[tuple[tuple[str, ...], t.Any]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _leaves(value, (*path, name))
        else:
            yield (*path, name), value


def _check_field(document: dict[str, t.Any], path: tuple[str, ...], wanted: t.Any) -> None:
    found: t.Any = document
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    shown = printable(".".join(path), 80)
    if found is None:
        raise AttestationError(
            "unexpected_value",
            f"expect.{shown} can't be compared, because Azure did not sign it: this document has "
            f"{listed(_signed_fields(document))}. {_hint(path, document)}",
        )
    if not _equal(path[-1], wanted, found):
        raise AttestationError(
            "unexpected_value",
            f"the attested document has {printable(leaf_text(found), 80)!r} as {shown}, but expect "
            f"has {printable(leaf_text(wanted), 80)!r}",
        )


def _signed_fields(document: dict[str, t.Any]) -> list[str]:
    return sorted(
        ".".join(path) for path, value in _leaves(document) if path[-1] and value is not None
    )


def _hint(path: tuple[str, ...], document: dict[str, t.Any]) -> str:
    """The advice for an expectation about a field that is not in the document."""
    since = _SIGNED_SINCE.get(path[0])
    if since is not None and path[0] not in document:
        return (
            f"Documents have {path[0]} since the api_version {since}, and documents of classic VMs may "
            "have only vmId"
        )
    return "Expect only signed fields, and cloud for the signer"


def _equal(field: str, wanted: t.Any, found: t.Any) -> bool:
    one, other = leaf_text(wanted), leaf_text(found)
    return one.lower() == other.lower() if field in _GUIDS else one == other


def _described(chain: t.Sequence[x509.Certificate]) -> dict[str, t.Any]:
    leaf = chain[0]
    return {
        "subject": leaf.subject.rfc4514_string(),
        "issuer": leaf.issuer.rfc4514_string(),
        "serial_number": f"{leaf.serial_number:x}",
        "sha256": leaf.fingerprint(hashes.SHA256()).hex(),
        "not_before": _utc(leaf.not_valid_before_utc),
        "not_after": _utc(leaf.not_valid_after_utc),
        "dns_names": _dns_names(leaf),
        "chain": [certificate.subject.rfc4514_string() for certificate in chain],
    }


def _utc(moment: datetime.datetime) -> str:
    try:
        return moment.astimezone(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    except (OverflowError, ValueError):
        return str(moment)


__all__ = (
    "MAX_CLOCK_SKEW",
    "MAX_LIFETIME",
    "REASONS",
    "Attested",
    "Expected",
    "expected",
    "needs_libraries",
    "verify",
)
