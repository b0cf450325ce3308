# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Requests and answers as plain data. Route handlers see nothing else of HTTP."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, unquote

JSON = "application/json; charset=utf-8"
# Assumption: the content type of text answers; no capture from a virtual machine is public.
TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True)
class Request:
    """A received request."""

    method: str
    target: str  # the unchanged path and query of the request line
    path: str  # percent-decoded, without the query
    query: list[tuple[str, str]]
    headers: list[tuple[str, str]]
    body: bytes = b""
    time: float = 0.0  # the simulator's clock, monotonic

    @classmethod
    def parse(
        cls,
        method: str,
        target: str,
        headers: list[tuple[str, str]],
        body: bytes = b"",
        time: float = 0.0,
    ) -> Request:
        path, query = split_target(target)
        return cls(method, target, path, query, headers, body, time)

    @property
    def segments(self) -> list[str]:
        """The segments of the path. `/metadata/instance/` is `["metadata", "instance", ""]`."""
        return self.path.split("/")[1:]

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def parameter(self, name: str) -> str | None:
        # Assumption: names of query parameters are case-sensitive.
        return next((value for key, value in self.query if key == name), None)

    def repeated_parameters(self) -> list[str]:
        counts = Counter(name for name, _value in self.query)
        return [name for name, count in counts.items() if count > 1]

    def as_json(self) -> dict[str, Any]:
        return {
            "method": self.method,
            "target": self.target,
            "path": self.path,
            "query": self.query,
            "headers": self.headers,
            "body": self.body.decode(errors="replace"),
            "time": self.time,
        }


def split_target(target: str) -> tuple[str, list[tuple[str, str]]]:
    """The path and the query of a request target.

    IMDS decodes the path before it splits it. So its answer to
    `scheduledevents%3Fapi-version=2019-08-01` is the same as with a plain question mark.
    Assumption: after a plain question mark, the query is split first and then decoded. Otherwise
    no value could contain `&`.
    """
    raw_path, _mark, raw_query = target.partition("?")
    path, _mark, hidden_query = unquote(raw_path, errors="replace").partition("?")
    return path, [
        pair
        for part in (hidden_query, raw_query)
        for pair in parse_qsl(part, keep_blank_values=True, errors="replace")
    ]


@dataclass(frozen=True)
class Answer:
    """The answer of a handler. The server adds the headers that all answers have."""

    status: int
    body: bytes = b""
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    seconds: float = 0.0  # the delay of the answer
    foreign: bool = False  # the answer is not from IMDS
    request_id: bool = True


class RefusedError(Exception):
    """Ends the handling of a request with an answer, at any depth of calls."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer


def as_json(value: Any, status: int = 200) -> Answer:
    """Compact JSON in UTF-8 with keys in alphabetical order, as in all documents of IMDS."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return Answer(status, text.encode(errors="surrogatepass"))


def as_text(value: str, status: int = 200) -> Answer:
    return Answer(status, value.encode(errors="surrogatepass"), TEXT)


def error(status: int, message: str, newest_versions: list[str] | None = None) -> Answer:
    """The error document of IMDS. It is not compact, but has a space inside its braces."""
    body = f'"error": {json.dumps(message, ensure_ascii=False)}'
    if newest_versions is not None:
        quoted = ", ".join(json.dumps(version) for version in newest_versions)
        body += f', "newest-versions": [ {quoted} ]'
    return Answer(status, f"{{ {body} }}".encode())
