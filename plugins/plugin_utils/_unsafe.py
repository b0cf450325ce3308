# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Foreign text is text, whatever it looks like. Private to imds.azure.

Cores before 2.19 template every string that is not marked as unsafe. A template loses the marks of
the strings that it joins, so Ansible marks the result of each template that uses a variable in
which a marked string is. So every string is marked here: not only those that are templates, but
also halves of templates, encoded templates and text that a user puts between delimiters.

Cores from 2.19 on template only strings that are marked as trusted. Nothing is marked for them.

`ansible-inventory` prints a string that Ansible does not trust in a form of its own. `make_plain` lets
it print strings without a character of template syntax plainly.
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

# The number sign begins "#jinja2:", which begins a text that brings delimiters of its own.
_SYNTAX = ("{", "}", "%", "#")
_Marker = t.Callable[[str], str]
_trust: _Marker | None = getattr(ansible.template, "trust_as_template", None)


def make_unsafe(value: t.Any) -> t.Any:
    """The value, in which Ansible takes no text for a template."""
    return _each_text(value, _unsafe) if _trust is None else value


def only_prints(path: str) -> bool:
    """Does this run only print what the inventory source at this path sets?

    Before 2.19 a later source might still use it in templates, and needs the marks.
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
    """A value of make_unsafe in the form that is printed plainly; for a run that only prints it."""
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


# A fleet says the same things over and over, and a mark costs more time and memory than a look.
@functools.lru_cache(maxsize=65536)
def _unsafe(text: str) -> str:
    return AnsibleUnsafeText(text)


def _plain_if_harmless(text: str) -> str:
    return text if any(sign in text for sign in _SYNTAX) else _trusted_text(text)


@functools.lru_cache(maxsize=65536)
def _trusted_text(text: str) -> str:
    # str.__str__ is without the mark: str() keeps it.
    return str.__str__(text) if _trust is None else _trust(text)


__all__ = ("make_plain", "make_unsafe", "only_prints")
