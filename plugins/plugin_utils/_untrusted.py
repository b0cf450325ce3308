# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What came from outside is text, whatever it looks like. Private to imds.azure.

Cores before 2.19 template every string that is not marked as unsafe; later ones template nothing
but strings that are marked as trusted. Either way only strings with template syntax are a danger,
and `ansible-inventory --list` shows every string that it must not trust in a form of its own:

- before 2.19 strings with template syntax are marked as unsafe, and no others, so that the list
  reads plainly (and because marking costs time);
- from 2.19 on nothing needs a mark, but for the list strings without template syntax are marked as
  trusted. That makes no template of them, it only lets them be shown as they are.
"""

from __future__ import annotations

import functools
import typing as t

import ansible.template
from ansible import context
from ansible.utils.unsafe_proxy import AnsibleUnsafeText

# The last one may start a string that brings delimiters of its own.
_SYNTAX = ("{{", "{%", "{#", "#jinja2:")
_trust: t.Callable[[str], str] | None = getattr(ansible.template, "trust_as_template", None)


def inert(value: t.Any) -> t.Any:
    """The value, in which nothing will be taken for a template."""
    if _trust is None:
        return _marked(value, _unsafe)
    return _marked(value, _shown_plainly) if _is_list_wanted() else value


def _is_list_wanted() -> bool:
    return bool(context.CLIARGS.get("list"))


def _marked(value: t.Any, mark: t.Callable[[str], str]) -> t.Any:
    if isinstance(value, str):
        return mark(value)
    if isinstance(value, dict):
        return {mark(key): _marked(child, mark) for key, child in value.items()}
    if isinstance(value, list):
        return [_marked(child, mark) for child in value]
    return value


def _has_syntax(text: str) -> bool:
    return any(sign in text for sign in _SYNTAX)


def _unsafe(text: str) -> str:
    return AnsibleUnsafeText(text) if _has_syntax(text) else text


@functools.lru_cache(maxsize=65536)
def _shown_plainly(text: str) -> str:
    # A fleet says the same things over and over, and a mark costs more than a look.
    return text if _trust is None or _has_syntax(text) else _trust(text)


__all__ = ("inert",)
