# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Downloads missing intermediates, only from Microsoft's PKI. Private to imds.azure.

The URLs come from a certificate of a VM, so they are not trusted: hosts and paths are on a list, answers are small,
and few certificates are fetched. A fetched certificate is not trusted either: it only connects a signer with a
root that is already trusted.
"""

from __future__ import annotations

import contextlib
import re
import typing as t
from urllib.parse import unquote

from ansible_collections.imds.azure.plugins.module_utils._errors import (
    TransportError,
    UnavailableError,
    printable,
)
from ansible_collections.imds.azure.plugins.module_utils._transport import (
    HEADERS,
    Request,
    Transport,
)

with contextlib.suppress(ImportError):
    from cryptography import x509
    from cryptography.x509.oid import AuthorityInformationAccessOID

MAX_HOPS = 4
MAX_BYTES = 64 * 1024
_SECONDS = 10.0
_MAX_URLS = 4  # of one certificate; Microsoft's have two
# Not urlsplit, because it ignores some characters, and any text after the brackets of IPv6.
_URL = re.compile(
    r"(http|https)://([a-z.]+)(?::([0-9]+))?(/[a-z0-9/._~%()+,-]*)\Z", re.IGNORECASE | re.ASCII
)
_PORTS = {"http": "80", "https": "443"}
_PATHS = {"www.microsoft.com": "/pkiops/", "caissuers.microsoft.com": "/"}


def issuers(certificate: x509.Certificate, send: Transport) -> t.Iterator[x509.Certificate]:
    """The issuer of a certificate, the issuer of that one and so on, as far as Microsoft publishes them."""
    for _hop in range(MAX_HOPS):
        urls = _allowed_urls(certificate)
        if not urls:
            return
        certificate = _first(urls, send)
        yield certificate


def _allowed_urls(certificate: x509.Certificate) -> list[str]:
    try:
        access = certificate.extensions.get_extension_for_class(x509.AuthorityInformationAccess)
    except (KeyError, ValueError, x509.ExtensionNotFound, x509.DuplicateExtension):
        return []
    urls = [
        entry.access_location.value
        for entry in access.value
        if entry.access_method == AuthorityInformationAccessOID.CA_ISSUERS
        and isinstance(entry.access_location, x509.UniformResourceIdentifier)
    ]
    return [url for url in urls if is_allowed(url)][:_MAX_URLS]


def is_allowed(url: str) -> bool:
    """Whether a URL belongs to Microsoft's PKI, and is unambiguous."""
    match = _URL.match(url)
    if not match:
        return False
    scheme, host, port, path = match.groups()
    folder = _PATHS.get(host.lower())
    return (
        port in (None, _PORTS[scheme.lower()])
        and folder is not None
        and path.startswith(folder)
        and ".." not in unquote(path)
    )


def _first(urls: list[str], send: Transport) -> x509.Certificate:
    """The certificate from the first URL that returns one."""
    reasons = []
    for url in urls:
        try:
            return _fetched(url, send)
        except UnavailableError as exc:
            reasons.append(f"{url}: {exc}")
    raise UnavailableError("; ".join(reasons))


def _fetched(url: str, send: Transport) -> x509.Certificate:
    try:
        answer = send(Request("GET", url, HEADERS), _SECONDS)
    except TransportError as exc:
        raise UnavailableError(exc.reason) from None
    if answer.status != 200:
        raise UnavailableError(f"status {answer.status}")
    if len(answer.body) > MAX_BYTES:
        raise UnavailableError(f"the answer is larger than {MAX_BYTES // 1024} KiB")
    try:
        return x509.load_der_x509_certificate(answer.body)
    except (ValueError, x509.InvalidVersion) as exc:
        raise UnavailableError(f"not a certificate ({printable(str(exc), 80)})") from None


__all__ = ("MAX_BYTES", "MAX_HOPS", "is_allowed", "issuers")
