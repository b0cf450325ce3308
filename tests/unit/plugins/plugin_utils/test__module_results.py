# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests that the result of a hostile host contains nothing that Ansible could apply to other hosts."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
import yaml

from ansible_collections.imds.azure.plugins import modules
from ansible_collections.imds.azure.plugins.plugin_utils._module_results import (
    READ_BY_ANSIBLE,
    checked_result,
)

MODULES = sorted(pathlib.Path(next(iter(modules.__path__))).glob("*.py"))


def test_an_honest_result_is_kept() -> None:
    result = {
        "changed": True,
        "msg": "text",
        "rc": 0,
        "warnings": ["one"],
        "invocation": {"module_args": {}},
        "access_token": "secret",
        "ansible_facts": {"azure_imds": {"tags": {}}},
    }
    assert checked_result(result, "azure_imds") == result


@pytest.mark.parametrize("key", READ_BY_ANSIBLE)
def test_keys_that_only_ansible_sets_are_left_out(key: str) -> None:
    value = {"data": {"next_hosts": "all"}, "aggregate": False}
    assert checked_result({"changed": False, key: value}) == {"changed": False}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("warnings", "odd"),
        ("deprecations", {"msg": "odd"}),
        ("invocation", ["odd"]),
        ("rc", "odd"),
        ("module_stdout", ["odd"]),
        ("ansible_job_id", {}),
    ],
)
def test_values_of_an_unexpected_type_are_left_out(key: str, value: t.Any) -> None:
    assert checked_result({key: value}) == {}


def test_flags_are_booleans_and_the_message_is_a_text() -> None:
    result = {"changed": [], "failed": "x", "skipped": {}, "unreachable": 1, "msg": {"a": 1}}
    assert checked_result(result) == {
        "changed": False,
        "failed": True,
        "skipped": False,
        "unreachable": True,
        "msg": "{'a': 1}",
    }


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_no_module_returns_a_key_that_is_left_out(module: pathlib.Path) -> None:
    _before, found, after = module.read_text(encoding="utf-8").partition('RETURN = r"""')
    returned = yaml.safe_load(after.partition('"""')[0]) if found else {}
    assert not set(returned or {}) & set(READ_BY_ANSIBLE)
