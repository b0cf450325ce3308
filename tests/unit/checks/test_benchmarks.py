# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The page of the benchmark: what it takes from a new measurement, and what it keeps of older ones."""

from __future__ import annotations

import pathlib

import pytest

from benchmarks import _page, _texts

LIMIT = {"name": "a client", "seconds": 6.0, "floor": 4.0, "requests": 70}


def lookup(seconds: float) -> _page.Row:
    figures = {"times_seconds": 5, "cpu": 4, "times_cpu": 5, "requests": 100}
    return {"name": "a lookup", "lookups": 100, "run": {"seconds": seconds, **figures}}


def inventory(hosts: int, seconds: float) -> _page.Row:
    figures = {"times_seconds": 1, "cpu": 1, "times_cpu": 1, "megabytes": 50}
    return {"hosts": hosts, "name": "a form", "run": {"seconds": seconds, **figures}}


@pytest.fixture
def page(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> pathlib.Path:
    """The page of a checkout in which lookups have been measured."""
    monkeypatch.setattr(_page, "PAGE", tmp_path / "page.md")
    monkeypatch.setattr(_page, "machine", lambda: "a machine")
    measure(monkeypatch, tmp_path / "first", "lookups", lookup(seconds=3))
    return tmp_path / "page.md"


def measure(
    monkeypatch: pytest.MonkeyPatch, checkout: pathlib.Path, part: str, row: _page.Row
) -> None:
    monkeypatch.setattr(_page, "KEPT", checkout)
    _page.keep(part, 7, [row])
    _page.write()


def test_another_checkout_replaces_what_it_measured(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path, page: pathlib.Path
) -> None:
    measure(monkeypatch, tmp_path / "second", "lookups", lookup(seconds=2))
    text = page.read_text(encoding="utf-8")
    assert "| 100 | a lookup | 2.00 |" in text
    assert "| 100 | a lookup | 3.00 |" not in text


def test_and_keeps_what_it_did_not_measure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path, page: pathlib.Path
) -> None:
    before = page.read_text(encoding="utf-8")
    measure(monkeypatch, tmp_path / "second", "limit", LIMIT)
    after = page.read_text(encoding="utf-8")
    lookups, limit = after.index("## Lookups"), after.index("## Under the limit")
    assert before[: before.index("## What surprised")].strip() == after[:limit].strip()
    assert lookups < limit < after.index("## What surprised")
    assert "| a client | 6.0 | 1.50 | 70 |" in after


def test_also_where_the_head_says_more_by_now(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path, page: pathlib.Path
) -> None:
    monkeypatch.setattr(_texts, "HEAD", f"{_texts.HEAD.strip()} And more.\n")
    measure(monkeypatch, tmp_path / "second", "limit", LIMIT)
    text = page.read_text(encoding="utf-8")
    assert "And more." in text
    assert "## Lookups" in text


def test_and_the_fleets_of_other_sizes_in_their_order(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path, page: pathlib.Path
) -> None:
    for hosts in (100_000, 1_000):
        row = inventory(hosts, seconds=1)
        measure(monkeypatch, tmp_path / "first", f"inventory-{hosts}", row)
    measure(monkeypatch, tmp_path / "second", "inventory-10000", inventory(10_000, seconds=1))
    measure(monkeypatch, tmp_path / "third", "inventory-1000", inventory(1_000, seconds=2))
    rows = [line for line in page.read_text(encoding="utf-8").splitlines() if "a form" in line]
    assert [row.split(" | ")[0] for row in rows] == ["| 1,000", "| 10,000", "| 100,000"]
    assert [row.split(" | ")[3] for row in rows] == ["2.00", "1.00", "1.00"]


def test_but_nothing_from_another_kind_of_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path, page: pathlib.Path
) -> None:
    monkeypatch.setattr(_page, "machine", lambda: "another machine")
    measure(monkeypatch, tmp_path / "second", "limit", LIMIT)
    text = page.read_text(encoding="utf-8")
    assert "## Lookups" not in text
    assert "on another machine." in text
