# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decodes a VM's user data. Imported only if a task requests user data. Private to imds.azure."""

from __future__ import annotations

import base64
import codecs
import re
import typing as t

# Azure limits user data to 64 KiB, but gzip can compress a thousand times as much into that. This is also
# the limit of a whole answer of IMDS.
MAX_TEXT = 4 * 1024 * 1024

# Azure accepts these characters anywhere in base64, and tools that break lines add them.
_BLANKS = re.compile(r"[ \t\r\n]+")
_GZIP = b"\x1f\x8b"
# The byte order marks of UTF-32 begin with those of UTF-16, so they come first.
_UNICODE = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


def text_of(user_data: t.Any) -> str:
    """The decoded text without a byte order mark; raises ValueError that names the actual content."""
    if user_data is None:
        return ""
    if not isinstance(user_data, str):
        raise ValueError("is not a text")
    content = _bytes_of(user_data)
    if content.startswith(_GZIP):
        content = _inflated(content)
    encoding = next((name for mark, name in _UNICODE if content.startswith(mark)), "utf-8")
    try:
        return content.decode(encoding)
    except UnicodeDecodeError:
        raise ValueError("is not text in UTF-8, nor in UTF-16 with a byte order mark") from None


def _bytes_of(user_data: str) -> bytes:
    try:
        return base64.b64decode(_BLANKS.sub("", user_data), validate=True)
    except ValueError:
        raise ValueError("is not base64") from None


def _inflated(packed: bytes) -> bytes:
    # Imported here because most user data is not compressed.
    import gzip
    import io
    import zlib

    try:
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as file:
            # Decompresses no more than the limit.
            content = file.read(MAX_TEXT + 1)
    except (OSError, EOFError, zlib.error):
        raise ValueError("is broken gzip") from None
    if len(content) > MAX_TEXT:
        raise ValueError(f"is gzip of more than {MAX_TEXT // 1024**2} MiB")
    return content


__all__ = ("MAX_TEXT", "text_of")
