# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Points in time as HTTP and IMDS write them. Pure; private to imds.azure."""

from __future__ import annotations

import calendar
import email.utils
import time


def epoch_of(text: str) -> float | None:
    """Seconds since 1970 of an HTTP date; None where it is none. The day of the week may be wrong."""
    try:
        parsed = email.utils.parsedate_tz(text)
        if parsed is None:
            return None
        return float(calendar.timegm((*parsed[:6], 0, 0, 0)) - (parsed[9] or 0))
    except (ValueError, OverflowError, IndexError, TypeError):
        # Some Pythons fail on what they can't parse.
        return None


def iso_8601(epoch: float) -> str:
    """The time in UTC; an empty text where no calendar reaches."""
    try:
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(epoch))
    except (ValueError, OverflowError, OSError):
        return ""


__all__ = ("epoch_of", "iso_8601")
