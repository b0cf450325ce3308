# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The faults of an answer, and the expected result of each."""

from __future__ import annotations

import gzip
import json
import typing as t
from email.utils import formatdate

# Which requests have the fault: the first, the first three, or all.
ONCE, THRICE, ALWAYS = "once", "three times", "always"
WHEN = {ONCE: 1, THRICE: 3, ALWAYS: None}
# A placeholder for a date some seconds in the future; the real date is computed when the fault is set.
IN_SECONDS = "in {} seconds, as a date"
DATED = IN_SECONDS.format(4)


class Case(t.NamedTuple):
    """One fault. The simulator's README describes the values of `fault`."""

    tried: str
    fault: dict[str, t.Any]
    # A part of the error message, if the fault causes an error.
    says: str
    # Whether the client retries, so that a transient fault causes no error.
    retried: bool = True
    # Whether each attempt takes the whole timeout.
    slow: bool = False
    # The plugins return the right answer despite the fault.
    harmless: bool = False
    # Whether the fault is possible only in instance documents.
    instance: bool = False
    # The seconds of a Retry-After header.
    wait: float | None = None
    # Whether the fault is in the body, so that it matters only to endpoints whose body is parsed.
    content: bool = False
    # Whether the client retries only endpoints that always exist.
    roots: bool = False
    # The number of attempts, if the client gives up before the deadline.
    attempts: int | None = None
    # Whether the answer is valid for scheduled events: there are none.
    no_events: bool = False

    def message(self, when: str, root: bool = True) -> str | None:
        """A part of the expected error message; None if the plugin returns the right answer."""
        retried = self.retried and (root or not self.roots)
        times = WHEN[when]
        passes = times is not None and (self.attempts is None or times < self.attempts)
        if self.harmless or (retried and passes):
            return None
        return self.says

    def settings(self, when: str, now: float) -> dict[str, t.Any]:
        """The fault in the simulator's format."""
        headers = {
            name: formatdate(now + 4, usegmt=True) if value == DATED else value
            for name, value in self.fault.get("headers", {}).items()
        }
        return {**self.fault, "headers": headers, "times": WHEN[when]}


# The document of every machine with a fault.
DOCUMENT: dict[str, t.Any] = {
    "compute": {
        "azEnvironment": "AzurePublicCloud",
        "location": "westeurope",
        "name": "web-1",
        "platformFaultDomain": "0",
        "tagsList": [{"name": "Role", "value": "web"}],
        "vmId": "00000000-0000-4000-8000-000000000001",
        "zone": "1",
    },
    "network": {"interface": [{"macAddress": "000D3A123456"}]},
}
_BODY = json.dumps(DOCUMENT).encode()
_PORTAL = "<!DOCTYPE html><html><head><title>Sign in to this Wi-Fi</title></head></html>"
_ELSEWHERE = "http://192.0.2.1/metadata/instance"


def _status(status: int, body: str = "", **headers: str) -> dict[str, t.Any]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return {"kind": "status", "status": status, "body": body, "headers": named}


def _ok(body: bytes, **headers: str) -> dict[str, t.Any]:
    return {**_status(200, "", **headers), "body": body}


def _raw(data: bytes) -> dict[str, t.Any]:
    return {"kind": "raw", "body": data}


_SILENCE = "no complete answer within"
_NOT_JSON = "that are not JSON"

STATUSES = (
    Case(
        "400 for a missing header",
        _status(400, '{"error": "Bad request. Required metadata header not specified"}'),
        "status 400, 'Bad request. Required metadata header not specified', after 1 attempt",
        retried=False,
    ),
    Case(
        "400 without a message",
        _status(400),
        "IMDS rejected the request (status 400) without naming api-version",
        retried=False,
        instance=True,
    ),
    Case("401", _status(401), "status 401, after 1 attempt", retried=False),
    Case("403", _status(403), "status 403, after 1 attempt", retried=False),
    Case("404", _status(404), "status 404, after", roots=True),
    Case("405", _status(405), "status 405, after 1 attempt", retried=False),
    Case("408", _status(408), "status 408, after"),
    Case("410", _status(410), "status 410, after"),
    Case("429", _status(429, "Too many requests"), "status 429, 'Too many requests', after"),
    Case("429 with ``Retry-After: 2``", _status(429, Retry_After="2"), "status 429, after", wait=2),
    Case(
        "429 with a ``Retry-After`` that is a date",
        _status(429, Retry_After=DATED),
        "status 429, after",
        wait=4,
    ),
    Case(
        "429 with a ``Retry-After`` beyond the deadline",
        _status(429, Retry_After="86400"),
        "status 429, after 1 attempt",
        retried=False,
    ),
    *(
        Case(f"{status}", _status(status, _PORTAL), f"status {status}, 'an HTML page', after")
        for status in (500, 502, 503, 504)
    ),
    *(
        Case(
            f"{status} to another host",
            _status(status, Location=_ELSEWHERE),
            f"status {status}, 'redirect to {_ELSEWHERE}, which is not followed', after 1 attempt",
            retried=False,
        )
        for status in (301, 302, 307, 308)
    ),
)
CONNECTIONS = (
    Case("Reset", {"kind": "reset"}, "the connection was reset, after"),
    Case(
        "Closed without an answer", {"kind": "close"}, "the connection was closed without an answer"
    ),
    Case("No answer", {"kind": "hang"}, _SILENCE, slow=True),
    Case(
        "Endless headers",
        {"kind": "endless_headers", "bytes_per_second": 200},
        _SILENCE,
        slow=True,
    ),
    Case(
        "Headers that arrive byte by byte",
        {"kind": "drip_headers", "bytes_per_second": 20},
        _SILENCE,
        slow=True,
    ),
    Case(
        "A body that arrives byte by byte",
        {"kind": "drip", "bytes_per_second": 5},
        _SILENCE,
        slow=True,
    ),
    Case("A body that stops", {"kind": "stall"}, _SILENCE, slow=True),
    Case(
        "A body shorter than its ``Content-Length``",
        {"kind": "truncate"},
        "the answer ended after",
        content=True,
    ),
    Case(
        "A body longer than its ``Content-Length``",
        _raw(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 20\r\n\r\n" + _BODY),
        _NOT_JSON,
        content=True,
    ),
    Case(
        "Two hundred headers",
        _raw(b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n" + _BODY),
        "the answer is not proper HTTP",
    ),
    Case(
        "A chunk of negative length",
        _raw(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-f\r\n{}\r\n0\r\n\r\n"),
        "the answer is not proper HTTP",
        content=True,
    ),
    Case("An answer of another protocol", _raw(b"SSH-2.0-OpenSSH_9.2\r\n"), "not proper HTTP"),
    Case(
        "A body of 200 MB",
        {"kind": "oversize", "mebibytes": 200},
        "the answer is larger than 4 MiB, after 1 attempt",
        retried=False,
    ),
    Case(
        "A ``Content-Length`` of 200 MB",
        _raw(b"HTTP/1.1 200 OK\r\nContent-Length: 209715200\r\n\r\n{"),
        "the answer is larger than 4 MiB, after 1 attempt",
        retried=False,
    ),
)
_BODIES = (
    Case(
        "gzip, which the client did not request",
        _ok(gzip.compress(_BODY, mtime=0), Content_Encoding="gzip"),
        _NOT_JSON,
    ),
    Case(
        "The HTML of a captive portal",
        _ok(_PORTAL.encode(), Content_Type="text/html"),
        "bytes of text/html that are not JSON",
    ),
    Case("Empty", _ok(b""), "status 200 with 0 bytes", no_events=True),
    Case("Half a document", _ok(_BODY[:-20]), _NOT_JSON),
    Case("100,000 nested lists", _ok(b"[" * 100_000 + b"]" * 100_000), "it nests deeper than 64"),
    Case("100,000 opening brackets without closing ones", _ok(b"[" * 100_000), _NOT_JSON),
    Case("Invalid UTF-8", _ok(_BODY.replace(b"web-1", b"web-\xff")), "is not UTF-8"),
    Case("UTF-16", _ok(json.dumps(DOCUMENT).encode("utf-16")), "is not UTF-8"),
    Case("``NaN`` as a value", _ok(b'{"compute": {"name": NaN}}'), "NaN is not JSON"),
    Case("``null``", _ok(b"null"), "but it is null, not", retried=False, instance=True),
    Case("A list", _ok(b"[]"), "but it is a list, not", retried=False, instance=True),
    Case("A text", _ok(b'"web-1"'), "but it is a text, not", retried=False, instance=True),
    Case(
        "``compute`` is a list",
        _ok(b'{"compute": []}'),
        "its 'compute' is a list, not an object",
        retried=False,
        instance=True,
    ),
    Case(
        "``compute`` and ``network`` are missing",
        _ok(b"{}"),
        "with neither compute nor network, after",
        instance=True,
        attempts=3,
    ),
    Case(
        "``compute`` and ``network`` are empty",
        _ok(b'{"compute": {}, "network": null}'),
        "with neither compute nor network, after",
        instance=True,
        attempts=3,
    ),
    Case("A byte order mark", _ok(b"\xef\xbb\xbf" + _BODY), "", harmless=True, instance=True),
    Case(
        "Duplicate keys, of which the last counts",
        _ok(b'{"compute": {"name": "first"}, ' + _BODY[1:]),
        "",
        harmless=True,
        instance=True,
    ),
)
BODIES = tuple(case._replace(content=True) for case in _BODIES)
GROUPS = {
    "The status of the answer": STATUSES,
    "The connection": CONNECTIONS,
    "The body of an answer with status 200": BODIES,
}
CASES = tuple(case for cases in GROUPS.values() for case in cases)
# Every environment variable from which any HTTP library or program reads a proxy.
PROXY_VARIABLES = tuple(
    spelling
    for name in (
        "http_proxy",
        "https_proxy",
        "all_proxy",
        "ftp_proxy",
        "socks_proxy",
        "cgi_http_proxy",
    )
    for spelling in (name, name.upper())
)

__all__ = (
    "ALWAYS",
    "CASES",
    "DOCUMENT",
    "GROUPS",
    "ONCE",
    "PROXY_VARIABLES",
    "THRICE",
    "WHEN",
    "Case",
)
