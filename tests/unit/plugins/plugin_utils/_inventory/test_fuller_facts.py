# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import typing as t

import pytest
from doubles import HOSTILE, NETWORK

from ansible_collections.imds.azure.plugins.module_utils._facts import azure_imds
from ansible_collections.imds.azure.plugins.plugin_utils._inventory.fuller_facts import (
    choice_of,
    choice_of_facts,
)

COMPUTE = {"name": "web-1", "vmId": "A"}
TIME = {"gathered_at": "2026-01-31T12:00:00Z"}
WHOLE = {"compute": COMPUTE, "network": NETWORK, **TIME}


@pytest.mark.parametrize(
    ("older", "newer", "lost"),
    [
        (WHOLE, WHOLE, ""),
        (WHOLE, {"compute": COMPUTE}, "network"),
        (WHOLE, {"compute": COMPUTE, "network": {"interface": []}}, "network"),
        (WHOLE, {"network": NETWORK}, "compute"),
        (WHOLE, {"network": NETWORK, "compute": {}}, "compute"),
        (WHOLE, {}, "compute and network"),
        ({"compute": COMPUTE}, WHOLE, ""),
        ({"compute": COMPUTE}, {"network": NETWORK}, "compute"),
        ({"cloud": {"name": "AzurePublicCloud"}}, {"cloud": {"name": ""}}, "compute"),
        ({"addresses": {"private": ["10.0.0.4"]}}, {"addresses": {"private": []}}, "network"),
        ({"tags": {"Role": "web"}}, {"tags": {}}, ""),
        ({}, {"compute": COMPUTE}, ""),
        # Without a vmId, it may be another VM.
        ({"compute": {"name": "web-1"}}, {"network": NETWORK}, ""),
        ({"compute": {"name": "web-1"}, "network": NETWORK}, {}, "network"),
        (None, {"compute": COMPUTE}, ""),
        ("not a fact", {"compute": COMPUTE}, ""),
        ({"compute": "not a part", "network": 5, "cloud": []}, {}, ""),
    ],
)
def test_a_fuller_fact_is_kept_with_a_warning(
    older: t.Any, newer: dict[str, t.Any], lost: str
) -> None:
    kept = choice_of("web-1", "the snapshot", older, newer, True)
    replaced = choice_of("web-1", "the snapshot", older, newer, False)
    assert (kept.keeps_older, replaced.keeps_older) == (bool(lost), False)
    if not lost:
        assert (kept.notice, replaced.notice) == ("", "")
        return
    when = "2026-01-31T12:00:00Z" if older is WHOLE else "unknown time"
    for choice in (kept, replaced):
        assert choice.notice.startswith(f"web-1: the snapshot of {when} has {lost}, but the new")
    assert "It is kept" in kept.notice
    assert "It is replaced" in replaced.notice


@pytest.mark.parametrize(
    ("changes", "differ"),
    [
        ({"zone": "2"}, "The new one has another zone."),
        ({"zone": "2", "location": "b"}, "The new one has another location and another zone."),
        ({"zone": "1"}, ""),
        ({}, ""),
    ],
)
def test_changes_in_the_other_part_are_reported(changes: dict[str, str], differ: str) -> None:
    older = {**WHOLE, "compute": {**COMPUTE, "zone": "1", "location": "a"}}
    newer = {"compute": {**COMPUTE, **changes}}
    notice = choice_of("web-1", "the snapshot", older, newer, True).notice
    assert (differ in notice) if differ else ("another" not in notice)


def test_changed_tags_are_reported() -> None:
    older = {**WHOLE, "tags": {"Role": "web"}}
    newer = {"compute": COMPUTE, "tags": {"Role": "db"}}
    assert "The new one has other tags." in choice_of("a", "it", older, newer, True).notice


def test_a_fuller_fact_of_another_vm_is_replaced() -> None:
    for vm_id, is_kept in (("a", True), ("B", False), ("", True), (None, True)):
        newer = {"compute": {"name": "web-1", "vmId": vm_id}}
        choice = choice_of("web-1", "the snapshot", WHOLE, newer, True)
        assert choice.keeps_older is is_kept
        assert ("another VM" in choice.notice) is not is_kept


@pytest.mark.parametrize("incomplete", [None, [], "network", {"network": 1}, [5, "cloud"]])
def test_a_fact_that_lacks_a_part_by_choice_replaces_an_older_one(incomplete: t.Any) -> None:
    fact = azure_imds({"compute": COMPUTE}, "", frozenset({"tags"}))[0]
    assert choice_of_facts("web-1", WHOLE, fact, incomplete, True) == (False, "")


@pytest.mark.parametrize(("keep", "is_kept"), [(True, True), ("yes", True), ("no", False)])
def test_a_fact_that_lacks_a_part_of_imds(keep: t.Any, is_kept: bool) -> None:
    fact = azure_imds({"compute": COMPUTE}, "")[0]
    assert choice_of_facts("web-1", WHOLE, fact, ["network"], keep).keeps_older is is_kept
    # The empty fact of a host whose IMDS did not answer.
    assert choice_of_facts("web-1", WHOLE, {}, None, keep).keeps_older is is_kept
    first = choice_of_facts("web-1", None, fact, ["network"], keep)
    assert first == (False, "web-1: azure_imds lacks network: IMDS answered without it")


def test_texts_of_a_host_are_safe_to_print() -> None:
    older = {**WHOLE, "gathered_at": HOSTILE}
    for choice in (
        choice_of(HOSTILE, "x", older, {}, True),
        choice_of_facts(HOSTILE, {}, {}, [HOSTILE], 0),
    ):
        assert choice.notice.isprintable()
