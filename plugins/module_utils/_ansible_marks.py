# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Removes from untrusted data everything that Ansible's own readers and writers can't handle.

`_document` imports this file only for the rare texts that need it. Private to imds.azure.
"""

from __future__ import annotations

import typing as t


def cleaned(data: t.Any, mark: str) -> t.Any:
    """The data, or a cleaned copy in plain types if the data has marks, lone surrogates or values that JSON lacks.

    A mark is a key that begins with `__ansible_`; it is left out. A lone surrogate becomes U+FFFD. A value that
    JSON lacks becomes an empty text: older versions of Ansible turn an object with the key `__ansible_vault`
    into a vault when they read the fact cache.
    """
    return data if _is_clean(data, mark) else _copy(data, mark)


def _is_clean(data: t.Any, mark: str) -> bool:
    # This may be the fact cache of a large fleet. Copies of all facts would not fit into memory.
    kind = type(data)
    if kind is str:
        return _is_whole(data)
    if kind is dict:
        for key, child in data.items():
            if not _is_plain(key) or key.startswith(mark) or not _is_whole(key):
                return False
            if not _is_clean(child, mark):
                return False
        return True
    if kind is list:
        for child in data:  # noqa: SIM110 - a generator takes three times as long
            if not _is_clean(child, mark):
                return False
        return True
    return data is None or kind in (bool, int, float)


def _is_plain(key: t.Any) -> bool:
    """Whether it is a plain text, and not one of Ansible's own types, which may be trusted as a template."""
    kind = type(key)
    return kind is str


def _copy(data: t.Any, mark: str) -> t.Any:
    if isinstance(data, str):
        return _whole(data)
    if isinstance(data, dict):
        named = ((_whole(str(key)), child) for key, child in data.items())
        return {name: _copy(child, mark) for name, child in named if not name.startswith(mark)}
    if isinstance(data, (list, tuple)):
        return [_copy(child, mark) for child in data]
    return data if data is None or isinstance(data, (bool, int, float)) else ""


def _whole(text: str) -> str:
    """The text as a plain string without lone surrogates, so that it can be encoded as UTF-8."""
    plain = str.__str__(text)
    if _is_whole(plain):
        return plain
    return "".join("\ufffd" if "\ud800" <= sign <= "\udfff" else sign for sign in plain)


def _is_whole(text: str) -> bool:
    if text.isascii():
        return True
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


__all__ = ("cleaned",)
