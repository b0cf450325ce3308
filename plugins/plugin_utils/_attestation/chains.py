# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Candidates for the chain from a signer to a trusted root. Pure; private to imds.azure.

The machine that is being checked puts certificates into its message, as many of one name as it
likes, in loops too. The library that verifies chains tries every combination of them, which takes
exponential time. So the candidates are built here, within limits, and the library gets them one
by one. Nothing is trusted for being a candidate.
"""

from __future__ import annotations

import contextlib
import typing as t

# _attestation.needs_libraries() says what is missing, in words.
with contextlib.suppress(ImportError):
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm

if t.TYPE_CHECKING:
    from cryptography import x509

# Azure's chains have one or two links between the signer and a root, and finding one of them takes
# fewer than ten signature checks. The library accepts at most eight links.
MAX_LINKS = 8
MAX_CHAINS = 32
MAX_PATHS = 128
MAX_CHECKS = 128


class GivenUpError(Exception):
    """The certificates allow for more paths than the limits do."""


def chains(
    leaf: x509.Certificate,
    roots: t.Sequence[x509.Certificate],
    links: t.Iterable[x509.Certificate],
) -> t.Iterator[list[x509.Certificate]]:
    """The links of each chain that ends at a root, from the leaf's issuer upward.

    Earlier links are tried first. No name comes twice in a chain. Raises GivenUpError.
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
        """This path if a root is above it, and the same of every longer path that begins with it."""
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
    # A certificate that is there twice is one.
    for certificate in dict.fromkeys(certificates):
        subject = _name(certificate, "subject")
        if subject is not None:
            found.setdefault(subject, []).append(certificate)
    return found


def _name(certificate: x509.Certificate, which: t.Literal["issuer", "subject"]) -> t.Any:
    """None for a name that can't be read; cryptography before 50 raises KeyError for some."""
    try:
        return getattr(certificate, which)
    except (KeyError, ValueError):
        return None


def is_issued_by(child: x509.Certificate, issuer: x509.Certificate) -> bool:
    """Did the issuer's key make the child's signature?"""
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
