# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the text of user data in all forms in which users and tools pass it to a VM."""

from __future__ import annotations

import base64
import codecs
import gzip
import textwrap
import typing as t

import pytest
from documents import quick
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.imds.azure.plugins.module_utils._facts import azure_imds
from ansible_collections.imds.azure.plugins.module_utils._user_data import MAX_TEXT, text_of

TEXT = "#cloud-config\nname: héalth 日本\n" + "packages: [curl]\n" * 20


def encoded(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")


PLAIN = encoded(TEXT.encode())
UNDERSTOOD = {
    "one line": PLAIN,
    "a final newline": PLAIN + "\n",
    "a final CRLF": PLAIN + "\r\n",
    "lines of 76 characters": base64.encodebytes(TEXT.encode()).decode("ascii"),
    "lines of 64 characters with CRLF": "\r\n".join(textwrap.wrap(PLAIN, 64)) + "\r\n",
    "lines that are indented": textwrap.indent("\n".join(textwrap.wrap(PLAIN, 64)), " \t"),
    "lines that YAML has folded": " ".join(textwrap.wrap(PLAIN, 64)),
    "a mark of UTF-8": encoded(codecs.BOM_UTF8 + TEXT.encode()),
    "UTF-16 of Windows": encoded(codecs.BOM_UTF16_LE + TEXT.encode("utf-16-le")),
    "UTF-16 of the other order": encoded(codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be")),
    "UTF-32": encoded(codecs.BOM_UTF32_LE + TEXT.encode("utf-32-le")),
    "gzip": encoded(gzip.compress(TEXT.encode())),
    "gzip in lines": base64.encodebytes(gzip.compress(TEXT.encode())).decode("ascii"),
    "gzip of two parts": encoded(
        gzip.compress(TEXT[:9].encode()) + gzip.compress(TEXT[9:].encode())
    ),
    "gzip of a text with a mark": encoded(gzip.compress(codecs.BOM_UTF8 + TEXT.encode())),
}


@pytest.mark.parametrize("data", UNDERSTOOD.values(), ids=UNDERSTOOD)
def test_the_text_of_user_data(data: str) -> None:
    facts, warnings = azure_imds({"compute": {"userData": data}}, "", user_data=True)
    assert facts["user_data_text"] == TEXT
    assert facts["compute"]["userData"] == data
    assert warnings == []


@pytest.mark.parametrize("data", ["", " \r\n", None, encoded(codecs.BOM_UTF8)])
def test_no_user_data_is_an_empty_text(data: str | None) -> None:
    assert text_of(data) == ""


PACKED = gzip.compress(TEXT.encode())
REFUSED = {
    "a character that base64 has not": (PLAIN[:8] + "!" + PLAIN[8:], "is not base64"),
    "another kind of blank": (PLAIN[:8] + "\u00a0" + PLAIN[8:], "is not base64"),
    "a form feed": (PLAIN[:8] + "\f" + PLAIN[8:], "is not base64"),
    "no padding": ("YQ", "is not base64"),
    "base64 of URLs": ("_-8=", "is not base64"),
    "a number": (5, "is not a text"),
    "a list": (["YQ=="], "is not a text"),
    "an archive": (encoded(b"PK\x03\x04\xff\x00"), "is not text in UTF-8"),
    "half a character of UTF-16": (encoded(b"\xff\xfea\x00\x00\xd8"), "is not text in UTF-8"),
    "gzip of no text": (encoded(gzip.compress(b"\xff\x00")), "is not text in UTF-8"),
    "gzip that ends early": (encoded(PACKED[:-12]), "is broken gzip"),
    "gzip with another checksum": (encoded(PACKED[:-8] + b"\0" * 8), "is broken gzip"),
    "gzip with a broken stream": (encoded(PACKED[:10] + b"\xff" * 40), "is broken gzip"),
    "gzip with something behind it": (encoded(PACKED + b"more"), "is broken gzip"),
    "two bytes of gzip": (encoded(PACKED[:2]), "is broken gzip"),
    "gzip of too much": (
        encoded(gzip.compress(b"a" * (MAX_TEXT + 1))),
        "is gzip of more than 4 MiB",
    ),
}


@pytest.mark.parametrize(("data", "why"), REFUSED.values(), ids=REFUSED)
def test_user_data_that_is_no_text_is_empty_with_a_warning(data: t.Any, why: str) -> None:
    facts, warnings = azure_imds({"compute": {"userData": data}}, "", user_data=True)
    assert facts["user_data_text"] == ""
    (warning,) = warnings
    assert warning.startswith(f"userData {why}")
    assert warning.endswith(": user_data_text is empty")


def test_gzip_of_the_maximum_size() -> None:
    assert len(text_of(encoded(gzip.compress(b"a" * MAX_TEXT)))) == MAX_TEXT


def test_a_bomb_is_not_inflated(monkeypatch: pytest.MonkeyPatch) -> None:
    """64 KiB of this data would become 64 MiB."""
    read: list[int] = []
    original = gzip.GzipFile.read
    monkeypatch.setattr(
        gzip.GzipFile,
        "read",
        lambda self, size=-1: read.append(size) or original(self, size),
    )
    with pytest.raises(ValueError, match="more than 4 MiB"):
        text_of(encoded(gzip.compress(b"a" * 64 * 1024 * 1024)))
    assert read == [MAX_TEXT + 1]


@quick
@given(st.text(max_size=40) | st.binary(max_size=40).map(encoded))
def test_any_user_data_is_a_text_or_refused(data: str) -> None:
    facts, warnings = azure_imds({"compute": {"userData": data}}, "", user_data=True)
    assert isinstance(facts["user_data_text"], str)
    assert all(warning.startswith("userData is ") for warning in warnings)
    assert all(warning.isprintable() for warning in warnings)
