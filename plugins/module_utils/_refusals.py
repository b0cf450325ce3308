# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Answers that are not what was asked for: what they are about, what to ask then, what to say of them.

Pure functions. A managed node compiles on each run all that is imported, so the client imports
this only when there is something to explain. Private to imds.azure.
"""

from __future__ import annotations

import re
import typing as t

from ._document import parse_json
from ._errors import (
    ImdsError,
    MalformedError,
    NotFoundError,
    RefusedError,
    UnavailableError,
    VersionError,
    in_seconds,
    listed,
    printable,
)
from ._transport import Request, Response

# What is asked when IMDS rejects everything else without naming a version: the oldest that is
# known on every kind of Azure, Azure Stack Hub included.
FLOOR = "2017-12-01"
_VERSION = r"20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])\Z"

# A request whose version was rejected, and the answer.
Rejection = t.Tuple[Request, Response]
# What to do about a failure, by its status and cause; "" for what helps everywhere.
Advise = t.Callable[[t.Optional[int], str], str]

NOT_IMDS = "Check what serves this address: it does not answer like IMDS"
_NO_ANSWER = (
    "Check that this is an Azure VM, that it has a route to the address on its primary network "
    "interface and that no firewall drops the request"
)
_TRY_LATER = "Try again later, or raise the option deadline"
_IN_TROUBLE = f"IMDS is in trouble. {_TRY_LATER}"
_ADVICE = {
    400: "Check the route and its parameters",
    401: "Check the parameters of the request",
    403: "Check the access rules of the VM's proxy agent (Metadata Security Protocol)",
    404: "Check the route: this IMDS has nothing there",
    405: "Check the route: this IMDS does not allow the request there",
    408: _TRY_LATER,
    410: f"IMDS is being updated. {_TRY_LATER}",
    429: f"The VM asks IMDS more often than it allows (5 times a second). {_TRY_LATER}",
    500: _IN_TROUBLE,
    502: _IN_TROUBLE,
    503: _IN_TROUBLE,
    504: _IN_TROUBLE,
}


def rejects_version(request: Request, response: Response, always_there: bool) -> bool:
    """Is it the version that IMDS does not want, or something else about the request?"""
    if "/metadata/" not in request.url:  # the VM extension, which has no versions
        return False
    if names_version(response):
        return True
    # A request for a whole document, without parameters, has nothing in it that could be bad but
    # its version (and the header, which is always sent, but which something between may take away).
    is_bare = always_there and "&" not in request.url
    return response.status == 400 and is_bare and "header" not in _start_of(response)


def names_version(response: Response) -> bool:
    """Whether it is in the answer that it is for the version, or only concluded."""
    text = _start_of(response)
    if response.status == 404:  # until about 2020
        return "invalid version" in text
    return response.status == 400 and ("newest-versions" in text or "api-version" in text)


def _start_of(response: Response) -> str:
    return response.body[:4096].decode("utf-8", "replace").lower()


def offered_versions(response: Response) -> list[str]:
    """The versions that an answer names instead of the rejected one."""
    try:
        offered = parse_json(response.body).get("newest-versions", [])
    except (ValueError, AttributeError):
        return []
    return [v for v in offered if isinstance(v, str)] if isinstance(offered, list) else []


def offered_instead(rejection: Rejection) -> list[str]:
    """The versions that a refused list of versions names; without any, there is no way on."""
    offered = offered_versions(rejection[1])
    if not offered:
        raise no_version({"": rejection}, fixed=False)
    return sorted(offered)


def versions_in(data: t.Any) -> list[str]:
    """The list of versions itself."""
    found = data.get("apiVersions") if isinstance(data, dict) else None
    if not isinstance(found, list):
        raise MalformedError("without apiVersions")
    return [version for version in found if isinstance(version, str)]


def is_version(text: str) -> bool:
    return re.match(_VERSION, text) is not None


def fallbacks(
    rejection: Rejection, first: str, wanted: str, list_versions: t.Callable[[], list[str]]
) -> t.Iterator[str]:
    """The versions to ask by after the first was rejected, none newer than the wanted one."""
    says_so = names_version(rejection[1])
    yield from _newest(offered_versions(rejection[1]), wanted)
    known, versions = False, []
    try:
        versions = list_versions()
        known = first in versions
    except RefusedError as exc:
        # Old and small installations have no list. One that is refused in the same way is none
        # of these.
        known = exc.status == 400 and not isinstance(exc, VersionError)
    except UnavailableError:
        if says_so:
            raise
        known = True  # It can't be told, so the first trouble is what is told of.
    except MalformedError:
        pass
    if known and not says_so:
        # It was about something else, and an older document would be a lesser one in silence.
        raise _unexplained(rejection, first)
    yield from _newest(versions, wanted)
    yield FLOOR


def _newest(versions: t.Iterable[str], limit: str) -> t.Iterator[str]:
    usable = [version for version in versions if is_version(version) and version <= limit]
    if usable:
        yield max(usable)


def _unexplained(rejection: Rejection, version: str) -> VersionError:
    request, response = rejection
    error = VersionError(
        f"{request.method} {request.url} failed: IMDS rejected the request ({answered(response)}) "
        f"and does not say that it is for api-version {version}. Try again, or set another "
        "api_version"
    )
    error.status = response.status
    return error


def no_version(rejections: t.Mapping[str, Rejection], fixed: bool) -> VersionError:
    """Every version that was worth asking for was rejected."""
    request, response = list(rejections.values())[-1]
    every = [offered_versions(rejection[1]) for rejection in rejections.values()]
    offered = sorted({version for versions in every for version in versions})
    asked = listed(version or "none" for version in rejections)
    there = f"It offers {listed(offered)}" if offered else "It names none that it would accept"
    todo = "use one of those that the VM's IMDS knows, or 'latest'" if fixed else "set api_version"
    error = VersionError(
        f"{request.method} {request.url} failed: IMDS rejected api-version {asked} "
        f"({answered(response)}). {there}: {todo}."
    )
    error.status = response.status
    return error


def failed_call(
    request: Request,
    status: int | None,
    cause: str,
    tries: tuple[int, float],
    always_there: bool,
    advise: Advise | None,
) -> ImdsError:
    """The failure of one attempt as the message of the whole call, of so many in so many seconds."""
    kind: type[ImdsError] = UnavailableError
    if status == 404 and not always_there:
        kind = NotFoundError
    elif status is not None and 300 <= status < 500 and status not in (404, 408, 410, 429):
        kind = RefusedError
    attempts, elapsed = tries
    counted = "1 attempt" if attempts == 1 else f"{attempts} attempts"
    advice = (advise(status, cause) if advise else "") or _advice(status, cause, always_there)
    error = kind(
        f"{request.method} {request.url} failed: {cause}, after {counted} in "
        f"{in_seconds(elapsed)}. {advice}"
    )
    error.status = status
    return error


def _advice(status: int | None, cause: str, always_there: bool) -> str:
    if status is None:
        # Where there was an answer after all, the way to IMDS is not what is wrong.
        return NOT_IMDS if cause.startswith(("the answer ", "status 200 ")) else _NO_ANSWER
    if status == 400 and "header" in cause:
        return "Check what stands between this host and its IMDS: it takes headers away"
    if status == 404 and always_there:
        return NOT_IMDS
    return _ADVICE.get(status, NOT_IMDS)


def answered(response: Response) -> str:
    """Status and IMDS' own words; error bodies come as two kinds of JSON, text and HTML."""
    words = _error_text(response)
    location = response.headers.get("location")
    if 300 <= response.status < 400 and location:
        words = f"redirect to {printable(location)}, which is not followed"
    return f"status {response.status}" + (f", {words!r}" if words else "")


def _error_text(response: Response) -> str:
    try:
        data = parse_json(response.body)
    except ValueError:
        text = response.body[:1024].decode("utf-8", "replace").lstrip("\ufeff \r\n\t")
        return "an HTML page" if text[:1] == "<" else printable(text)
    if not isinstance(data, dict):
        return ""
    words = [data.get("error"), data.get("error_description")]
    return printable(": ".join(word for word in words if isinstance(word, str)))


def not_readable(response: Response, wanted: str, exc: ValueError) -> str:
    kind = printable(response.headers.get("content-type", "unknown type"), 80)
    # Without a word of the body: it may be a token.
    return f"status 200 with {len(response.body)} bytes of {kind} that are not {wanted} ({exc})"


__all__ = (
    "FLOOR",
    "NOT_IMDS",
    "Advise",
    "Rejection",
    "answered",
    "failed_call",
    "fallbacks",
    "is_version",
    "names_version",
    "no_version",
    "not_readable",
    "offered_instead",
    "offered_versions",
    "rejects_version",
    "versions_in",
)
