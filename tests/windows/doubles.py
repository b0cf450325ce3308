# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Doubles of modules of ansible.windows. They accept the documented arguments and return the documented results.

They behave as Windows PowerShell 5.1 does on a host in English: `url_timeout` ends with the headers, a body
may take five minutes for each read, and .NET says in a sentence why there is no answer.
"""

from __future__ import annotations

import errno
import http.client
import re
import time
import typing as t
import urllib.parse

Result = dict[str, t.Any]

AZURE_TAG = "7783-7084-3265-9085-8269-3286-77"
# .NET's ReadWriteTimeout.
READ_TIMEOUT = 300.0
_PREFIX = "Unhandled exception occurred when sending web request. Exception: "
_CALL = 'Exception calling "GetResponse" with "0" argument(s): '
_UNREACHABLE = (errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH)
_OPTIONS = {
    *("url", "method", "headers", "http_agent", "body", "return_content", "status_code"),
    *("use_proxy", "follow_redirects", "url_timeout"),
}


class WebError(Exception):
    """The message of .NET."""


def win_uri(arguments: t.Mapping[str, t.Any], read_timeout: float = READ_TIMEOUT) -> Result:
    given = {name: value for name, value in arguments.items() if not name.startswith("_ansible_")}
    unknown = set(given) - _OPTIONS
    if unknown or "url" not in given:
        return {"failed": True, "msg": f"Unsupported parameters: {', '.join(sorted(unknown))}"}
    # The double requires these arguments, because it has no other behaviour.
    assert given["use_proxy"] is False
    assert given["follow_redirects"] == "none"
    assert given["return_content"] is True
    assert isinstance(given["url_timeout"], int)
    begun = time.monotonic()
    result: Result = {"changed": False, "url": given["url"], "elapsed": 0}
    try:
        _send(given, result, read_timeout)
    except WebError as exc:
        result.update(failed=True, msg=f"{_PREFIX}{exc}")
    else:
        if result["status_code"] not in given["status_code"]:
            result.update(failed=True, msg=f"Status code of request '{result['status_code']}'")
    result["elapsed"] = time.monotonic() - begun
    return result


def _send(given: t.Mapping[str, t.Any], result: Result, read_timeout: float) -> None:
    parts = urllib.parse.urlsplit(given["url"])
    deadline = time.monotonic() + given["url_timeout"]
    connection = http.client.HTTPConnection(
        parts.hostname or "", parts.port or 80, timeout=given["url_timeout"]
    )
    body = given.get("body")
    headers = {**given["headers"], "User-Agent": given["http_agent"]}
    try:
        connection.request(
            given["method"],
            given["url"].partition(parts.netloc)[2],
            body.encode() if body is not None else None,
            headers,
        )
        answer = _headers_in_time(connection, deadline)
        result.update(status_code=answer.status, msg=answer.reason, content_length=-1)
        result.update({_snake_case(name): value for name, value in answer.getheaders()})
        if connection.sock is not None:
            connection.sock.settimeout(read_timeout)
        result["content"] = answer.read().decode("utf-8", "replace")
    except http.client.IncompleteRead:
        raise WebError('"The connection was closed unexpectedly."') from None
    except TimeoutError:
        raise WebError(f'{_CALL}"The operation has timed out"') from None
    except (OSError, http.client.HTTPException, ValueError) as exc:
        if getattr(exc, "errno", None) in _UNREACHABLE:
            raise WebError(f'{_CALL}"Unable to connect to the remote server"') from None
        closed = "The underlying connection was closed: An unexpected error occurred on a receive."
        raise WebError(f'{_CALL}"{closed}"') from None
    finally:
        connection.close()


def _headers_in_time(
    connection: http.client.HTTPConnection, deadline: float
) -> http.client.HTTPResponse:
    """The answer. Raises TimeoutError at the deadline, even if headers arrive byte by byte."""
    assert connection.sock is not None
    original = connection.sock

    class Timed(type(original)):  # type: ignore[misc]
        def recv_into(self, *arguments: t.Any) -> int:
            if not getattr(self, "is_done", False):
                left = deadline - time.monotonic()
                if left <= 0:
                    raise TimeoutError
                self.settimeout(left)
            return int(super().recv_into(*arguments))

    timed = Timed(fileno=original.detach())
    connection.sock = timed
    answer = connection.getresponse()
    timed.is_done = True
    return answer


def _snake_case(header: str) -> str:
    """win_uri returns the header Retry-After as retry_after."""
    text = header.replace("-", "")
    text = re.sub("(.)([A-Z][a-z]+)", r"\1_\2", text)
    return re.sub("([a-z0-9])([A-Z])", r"\1_\2", text).lower()


def win_powershell(arguments: t.Mapping[str, t.Any], asset_tag: str | None) -> Result:
    """The firmware of the host. If the tag is empty, the account may not read the firmware."""
    assert "SupportsShouldProcess" in arguments["script"], "the module skips it in check mode"
    assert "SMBIOSAssetTag" in arguments["script"]
    if asset_tag is None:
        return {"failed": True, "msg": "Access denied", "output": []}
    return {"changed": True, "output": [asset_tag], "error": [], "warning": []}
