# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the differences between a VM and the requirements of a play."""

from __future__ import annotations

import typing as t

import pytest
from documents import quick
from hypothesis import given
from hypothesis import strategies as st

from ansible_collections.imds.azure.plugins.module_utils._errors import OptionError
from ansible_collections.imds.azure.plugins.module_utils._facts import SUBSETS, azure_imds
from ansible_collections.imds.azure.plugins.plugin_utils._placement.mismatches import (
    REQUIREMENTS,
    Mismatch,
    mismatches,
)

VM: dict[str, t.Any] = {
    "compute": {
        "azEnvironment": "AZUREPUBLICCLOUD",
        "location": "West Europe",
        "zone": "2",
        "vmScaleSetName": "Web",
    },
    "tags": {"Env": "prod", "Count": "3", "Marked": ""},
}


@pytest.mark.parametrize(
    "requirements",
    [
        {},
        {name: [] for name in REQUIREMENTS if name != "tags"},
        {"tags": {}},
        {"clouds": ["public"]},
        {"clouds": ["AzureChinaCloud", "AzureCloud"]},
        {"locations": ["westeurope"]},
        {"locations": ["WEST EUROPE", "northeurope"]},
        {"zones": ["2"]},
        {"zones": [1, 2]},
        {"zones": 2},
        {"clouds": "public"},
        {"locations": "northeurope, West Europe"},
        {"locations": ""},
        {"scale_sets": ["web"]},
        {"tags": {"env": "prod"}},
        {"tags": {"ENV": ["stage", "prod"], "Count": 3, "marked": None}},
        {"tags": {"Marked": ""}},
        {"tags": ""},
        {"tags": "env=prod"},
        {"tags": "Env=prod,Count=3"},
        {"tags": "Env=prod Count=3"},
        {"tags": '{"Env": ["stage", "prod"], "Marked": null}'},
    ],
)
def test_met(requirements: dict[str, t.Any]) -> None:
    assert mismatches(VM, **requirements) == []


@pytest.mark.parametrize(
    ("requirements", "expected"),
    [
        (
            {"clouds": ["AzureUSGovernment", "china"]},
            Mismatch("clouds", "AzureUSGovernment or china", "AZUREPUBLICCLOUD"),
        ),
        ({"clouds": ["=AzureMoonCloud"]}, Mismatch("clouds", "AzureMoonCloud", "AZUREPUBLICCLOUD")),
        ({"locations": ["westeurope2"]}, Mismatch("locations", "westeurope2", "westeurope")),
        ({"zones": [1, 3]}, Mismatch("zones", "1 or 3", "2")),
        ({"scale_sets": ["db"]}, Mismatch("scale_sets", "db", "Web")),
        ({"tags": "Env=Prod,Count=3"}, Mismatch("tags", "Env=Prod", "Env=prod")),
        ({"tags": '{"Role": null}'}, Mismatch("tags", "Role", "")),
        ({"tags": {"Env": "Prod"}}, Mismatch("tags", "Env=Prod", "Env=prod")),
        (
            {"tags": {"Role": None, "env": ["a", "b"], "Count": 3}},
            Mismatch("tags", "Role and env=a or b", "Env=prod"),
        ),
    ],
)
def test_not_met(requirements: dict[str, t.Any], expected: Mismatch) -> None:
    assert mismatches(VM, **requirements) == [expected]


@pytest.mark.parametrize(
    ("facts", "requirements", "message"),
    [
        (VM, {"zones": [1, 3]}, "zones requires 1 or 3, and this host has 2"),
        ({}, {"zones": [1, 3]}, "zones requires 1 or 3, and this host has no known value"),
        (
            VM,
            {"tags": {"Role": None, "Env": ["a", "b"]}},
            "tags requires Role and Env=a or b, and this host has Env=prod",
        ),
        (
            {"compute": {"zone": "1\n{{ x }}\x1b[31m"}},
            {"zones": [2]},
            "zones requires 2, and this host has 1 {{ x }} [31m",
        ),
    ],
)
def test_a_mismatch_is_one_sentence(
    facts: dict[str, t.Any], requirements: dict[str, t.Any], message: str
) -> None:
    (found,) = mismatches(facts, **requirements)
    assert found.message == message
    assert found.to_dict() == {**found._asdict(), "message": message}


@pytest.mark.parametrize("name", [name for name in REQUIREMENTS if name != "tags"])
def test_a_vm_without_data_meets_no_requirement(name: str) -> None:
    wanted = {"clouds": "public", "services": "arc"}.get(name, "x")
    for facts in ({}, {"compute": {}}, {"compute": None}, {"compute": []}):
        assert mismatches(facts, **{name: [wanted]}) == [Mismatch(name, wanted, "")]


def test_an_edge_zone_is_not_the_location_that_it_belongs_to() -> None:
    edge = {"type": "EdgeZone", "name": "microsoftlosangeles1"}
    facts = {"compute": {"location": "westus", "extendedLocation": edge}}
    assert mismatches(facts, locations=["westus", "eastus"]) == [
        Mismatch("locations", "westus or eastus", "microsoftlosangeles1, an edge zone of westus")
    ]
    assert mismatches(facts, locations=["westus", "Microsoft Los Angeles 1"]) == []
    assert (
        mismatches(
            {"compute": {"location": "westus", "extendedLocation": {"name": ""}}},
            locations=["westus"],
        )
        == []
    )


def test_every_requirement_is_reported() -> None:
    wanted: dict[str, t.Any] = {name: ["=x"] for name in REQUIREMENTS}
    wanted.update(tags={"x": "y"}, services=["arc"])
    found = mismatches({}, **wanted)
    assert [mismatch.what for mismatch in found] == list(REQUIREMENTS)


@pytest.mark.parametrize(
    "requirements",
    [
        {"clouds": [["public"]]},
        {"clouds": "public,"},
        {"clouds": ["AzureGovCloud"]},
        {"clouds": ["public", "AzureGovCloud"]},
        {"clouds": "public, AzureGovCloud"},
        {"clouds": ["="]},
        {"zones": [True]},
        {"locations": [""]},
        {"locations": {"a": 1}},
        {"tags": ["Env"]},
        {"tags": "Env"},
        {"tags": '["Env"]'},
        {"tags": '{"Env": '},
        {"regions": ["westeurope"]},
    ],
)
def test_invalid_requirements_are_refused(requirements: dict[str, t.Any]) -> None:
    with pytest.raises(OptionError):
        mismatches(VM, **requirements)


def test_a_misspelt_cloud_is_an_error_even_without_data() -> None:
    for facts in ({}, VM):
        with pytest.raises(OptionError, match="Did you mean AzureUSGovernmentCloud"):
            mismatches(facts, clouds=["AzureGovCloud"])


def test_foreign_text_does_not_break_the_line() -> None:
    facts: dict[str, t.Any] = {"compute": {"location": "a\nb\x1b[31m"}}
    assert mismatches(facts, locations=["x"])[0].actual == "a b [31m"


@quick
@given(st.text(min_size=1), st.dictionaries(st.text(min_size=1), st.text()))
def test_a_vm_meets_its_own_values(zone: str, tags: dict[str, str]) -> None:
    facts: dict[str, t.Any] = {"compute": {"zone": zone}, "tags": tags}
    assert mismatches(facts, zones=[zone], tags=tags) == []


@pytest.mark.parametrize("required", [{"Env": "prod"}, {"env": ["stage", "prod"]}, {"Owner": None}])
@pytest.mark.parametrize(
    "subsets", [SUBSETS, ("tags",), ("tags", "compute"), ("tags", "cloud", "network")]
)
def test_a_value_with_a_semicolon_is_no_other_tag(
    required: dict[str, t.Any], subsets: tuple[str, ...]
) -> None:
    """Before 2019-06-04, IMDS has one text for all tags."""
    document = {"compute": {"location": "x", "tags": "Owner:me;Env:prod"}}
    fact, warnings = azure_imds(document, "2018-10-01", frozenset(subsets))
    assert fact["tags"] == {"Owner": "me", "Env": "prod"}
    assert "the text after the semicolon can look like another tag" in warnings[0]
    (found,) = mismatches(fact, tags=required)
    assert found.actual.startswith("only a text of all its tags")
    assert mismatches(fact, tags={}) == []


# For Python, the Kelvin sign, the Angstrom sign and the Ohm sign are capitals of k, \u00e5 and \u03c9.
@pytest.mark.parametrize(
    ("required", "other"),
    [("Kind", "\u212aind"), ("\u00e5r", "\u212br"), ("\u03c9", "\u2126")],
)
def test_a_tag_with_a_sign_that_looks_like_a_letter_is_another_tag(
    required: str, other: str
) -> None:
    facts: dict[str, t.Any] = {"tags": {other: "prod"}}
    assert mismatches(facts, tags={required: "prod"}) == [Mismatch("tags", f"{required}=prod", "")]
    assert mismatches({"tags": {required.upper(): "prod"}}, tags={required: "prod"}) == []


@pytest.mark.parametrize("subsets", [SUBSETS, ("tags",)])
def test_a_list_of_tags_is_exact(subsets: tuple[str, ...]) -> None:
    listed_tags = [{"name": "Owner", "value": "me;Env:prod"}, {"name": "Role", "value": "web"}]
    document = {"compute": {"location": "x", "tags": "Owner:me;Env:prod", "tagsList": listed_tags}}
    fact, warnings = azure_imds(document, "2019-06-04", frozenset(subsets))
    assert not warnings
    assert mismatches(fact, tags={"role": "web", "Owner": "me;Env:prod"}) == []
    assert mismatches(fact, tags={"Env": "prod"}) == [Mismatch("tags", "Env=prod", "")]


ARC_ID = "/subscriptions/s/resourceGroups/g/providers/Microsoft.HybridCompute/machines/m"


@pytest.mark.parametrize(
    ("facts", "service"),
    [
        ({"compute": {"resourceId": ARC_ID}}, "arc"),
        ({"compute": {"resourceId": ARC_ID}, "service": "imds"}, "arc"),
        ({"compute": {"vmId": "1"}}, "imds"),
        ({"compute": {"vmId": "1"}, "service": "arc"}, "imds"),
        ({"service": "arc"}, "arc"),
        ({}, ""),
    ],
)
def test_services(facts: dict[str, t.Any], service: str) -> None:
    for wanted in ("imds", "arc"):
        found = mismatches(facts, services=[wanted])
        expected = [] if wanted == service else [Mismatch("services", wanted, service)]
        assert found == expected
    assert bool(mismatches(facts, services=["imds", "arc"])) is (service == "")
    assert mismatches(facts, services=[]) == []


def test_an_unknown_service_is_an_error() -> None:
    with pytest.raises(OptionError, match="services has no himds: choose from imds, arc"):
        mismatches({}, services=["himds"])
