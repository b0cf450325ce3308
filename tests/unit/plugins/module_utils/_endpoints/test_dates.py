# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the dates of events and tokens in all known forms."""

from __future__ import annotations

import pytest
from documents import quick
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.imds.azure.plugins.module_utils._endpoints.dates import moment_of
from ansible_collections.imds.azure.plugins.module_utils._times import iso_8601


@pytest.mark.parametrize(
    "text",
    [
        "Sat, 11 Apr 2026 22:26:58 GMT",
        "2026-04-11T22:26:58Z",
        "2026-04-11t22:26:58z",
        "2026-04-11T22:26:58",
        "2026-04-11 22:26:58",
        " 2026-04-11T22:26:58Z\n",
        "2026-04-11T22:26:58.9999999Z",
        "2026-04-11T22:26:58+00:00",
        "2026-04-12T03:56:58+0530",
        "2026-04-11T15:26:58-07:00",
        "04/11/2026 22:26:58 +00:00",
        "4/11/2026 22:26:58",
        "4/11/2026 10:26:58 PM +00:00",
        "04/11/2026 22:26:58 PM +00:00",
        "04/11/2026 22:26:58 Z",
    ],
)
def test_a_date(text: str) -> None:
    moment = moment_of(text)
    assert moment is not None
    assert iso_8601(moment) == "2026-04-11T22:26:58Z"


@pytest.mark.parametrize(
    ("text", "iso"),
    [
        ("9/14/2017 12:00:00 AM +00:00", "2017-09-14T00:00:00Z"),
        ("9/14/2017 12:00:00 PM +00:00", "2017-09-14T12:00:00Z"),
        # This form is in Microsoft's documentation of the App Service.
        ("09/14/2017 00:00:00 PM +00:00", "2017-09-14T00:00:00Z"),
        ("0001-01-01T00:00:00Z", "1-01-01T00:00:00Z"),
    ],
)
def test_midnight_and_noon(text: str, iso: str) -> None:
    moment = moment_of(text)
    assert moment is not None
    assert iso_8601(moment).lstrip("0") == iso


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "1700000000",
        "2026-04-11",
        "2026-04-31T22:26:58Z",
        "2026-13-01T22:26:58Z",
        "2026-04-11T24:00:00Z",
        "2026-04-11T22:26:60Z",
        "2026-04-11T22:26:58 UTC",
        "2026-04-11T22:26:58+0275",
        "٢٠٢٦-04-11T22:26:58Z",
        "11.04.2026 22:26:58",
        "13/04/2026 22:26:58",
        "04/11/26 22:26:58",
    ],
)
def test_no_date(text: str) -> None:
    assert moment_of(text) is None


@quick
@given(st.text() | st.text("0123456789-/:+TZ .", max_size=30))
def test_any_text_is_a_date_or_none(text: str) -> None:
    moment = moment_of(text)
    assert moment is None or isinstance(iso_8601(moment), str)
