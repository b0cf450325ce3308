# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests which values a host may return as azure_imds."""

from __future__ import annotations

import functools
import pathlib
import typing as t

import pytest
from documents import documents, quick
from hypothesis import given

from ansible_collections.imds.azure.plugins.module_utils._errors import MalformedError
from ansible_collections.imds.azure.plugins.module_utils._facts import azure_imds
from ansible_collections.imds.azure.plugins.plugin_utils._inventory.documents import documents_in
from ansible_collections.imds.azure.plugins.plugin_utils._inventory.fact_check import check_fact
from ansible_collections.imds.azure.plugins.plugin_utils._inventory.snapshots import write_snapshot


def refuse(exc: MalformedError) -> t.NoReturn:
    raise exc


def nested(levels: int) -> t.Any:
    return functools.reduce(lambda inner, _level: [inner], range(levels), [])


ODD = [
    ({"compute": 5}, "its 'compute' is a number"),
    ({"network": []}, "its 'network' is a list"),
    ({"compute": {5: 6}}, "a key is not a text"),
    ({"x": float("nan")}, "a number is not finite"),
    ({"x": [{"y": float("-inf")}]}, "a number is not finite"),
    ({"x": [0] * 100_001}, "more than 100000 values"),
    ({"x": dict.fromkeys(map(str, range(100_001)))}, "more than 100000 values"),
    ({"x": ["y" * 1024**2] * 17}, "its texts are longer than 16 MiB"),
    ({"x": {"y" * 17 * 1024**2: 1}}, "its texts are longer than 16 MiB"),
    ({"x": nested(300)}, "nests deeper than 63 levels"),
    ({"x": nested(100_000)}, "nests deeper than 63 levels"),
]


@pytest.mark.parametrize(("fact", "message"), ODD, ids=[message for _fact, message in ODD])
def test_facts_that_the_inventory_could_not_read_are_refused(fact: t.Any, message: str) -> None:
    with pytest.raises(MalformedError, match=message):
        check_fact(fact)


@quick
@given(documents)
def test_the_facts_of_every_document_are_accepted(document: dict[str, t.Any]) -> None:
    check_fact(azure_imds(document, "")[0])


@pytest.mark.parametrize("levels", [1, 50, 60, 61, 62, 63, 64])
def test_every_accepted_fact_can_be_read_from_its_snapshot(
    tmp_path: pathlib.Path, levels: int
) -> None:
    fact = {"compute": {}, "x": nested(levels)}
    try:
        check_fact(fact)
    except MalformedError:
        assert levels > 60
        return
    path, *_rest = write_snapshot(str(tmp_path), "a", fact)
    (document,) = documents_in(path, refuse)
    assert document.data == fact
