# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The clouds that users name in options and tests. Pure; private to imds.azure.

A user's name has to be known, because a mistyped one would never match and nobody would notice.
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

# How much of a name has to be right for a suggestion.
_SIMILAR = 0.68
# Marks the name of a cloud that this collection does not know.
_EXACT = "="
KNOWN = listed(cloud.name for cloud in CLOUDS)


def wanted_cloud(name: str) -> Cloud:
    """The cloud that a user's text names; raises OptionError for a name that is not known.

    `=NAME` names a cloud that is not known, which then has nothing but this name.
    """
    text = name.strip()
    if text.startswith(_EXACT):
        own = text[len(_EXACT) :].strip()
        if not key_of(own):
            raise OptionError(
                f"{printable(name, 80)!r} names no cloud: after the equals sign comes the "
                "azEnvironment of a cloud that is not known yet"
            )
        return cloud_named(own)
    found = BY_KEY.get(key_of(text))
    if found is None:
        raise OptionError(
            f"there is no cloud {printable(name, 80)!r}: the known ones are {KNOWN}."
            f"{_suggestion(text)} A cloud that is not known yet is named with an equals sign, "
            "=NAME"
        )
    return found


def _suggestion(name: str) -> str:
    close = difflib.get_close_matches(key_of(name[:80]), BY_KEY, n=1, cutoff=_SIMILAR)
    return f" Did you mean {BY_KEY[close[0]].name}?" if close else ""


__all__ = ("KNOWN", "wanted_cloud")
