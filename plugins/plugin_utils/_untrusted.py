# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What came from outside is text, whatever it looks like. Private to imds.azure.

Cores from 2.19 on template only what is marked as trusted, so nothing needs doing there. Older
ones template every string that is not marked as unsafe. Only strings with template syntax get
that mark: it costs time, and `ansible-inventory --list` shows marked strings in an odd form.
"""

from __future__ import annotations

import typing as t

import ansible.template
from ansible.utils.unsafe_proxy import AnsibleUnsafeText

_NEEDS_MARKS = not hasattr(ansible.template, "trust_as_template")
_SYNTAX = ("{{", "{%", "{#")


def inert(value: t.Any) -> t.Any:
    """The value, in which nothing will be taken for a template."""
    return _marked(value) if _NEEDS_MARKS else value


def _marked(value: t.Any) -> t.Any:
    if isinstance(value, str):
        return AnsibleUnsafeText(value) if any(mark in value for mark in _SYNTAX) else value
    if isinstance(value, dict):
        return {_marked(key): _marked(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_marked(child) for child in value]
    return value


__all__ = ("inert",)
