# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds candidates for the chain from a signer to a trusted root. Pure; private to imds.azure.

The verified machine can put any certificates into its message, also many with one name, and loops. The library
that verifies chains tries every combination of certificates, which takes exponential time. So this file builds
the candidates within limits, and the library gets them one by one. A candidate is not trusted by itself.
"""

from __future__ import annotations

import contextlib
import typing as t

# needs_libraries() of verify.py reports a missing library.
with contextlib.suppress(ImportError):
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

if t.TYPE_CHECKING:
    from cryptography import x509

# Azure's chains have one or two intermediates between the signer and a root, and the search for one takes
# fewer than ten signature checks. The library accepts at most eight intermediates.
MAX_LINKS = 8
MAX_CHAINS = 32
MAX_PATHS = 128
MAX_CHECKS = 128


class GivenUpError(Exception):
    """The certificates allow more paths than the limits permit."""


def chains(
    leaf: x509.Certificate,
    roots: t.Sequence[x509.Certificate],
    links: t.Iterable[x509.Certificate],
) -> t.Iterator[list[x509.Certificate]]:
    """The intermediates of each chain that ends at a root, from the leaf's issuer upward.

    Earlier certificates of the list are tried first. No name occurs twice in a chain. Raises GivenUpError.
    """
    search = _Search(roots, links)
    for count, chain in enumerate(search.above([leaf])):
        if count == MAX_CHAINS:
            raise GivenUpError
        yield chain[1:]


class _Search:
    def __init__(
        self, roots: t.Sequence[x509.Certificate], links: t.Iterable[x509.Certificate]
    ) -> None:
        self._trusted = set(roots)
        self._roots = _by_subject(roots)
        self._links = _by_subject(links)
        self._checked: dict[tuple[x509.Certificate, x509.Certificate], bool] = {}
        self._paths = 0

    def above(self, path: list[x509.Certificate]) -> t.Iterator[list[x509.Certificate]]:
        """This path if a root is above it, and every longer path that begins with it and has a root above it."""
        self._paths += 1
        if self._paths > MAX_PATHS:
            raise GivenUpError
        top = path[-1]
        issuer = _name(top, "issuer")
        if top in self._trusted or any(
            self._issued(top, one) for one in self._roots.get(issuer, ())
        ):
            yield path
        if len(path) > MAX_LINKS or any(_name(below, "subject") == issuer for below in path):
            return
        for link in self._links.get(issuer, ()):
            if self._issued(top, link):
                yield from self.above([*path, link])

    def _issued(self, child: x509.Certificate, issuer: x509.Certificate) -> bool:
        pair = child, issuer
        if pair not in self._checked:
            if len(self._checked) == MAX_CHECKS:
                raise GivenUpError
            self._checked[pair] = is_issued_by(child, issuer)
        return self._checked[pair]


def _by_subject(
    certificates: t.Iterable[x509.Certificate],
) -> dict[x509.Name, list[x509.Certificate]]:
    found: dict[x509.Name, list[x509.Certificate]] = {}
    # Removes duplicate certificates.
    for certificate in dict.fromkeys(certificates):
        subject = _name(certificate, "subject")
        if subject is not None:
            found.setdefault(subject, []).append(certificate)
    return found


def _name(certificate: x509.Certificate, which: t.Literal["issuer", "subject"]) -> t.Any:
    """The name, or None if it can't be parsed; cryptography before 50 raises KeyError for some names."""
    try:
        return getattr(certificate, which)
    except (KeyError, ValueError):
        return None


def is_issued_by(child: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Whether the issuer's key made the child's signature."""
    try:
        child.verify_directly_issued_by(issuer)
    except (InvalidSignature, UnsupportedAlgorithm, TypeError, ValueError):
        return False
    return True


__all__ = (
    "MAX_CHAINS",
    "MAX_CHECKS",
    "MAX_LINKS",
    "MAX_PATHS",
    "GivenUpError",
    "chains",
    "is_issued_by",
)
