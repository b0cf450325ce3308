# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Points in time as HTTP and IMDS write them. Pure; private to imds.azure."""

from __future__ import annotations

import time

# UTC in a form that sorts as the times do.
ISO_8601 = "%Y-%m-%dT%H:%M:%SZ"


def epoch_of(text: str) -> float | None:
    """Seconds since 1970 of an HTTP date; None where it is none. The day of the week may be wrong."""
    # Only where there is a date to read: all that instance_facts takes of this file is the form above.
    import calendar
    import email.utils

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
        return time.strftime(ISO_8601, time.gmtime(epoch))
    except (ValueError, OverflowError, OSError):
        return ""


__all__ = ("ISO_8601", "epoch_of", "iso_8601")
