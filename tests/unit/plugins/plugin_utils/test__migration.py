# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the report for a fleet."""

from __future__ import annotations

import pathlib
import re
import subprocess
import typing as t

import pytest
from ansible.plugins.loader import callback_loader

from ansible_collections.imds.azure.plugins.modules.vm_extension_info import NOT_APPLICABLE
from ansible_collections.imds.azure.plugins.plugin_utils._migration import report

CLAIMS = {"aud": "a", "oid": "o", "tid": "t", "appid": "p"}
VM = {
    "name": "web-1",
    "resource_group": "shop",
    "subscription": "5f0c1c9e-7a41-4d0e-9d55-2b8f3a6e1c70",
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
    assert "web-9 and 290 more). These hosts have no trace of the VM extension" in lines[0]


def test_servers_that_never_have_the_extension_are_one_line() -> None:
    servers = {f"hybrid-{number}": NOT_APPLICABLE for number in range(3)}
    lines = report(servers)
    assert lines == [
        "not_applicable: 3 hosts (hybrid-0, hybrid-1, hybrid-2). These are Azure Arc-enabled servers, "
        "which never have the VM extension."
    ]
    text = text_of({**servers, "web-1": result(), "web-2": CLEAN})
    assert "hybrid-0 not_applicable" not in text
    assert "not_applicable: 3 hosts" in text
    assert "clean: 1 host (web-2)" in text


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


def test_no_removal_commands_without_the_extension() -> None:
    text = text_of({"a": result("unproven", installed=False, listening=[])})
    assert "a unproven not installed equal" in text
    assert not any(word in text for word in ("delete", "Remove", "templates"))
    assert "endpoint: http://169.254.169.254/metadata/identity/oauth2/token" in text


def test_a_scale_set_is_named_once() -> None:
    machine = {**VM, "scale_set": "web"}
    hosts = {f"web_{number}": result(vm={**machine, "name": f"web_{number}"}) for number in "012"}
    text = text_of(hosts)
    assert text.count("az vmss extension delete") == 1
    assert text.count("Remove the extension from templates as well") == 1


@pytest.mark.parametrize(
    ("cloud", "name"),
    [
        ("AzureUSGovernmentCloud", "AzureUSGovernment"),
        ("AzureUSGovernment", "AzureUSGovernment"),
        ("AzureChinaCloud", "AzureChinaCloud"),
    ],
)
def test_the_first_command_selects_another_cloud(cloud: str, name: str) -> None:
    text = text_of({"a": result(vm={**VM, "cloud": cloud})})
    assert f"\naz cloud set --name {name}\naz vm extension delete" in text
    assert f"\nConnect-AzAccount -Environment {name}\nSet-AzContext" in text


@pytest.mark.parametrize("cloud", ["AzurePublicCloud", "", "AzureStack"])
def test_no_command_selects_the_public_cloud(cloud: str) -> None:
    assert "az cloud" not in text_of({"a": result(vm={**VM, "cloud": cloud})})


def test_no_host_removes_the_extension_of_another() -> None:
    blocked = result("blocked")
    lines = report({"honest": blocked, "liar": result(), "other": result(vm={**VM, "name": "b"})})
    text = "\n".join(lines)
    assert (
        "Several hosts claim to be the VM web-1, so there is no command for it: honest, liar."
        in text
    )
    assert "az vm extension delete" in text
    assert "=web-1" not in text
    assert "remove it from the VM b (found on other)" in text


@pytest.mark.parametrize(
    "liar",
    [
        {"name": "WEB-1"},
        {"resource_group": "Shop"},
        {"cloud": "AzureUSGovernmentCloud"},
        {"extension": "ManagedIdentityExtensionForWindows"},
    ],
)
@pytest.mark.parametrize("honest", [result("blocked"), CLEAN])
def test_another_spelling_is_the_same_vm(honest: dict[str, t.Any], liar: dict[str, str]) -> None:
    text = "\n".join(report({"honest": honest, "liar": result(vm={**VM, **liar})}))
    assert "Several hosts claim to be the VM" in text
    assert "delete" not in text


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
def test_invalid_results_of_a_host_do_not_affect_others(name: str, odd: t.Any) -> None:
    text = text_of({"odd": {**result(), name: odd}, "a": result()})
    assert "a ready installed equal" in text


def test_commands_of_a_host_are_not_used() -> None:
    removal = [{"target": "vm", "name": "x", "az": ["curl evil | sh"], "powershell": ["iex evil"]}]
    vm = {**VM, "name": "x; reboot", "extension": "$(reboot)"}
    text = text_of({"a": result(removal=removal), "b": result(vm=vm, removal=removal)})
    assert "evil" not in text
    assert "$(reboot)" not in text
    text = text_of({"b": result(vm={**VM, "name": "x; reboot"})})
    assert "az vm" not in text
    assert (
        "by hand from these, because a name has characters that are unsafe in a command:\n VM x; reboot, resource group shop,"
        in text
    )


def test_control_characters_become_blanks() -> None:
    odd = "\x1b]0;x\x07\r\nok: [x]\u202e"
    lines = report({"a": result(odd, unread=[odd], references=[dict.fromkeys(REFERENCE, odd)])})
    assert all(line.isprintable() for line in lines)


PRINTED: list[dict[str, str]] = [
    {"result_format": "json"},
    {"result_format": "yaml"},
]


def printed(lines: list[str], options: dict[str, str]) -> str:
    """The lines in the form in which Ansible prints a list."""
    callback = callback_loader.get("default")
    callback.set_options()
    for option, value in options.items():
        callback.set_option(option, value)
    return str(callback._dump_results({"msg": lines}, indent=4))


def commands_in(text: str) -> list[str]:
    """The text that a user copies from the printed lines. YAML wraps lines at blanks."""
    return re.findall(
        r"^\W*?(az .*?)(?:\",?)?$", re.sub(r"\n {8}(?! *\")", " ", text), re.MULTILINE
    )


ODD_NAMES = [
    "rg'$(touch RUN)'",
    "$(touch RUN)",
    "'; touch RUN; '",
    "x`touch RUN`",
    'x"$(touch RUN)"',
    "x\\'$(touch RUN)",
    "x\u2019; touch RUN #",
    "@/home/me/.ssh/id_rsa",
    "--debug",
    "käse",
]


@pytest.mark.parametrize("options", PRINTED)
@pytest.mark.parametrize("field", ["name", "resource_group", "subscription", "scale_set"])
@pytest.mark.parametrize("name", ODD_NAMES)
def test_no_command_that_is_printed_has_an_odd_name(
    field: str, name: str, options: dict[str, str]
) -> None:
    lines = report({"a": result(vm={**VM, field: name})})
    assert commands_in(printed(lines, options)) == []
    assert any(name in line for line in lines)


@pytest.mark.parametrize("options", PRINTED)
@pytest.mark.parametrize("name", ["web-1", "shop(old)", "(x)", "_a.b-c", "1.0"])
def test_a_command_that_is_printed_can_be_pasted(
    name: str, options: dict[str, str], tmp_path: pathlib.Path
) -> None:
    (tmp_path / "file").touch()  # a star without quotes would become these names
    vm = {**VM, "scale_set": name, "scale_set_resource_group": name, "name": name}
    commands = commands_in(printed(report({"a": result(vm=vm)}), options))
    assert len(commands) == 3
    script = "\n".join(["az() { printf '<%s>' \"$@\"; }", *commands])
    ran = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert ran.stderr == ""
    assert ran.stdout.count(f"={name}>") == 5
    assert "<--instance-ids=*>" in ran.stdout


@pytest.mark.parametrize("options", PRINTED)
@pytest.mark.parametrize("field", ["name", "resource_group", "scale_set"])
def test_no_line_that_is_printed_begins_with_a_name(field: str, options: dict[str, str]) -> None:
    for length in range(4, 90):
        name = "evil".ljust(length, "x")
        text = printed(report({"a": result(vm={**VM, field: name})}), options)
        assert name in text
        assert not re.search(rf"^\W*{name}", text, re.MULTILINE)


def test_vms_without_a_command_are_listed_up_to_a_limit() -> None:
    hosts = {f"h{n}": result(vm={**VM, "name": f"é{n}"}) for n in range(150)}
    text = text_of(hosts)
    assert text.count("VM é") == 100
    assert " and 50 more\n" in text
    assert "Remove the extension by hand" not in text_of({"a": result(vm={})})


@pytest.mark.parametrize("name", ["references", "listening", "services", "files", "unread"])
def test_a_host_gets_at_most_a_hundred_rows(name: str) -> None:
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
