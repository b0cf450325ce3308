# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prevents Ansible from evaluating untrusted text as templates. Private to imds.azure.

Before ansible-core 2.19, Ansible evaluates every string that is not marked as unsafe. A template loses the marks of
the strings that it joins, so Ansible marks the result of each template that uses a variable with a marked string.
So this file marks every string: not only templates, but also halves of templates, encoded templates and text that
a user puts between delimiters.

From ansible-core 2.19 on, Ansible evaluates only strings that are marked as trusted. This file does not mark strings then.

`ansible-inventory` prints unsafe strings in a special form. With `make_plain`, it prints strings plainly if they have
no characters of template syntax.
"""

from __future__ import annotations

import functools
import os
import typing as t

import ansible.template
from ansible import context
from ansible.inventory.manager import IGNORED
from ansible.utils.path import unfrackpath
from ansible.utils.unsafe_proxy import AnsibleUnsafeText

# The number sign begins "#jinja2:", a header that can define other delimiters.
_SYNTAX = ("{", "}", "%", "#")
_Marker = t.Callable[[str], str]
_trust: _Marker | None = getattr(ansible.template, "trust_as_template", None)


def make_unsafe(value: t.Any) -> t.Any:
    """The value, with all texts marked so that Ansible does not evaluate them as templates."""
    return _each_text(value, _unsafe) if _trust is None else value


def only_prints(path: str) -> bool:
    """Whether this run only prints the values of the inventory source at this path.

    Before 2.19, a later source may still use the values in templates, and needs the marks.
    """
    if not (context.CLIARGS.get("list") or context.CLIARGS.get("host")):
        return False
    return _trust is not None or path == _last_source()


def _last_source() -> str:
    """The path of the inventory source that Ansible reads last."""
    sources = context.CLIARGS.get("inventory") or [""]
    last = unfrackpath(sources[-1], follow=False)
    while os.path.isdir(last):
        names = [name for name in os.listdir(last) if not IGNORED.search(os.fsencode(name))]
        if not names:
            break
        last = os.path.join(last, max(names, key=os.fsencode))
    return str(last)


def make_plain(value: t.Any) -> t.Any:
    """A value of make_unsafe in a form that is printed plainly; only for a run that only prints it."""
    return _each_text(value, _plain_if_harmless)


def _each_text(value: t.Any, change: _Marker) -> t.Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, dict):
        return {
            change(key) if isinstance(key, str) else key: _each_text(child, change)
            for key, child in value.items()
        }
    if isinstance(value, list):
        return [_each_text(child, change) for child in value]
    return value


# The values of a fleet repeat, and a cache look-up costs less time and memory than a new mark.
@functools.lru_cache(maxsize=65536)
def _unsafe(text: str) -> str:
    return AnsibleUnsafeText(text)


def _plain_if_harmless(text: str) -> str:
    return text if any(sign in text for sign in _SYNTAX) else _trusted_text(text)


@functools.lru_cache(maxsize=65536)
def _trusted_text(text: str) -> str:
    # str.__str__ removes the mark; str() keeps it.
    return str.__str__(text) if _trust is None else _trust(text)


__all__ = ("make_plain", "make_unsafe", "only_prints")
