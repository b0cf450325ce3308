# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reads plain HTTP answers, as IMDS usually sends them. Private to imds.azure.

`http.client` is not used for them, because on a managed node its import takes longer than the whole request.
This reader accepts only a strict subset of HTTP, and leaves every byte of another answer to
`_http_reader`. A test checks that both readers agree.
"""

from __future__ import annotations

import io
import typing as t

from . import _errors

# Status, headers by names in lower case, body, and the reason phrase if it is not the usual one.
Parts = t.Tuple[int, t.Dict[str, str], bytes, str]


def read_answer(reader: io.BufferedReader) -> Parts | None:
    """A plain 200 of known length. For any other answer None, and every byte is still unread."""
    head, end, _body = reader.peek().decode("latin-1").partition("\r\n\r\n")
    status, *lines = head.split("\r\n")
    if not end or not status.startswith("HTTP/1.1 200 ") or not _is_plain(status):
        return None
    headers = {}
    for line in lines:
        name, colon, value = line.partition(":")
        headers[name.lower()] = value.strip()
        if not colon or not _is_plain(line) or not name.replace("-", "").isalnum():
            return None
    length = headers.get("content-length", "")
    # A length with this few digits is below the limit of bodies. The other reader checks longer ones.
    is_known = length.isdecimal() and len(length) < 7 and "transfer-encoding" not in headers
    if not is_known or len(headers) < len(lines):  # a header occurs twice
        return None
    reader.read(len(head) + len(end))
    body = reader.read(int(length))
    if len(body) < int(length):
        raise _errors.cut_short(len(body), int(length) - len(body))
    return 200, headers, body, ""


def _is_plain(line: str) -> bool:
    return line.isascii() and line.isprintable()


__all__ = ("Parts", "read_answer")
