# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests that the JSON schema of inventory files agrees with the documentation of the inventory.

    make units CORES=newest ARGS="-k schema" UPDATE_SCHEMA=1

writes the schema again from the documentation.
"""

from __future__ import annotations

import json
import os
import pathlib
import re
import typing as t

import jsonschema
import pytest
import yaml
from ansible.plugins.loader import fragment_loader
from ansible.release import __version__
from ansible.utils.plugin_docs import get_docstring

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCHEMA = ROOT / "docs" / "schemas" / "instances.schema.json"
TYPES: dict[str, dict[str, t.Any]] = {
    "bool": {"enum": [True, False, "yes", "no"]},
    "dict": {"type": "object"},
    "float": {"type": ["number", "string"]},  # a text, because it may be a template
    "int": {"type": ["integer", "string"]},
    "raw": {"type": ["boolean", "string"]},
    "str": {"type": "string"},
}


def schema_of(documentation: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    options = documentation["options"]
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "An inventory file of imds.azure.instances",
        "type": "object",
        "properties": {name: property_of(option) for name, option in sorted(options.items())},
        "required": sorted(name for name, option in options.items() if option.get("required")),
        "additionalProperties": False,
    }


def property_of(option: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    return {"description": first_of(option["description"]), **type_of(option)}


def type_of(option: t.Mapping[str, t.Any]) -> dict[str, t.Any]:
    if option.get("type") == "list":
        single = type_of({**option, "type": option.get("elements", "str")})
        # Ansible splits a text at its commas.
        return {"anyOf": [{"type": "array", "items": single}, {"type": "string"}]}
    if "suboptions" in option:
        properties = {name: property_of(one) for name, one in option["suboptions"].items()}
        return {"type": "object", "properties": properties, "additionalProperties": False}
    if "choices" in option:
        return {"enum": list(option["choices"])}
    return TYPES.get(option.get("type", "str"), TYPES["str"])


def first_of(description: str | list[str]) -> str:
    """The first paragraph, without the markup of Ansible's documentation."""
    text = description if isinstance(description, str) else description[0]
    return re.sub(r"\b[A-Z]+\(([^)]*)\)", r"\1", text).strip()


# Some options are from Ansible. Their descriptions differ between versions of ansible-core.
@pytest.mark.skipif(
    tuple(map(int, __version__.split(".")[:2])) < (2, 21),
    reason="the schema has the descriptions of a newer ansible-core",
)
def test_the_schema_is_made_of_the_documentation() -> None:
    file = ROOT / "plugins" / "inventory" / "instances.py"
    documentation = get_docstring(str(file), fragment_loader)[0]
    wanted = json.dumps(schema_of(documentation), indent=2, ensure_ascii=False) + "\n"
    if os.environ.get("UPDATE_SCHEMA"):
        SCHEMA.write_text(wanted, encoding="utf-8")
    assert SCHEMA.read_text(encoding="utf-8") == wanted, (
        f"run this test with UPDATE_SCHEMA=1 to write {SCHEMA.relative_to(ROOT)} anew"
    )


INVENTORIES = [
    block
    for page in sorted((ROOT / "docs" / "docsite" / "rst").glob("*.rst"))
    for block in re.findall(
        r"^( +)(plugin: imds\.azure\.instances\n(?:(?:\1.*)?\n)*)", page.read_text(), re.MULTILINE
    )
]


@pytest.mark.parametrize("block", INVENTORIES)
def test_inventory_files_of_the_guides_fit_the_schema(block: tuple[str, str]) -> None:
    indentation, text = block
    inventory = yaml.safe_load(indentation + text)
    jsonschema.validate(inventory, json.loads(SCHEMA.read_text(encoding="utf-8")))


@pytest.mark.parametrize(
    ("option", "value", "mistake"),
    [
        ("sources", ["files"], "'files' is not one of"),
        ("grup_by", ["zone"], "'grup_by' was unexpected"),
        ("filters", [{"only": "name"}], "'only' was unexpected"),
        ("address", 1, "1 is not one of"),
    ],
)
def test_the_schema_finds_mistakes(option: str, value: t.Any, mistake: str) -> None:
    inventory = {"plugin": "imds.azure.instances", option: value}
    with pytest.raises(jsonschema.ValidationError, match=mistake):
        jsonschema.validate(inventory, json.loads(SCHEMA.read_text(encoding="utf-8")))
