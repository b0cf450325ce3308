# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests times in the formats of HTTP and IMDS."""

from __future__ import annotations

import pytest
from documents import quick
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.imds.azure.plugins.module_utils._times import epoch_of, iso_8601


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("Sat, 11 Apr 2026 22:26:58 GMT", "2026-04-11T22:26:58Z"),
        # The day of the week is wrong in Microsoft's samples.
        ("Mon, 11 Apr 2026 22:26:58 GMT", "2026-04-11T22:26:58Z"),
        ("11 Apr 2026 22:26:58 GMT", "2026-04-11T22:26:58Z"),
        ("Sat, 11 Apr 2026 22:26:58 +0200", "2026-04-11T20:26:58Z"),
        ("Thu, 01 Jan 1970 00:00:00 GMT", "1970-01-01T00:00:00Z"),
    ],
)
def test_dates(text: str, iso: str) -> None:
    epoch = epoch_of(text)
    assert epoch is not None
    assert iso_8601(epoch) == iso


@pytest.mark.parametrize("text", ["", " ", "soon", "2026-04-11T22:26:58Z", "Sat, 99 Foo 2026"])
def test_no_dates(text: str) -> None:
    assert epoch_of(text) is None


def test_a_time_that_no_calendar_has() -> None:
    assert iso_8601(1e300) == ""


@quick
@given(st.text())
def test_any_text_is_a_date_or_none(text: str) -> None:
    epoch = epoch_of(text)
    assert epoch is None or isinstance(iso_8601(epoch), str)
