# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The transport of Windows hosts: one run of ansible.windows.win_uri for one request. Private to imds.azure.

The client runs on the controller, and the host only sends the request. A hostile host can return any
result of win_uri, so every value is checked before it is used.
"""

from __future__ import annotations

import math
import re
import typing as t

from ansible_collections.imds.azure.plugins.module_utils._errors import (
    TransportError,
    cut_short,
    in_seconds,
    printable,
    too_large,
)
from ansible_collections.imds.azure.plugins.module_utils._http_reader import own_words
from ansible_collections.imds.azure.plugins.module_utils._transport import (
    MAX_BODY,
    Request,
    Response,
    Transport,
)

MODULE = "ansible.windows.win_uri"
INSTALL = "ansible-galaxy collection install ansible.windows"

_Result = t.Mapping[str, t.Any]
# Runs a module on the host by its name and arguments. The result is what the module returned.
RunModule = t.Callable[[str, dict[str, t.Any]], _Result]

# For any status outside this list, the module fails, and the client could not distinguish this from a request without an answer.
_STATUSES = list(range(200, 600))
# The headers that the client reads. The module replaces the hyphens by underscores.
_HEADERS = ("content-length", "content-type", "location", "retry-after")
# The sentence of .NET is the last text in quotation marks. The text of PowerShell before it also depends on the language of the host.
_CAUSE = re.compile(r':\s*"([^"]+)"\s*\Z')
_LONGEST_CAUSE = 200
_LOOKED_AT = 2000
# English words of .NET in lower case, and the words of the other transports for the same cause.
_CAUSES = (
    ("actively refused", "connection refused"),
    ("connection refused", "connection refused"),
    ("unreachable network", "the network is unreachable"),
    ("network is unreachable", "the network is unreachable"),
    ("unreachable host", "no route to the host"),
    ("no route to host", "no route to the host"),
)
# .NET Framework has only this message for all causes above.
_NO_CONNECTION = "unable to connect to the remote server"
_LENGTH = re.compile(r"[0-9]{1,9}\Z")
# .NET replaces bytes that are not UTF-8 by this character.
_REPLACEMENT = "\ufffd".encode()
_NOT_UTF8 = b"\xff"


class ModuleFailedError(Exception):
    """The module itself failed, so there was no request. A retry would not help."""

    def __init__(self, result: _Result) -> None:
        super().__init__(f"{MODULE} failed")
        self.result = result


def win_uri_transport(run: RunModule) -> Transport:
    def send(request: Request, timeout: float) -> Response:
        seconds = max(1, math.ceil(timeout))
        result = run(MODULE, _arguments(request, seconds))
        # The module sets `elapsed` before it sends the request. If the module breaks earlier, its result has no `elapsed`.
        if "elapsed" not in result:
            raise ModuleFailedError(result)
        if result.get("failed"):
            raise _failed_attempt(request, result, seconds)
        return _response(result)

    return send


def _arguments(request: Request, seconds: int) -> dict[str, t.Any]:
    headers = dict(request.headers)
    arguments = {
        # `localhost` must mean a loopback address, so the host's resolver is not used.
        "url": request.url.replace("http://localhost", "http://127.0.0.1", 1),
        "method": request.method,
        "http_agent": headers.pop("User-Agent"),
        "headers": headers,
        "use_proxy": False,
        "follow_redirects": "none",
        "url_timeout": seconds,
        "return_content": True,
        "status_code": _STATUSES,
    }
    if request.body is not None:
        arguments["body"] = request.body.decode("utf-8")
    return arguments


def _failed_attempt(request: Request, result: _Result, seconds: int) -> TransportError:
    elapsed, said = result["elapsed"], str(result.get("msg", ""))[:_LOOKED_AT]
    # The clock of Windows advances in steps of 16 milliseconds, so `elapsed` may be slightly too small.
    if isinstance(elapsed, (int, float)) and elapsed > seconds - 0.1:
        return TransportError(f"no complete answer within {in_seconds(seconds)}")
    words = said.lower()
    for part, cause in _CAUSES:
        if part in words:
            return TransportError(cause, unreachable=True)
    is_unreachable = _NO_CONNECTION in words
    if request.secret:
        return TransportError("win_uri got no answer", unreachable=is_unreachable)
    found = _CAUSE.search(said)
    cause = printable(found[1] if found else said, _LONGEST_CAUSE)
    return TransportError(f"win_uri got no answer, {cause!r}", unreachable=is_unreachable)


def _response(result: _Result) -> Response:
    status, content, words = (result.get(key) for key in ("status_code", "content", "msg"))
    if not isinstance(status, int) or status not in _STATUSES or not isinstance(content, str):
        raise ModuleFailedError({"msg": f"{MODULE} returned no valid status or no content"})
    found = {name: result.get(name.replace("-", "_")) for name in _HEADERS}
    headers = {name: value for name, value in found.items() if isinstance(value, str)}
    body = _bytes_of(content, headers)
    phrase = words[:_LOOKED_AT] if isinstance(words, str) else ""
    return Response(status, headers, body, own_words(status, phrase))


def _bytes_of(content: str, headers: t.Mapping[str, str]) -> bytes:
    """The body as IMDS sent it, as far as possible.

    Replacement characters become invalid bytes again, so that the client refuses a body that is not UTF-8.
    """
    if len(content) > MAX_BODY:
        raise too_large(MAX_BODY)
    body = content.encode("utf-8", "surrogatepass")
    announced = headers.get("content-length", "")
    length = int(announced) if _LENGTH.match(announced) else len(body)
    if length != len(body):
        # In most cases, .NET has replaced one byte by one character.
        body = body.replace(_REPLACEMENT, _NOT_UTF8)
    if len(body) > MAX_BODY:
        raise too_large(MAX_BODY)
    if len(body) < length and _NOT_UTF8 not in body:
        raise cut_short(len(body), length - len(body))
    return body


__all__ = ("INSTALL", "MODULE", "ModuleFailedError", "RunModule", "win_uri_transport")
