# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which version to ask by after IMDS rejected one. Imported only when it did; private to imds.azure."""

from __future__ import annotations

import typing as t

from . import _document, _errors, _failures, _transport, _validation

# What is asked when IMDS rejects everything else without naming a version: the oldest that is
# known on every kind of Azure, Azure Stack Hub included.
FLOOR = "2017-12-01"


def negotiated(
    ask: t.Callable[[str], t.Any],
    ask_versions: t.Callable[[], t.Any],
    rejected: _errors.RejectedError,
    first: str,
    wanted: str,
    fixed: bool,
) -> tuple[str, t.Any]:
    """The answer by the newest version that both sides know, and that version.

    `first` is the one that was rejected, and no other is newer than `wanted`. There is none at all
    where the first is `fixed`, or where the endpoint has no versions and it is "".
    """
    rejections = {first: rejected}
    for version in () if fixed or not first else _fallbacks(rejected, first, wanted, ask_versions):
        if version in rejections:
            continue
        try:
            return version, ask(version)
        except _errors.RejectedError as again:
            rejections[version] = again
    raise _no_version(rejections, fixed)


def _fallbacks(
    rejected: _errors.RejectedError, first: str, wanted: str, ask_versions: t.Callable[[], t.Any]
) -> t.Iterator[str]:
    says_so = _failures.names_version(rejected.response)
    yield from _newest(_offered_versions(rejected.response), wanted)
    known, versions = False, []
    try:
        versions = _listed_versions(ask_versions)
        known = first in versions
    except _errors.RefusedError as exc:
        # Old and small installations have no list. One that is refused in the same way is none
        # of these.
        known = exc.status == 400
    except _errors.UnavailableError:
        if says_so:
            raise
        known = True  # It can't be told, so the first trouble is what is told of.
    if known and not says_so:
        # It was about something else, and an older document would be a lesser one in silence.
        raise _unexplained(rejected, first)
    yield from _newest(versions, wanted)
    yield FLOOR


def _newest(versions: t.Iterable[str], limit: str) -> t.Iterator[str]:
    usable = [version for version in versions if version <= limit]
    if usable:
        yield max(usable)


def _listed_versions(ask_versions: t.Callable[[], t.Any]) -> list[str]:
    try:
        data = ask_versions()
    except _errors.RejectedError as rejected:
        # Where it wants a version for its list of versions, it names some in refusing.
        return _offered_versions(rejected.response)
    return _versions(data, "apiVersions")


def _offered_versions(response: _transport.Response) -> list[str]:
    """The versions that an answer names instead of the rejected one."""
    try:
        return _versions(_document.parse_json(response.body), "newest-versions")
    except ValueError:
        return []


def _versions(data: t.Any, key: str) -> list[str]:
    """The dates of a list. Any other text may be a secret, and no message quotes it."""
    found = data.get(key) if isinstance(data, dict) else None
    texts = [text for text in found if isinstance(text, str)] if isinstance(found, list) else []
    return [text for text in texts if _validation.is_version(text)]


def _unexplained(rejected: _errors.RejectedError, version: str) -> _errors.VersionError:
    return _version_error(
        rejected,
        f"IMDS rejected the request ({_words(rejected)}) and does not say that it is for "
        f"api-version {version}. Try again, or set another api_version",
    )


def _no_version(
    rejections: t.Mapping[str, _errors.RejectedError], fixed: bool
) -> _errors.VersionError:
    """Every version that was worth asking for was rejected."""
    every = [_offered_versions(rejected.response) for rejected in rejections.values()]
    offered = sorted({version for versions in every for version in versions})
    asked = _errors.listed(version or "none" for version in rejections)
    there = (
        f"It offers {_errors.listed(offered)}" if offered else "It names none that it would accept"
    )
    todo = "use one of those that the VM's IMDS knows, or 'latest'" if fixed else "set api_version"
    last = list(rejections.values())[-1]
    return _version_error(
        last, f"IMDS rejected api-version {asked} ({_words(last)}). {there}: {todo}."
    )


def _words(rejected: _errors.RejectedError) -> str:
    return _failures.answered(rejected.request, rejected.response)


def _version_error(rejected: _errors.RejectedError, words: str) -> _errors.VersionError:
    error = _errors.VersionError(
        f"{rejected.request.method} {rejected.request.url} failed: {words}"
    )
    error.status = rejected.response.status
    error.answered = True
    return error


__all__ = ("FLOOR", "negotiated")
