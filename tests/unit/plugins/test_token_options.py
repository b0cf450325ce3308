# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the options of the plugins for tokens: one specification, one documentation fragment, and their use."""

from __future__ import annotations

import typing as t

import pytest
import yaml

import project
from ansible_collections.imds.azure.plugins.doc_fragments import _token
from ansible_collections.imds.azure.plugins.module_utils import _options
from ansible_collections.imds.azure.plugins.module_utils._managed_identity import options
from ansible_collections.imds.azure.plugins.modules import vm_extension_info

COMPARED = ("type", "default", "choices", "required", "elements")


def documented(text: str) -> dict[str, t.Any]:
    options: dict[str, t.Any] = yaml.safe_load(text)["options"]
    return options


def compared(options: dict[str, t.Any]) -> dict[str, t.Any]:
    return {
        name: {key: option[key] for key in COMPARED if key in option}
        for name, option in options.items()
    }


def test_the_fragment_documents_the_token_options() -> None:
    shared = _options.shared_argument_spec()
    spec = {k: v for k, v in options.token_argument_spec().items() if k not in shared}
    fragment = documented(_token.ModuleDocFragment.DOCUMENTATION)
    # Documented again only because "latest" has another meaning here.
    assert set(fragment.pop("api_version")) == {"description"}
    assert compared(fragment) == compared(spec)


def test_the_documentation_of_source_matches() -> None:
    documentation = documented(_token.ModuleDocFragment.SOURCE)
    spec = options.module_argument_spec()
    assert compared(documentation)["source"] == compared(spec)["source"]


def test_the_documentation_of_search_options_matches() -> None:
    documentation = documented(vm_extension_info.DOCUMENTATION)
    assert set(documentation.pop("api_version")) == {"description"}
    spec = vm_extension_info.argument_spec()
    shared = _options.shared_argument_spec()
    assert compared(documentation) == compared({k: v for k, v in spec.items() if k not in shared})


@pytest.mark.parametrize("entry", ["argument_specs", "defaults"])
def test_the_role_has_the_modules_defaults(entry: str) -> None:
    spec = vm_extension_info.argument_spec()
    prefix = "managed_identity_migration_"
    # The other variables are those of all hosts. The role has no default for them.
    own = {name: value for name, value in role_defaults(entry).items() if name.startswith(prefix)}
    assert own
    for name, value in own.items():
        option = name.removeprefix(prefix)
        wanted = 30.0 if option == "deadline" else spec[option].get("default")
        assert value == wanted, name


def role_defaults(entry: str) -> dict[str, t.Any]:
    role = project.ROOT / "roles" / "managed_identity_migration"
    if entry == "defaults":
        found: dict[str, t.Any] = yaml.safe_load((role / "defaults" / "main.yml").read_text())
        return found
    specs = yaml.safe_load((role / "meta" / "argument_specs.yml").read_text())["argument_specs"]
    return {name: option.get("default") for name, option in specs["main"]["options"].items()}
