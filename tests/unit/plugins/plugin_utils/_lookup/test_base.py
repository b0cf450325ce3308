# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the options of both lookups: variables are templated once, and direct arguments never."""

from __future__ import annotations

import contextlib
import pathlib
import typing as t

import ansible.template
import pytest
from ansible.errors import AnsibleError
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import lookup_loader
from ansible.template import Templar

# Text of a playbook. Before ansible-core 2.19, all text is treated in this way.
written: t.Callable[[str], str] = getattr(ansible.template, "trust_as_template", str)


def lookup(name: str, variables: dict[str, t.Any]) -> t.Any:
    templar = Templar(loader=DataLoader(), variables=variables)
    return lookup_loader.get(f"imds.azure.{name}", loader=DataLoader(), templar=templar)


def options_of(*names: str) -> list[tuple[str, str]]:
    return [
        (name, option)
        for name in names
        for option in lookup(name, {}).option_definitions
        if not option.startswith("_")
    ]


@pytest.mark.parametrize(("name", "option"), options_of("access_token", "metadata"))
def test_a_direct_argument_is_never_a_template(
    name: str, option: str, tmp_path: pathlib.Path
) -> None:
    trace = tmp_path / "ran"
    variables = {"azure_imds_endpoint": "http://127.0.0.1:9", "azure_imds_deadline": 0.1}
    given = {"resource": "key_vault"} if name == "access_token" else {"cache": False}
    given[option] = written("{{ lookup('ansible.builtin.pipe', 'touch " + str(trace) + "') }}")
    plugin = lookup(name, variables)
    with contextlib.suppress(AnsibleError):
        plugin.run(["instance/compute"] if name == "metadata" else [], variables=variables, **given)
    assert not trace.exists()


@pytest.mark.parametrize("name", ["access_token", "metadata"])
def test_a_fact_of_a_host_is_no_option(name: str) -> None:
    fact = {"azure_imds_endpoint": "http://127.0.0.1:9"}
    variables = {**fact, "ansible_facts": fact}
    plugin = lookup(name, variables)
    plugin.set_options(var_options=variables, direct={"resource": "key_vault"})
    assert plugin.get_option("endpoint") != "http://127.0.0.1:9"


@pytest.mark.parametrize("name", ["access_token", "metadata"])
def test_a_fact_that_is_no_variable_changes_no_option(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANSIBLE_INJECT_FACT_VARS", "false")
    fact = {"azure_imds_endpoint": "http://127.0.0.1:8"}
    variables = {"azure_imds_endpoint": "http://127.0.0.1:9", "ansible_facts": fact}
    plugin = lookup(name, variables)
    plugin.set_options(var_options=variables, direct={"resource": "key_vault"})
    assert plugin.get_option("endpoint") == "http://127.0.0.1:9"


@pytest.mark.parametrize("name", ["access_token", "metadata"])
def test_a_variable_may_be_a_template(name: str) -> None:
    variables = {
        "azure_imds_endpoint": written("http://127.0.0.1:{{ port }}"),
        "azure_imds_timeout": written("{{ half | float / 2 }}"),
        "azure_imds_deadline": written("{{ nowhere }}"),
        "port": 9,
        "half": 5,
    }
    plugin = lookup(name, variables)
    plugin.set_options(var_options=variables, direct={"deadline": 3, "resource": "key_vault"})
    assert plugin.get_option("endpoint") == "http://127.0.0.1:9"
    assert plugin.get_option("timeout") == 2.5
    assert plugin.get_option("deadline") == 3
    with pytest.raises(AnsibleError, match="nowhere"):
        plugin.set_options(var_options=variables, direct={"resource": "key_vault"})
