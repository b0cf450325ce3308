# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the search for traces of the retired VM extension on a host."""

from __future__ import annotations

import json
import os
import pathlib
import socket
import typing as t

import pytest

from ansible_collections.imds.azure.plugins.module_utils._vm_extension import traces as extension

NAME = "Microsoft.ManagedIdentity.ManagedIdentityExtensionForLinux-1.0.0.10"


def lines(tmp_path: pathlib.Path, *text: str, ports: t.Sequence[int] = (50342,)) -> list[t.Any]:
    (tmp_path / "file").write_text("\n".join(text))
    return extension.references([str(tmp_path)], ports).references


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("MSI_ENDPOINT=http://localhost:50342/oauth2/token", "localhost:50342/oauth2/token"),
        ("url: 'http://127.0.0.1:50342'", "127.0.0.1:50342"),
        ("http://[::1]:50342/oauth2/token?x", "[::1]:50342/oauth2/token"),
        ("curl http://LOCALHOST/oauth2/token -H Metadata:true", "LOCALHOST/oauth2/token"),
    ],
)
def test_an_endpoint(tmp_path: pathlib.Path, line: str, found: str) -> None:
    assert lines(tmp_path, "", line) == [(str(tmp_path / "file"), 2, "endpoint", found)]


@pytest.mark.parametrize(
    ("line", "kind", "found"),
    [
        ("PORT=50342", "port", "50342"),
        ("iptables --dport 50342 -j ACCEPT", "port", "50342"),
        ('{"port":50342}', "port", "50342"),
        ("type: ManagedIdentityExtensionForLinux", "name", "ManagedIdentityExtensionForLinux"),
        ("name: managedidentitywindowsextension", "name", "managedidentitywindowsextension"),
        ("systemctl restart azuremsixtn", "name", "azuremsixtn"),
        ("cat /var/lib/waagent/ManagedIdentity-Settings", "name", "ManagedIdentity-Settings"),
    ],
)
def test_a_port_or_a_name(tmp_path: pathlib.Path, line: str, kind: str, found: str) -> None:
    assert [reference[2:] for reference in lines(tmp_path, line)] == [(kind, found)]


@pytest.mark.parametrize(
    "line",
    [
        "150342",
        "503421",
        "1.50342",
        "id: a50342b",
        '"Id": "MSI@50342"',  # the name of the account in all requests of Azure PowerShell
        "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/reader",
        "http://169.254.169.254/metadata/identity/oauth2/token",
        "https://login.microsoftonline.com/common/oauth2/token",
    ],
)
def test_texts_that_only_resemble_references(tmp_path: pathlib.Path, line: str) -> None:
    assert lines(tmp_path, line) == []


def test_the_rest_of_a_line_is_not_returned(tmp_path: pathlib.Path) -> None:
    found = lines(tmp_path, "PASSWORD=hunter2 URL=http://localhost:50342/oauth2/token KEY=geheim")
    assert "hunter2" not in str(found)
    assert "geheim" not in str(found)


def test_each_kind_is_reported_once_per_line(tmp_path: pathlib.Path) -> None:
    found = lines(tmp_path, "50342 localhost:50342 azuremsixtn 50342 azuremsixtn")
    assert [reference.kind for reference in found] == ["endpoint", "name", "port"]


def test_configured_ports(tmp_path: pathlib.Path) -> None:
    found = lines(tmp_path, "localhost:4711", "50342", ports=(4711, 50342))
    assert [(reference.line, reference.kind) for reference in found] == [
        (1, "endpoint"),
        (2, "port"),
    ]


def test_every_kind_has_a_replacement() -> None:
    assert set(extension.CHANGE_TO) == {"endpoint", "port", "name"}


def test_files_that_are_not_searched(tmp_path: pathlib.Path) -> None:
    (tmp_path / "program").write_bytes(b"\0 50342")
    (tmp_path / "large").write_text("50342\n" * 200_000)
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "dangling").symlink_to(tmp_path / "missing")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "ignored").write_text("50342")
    paths = [str(tmp_path), str(tmp_path / "missing")]
    found = extension.references(paths, [50342], [str(tmp_path / "ignored")])
    assert found == ([], [])


def test_a_file_full_of_references_is_listed_in_part(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a").write_text("50342\n" * 170_000)
    (tmp_path / "b").write_text("localhost:50342 azuremsixtn 50342\n" * 11)
    (tmp_path / "c").write_text("50342\n" * 32)
    found = extension.references([str(tmp_path)], [50342])
    assert [each.path[-1] for each in found.references] == ["a"] * 32 + ["b"] * 32 + ["c"] * 32
    assert found.unread == [
        f"{tmp_path}/{name}: only its first 32 references are listed" for name in "ab"
    ]


def test_files_full_of_references_are_not_all_searched(tmp_path: pathlib.Path) -> None:
    for number in range(100):
        (tmp_path / f"{number:03}").write_text("50342\n" * 31)
    (tmp_path / "060").write_text("50342\n" * 100)
    found = extension.references([str(tmp_path)], [50342])
    assert len(found.references) == 2000
    assert found.unread == [
        f"{tmp_path}/060: only its first 32 references are listed",
        "everything after 2000 references: search fewer folders",
    ]


def test_very_many_files_that_cannot_be_read_are_counted(tmp_path: pathlib.Path) -> None:
    for number in range(300):
        (tmp_path / f"{number:03}").symlink_to(f"{number:03}")
    unread = extension.references([str(tmp_path)], [50342]).unread
    assert len(unread) == 201
    assert unread[0].startswith(f"{tmp_path}/000: Too many levels")
    assert unread[-2].startswith(f"{tmp_path}/299: Too many levels")
    assert unread[-1] == "100 more could not be read"


def test_deeply_nested_folders(tmp_path: pathlib.Path) -> None:
    # A user with write access to one folder must not prevent the search of other folders.
    levels = [f"{tmp_path}{'/a' * depth}" for depth in range(1, 1200)]
    for level in levels:
        os.mkdir(level)
    (tmp_path / "b").write_text("50342")
    try:
        found = extension.references([str(tmp_path)], [50342])
        assert [each.path for each in found.references] == [str(tmp_path / "b")]
        (unread,) = found.unread
        assert unread.startswith(f"{levels[63]}: it is 64 folders deep, and none below it")
    finally:
        for level in reversed(levels):
            os.rmdir(level)


def test_a_device_is_not_opened(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tape").symlink_to("/dev/zero")
    monkeypatch.setattr(os, "open", None)
    assert extension.references([str(tmp_path)], [50342]) == ([], [])


def test_a_file_is_searched_once_however_it_is_reached(tmp_path: pathlib.Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "file").write_text("50342")
    (tmp_path / "link").symlink_to(tmp_path / "a" / "file")
    paths = [str(tmp_path / "a"), str(tmp_path), str(tmp_path / "a" / "file")]
    assert [each.path for each in extension.references(paths, [50342]).references] == [
        str(tmp_path / "a" / "file")
    ]


def test_unreadable_files_are_reported(tmp_path: pathlib.Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    found = extension.references([str(tmp_path)], [50342])
    assert found.unread == [f"{tmp_path}/loop: Too many levels of symbolic links"]


def test_invalid_bytes_in_files(tmp_path: pathlib.Path) -> None:
    (tmp_path / "file").write_bytes(b"\xff\xfe PORT=50342 \xe4\r\n")
    assert len(extension.references([str(tmp_path)], [50342]).references) == 1


def test_the_agents_files(tmp_path: pathlib.Path) -> None:
    (tmp_path / NAME).mkdir()
    (tmp_path / f"{NAME.replace('-', '__')}.zip").touch()
    (tmp_path / "ManagedIdentity-Settings").touch()
    (tmp_path / "Microsoft.Azure.Extensions.CustomScript-2.1").mkdir()
    found = [os.path.basename(path) for path in extension.extension_files(str(tmp_path))]
    assert found == ["ManagedIdentity-Settings", NAME, f"{NAME.replace('-', '__')}.zip"]
    assert extension.extension_files(str(tmp_path / "missing")) == []


def settings(port: t.Any) -> str:
    public = {"port": port}
    return json.dumps({"runtimeSettings": [{"handlerSettings": {"publicSettings": public}}]})


@pytest.mark.parametrize(
    ("content", "ports"),
    [
        (settings(50400), [50400]),
        (settings("50400"), [50400]),
        (settings(0), []),
        (settings(70000), []),
        (settings(None), []),
        ("{}", []),
        ("[]", []),
        ("nonsense", []),
        ('{"runtimeSettings": 1}', []),
        ('{"runtimeSettings": [{"handlerSettings": null}]}', []),
    ],
)
def test_ports_in_the_extensions_settings(
    tmp_path: pathlib.Path, content: str, ports: list[int]
) -> None:
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "0.settings").write_text(content)
    assert extension.ports_in_settings([str(tmp_path), str(tmp_path / "missing")]) == ports


def test_the_service_is_found_by_its_name_or_by_its_program(tmp_path: pathlib.Path) -> None:
    units = tmp_path / "units"
    (units / "multi-user.target.wants").mkdir(parents=True)
    (units / "azuremsixtn.service").write_text("[Unit]")
    (units / "other.service").write_text(f"ExecStart=/var/lib/waagent/{NAME}/run")
    (units / "ssh.service").write_text("[Unit]")
    (tmp_path / "again").symlink_to(units)
    folders = [str(units), str(tmp_path / "again"), str(tmp_path / "missing")]
    assert extension.extension_services(folders) == [
        str(units / "azuremsixtn.service"),
        str(units / "other.service"),
    ]


def test_reading_leaves_no_file_open(tmp_path: pathlib.Path) -> None:
    (tmp_path / "folder").mkdir()
    before = len(os.listdir("/proc/self/fd"))
    for _each in range(10):
        extension.extension_services([str(tmp_path)])
    assert len(os.listdir("/proc/self/fd")) == before


TABLE = """\
  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:C4A6 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1
   1: 00000000:0016 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 1 1
   2: 0100007F:C4A6 0100007F:0016 01 00000000:00000000 00:00000000 00000000     0        0 1 1
"""
TABLE6 = """\
  sl  local_address                         remote_address                        st tx_queue
   0: 00000000000000000000000001000000:C4A6 00000000000000000000000000000000:0000 0A 00000000:0
"""


def test_the_kernels_tables(tmp_path: pathlib.Path) -> None:
    (tmp_path / "tcp").write_text(TABLE)
    (tmp_path / "tcp6").write_text(TABLE6)
    tables = [str(tmp_path / name) for name in ("tcp", "tcp6", "missing")]
    assert extension.listeners({50342}, tables) == [("127.0.0.1", 50342), ("::1", 50342)]
    assert extension.listeners({22}, tables) == [("0.0.0.0", 22)]
    assert extension.listeners({23}, tables) == []


def test_the_real_tables_of_the_kernel() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        tables = ("/proc/net/tcp", "/proc/net/tcp6")
        assert extension.listeners({port}, tables) == [("127.0.0.1", port)]
        with socket.create_connection(("127.0.0.1", port)) as client:
            assert extension.listeners({client.getsockname()[1]}, tables) == []


SUBSCRIPTION = "5f0c1c9e-7a41-4d0e-9d55-2b8f3a6e1c70"
PLACE = f"--subscription={SUBSCRIPTION} --resource-group='shop(old)'"
COMPUTE = {
    "name": "web-1",
    "resourceGroupName": "shop(old)",
    "subscriptionId": SUBSCRIPTION,
    "osType": "Linux",
    "vmScaleSetName": "",
}


def removal(**compute: t.Any) -> list[dict[str, t.Any]]:
    return extension.removal_commands(extension.owner_of({"compute": {**COMPUTE, **compute}}))


def test_a_vm_without_a_scale_set() -> None:
    (commands,) = removal()
    assert commands == {
        "target": "vm",
        "name": "web-1",
        "az": [
            f"az vm extension delete {PLACE} --vm-name=web-1 "
            "--name ManagedIdentityExtensionForLinux"
        ],
        "powershell": [
            f"Set-AzContext -Subscription:'{SUBSCRIPTION}'",
            "Remove-AzVMExtension -ResourceGroupName:'shop(old)' -VMName:'web-1' "
            "-Name ManagedIdentityExtensionForLinux",
        ],
    }


def test_a_machine_of_a_uniform_set_has_no_extensions_of_its_own() -> None:
    (commands,) = removal(name="web_0", vmScaleSetName="web")
    assert (commands["target"], commands["name"]) == ("scale_set", "web")
    assert commands["az"] == [
        f"az vmss extension delete {PLACE} --vmss-name=web --name ManagedIdentityExtensionForLinux",
        f"az vmss update-instances {PLACE} --name=web --instance-ids='*'",
    ]
    assert commands["powershell"] == [
        f"Set-AzContext -Subscription:'{SUBSCRIPTION}'",
        "$vmss = Get-AzVmss -ResourceGroupName:'shop(old)' -VMScaleSetName:'web'",
        "Remove-AzVmssExtension -VirtualMachineScaleSet $vmss -Name ManagedIdentityExtensionForLinux",
        "Update-AzVmss -ResourceGroupName:'shop(old)' -VMScaleSetName:'web' "
        "-VirtualMachineScaleSet $vmss",
        "Update-AzVmssInstance -ResourceGroupName:'shop(old)' -VMScaleSetName:'web' -InstanceId '*'",
    ]


def test_a_machine_of_a_flexible_set_may_have_it_from_both() -> None:
    set_id = (
        "/subscriptions/s/resourceGroups/sets/providers/Microsoft.Compute/virtualMachineScaleSets/f"
    )
    found = removal(virtualMachineScaleSet={"id": set_id}, vmScaleSetName="f")
    assert [(each["target"], each["name"]) for each in found] == [
        ("scale_set", "f"),
        ("vm", "web-1"),
    ]
    assert "--resource-group=sets --vmss-name=f" in found[0]["az"][0]
    assert "--resource-group='shop(old)' --vm-name=web-1" in found[1]["az"][0]


def test_windows_has_another_extension() -> None:
    assert "--name ManagedIdentityExtensionForWindows" in removal(osType="Windows")[0]["az"][0]


ODD_NAMES = [
    "a'; rm -rf ~ #\n$(x)",
    "rg'$(touch x)'",
    "a b",
    "käse",
    "a\u2019b",
    "a`b",
    "a\\b",
    "-x",
    "@/home/me/.ssh/id_rsa",
    ".x",
    "x" * 91,
    "x\n",
]


@pytest.mark.parametrize("name", ODD_NAMES)
@pytest.mark.parametrize("field", ["name", "resourceGroupName", "subscriptionId", "vmScaleSetName"])
def test_no_command_has_a_name_that_is_not_plain(field: str, name: str) -> None:
    if name == "x\n":  # the reader of the names has made this text printable
        assert extension.removal_commands({**PLAIN, OWN[field]: name}) == []
    else:
        assert removal(**{field: name}) == []


PLAIN = extension.owner_of({"compute": COMPUTE})
OWN = {
    "name": "name",
    "resourceGroupName": "resource_group",
    "subscriptionId": "subscription",
    "vmScaleSetName": "scale_set",
}


@pytest.mark.parametrize("name", ["x'$(x)'", "é", "@x"])
def test_no_command_has_a_resource_group_that_is_not_plain(name: str) -> None:
    assert (
        removal(virtualMachineScaleSet={"id": f"/subscriptions/s/resourceGroups/{name}/a/b/c/f"})
        == []
    )


@pytest.mark.parametrize("missing", ["name", "resourceGroupName", "subscriptionId"])
def test_no_command_without_a_name(missing: str) -> None:
    assert removal(**{missing: ""}) == removal(**{missing: None}) == []


@pytest.mark.parametrize("document", [{}, {"compute": {}}, {"network": {}}])
def test_a_document_without_names(document: dict[str, t.Any]) -> None:
    assert extension.removal_commands(extension.owner_of(document)) == []


def test_settings_with_many_ports(tmp_path: pathlib.Path) -> None:
    (tmp_path / "config").mkdir()
    settings = [
        {"handlerSettings": {"publicSettings": {"port": port}}} for port in [*range(1, 40), 1]
    ]
    content = json.dumps({"runtimeSettings": settings})
    (tmp_path / "config" / "0.settings").write_text(content)
    assert extension.ports_in_settings([str(tmp_path)]) == list(range(1, 17))
