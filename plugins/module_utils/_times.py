# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parses and formats times as HTTP and IMDS write them. Pure; private to imds.azure."""

from __future__ import annotations

import time

# UTC in a form whose alphabetical order is the order of the times.
ISO_8601 = "%Y-%m-%dT%H:%M:%SZ"


def epoch_of(text: str) -> float | None:
    """Seconds since 1970 of an HTTP date; None for any other text. The day of the week may be wrong."""
    # Imported here because instance_facts only needs `ISO_8601`.
    import calendar
    import email.utils

    try:
        parsed = email.utils.parsedate_tz(text)
        if parsed is None:
            return None
        return float(calendar.timegm((*parsed[:6], 0, 0, 0)) - (parsed[9] or 0))
    except (ValueError, OverflowError, IndexError, TypeError):
        # Some versions of Python raise errors for texts that they can't parse.
        return None


def iso_8601(epoch: float) -> str:
    """The time in UTC; an empty text for a time outside the calendar."""
    try:
        return time.strftime(ISO_8601, time.gmtime(epoch))
    except (ValueError, OverflowError, OSError):
        return ""


__all__ = ("ISO_8601", "epoch_of", "iso_8601")
