# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts names and values of a host into commands that people paste into a shell. Pure; private to imds.azure.

Ansible prints a command as JSON or YAML, and the escapes of these formats break shell quotes. So only plain texts
are allowed in commands.
"""

from __future__ import annotations

import re
import shlex

_PLAIN = re.compile(r"[A-Za-z0-9_.:,/*-]+\Z")
# The placeholder for a text that is not plain.
_ODD = "\0"


def word(text: str, longest: int = 1000) -> str:
    """The text as a word of a command, or a placeholder for `command` if the text is not plain."""
    return shlex.quote(text) if len(text) <= longest and _PLAIN.match(text) else _ODD


def command(text: str) -> str:
    """The command, or "" if one of its words is the placeholder."""
    return "" if _ODD in text else text


__all__ = ("command", "word")
