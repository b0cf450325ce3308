# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds traces of the retired VM extension for managed identities on this host.

Changes nothing. For a file that names the extension, it returns the line number and the matched text, but not the
rest of the line, which may be a secret. Private to imds.azure.
"""

from __future__ import annotations

import glob
import itertools
import os
import re
import shlex
import socket
import stat
import struct
import typing as t

from .._clouds import cloud_named
from .._document import parse_json, part
from .._errors import one_line, printable
from .._machine.files import open_regular
from .._machine.sockets import listeners_in

MAX_FILE = 1024 * 1024
MAX_FILES = 50000
# A user who can write to a searched file must not be able to exhaust the memory.
MAX_REFERENCES_OF_FILE = 32
MAX_REFERENCES = 2000
_MOST_PORTS = 16
_ONE_TOO_MANY = MAX_REFERENCES_OF_FILE + 1
_MAX_UNREAD = 200
_MAX_DEPTH = 64
_NO_CONFIGURATION = ("/dev", "/proc", "/sys")
# The unit that the extension installs, and the names of its files in the folder of the Azure agent.
_SERVICE = "azuremsixtn"
_FILES = ("Microsoft.ManagedIdentity.ManagedIdentityExtension*", "ManagedIdentity-Settings")

# Names of the extension, its service, its program and its settings. Not "Microsoft.ManagedIdentity"
# alone: that is in the resource id of every user-assigned identity.
_NAMES = re.compile(
    r"ManagedIdentityExtension(?:For(?:Linux|Windows))?|ManagedIdentity(?:Linux|Windows)Extension"
    rf"|ManagedIdentity-Settings|\b{_SERVICE}\b|\bmsi-extension\b",
    re.IGNORECASE,
)
_HERE = r"(?:localhost|127\.0\.0\.1|\[::1\])"

# The extensions for Linux and for Windows.
_EXTENSIONS = ("ManagedIdentityExtensionForLinux", "ManagedIdentityExtensionForWindows")
# The clouds that have to be selected in the Azure CLI and in Azure PowerShell, with the name that both use.
_OTHER_CLOUDS = {
    "AzureUSGovernmentCloud": "AzureUSGovernment",
    "AzureChinaCloud": "AzureChinaCloud",
}
# Matches most names that Azure allows. Such a name in single quotes is safe in a POSIX shell and in PowerShell, also
# after Ansible has printed the command as JSON or YAML. Neither the Azure CLI nor a shell gives it a special meaning.
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_(][A-Za-z0-9_.()-]{0,89}\Z")
_GUID = re.compile(r"[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\Z")
# The names that `removal_commands` needs.
VM_NAMES = (
    "name",
    "resource_group",
    "subscription",
    "scale_set",
    "scale_set_resource_group",
    "cloud",
    "extension",
)

# The replacement for each kind of reference.
CHANGE_TO = {
    "endpoint": "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2018-02-01 with the "
    "same resource, client_id and object_id and the same header, always as a GET request",
    "port": "nothing, because IMDS needs no port",
    "name": "nothing. Remove everything that installs, starts or reads the extension",
}


class Reference(t.NamedTuple):
    path: str
    line: int
    kind: str  # endpoint, port or name
    found: str


class Found(t.NamedTuple):
    references: list[Reference]
    unread: list[str]  # files that could not be read, with the reason


def ports_in_settings(folders: t.Iterable[str]) -> list[int]:
    """The ports in the settings of the installed extension. In practice, there is one port."""
    ports: list[int] = []
    for folder in folders:
        for path in sorted(glob.glob(os.path.join(glob.escape(folder), "config", "*.settings"))):
            ports.extend(_ports_of(path))
    return list(dict.fromkeys(ports))[:_MOST_PORTS]


def _ports_of(path: str) -> t.Iterator[int]:
    try:
        settings = parse_json(_content(path))["runtimeSettings"]
        for each in settings:
            port = each["handlerSettings"]["publicSettings"]["port"]
            if isinstance(port, (int, str)) and str(port).isdigit() and 0 < int(port) < 65536:
                yield int(port)
    except (OSError, ValueError, KeyError, TypeError):
        return


def extension_files(waagent: str) -> list[str]:
    """The folders, archives and settings of the extension in the folder of the Azure agent."""
    patterns = (os.path.join(glob.escape(waagent), name) for name in _FILES)
    return sorted(path for pattern in patterns for path in glob.glob(pattern))


def extension_services(folders: t.Iterable[str]) -> list[str]:
    """The files of the extension in the folders of the service manager."""
    services: dict[str, str] = {}
    for path in (path for folder in folders for path in _entries(folder)):
        text = _text(path)
        if text is not None and (_SERVICE in os.path.basename(path) or _NAMES.search(text)):
            # Two of the folders may be the same, and an enabled unit also has a link.
            services.setdefault(os.path.realpath(path), path)
    return sorted(services.values())


def _entries(folder: str) -> list[str]:
    try:
        return sorted(os.path.join(folder, name) for name in os.listdir(folder))
    except OSError:
        return []


def listeners(ports: t.Collection[int], tables: t.Iterable[str]) -> list[tuple[str, int]]:
    """The sockets that listen on one of these ports, from the kernel's socket tables."""
    found: set[tuple[str, int]] = set()
    for table in tables:
        try:
            with open(table, encoding="ascii") as file:
                text = file.read()
        except OSError:
            continue
        listening = (each for each in listeners_in(text) if each.port in ports)
        found.update((_address(each.address), each.port) for each in listening)
    return sorted(found)


def _address(text: str) -> str:
    """Parses an address as the kernel prints it: words of 32 bits, each in the byte order of the machine."""
    words = [int(text[at : at + 8], 16) for at in range(0, len(text), 8)]
    packed = struct.pack(f"={len(words)}I", *words)
    return socket.inet_ntop(socket.AF_INET if len(packed) == 4 else socket.AF_INET6, packed)


def references(
    paths: t.Iterable[str], ports: t.Iterable[int], ignored: t.Collection[str] = ()
) -> Found:
    """Lines in files that name the extension or its port."""
    patterns = _patterns(ports)
    found: list[Reference] = []
    unread = _Unread()
    for count, path in enumerate(_files(paths, ignored, unread)):
        if count == MAX_FILES:
            unread.add(f"everything after {MAX_FILES} files: search fewer folders")
            break
        try:
            text = _text(path, strict=True)
        except OSError as exc:
            unread.add(f"{path}: {exc.strerror}")
            continue
        here = list(itertools.islice(_references_in(path, text or "", patterns), _ONE_TOO_MANY))
        found.extend(here[:MAX_REFERENCES_OF_FILE])
        if len(here) == _ONE_TOO_MANY:
            unread.add(f"{path}: only its first {MAX_REFERENCES_OF_FILE} references are listed")
        if len(found) > MAX_REFERENCES:
            del found[MAX_REFERENCES:]
            unread.add(f"everything after {MAX_REFERENCES} references: search fewer folders")
            break
    return Found(found, unread.messages())


class _Unread:
    """Messages about files that could not be read: the first ones and the last one, with the number of the others."""

    def __init__(self) -> None:
        self._messages: list[str] = []
        self._left_out = 0

    def add(self, message: str) -> None:
        if len(self._messages) == _MAX_UNREAD:
            self._messages.pop()
            self._left_out += 1
        self._messages.append(one_line(message))

    def messages(self) -> list[str]:
        more = [f"{self._left_out} more could not be read"] if self._left_out else []
        return [*self._messages, *more]


def _references_in(
    path: str, text: str, patterns: list[tuple[str, t.Pattern[str]]]
) -> t.Iterator[Reference]:
    for number, line in enumerate(text.splitlines(), 1):
        for what in _matches(patterns, line):
            yield Reference(path, number, *what)


def _patterns(ports: t.Iterable[int]) -> list[tuple[str, t.Pattern[str]]]:
    either = "|".join(str(port) for port in ports)
    return [
        (
            "endpoint",
            re.compile(
                rf"{_HERE}:(?:{either})(?![0-9])(?:/oauth2/token)?|{_HERE}/oauth2/token",
                re.IGNORECASE,
            ),
        ),
        ("name", _NAMES),
        # Azure PowerShell calls its account MSI@50342, but uses IMDS.
        ("port", re.compile(rf"(?<!MSI@)(?<![\w.])(?:{either})(?!\w)")),
    ]


def _matches(patterns: list[tuple[str, t.Pattern[str]]], line: str) -> t.Iterator[tuple[str, str]]:
    """The first match of each kind. A port within a matched endpoint does not count."""
    for kind, pattern in patterns:
        match = pattern.search(line)
        if match:
            yield kind, match.group()
        if match and kind == "endpoint":
            line = pattern.sub("", line)


def _files(paths: t.Iterable[str], ignored: t.Collection[str], unread: _Unread) -> t.Iterator[str]:
    seen = {os.path.realpath(path) for path in ignored}
    for path in (path for top in paths for path in _below(top, unread)):
        real = os.path.realpath(path)
        if real not in seen:
            seen.add(real)
            yield path


def _below(top: str, unread: _Unread) -> t.Iterator[str]:
    """All files below a folder, or the file itself; nothing if the path does not exist."""
    if not os.path.isdir(top):
        yield from [top] if os.path.exists(top) else []
        return

    def unreadable(exc: OSError) -> None:
        unread.add(f"{exc.filename}: {exc.strerror}")

    above = top.rstrip(os.sep).count(os.sep)
    for folder, folders, names in os.walk(top, onerror=unreadable):
        folders[:] = sorted(
            name for name in folders if os.path.join(folder, name) not in _NO_CONFIGURATION
        )
        # Up to Python 3.11, os.walk is recursive, so the depth is limited.
        if folders and folder.rstrip(os.sep).count(os.sep) - above >= _MAX_DEPTH:
            unread.add(f"{folder}: it is {_MAX_DEPTH} folders deep, and none below it is searched")
            folders.clear()
        yield from (os.path.join(folder, name) for name in sorted(names))


def _text(path: str, strict: bool = False) -> str | None:
    """The text of a file; None if it is not a text, not a regular file or too large."""
    try:
        content = _content(path)
    except OSError as exc:
        # A dangling link has no references.
        if strict and not isinstance(exc, FileNotFoundError):
            raise
        return None
    return None if b"\0" in content else content.decode("utf-8", "replace")


def _content(path: str) -> bytes:
    found = os.stat(path)
    if not stat.S_ISREG(found.st_mode) or found.st_size > MAX_FILE:
        return b""
    with open_regular(path) as file:
        return file.read(MAX_FILE)


def owner_of(document: dict[str, t.Any]) -> dict[str, str]:
    """The names of the VM in Azure; the scale set is "" if it is in none."""
    compute = part(document, "compute")
    flexible = _name(part(compute, "virtualMachineScaleSet").get("id")).split("/")
    uniform = _name(compute.get("vmScaleSetName"))
    return {
        "name": _name(compute.get("name")),
        "resource_group": _name(compute.get("resourceGroupName")),
        "subscription": _name(compute.get("subscriptionId")),
        "scale_set": flexible[-1] or uniform,
        # Only a flexible scale set can be in another resource group than its VMs, and only its VMs
        # have their own extensions.
        "scale_set_resource_group": flexible[4] if len(flexible) > 4 else "",
        "cloud": _name(compute.get("azEnvironment")),
        "extension": _EXTENSIONS[_name(compute.get("osType")).lower() == "windows"],
    }


def _name(value: t.Any) -> str:
    return printable(value) if isinstance(value, str) else ""


def removal_commands(vm: dict[str, str]) -> list[dict[str, t.Any]]:
    """Commands that remove the extension from a VM, its scale set, or both.

    People paste them into a shell as Ansible has printed them, so they contain only names of plain characters.
    There is no blank before a name, because Ansible's YAML output breaks lines at blanks. A name on a new line
    would become a command.
    """
    if not (vm["resource_group"] and vm["subscription"] and vm["extension"] in _EXTENSIONS):
        return []  # API versions before 2017-08-01 do not return these names.
    names = (vm["name"], vm["resource_group"], vm["scale_set"], vm["scale_set_resource_group"])
    if not _GUID.match(vm["subscription"]):
        return []
    if not all(_PLAIN_NAME.match(name) for name in names if name):
        return []
    commands = []
    flexible = vm["scale_set_resource_group"]
    if vm["scale_set"]:
        group = flexible or vm["resource_group"]
        commands.append(
            _from_scale_set(vm["subscription"], group, vm["scale_set"], vm["extension"])
        )
    if vm["name"] and (flexible or not vm["scale_set"]):
        commands.append(
            _from_vm(vm["subscription"], vm["resource_group"], vm["name"], vm["extension"])
        )
    cloud = _OTHER_CLOUDS.get(cloud_named(vm["cloud"]).name)
    for each in commands if cloud else ():
        each["az"].insert(0, f"az cloud set --name {cloud}")
        each["powershell"].insert(0, f"Connect-AzAccount -Environment {cloud}")
    return commands


def _from_vm(subscription: str, group: str, name: str, extension: str) -> dict[str, t.Any]:
    place = f"--subscription={shlex.quote(subscription)} --resource-group={shlex.quote(group)}"
    return {
        "target": "vm",
        "name": name,
        "az": [
            f"az vm extension delete {place} --vm-name={shlex.quote(name)} --name {extension}",
        ],
        "powershell": [
            f"Set-AzContext -Subscription:{_quoted(subscription)}",
            f"Remove-AzVMExtension -ResourceGroupName:{_quoted(group)} -VMName:{_quoted(name)} "
            f"-Name {extension}",
        ],
    }


def _from_scale_set(subscription: str, group: str, name: str, extension: str) -> dict[str, t.Any]:
    place = f"--subscription={shlex.quote(subscription)} --resource-group={shlex.quote(group)}"
    there = f"-ResourceGroupName:{_quoted(group)} -VMScaleSetName:{_quoted(name)}"
    # VMs follow the model of their scale set automatically only with a matching upgrade policy.
    return {
        "target": "scale_set",
        "name": name,
        "az": [
            f"az vmss extension delete {place} --vmss-name={shlex.quote(name)} --name {extension}",
            f"az vmss update-instances {place} --name={shlex.quote(name)} --instance-ids='*'",
        ],
        "powershell": [
            f"Set-AzContext -Subscription:{_quoted(subscription)}",
            f"$vmss = Get-AzVmss {there}",
            f"Remove-AzVmssExtension -VirtualMachineScaleSet $vmss -Name {extension}",
            f"Update-AzVmss {there} -VirtualMachineScaleSet $vmss",
            f"Update-AzVmssInstance {there} -InstanceId '*'",
        ],
    }


def _quoted(name: str) -> str:
    return f"'{name}'"


__all__ = (
    "CHANGE_TO",
    "MAX_FILE",
    "MAX_FILES",
    "VM_NAMES",
    "Found",
    "Reference",
    "extension_files",
    "extension_services",
    "listeners",
    "owner_of",
    "ports_in_settings",
    "references",
    "removal_commands",
)
