# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parses times as the services behind IMDS write them. Pure; private to imds.azure.

Events and tokens have such dates. Facts have none, so instance_facts does not carry this file.
"""

from __future__ import annotations

import datetime
import re
import typing as t

from .._times import epoch_of

_ISO_8601 = re.compile(
    r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:\.\d+)?"
    r" ?(?:[Zz]|([+-])(\d\d):?([0-5]\d))?\Z",
    re.ASCII,
)
# Month, day and year, as the App Service writes the expiry of a token.
_AMERICAN = re.compile(
    r"(\d{1,2})/(\d{1,2})/(\d{4}) (\d{1,2}):(\d\d):(\d\d)(?: ([AP]M))?"
    r"(?: (?:[Zz]|([+-])(\d\d):?([0-5]\d)))?\Z",
    re.ASCII,
)


def moment_of(text: str) -> float | None:
    """Seconds since 1970 of a date in ISO 8601, of HTTP, or as month/day/year; None for any other text.

    A date without a zone is in UTC.
    """
    text = text.strip()
    found = _ISO_8601.match(text)
    if found:
        return _epoch(found.groups()[:6], found.groups()[6:])
    found = _AMERICAN.match(text)
    if found:
        month, day, year, hour, minute, second, half, *zone = found.groups()
        # The App Service has been observed to add PM to the hours 0 and 13 to 23.
        if half and 1 <= int(hour) <= 12:
            hour = str(int(hour) % 12 + (12 if half == "PM" else 0))
        return _epoch((year, month, day, hour, minute, second), zone)
    return epoch_of(text)


def _epoch(date: t.Sequence[str], zone: t.Sequence[str | None]) -> float | None:
    year, month, day, hour, minute, second = map(int, date)
    utc = datetime.timezone.utc
    try:
        moment = datetime.datetime(year, month, day, hour, minute, second, tzinfo=utc).timestamp()
    except ValueError:
        return None
    sign, hours, minutes = zone
    ahead = int(hours or 0) * 3600 + int(minutes or 0) * 60
    return moment + (ahead if sign == "-" else -ahead)


__all__ = ("moment_of",)
