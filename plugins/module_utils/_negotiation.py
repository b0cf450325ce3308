# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Versions to try after IMDS rejected one. Imported only after that; private to imds.azure.

These functions send no requests. The client tries each candidate in turn.
"""

from __future__ import annotations

import re
import typing as t

from . import _document, _errors, _failures, _transport, _validation

# Before the versions that an agent of Azure Arc names in words.
_IN_WORDS = "Supported are"
_WORD = re.compile(r"[0-9-]+")


class Rejection(t.NamedTuple):
    """A request, and the answer of IMDS that rejects its version."""

    request: _transport.Request
    response: t.Any  # a Response

    def offered(self) -> list[str]:
        """The versions that IMDS offers instead of the rejected one."""
        try:
            data = _document.parse_json(self.response.body)
        except ValueError:
            data = None
        return listed_versions(data, "newest-versions") or self._named_in_words()

    def _named_in_words(self) -> list[str]:
        """The versions of a text such as "Supported are 2020-06-01 2019-11-01", which may be within JSON."""
        if self.response.status != 400:
            return []
        text = self.response.body[:4096].decode("utf-8", "replace")
        words = _WORD.findall(text.partition(_IN_WORDS)[2])
        return [word for word in words if _validation.is_version(word)]

    def offered_candidates(self, newest: str) -> list[str]:
        """The newest version that IMDS offers and this collection knows, or none."""
        return _newest(self.offered(), newest)

    def listed_candidates(self, version: str, listing: t.Any, newest: str, floor: str) -> list[str]:
        """The newest version of IMDS' list that this collection knows, and the oldest version of all, which is `floor`.

        `listing` is the data of the list, or the Rejection or ImdsError that came instead, or None if there is no list.
        Raises an ImdsError if IMDS rejected something other than the version, or if this is unknown.
        """
        if _failures.names_version(self.response):
            if isinstance(listing, _errors.UnavailableError):
                raise listing
        elif _may_know(version, listing):
            # A document of an older version would have fewer fields, and the user would not notice.
            raise self._unexplained(version)
        return [*_newest(_listed(listing), newest), floor]

    def _unexplained(self, version: str) -> _errors.VersionError:
        return self._error(
            f"IMDS rejected the request ({self._words()}) without naming api-version {version} "
            "as the reason. Try again, or set another api_version",
        )

    def final_error(
        self, rejections: t.Mapping[str, Rejection], fixed: bool, service: str
    ) -> _errors.VersionError:
        """The error after IMDS rejected every candidate."""
        every = [rejection.offered() for rejection in rejections.values()]
        offered = sorted({version for versions in every for version in versions})
        asked = _errors.listed(version or "none" for version in rejections)
        offer = (
            f"It offers {_errors.listed(offered)}"
            if offered
            else "It names no version that it accepts"
        )
        todo = (
            "set api_version to one that it knows, or to 'latest'" if fixed else "set api_version"
        )
        title = service[:1].upper() + service[1:]
        last = list(rejections.values())[-1]
        return last._error(
            f"{title} rejected api-version {asked} ({last._words()}). {offer}: {todo}."
        )

    def _words(self) -> str:
        return _failures.answered(self.request, self.response)

    def _error(self, words: str) -> _errors.VersionError:
        error = _errors.VersionError(f"{self.request.line} failed: {words}")
        error.status = self.response.status
        error.answered = True
        return error


def _may_know(version: str, listing: t.Any) -> bool:
    """Whether IMDS may know a version, judged by its answer to the request for the list of versions.

    - A list: if the version is in it.
    - A rejection that names versions: if the version is among them.
    - A refusal with status 400: yes. IMDS refuses all requests, so the version is not the reason.
    - Another refusal: no. Old or minimal installations have no list.
    - No answer: yes. The reason is unknown, so the first failure is reported.
    """
    if isinstance(listing, _errors.RefusedError):
        return listing.status == 400
    if isinstance(listing, _errors.ImdsError):
        return True
    return version in _listed(listing)


def _listed(listing: t.Any) -> list[str]:
    if isinstance(listing, Rejection):
        # If IMDS requires a version for its list of versions, its refusal names some.
        return listing.offered()
    return listed_versions(listing)


def _newest(versions: t.Iterable[str], limit: str) -> list[str]:
    usable = [version for version in versions if version <= limit]
    return [max(usable)] if usable else []


def listed_versions(data: t.Any, key: str = "apiVersions") -> list[str]:
    """The dates of a list. Any other text is left out, because it may be a secret."""
    found = data.get(key) if isinstance(data, dict) else None
    texts = [text for text in found if isinstance(text, str)] if isinstance(found, list) else []
    return [text for text in texts if _validation.is_version(text)]


__all__ = ("Rejection", "listed_versions")
