# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The check of how long the shipped certificates are still good for."""

from __future__ import annotations

import datetime
from typing import NamedTuple

import pytest

from tools.certificates import judged, table

NOW = datetime.datetime(2026, 6, 1, 12, 0, tzinfo=datetime.timezone.utc)


class Row(NamedTuple):
    name: str
    expires: str


@pytest.mark.parametrize(
    ("expires", "verdict"),
    [
        ("2026-06-01T12:00:00Z", "expired"),
        ("2026-06-01T12:00:01Z", "ending"),
        ("2027-06-01T11:59:59Z", "ending"),
        ("2027-06-01T12:00:00Z", "fine"),
    ],
)
def test_a_year_is_the_limit(expires: str, verdict: str) -> None:
    expired, ending = judged([Row("One", expires)], NOW)
    assert (bool(expired), bool(ending)) == (verdict == "expired", verdict == "ending")
    assert all(text.startswith("One expire") and expires[:10] in text for text in expired + ending)


def test_the_table_is_read_as_it_is() -> None:
    rows = table()
    assert len(rows) >= 8
    long_ago = datetime.datetime(2000, 1, 1, tzinfo=datetime.timezone.utc)
    assert judged(rows, long_ago) == ([], [])
    assert len(judged(rows, long_ago.replace(year=2999))[0]) == len(rows)
