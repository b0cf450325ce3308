# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Routes of IMDS: requests for them, and their values in a document. Private to imds.azure."""

from __future__ import annotations

import json
import re
import typing as t

from ansible_collections.imds.azure.plugins.module_utils._document import (
    PARTS,
    missing_parts,
    without_null,
)
from ansible_collections.imds.azure.plugins.module_utils._errors import (
    NotFoundError,
    OptionError,
    RefusedError,
    VersionError,
    listed,
    printable,
)

if t.TYPE_CHECKING:
    from ansible_collections.imds.azure.plugins.module_utils._client import (
        Answer,
        ImdsClient,
        Params,
    )

# A route consists of IMDS' own keys and indexes. Characters that would change the meaning of the URL
# are refused. IMDS decodes percent signs before it splits.
_UNSAFE_SEGMENT = re.compile(r"[?#%\\\x00-\x20\x7f]|\A\.{1,2}\Z")

# Data that a VM got at its creation, often with secrets.
_USER_DATA = ("userData", "customData")
_COMPUTE = ("instance", "compute")
# Routes below instance for whole parts of the document.
_WHOLE_PARTS = ((), ("compute",), ("network",), ("network", "interface"))
# The possible first segments of routes.
ROOTS = ("instance", "attested", "scheduledevents", "loadbalancer", "versions", "identity")


def parse_route(route: str) -> tuple[str, ...]:
    """The segments of a route-parameter path; a leading "/" or "/metadata/" is ignored."""
    segments = tuple(segment for segment in route.strip("/").split("/"))
    if segments[0] == "metadata":
        segments = segments[1:]
    if not segments or not all(segments):
        raise OptionError(
            f"{printable(route)!r} is not an IMDS route: expected something like instance/compute/name"
        )
    if segments[0].lower() in PARTS:
        meant = "/".join(("instance", segments[0].lower(), *segments[1:]))
        raise OptionError(
            f"{printable(route)!r} is not an IMDS route: did you mean {printable(meant)!r}?"
        )
    for segment in segments:
        if _UNSAFE_SEGMENT.search(segment):
            raise OptionError(
                f"{printable(route)!r} is not an IMDS route: {printable(segment)!r} is neither a key "
                "nor an index. Query parameters go into the option params"
            )
    return segments


def covers_user_data(segments: tuple[str, ...]) -> bool:
    """Whether the answer for a route includes user data."""
    if len(segments) <= len(_COMPUTE):
        return segments == _COMPUTE[: len(segments)]
    return segments[:2] == _COMPUTE and segments[2] in _USER_DATA


def lacks_part(segments: tuple[str, ...], found: t.Any) -> bool:
    """Whether a part of the instance document that belongs to the route is missing or empty."""
    document = found
    for segment in reversed(segments[1:]):
        document = {segment: document}
    concerned = PARTS if len(segments) == 1 else segments[1:2]
    if segments[1:] not in _WHOLE_PARTS or not isinstance(document, dict):
        return False
    return not set(missing_parts(document)).isdisjoint(concerned)


def without_user_data(document: dict[str, t.Any]) -> dict[str, t.Any]:
    """The document with empty texts instead of its user data; the document itself if it has no user data."""
    compute = document.get("compute")
    if not isinstance(compute, dict) or not any(compute.get(name) for name in _USER_DATA):
        return document
    emptied = {name: "" for name in _USER_DATA if name in compute}
    return {**document, "compute": {**compute, **emptied}}


def ask_route(client: ImdsClient, path: str, params: Params = ()) -> Answer:
    """Requests a route from IMDS. Returns a container, or a leaf as text."""
    # Imported here because most lookups read the run's document and send no request.
    from ansible_collections.imds.azure.plugins.module_utils._client import (
        BodyFormat,
        Endpoint,
    )
    from ansible_collections.imds.azure.plugins.module_utils._endpoints.registry import ENDPOINTS

    # Any other route may be a leaf with a secret, such as userData.
    endpoint = ENDPOINTS.get(path) or Endpoint(path, secret=True, advise=_advice(path))
    attempts = client.attempts(endpoint)
    try:
        return client.get(endpoint, params, attempts=attempts)
    except VersionError:
        raise
    except RefusedError as exc:
        # A leaf has no JSON form. IMDS answers a request for JSON with 400, without a reason.
        if exc.status != 400 or not path.startswith("instance/"):
            raise
    as_text = (*params, ("format", "text"))
    return client.get(endpoint, as_text, body_format=BodyFormat("text", _text), attempts=attempts)


def _advice(path: str) -> t.Callable[[int | None, str], str]:
    """The advice for a route that does not exist."""
    root = path.partition("/")[0]

    def advise(status: int | None, _cause: str) -> str:
        if status not in (400, 404) or root in ROOTS:
            return ""
        return f"Check the route: routes of IMDS begin with {listed(ROOTS)}"

    return advise


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise ValueError(f"byte {exc.start} is not UTF-8") from None


def walk(document: t.Any, segments: t.Sequence[str], root: str) -> t.Any:
    """The value of a route in the document, as IMDS would return it: a leaf as text, a container as data."""
    value = document
    for depth, segment in enumerate(segments):
        if not _has(value, segment):
            raise NotFoundError(_no_such_route(root, segments, depth, value))
        value = value[int(segment)] if isinstance(value, list) else value[segment]
        value = without_null(segment, None) if value is None else value
    return value if isinstance(value, (dict, list)) else leaf_text(value)


def _has(value: t.Any, segment: str) -> bool:
    if isinstance(value, dict):
        return segment in value
    if isinstance(value, list):
        # Indexes are ASCII digits without leading zeros, as IMDS lists them.
        return re.match(r"(0|[1-9][0-9]{0,8})\Z", segment) is not None and int(segment) < len(value)
    return False


def leaf_text(value: t.Any) -> str:
    """A leaf as IMDS returns it with format=text; nearly all leaves of documents are texts."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value)


def _no_such_route(root: str, segments: t.Sequence[str], depth: int, value: t.Any) -> str:
    wanted = "/".join((root, *segments))
    deepest = "/".join((root, *segments[:depth]))
    if isinstance(value, dict):
        there = f"has {listed(sorted(value))}"
    elif isinstance(value, list):
        there = f"is a list of {len(value)}" + (f" (0 to {len(value) - 1})" if value else "")
    else:
        there = "is a value and has nothing below it"
    return f"there is no {printable(wanted)!r}: {printable(deepest)!r} {there}"


__all__ = (
    "ROOTS",
    "ask_route",
    "covers_user_data",
    "lacks_part",
    "leaf_text",
    "parse_route",
    "walk",
    "without_user_data",
)
