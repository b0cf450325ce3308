# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the fact azure_imds and its subsets."""

from __future__ import annotations

import base64
import copy
import json
import typing as t

import pytest
from ansible.module_utils.facts.collector import get_collector_names
from documents import SHAPES, documents, quick
from doubles import load
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.imds.azure.plugins.module_utils._document import typed, without_nulls
from ansible_collections.imds.azure.plugins.module_utils._errors import OptionError
from ansible_collections.imds.azure.plugins.module_utils._facts import (
    SUBSETS,
    azure_imds,
    chosen_subsets,
)

EVERYTHING = load("everything")


def test_the_whole_fact() -> None:
    before = copy.deepcopy(EVERYTHING)
    facts, warnings = azure_imds(EVERYTHING, "2025-04-07")
    assert before == EVERYTHING
    assert warnings == []
    assert set(facts) == {"api_version", "service", "resource_type", *SUBSETS}
    assert facts["api_version"] == "2025-04-07"
    compute = typed("compute", copy.deepcopy(EVERYTHING["compute"]))
    left_out = {"userData", "customData"}
    assert facts["compute"] == {key: compute[key] for key in compute if key not in left_out}
    assert facts["network"] == typed("network", copy.deepcopy(EVERYTHING["network"]))
    assert facts["cloud"] == {
        "name": "AzurePublicCloud",
        "resource_manager": "https://management.azure.com",
        "authority": "https://login.microsoftonline.com",
        "key_vault_suffix": "vault.azure.net",
        "storage_suffix": "core.windows.net",
        "attested_domain": "metadata.azure.com",
    }
    assert facts["tags"]["jinja"] == "{{ 7 * 7 }}"
    assert facts["addresses"]["public"] == ["203.0.113.7"]


@pytest.mark.parametrize(
    ("resource_id", "type_", "service"),
    [
        ("", "", "imds"),
        (None, "", "imds"),
        ("/subscriptions/s/providers", "", "imds"),
        ("/subscriptions/s/resourceGroups/providers", "", "imds"),
        (
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm",
            "Microsoft.Compute/virtualMachines",
            "imds",
        ),
        (
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.Compute/virtualMachineScaleSets/s/virtualMachines/0",
            "Microsoft.Compute/virtualMachineScaleSets/virtualMachines",
            "imds",
        ),
        (
            "/subscriptions/s/resourceGroups/g/providers/Microsoft.HybridCompute/machines/m",
            "Microsoft.HybridCompute/machines",
            "arc",
        ),
        (
            "/SUBSCRIPTIONS/s/RESOURCEGROUPS/g/PROVIDERS/microsoft.hybridcompute/machines/m",
            "microsoft.hybridcompute/machines",
            "arc",
        ),
        # Users choose the names of resource groups.
        *(
            (
                f"/subscriptions/s/resourceGroups/{name}/providers/Microsoft.HybridCompute/machines/m",
                "Microsoft.HybridCompute/machines",
                "arc",
            )
            for name in ("providers", "Providers", "microsoft.compute")
        ),
        (
            "/subscriptions/providers/providers/Microsoft.HybridCompute/machines/m",
            "Microsoft.HybridCompute/machines",
            "arc",
        ),
        (
            "/subscriptions/s/resourceGroups/Microsoft.HybridCompute/providers/Microsoft.Compute/virtualMachines/vm",
            "Microsoft.Compute/virtualMachines",
            "imds",
        ),
    ],
)
def test_service_and_resource_type(resource_id: t.Any, type_: str, service: str) -> None:
    facts, _warnings = azure_imds({"compute": {"resourceId": resource_id}}, "2025-04-07")
    assert (facts["resource_type"], facts["service"]) == (type_, service)


@pytest.mark.parametrize("name", ["linux", "linux-of-a-lab", "windows"])
def test_the_fact_of_an_arc_enabled_server(name: str) -> None:
    document = load(f"arc/{name}")
    facts, warnings = azure_imds(without_nulls(document), "2020-06-01")
    assert warnings == []
    assert (facts["service"], facts["resource_type"]) == (
        "arc",
        "Microsoft.HybridCompute/machines",
    )
    assert facts["network"] == {}
    assert facts["addresses"] == {"private": [], "public": []}
    assert facts["compute"]["publicKeys"] == []
    assert facts["compute"]["storageProfile"] == {}
    assert facts["compute"]["osType"] == document["compute"]["osType"]
    assert facts["compute"]["osType"] in ("linux", "windows")
    assert facts["tags"] == {tag["name"]: tag["value"] for tag in document["compute"]["tagsList"]}
    raw, _warnings = azure_imds(document, "2020-06-01", raw=True)
    assert raw["compute"]["publicKeys"] is None


def test_a_raw_fact_is_unchanged() -> None:
    facts, _warnings = azure_imds(EVERYTHING, "2025-04-07", raw=True, user_data=True)
    assert facts["compute"] == EVERYTHING["compute"]
    assert facts["network"] == EVERYTHING["network"]


@pytest.mark.parametrize("subset", SUBSETS)
def test_one_part(subset: str) -> None:
    facts, _warnings = azure_imds(EVERYTHING, "2025-04-07", frozenset({subset}))
    assert set(facts) == {"api_version", "service", "resource_type", subset}


def test_user_data() -> None:
    facts, warnings = azure_imds(EVERYTHING, "2025-04-07", user_data=True)
    assert facts["compute"]["userData"] == EVERYTHING["compute"]["userData"]
    assert facts["compute"]["customData"] == ""
    assert facts["user_data_text"] == "#cloud-config\nname: héalth\n"
    assert warnings == []


@pytest.mark.parametrize("raw", [True, False])
def test_user_data_is_in_no_part_unless_it_is_wanted(raw: bool) -> None:
    document = {"compute": {"userData": "c2VjcmV0", "customData": "c2VjcmV0"}}
    facts, _warnings = azure_imds(document, "2025-04-07", raw=raw)
    assert "c2VjcmV0" not in json.dumps(facts)


@pytest.mark.parametrize(
    ("data", "text", "warns"),
    [
        ("", "", False),
        (None, "", False),
        ("YQ==", "a", False),
        (base64.b64encode("日本".encode()).decode(), "日本", False),
        (base64.b64encode(b"\xff\x00").decode(), "", True),
        ("YQ", "", True),
        ("not base64!", "", True),
        ("ü", "", True),
        (5, "", True),
        (["YQ=="], "", True),
    ],
)
def test_user_data_that_is_no_text(data: t.Any, text: str, warns: bool) -> None:
    facts, warnings = azure_imds({"compute": {"userData": data}}, "", user_data=True)
    assert facts["user_data_text"] == text
    assert bool(warnings) is warns


def test_old_tags_come_with_a_warning() -> None:
    facts, warnings = azure_imds(load("2017-08-01-scale-set"), "2017-08-01")
    assert facts["tags"] == {"scaleSetName": "vault-set"}
    (warning,) = warnings
    assert "2019-06-04" in warning


def test_no_warning_about_tags_that_are_not_wanted() -> None:
    document = load("2017-08-01-scale-set")
    assert azure_imds(document, "2017-08-01", frozenset({"compute"}))[1] == []


@pytest.mark.parametrize("document", [{}, {"compute": None, "network": None}, {"network": {}}])
def test_a_vm_without_compute_has_the_other_parts(document: dict[str, t.Any]) -> None:
    facts, warnings = azure_imds(document, "2025-04-07", user_data=True)
    assert "compute" not in facts
    assert "user_data_text" not in facts
    assert facts["tags"] == {}
    assert facts["addresses"] == {"private": [], "public": []}
    assert facts["cloud"]["name"] == ""
    assert warnings == []


def test_an_unknown_cloud_keeps_its_name_and_has_no_endpoints() -> None:
    facts, _warnings = azure_imds({"compute": {"azEnvironment": "AzureMoonCloud"}}, "")
    assert facts["cloud"].pop("name") == "AzureMoonCloud"
    assert set(facts["cloud"].values()) == {""}


def test_unknown_parts_of_a_later_imds() -> None:
    document = {"compute": {}, "extended": {"x": True}, "later": "", "tags": "not ours"}
    facts, _warnings = azure_imds(document, "2025-04-07")
    assert facts["extended"] == {"x": True}
    assert facts["later"] == ""
    assert facts["tags"] == {}
    some, _warnings = azure_imds(document, "2025-04-07", frozenset({"compute"}))
    assert set(some) == {"api_version", "service", "resource_type", "compute"}


@quick
@given(
    documents,
    st.sets(st.sampled_from(SUBSETS)).map(frozenset),
    st.booleans(),
    st.booleans(),
)
def test_any_document_yields_a_fact(
    document: dict[str, t.Any], subsets: frozenset[str], raw: bool, user_data: bool
) -> None:
    facts, warnings = azure_imds(document, "2025-04-07", subsets, raw, user_data)
    json.dumps(facts)
    assert all(isinstance(warning, str) for warning in warnings)
    assert {"cloud", "tags", "addresses"} & subsets <= set(facts)
    for name in ("compute", "network"):
        assert (name in facts) is (name in subsets and isinstance(document.get(name), dict))
    if "compute" in facts:
        left_out = set() if user_data else {"userData", "customData"}
        assert set(facts["compute"]) == set(document["compute"]) - left_out


@quick
@given(documents, st.booleans(), st.booleans())
def test_the_document_of_a_fact_is_not_changed(
    document: dict[str, t.Any], raw: bool, user_data: bool
) -> None:
    before = json.dumps(document)
    azure_imds(document, "", raw=raw, user_data=user_data)
    assert json.dumps(document) == before


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_yields_a_fact(name: str) -> None:
    facts, _warnings = azure_imds(SHAPES[name], name)
    assert facts["api_version"] == name


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [
        (["all"], set(SUBSETS)),
        ([], set(SUBSETS)),
        (["compute"], {"compute"}),
        (["compute", "tags"], {"compute", "tags"}),
        (["!network"], set(SUBSETS) - {"network"}),
        (["!all"], set()),
        (["!all", "tags"], {"tags"}),
        (["tags", "!all"], {"tags"}),
        (["all", "!tags"], set(SUBSETS) - {"tags"}),
        (["compute", "!tags"], {"compute"}),
        (["tags", "!tags"], {"tags"}),
        (["!all", "!tags"], set()),
        (["all", "!all"], set()),
    ],
)
def test_subsets(wanted: list[str], chosen: set[str]) -> None:
    assert chosen_subsets(wanted) == chosen


ENTRIES = [prefix + name for name in ("all", *SUBSETS) for prefix in ("", "!")]


@quick
@given(st.lists(st.sampled_from(ENTRIES), max_size=6))
def test_subsets_are_chosen_as_ansible_does(wanted: list[str]) -> None:
    theirs = get_collector_names(
        valid_subsets=frozenset(SUBSETS), minimal_gather_subset=frozenset(), gather_subset=wanted
    )
    assert chosen_subsets(wanted) == theirs


@pytest.mark.parametrize("name", ["", "!", "!!all", "Compute", "min", "hardware", "a\nb", 5, None])
def test_an_unknown_subset(name: t.Any) -> None:
    with pytest.raises(
        OptionError, match=r"gather_subset has no .*: choose from all, compute, netw"
    ):
        chosen_subsets(["all", name])
