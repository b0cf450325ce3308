# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The roots and intermediates for the verification of attested documents. Private to imds.azure."""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import re
import typing as t

from ansible_collections.imds.azure.plugins.module_utils._errors import OptionError, printable
from ansible_collections.imds.azure.plugins.module_utils._machine.files import size_within
from ansible_collections.imds.azure.plugins.plugin_utils._attestation.certificates import (
    PUBLIC_ROOTS,
    SHIPPED_INTERMEDIATES,
    SHIPPED_ROOTS,
)
from ansible_collections.imds.azure.plugins.plugin_utils._attestation.trusted_files import (
    open_trusted,
)

# needs_libraries() of verify.py reports a missing library.
with contextlib.suppress(ImportError):
    import certifi
    from cryptography import x509

# Matches only up to the next dashes, so that many beginnings without an end take linear time.
_PEM = re.compile(
    "-----BEGIN CERTIFICATE-----((?:(?!-----).)+)-----END CERTIFICATE-----", re.DOTALL
)
# The maximum size of a PEM file. All roots of the web together have a quarter of one MiB.
_MAX_FILE = 16 * 1024**2


class Trust(t.NamedTuple):
    roots: tuple[x509.Certificate, ...]
    # Certificates between a signer and a root. They are not trusted by themselves.
    intermediates: tuple[x509.Certificate, ...] = ()


def trust_from(roots: t.Sequence[str], intermediates: t.Sequence[str]) -> Trust:
    """The trust from PEM files: given roots replace the built-in ones, given intermediates are added."""
    return Trust(
        tuple(_from_files(roots, "trusted_roots")) if roots else tuple(default_roots()),
        (*_from_files(intermediates, "intermediates"), *shipped_intermediates()),
    )


def default_roots() -> list[x509.Certificate]:
    """The public roots that certifi includes, and the built-in roots that it does not include yet."""
    wanted = {root.sha256 for root in PUBLIC_ROOTS}
    bundled = [der for der in _ders(certifi.contents()) if _sha256(der) in wanted]
    shipped = [der for root in SHIPPED_ROOTS for der in _ders(root.pem)]
    return [x509.load_der_x509_certificate(der) for der in (*bundled, *shipped)]


def shipped_intermediates() -> list[x509.Certificate]:
    return [x509.load_pem_x509_certificate(entry.pem.encode()) for entry in SHIPPED_INTERMEDIATES]


def _from_files(paths: t.Sequence[str], option: str) -> list[x509.Certificate]:
    return [certificate for path in paths for certificate in _from_file(path, option)]


def _from_file(path: str, option: str) -> list[x509.Certificate]:
    try:
        with open_trusted(path) as file:
            text = file.read(size_within(file, _MAX_FILE)).decode("utf-8", "replace")
        found = [x509.load_der_x509_certificate(der) for der in _ders(text)]
    except OSError as exc:
        raise OptionError(f"{option}: {printable(path)} can't be read: {exc.strerror}") from None
    except (ValueError, x509.InvalidVersion) as exc:
        reason = printable(str(exc), 120)
        raise OptionError(
            f"{option}: a certificate in {printable(path)} can't be read: {reason}"
        ) from None
    if not found:
        raise OptionError(f"{option}: there is no certificate in PEM form in {printable(path)}")
    return found


def _ders(text: str) -> t.Iterator[bytes]:
    for match in _PEM.finditer(text):
        try:
            yield base64.b64decode("".join(match[1].split()), validate=True)
        except binascii.Error:
            raise ValueError("it is not base64") from None


def _sha256(der: bytes) -> str:
    return hashlib.sha256(der).hexdigest()


__all__ = ("Trust", "default_roots", "shipped_intermediates", "trust_from")
