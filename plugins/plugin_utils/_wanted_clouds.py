# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Validates the clouds that users name in options and tests. Pure; private to imds.azure.

A name from a user has to be known, because a misspelt name would silently never match.
The VM's own azEnvironment may be unknown.
"""

from __future__ import annotations

import difflib

from ansible_collections.imds.azure.plugins.module_utils._clouds import (
    BY_KEY,
    CLOUDS,
    Cloud,
    cloud_named,
    key_of,
)
from ansible_collections.imds.azure.plugins.module_utils._errors import (
    OptionError,
    listed,
    printable,
)

# The similarity that a name needs for a suggestion.
_SIMILAR = 0.68
# Marks the name of a cloud that this collection does not know.
_EXACT = "="
KNOWN = listed(cloud.name for cloud in CLOUDS)


def wanted_cloud(name: str) -> Cloud:
    """The cloud with the name or alias in a user's text; raises OptionError for an unknown name.

    `=NAME` allows an unknown cloud, which then has only this name.
    """
    text = name.strip()
    if text.startswith(_EXACT):
        own = text[len(_EXACT) :].strip()
        if not key_of(own):
            raise OptionError(
                f"{printable(name, 80)!r} names no cloud: write the azEnvironment of a cloud after the "
                "equals sign"
            )
        return cloud_named(own)
    found = BY_KEY.get(key_of(text))
    if found is None:
        raise OptionError(
            f"there is no cloud {printable(name, 80)!r}: the known ones are {KNOWN}."
            f"{_suggestion(text)} For a cloud that this collection does not know, write =NAME"
        )
    return found


def _suggestion(name: str) -> str:
    close = difflib.get_close_matches(key_of(name[:80]), BY_KEY, n=1, cutoff=_SIMILAR)
    return f" Did you mean {BY_KEY[close[0]].name}?" if close else ""


__all__ = ("KNOWN", "wanted_cloud")
