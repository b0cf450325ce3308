# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The check of how long the shipped certificates are still good for."""

from __future__ import annotations

import datetime
from typing import NamedTuple

import pytest

from tools.certificates import annotated, certificates, judged, table

NOW = datetime.datetime(2026, 6, 1, 12, 0, tzinfo=datetime.timezone.utc)


class Row(NamedTuple):
    name: str
    expires: str


@pytest.mark.parametrize(
    ("expires", "verdict"),
    [
        ("2026-06-01T12:00:00Z", "expired"),
        ("2020-01-01T00:00:00Z", "expired"),
        ("2026-06-01T12:00:01Z", "ending"),
        ("2027-06-01T11:59:59Z", "ending"),
        ("2027-06-01T12:00:00Z", "fine"),
        ("2040-01-01T00:00:00Z", "fine"),
    ],
)
def test_a_year_is_the_limit(expires: str, verdict: str) -> None:
    expired, ending = judged([Row("One", expires)], NOW)
    assert (bool(expired), bool(ending)) == (verdict == "expired", verdict == "ending")
    assert all(text.startswith("One expire") and expires[:10] in text for text in expired + ending)


def test_the_table_is_read_as_it_is() -> None:
    rows = table()
    assert len(rows) >= 8
    ends = [datetime.datetime.strptime(row.expires, "%Y-%m-%dT%H:%M:%S%z") for row in rows]
    assert judged(rows, min(ends))[0]
    assert judged(rows, min(ends) - datetime.timedelta(days=364))[1]
    assert judged(rows, min(ends) - datetime.timedelta(days=366)) == ([], [])


def test_the_check_says_what_it_found(capsys: pytest.CaptureFixture[str]) -> None:
    expired = certificates()
    assert f"({expired} expired, " in capsys.readouterr().out


def test_github_shows_it_at_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)
    assert annotated("One ends", "warning") == "certificates: warning: One ends"
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    wanted = "::warning file=plugins/plugin_utils/_attestation/certificates.py::One ends"
    assert annotated("One ends", "warning") == wanted
