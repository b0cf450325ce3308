# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Classifies failed attempts, and builds the error message for the user. Private to imds.azure.

Pure functions. Imported only after an attempt failed, because a managed node compiles every import
on each run.

A body with any status may be a token, or a document with user data. So a message quotes only IMDS' own
error text from it.
"""

from __future__ import annotations

import collections
import re
import typing as t
import unicodedata

from . import _document, _errors, _retry, _transport

# The advice for a failure by its status and cause, or "" for the usual advice.
Advise = t.Callable[[t.Optional[int], str], str]

DIAGNOSE = "The role imds.azure.diagnose finds the cause on a host"
_ROUTE = "that it has a route to the address on its primary network interface"
_NO_ANSWER = (
    f"Check that this is an Azure VM, {_ROUTE} and that no firewall drops the request. {DIAGNOSE}"
)
_NO_ROUTE = f"Check that this is an Azure VM and {_ROUTE}. {DIAGNOSE}"
_FORBIDDEN = f"Check the firewall and the routes of this host. {DIAGNOSE}"
_CUT_OFF = f"Check what is between this host and IMDS, for example a proxy: it closes the connection. {DIAGNOSE}"
# The advice if there was no answer, by the reason that the transport gave.
_BY_CAUSE = {
    "connection refused": "Check that this is an Azure VM, and that the option endpoint is right: nothing "
    f"listens there, or something rejects the connection. {DIAGNOSE}",
    "no route to the host": _NO_ROUTE,
    "the network is unreachable": _NO_ROUTE,
    "the connection was forbidden by this host": _FORBIDDEN,
    "the connection was reset": _CUT_OFF,
    "the connection was closed without an answer": _CUT_OFF,
}
# Texts in a 403 from a container's proxy that can't reach IMDS, for example that of Docker Desktop.
NO_WAY = ("unreachable", "connecting to ", "dial tcp")
_IN_ITS_PLACE = (
    "Something between this host and IMDS answers instead of it, because IMDS can't be reached from "
    f"there. Check that this is an Azure VM. {DIAGNOSE}"
)
_TRY_LATER = "Try again later, or raise the option deadline"
_IN_TROUBLE = f"IMDS has a temporary problem. {_TRY_LATER}"
_ADVICE = {
    400: "Check the route and its parameters",
    401: "Check the parameters of the request",
    403: "Something on the way to IMDS forbids the request: the VM's proxy agent by its access rules "
    "(Metadata Security Protocol), or another proxy",
    404: "Check the route: this IMDS has nothing there",
    405: "Check the route: this IMDS does not allow the request there",
    408: _TRY_LATER,
    410: f"IMDS is being updated. {_TRY_LATER}",
    429: f"The VM sends more requests than IMDS allows (5 a second). {_TRY_LATER}",
    500: _IN_TROUBLE,
    502: _IN_TROUBLE,
    503: _IN_TROUBLE,
    504: _IN_TROUBLE,
}

# Tokens and base64 have such long runs of characters. Sentences do not.
_LONG_RUN = re.compile(r"[A-Za-z0-9._~+/=-]{60,}")
_HIDDEN = "***"
# The stricter filter for answers about a secret. It keeps GUIDs and times, because they help to find the cause.
_KNOWN = re.compile(
    r"(?<![A-Za-z0-9])("
    r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
    r"|[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,7})?)?Z?)?"
    r")(?![A-Za-z0-9])"
)
_LETTER = r"[A-Za-z0-9._~+/=%-]"
_RUN = re.compile(rf"{_LETTER}{{20,}}")
_WORD = re.compile(
    rf"(?<!{_LETTER})(?:[A-Za-z]?[a-z]+|[A-Z]+|[0-9]{{1,6}}|AADSTS[0-9]+)\.?(?!{_LETTER})"
)
# The content types that a message about a secret answer may name.
_PLAIN_TYPES = ("application/json", "application/xml", "text/html", "text/plain", "text/xml")
# An IMDS error that is not JSON is a short text.
_MAX_TEXT = 1024
# The number of characters of a JSON error text that are inspected. A message quotes fewer.
_LOOKED_AT = 2000
_QUOTED = 1000
# Limits for the search for an answer's tokens in its error text. Tokens are longer, and no answer has more.
_SHORTEST_TOKEN = 6
_MAX_TOKENS = 100


def failure_of(
    request: _transport.Request,
    outcome: _transport.Response | _errors.TransportError,
    format_name: str,
    unreadable: ValueError | None,
) -> _retry.Failure:
    """The reason why an attempt failed. `unreadable` is the parse error of a body with status 200."""
    if isinstance(outcome, _errors.TransportError):
        return _retry.Failure(
            retry=outcome.retry,
            cause=outcome.reason,
            unreachable=outcome.unreachable,
            answered=outcome.reason.startswith("the answer "),
        )
    if outcome.status == 200:
        cause = _not_readable(request, outcome, format_name, unreadable)
        return _retry.Failure(cause=cause, answered=True)
    retry_after = outcome.headers.get("retry-after")
    cause = answered(request, outcome)
    return _retry.Failure(outcome.status, True, retry_after, cause, answered=True)


def rejects_version(
    request: _transport.Request,
    outcome: _transport.Response | _errors.TransportError,
    always_there: bool,
) -> bool:
    """Whether IMDS rejected the version, and not something else about the request."""
    if isinstance(outcome, _errors.TransportError):
        return False
    if "/metadata/" not in request.url:  # the VM extension, which has no versions
        return False
    if names_version(outcome):
        return True
    # In a request for a whole document without parameters, only the version can be bad. (The header
    # could be missing as well: it is always sent, but something in between may remove it.)
    is_bare = always_there and "&" not in request.url
    return outcome.status == 400 and is_bare and "header" not in _start_of(outcome)


def names_version(response: _transport.Response) -> bool:
    """Whether the text of the answer says that the version is rejected."""
    text = _start_of(response)
    if response.status == 404:  # until about 2020
        return "invalid version" in text
    return response.status == 400 and ("newest-versions" in text or "api-version" in text)


def _start_of(response: _transport.Response) -> str:
    return response.body[:4096].decode("utf-8", "replace").lower()


def failed_call(
    request: _transport.Request,
    failure: _retry.Failure,
    tries: tuple[int, float],
    always_there: bool,
    advise: Advise | None,
) -> _errors.ImdsError:
    """The error of a whole call. `tries` has the number of attempts and the seconds that they took."""
    status, cause = failure.status, failure.cause
    kind: type[_errors.ImdsError] = _errors.UnavailableError
    if status == 404 and not always_there:
        kind = _errors.NotFoundError
    elif status is not None and 300 <= status < 500 and status not in (404, 408, 410, 429):
        kind = _errors.RefusedError
    attempts, elapsed = tries
    advice = (advise(status, cause) if advise else "") or _advice(failure, always_there)
    error = kind(
        f"{request.line} failed: {cause}, after {_errors.count_of(attempts, 'attempt')} in "
        f"{_errors.in_seconds(elapsed)}. {advice}"
    )
    error.status = status
    error.answered = failure.answered
    return error


def _advice(failure: _retry.Failure, always_there: bool) -> str:
    status, cause = failure.status, failure.cause
    if status is None:
        # Something answered, so the network path works.
        return _errors.NOT_IMDS if failure.answered else _BY_CAUSE.get(cause, _NO_ANSWER)
    if status == 403 and any(words in cause.lower() for words in NO_WAY):
        return _IN_ITS_PLACE
    if status == 400 and "header" in cause:
        return "Check what is between this host and IMDS, for example a proxy: it removes headers"
    if status == 404 and always_there:
        return _errors.NOT_IMDS
    return _ADVICE.get(status, _errors.NOT_IMDS)


def answered(request: _transport.Request, response: _transport.Response) -> str:
    """Status and error text of an answer, for a message."""
    words = error_text(request, response)
    location = response.headers.get("location")
    if 300 <= response.status < 400 and location:
        where = "a redirect" if request.secret else f"redirect to {_errors.printable(location)}"
        words = f"{where}, which is not followed"
    return f"status {response.status}" + (f", {words!r}" if words else "")


def error_text(request: _transport.Request, response: _transport.Response) -> str:
    """The service's own error text, from the status line and from the body."""
    # The status line of an answer with a token may contain a part of the token.
    said = "" if request.secret else _shown(response.words)
    body = _words_of_body(request, response)
    return ": ".join(filter(None, (said if said not in body else "", body)))


def _words_of_body(request: _transport.Request, response: _transport.Response) -> str:
    """The error text of a body, which may be JSON (in three forms), plain text or HTML."""
    try:
        data = _document.parse_json(response.body)
    except ValueError:
        return _plain_words(request, response)
    if not isinstance(data, dict):
        return ""
    error = data.get("error")
    # Azure's usual form has both texts within `error`.
    inner = error if isinstance(error, dict) else {}
    words = [error, data.get("error_description"), inner.get("code"), inner.get("message")]
    parts = [word[:_LOOKED_AT] for word in words if isinstance(word, str) and word]
    text = ": ".join(parts)[:_LOOKED_AT]
    if _has_token(text, data):
        return _HIDDEN
    text = _start(text)
    return _shown(_without_tokens(text) if request.secret else text)


def _has_token(text: str, data: t.Any) -> bool:
    """Whether a token of the answer begins in the quoted part of the text; True if there are too many tokens."""
    tokens = set()
    for token in _tokens_in(data):
        tokens.add(token[: _LOOKED_AT - _QUOTED])
        if len(tokens) > _MAX_TOKENS:
            return True
    return any(token in text for token in tokens)


def _start(text: str) -> str:
    """The quoted part. A run of characters that continues beyond its end may be a token, and is hidden."""
    if len(text) <= _QUOTED:
        return text
    runs = re.split(r"(\s)", text[:_QUOTED])
    return "".join(runs[:-1]) + _HIDDEN


def _without_tokens(text: str) -> str:
    """The error text of a secret answer, without tokens, parts of tokens, and data that may contain a token."""
    # Normalised first, so that full-width letters and invisible characters can't disguise a token.
    plain = re.sub(r"[^\x21-\x7e\s]", "", unicodedata.normalize("NFKC", text))
    # The beginning of a JWT. All of its parts would have to be found, so the whole text is hidden.
    if "eyJ" in re.sub(r"\s", "", plain):
        return _HIDDEN
    words, brace, _data = plain.partition("{")
    # Every second part is a GUID or a time, which may be shown.
    parts = _KNOWN.split(words)
    pieces = "|".join(_WORD.sub("|", part) for part in parts[::2])
    # Compared by count, because the same token may occur once whole and once in pieces.
    if _mixed_runs(re.sub(r"\s", "", pieces)) - _mixed_runs(pieces):
        return _HIDDEN  # The pieces of a token have blanks between them.
    parts[::2] = [_RUN.sub(_hidden_if_mixed, part) for part in parts[::2]]
    shown = "".join(parts) + (_HIDDEN if brace else "")
    return text if shown == plain else shown


def _mixed_runs(text: str) -> collections.Counter[str]:
    return collections.Counter(run for run in _RUN.findall(text) if _is_mixed(run))


def _hidden_if_mixed(run: t.Match[str]) -> str:
    return _HIDDEN if _is_mixed(run.group()) else run.group()


def _is_mixed(run: str) -> bool:
    return bool(re.search("[0-9]", run) and re.search("[A-Za-z]", run))


def _tokens_in(data: t.Any) -> t.Iterator[str]:
    """All texts that the answer names as tokens, at any depth."""
    if isinstance(data, dict):
        for name, value in data.items():
            if name.lower().endswith("token") and isinstance(value, str):
                if len(value) >= _SHORTEST_TOKEN:
                    yield value
            else:
                yield from _tokens_in(value)
    elif isinstance(data, list):
        for value in data:
            yield from _tokens_in(value)


def _plain_words(request: _transport.Request, response: _transport.Response) -> str:
    """The text of an error that is not JSON, without parts that may belong to a document or a token."""
    text = response.body[:_MAX_TEXT].decode("utf-8", "replace")
    words = _shown(text)
    if words[:1] == "<":
        return "an HTML page"
    is_error = response.status >= 400 and len(response.body) <= _MAX_TEXT
    # Every part of a JSON object has one of these characters. U+FFFD replaces bytes that are not text.
    is_plain = not set('{}"\ufffd') & set(text)
    return words if is_error and is_plain and not request.secret else ""


def _shown(text: str, limit: int = 300) -> str:
    """Untrusted text for a message, with everything hidden that looks like a token."""
    return _errors.printable(_LONG_RUN.sub(_HIDDEN, text), limit)


def _not_readable(
    request: _transport.Request,
    response: _transport.Response,
    format_name: str,
    exc: ValueError | None,
) -> str:
    kind = _shown(response.headers.get("content-type", "unknown type"), 80)
    if request.secret:
        # Any other content type may contain a part of a token.
        name = kind.partition(";")[0].strip().lower()
        kind = name if name in _PLAIN_TYPES else "unknown type"
    return (
        f"status 200 with {len(response.body)} bytes of {kind} that are not {format_name} ({exc})"
    )


__all__ = (
    "DIAGNOSE",
    "NO_WAY",
    "Advise",
    "answered",
    "error_text",
    "failed_call",
    "failure_of",
    "names_version",
    "rejects_version",
)
