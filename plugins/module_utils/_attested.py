# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the module and the action attested_info agree on. Private to imds.azure."""

from __future__ import annotations

import re
import typing as t

from ._errors import OptionError, printable
from ._options import shared_argument_spec

# What IMDS takes today: up to 32 characters. Blanks and the like invite trouble on the way.
_NONCE = re.compile(r"[\x21-\x7e]{1,32}\Z")


def argument_spec() -> dict[str, t.Any]:
    return dict(
        shared_argument_spec(),
        nonce={"type": "str"},
        verify={"type": "bool", "default": True},
        intermediates={"type": "list", "elements": "path", "default": []},
        trusted_roots={"type": "list", "elements": "path", "default": []},
        fetch_intermediates={"type": "bool", "default": False},
        expect={"type": "dict", "default": {}},
        clock_skew={"type": "float", "default": 300.0},
    )


def checked_nonce(nonce: str) -> str:
    if not _NONCE.match(nonce):
        raise OptionError(
            f"nonce {printable(nonce)!r} is not 1 to 32 ASCII characters without blanks: leave it "
            "out, and a fresh random one is made"
        )
    return nonce


__all__ = ("argument_spec", "checked_nonce")
