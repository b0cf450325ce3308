# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A connection to a Windows host, for tests: Ansible builds its PowerShell, and a double in Python runs instead of it."""

from __future__ import annotations

DOCUMENTATION = r"""
name: windows_double
short_description: A Windows host that is not there
version_added: 1.0.0
description:
  - Takes Ansible's way to PowerShell, up to the payload, and answers as the module in the payload would.
author:
  - The imds.azure contributors (@imds-azure)
options:
  asset_tag:
    description: The asset tag of the chassis. Empty where the account may not read it.
    type: str
    default: ""
    vars:
      - name: double_asset_tag
  read_timeout:
    description: Seconds that each read of a body may take.
    type: float
    default: 300
    vars:
      - name: double_read_timeout
  output:
    description: What PowerShell writes instead of what the double answers, as text or as data.
    type: raw
    vars:
      - name: double_output
  errors:
    description: What PowerShell writes to its error stream, with the exit code 1.
    type: str
    default: ""
    vars:
      - name: double_errors
  unreachable:
    description: Whether the host is out of reach.
    type: bool
    default: false
    vars:
      - name: double_unreachable
  journal:
    description: A file that gets a line for each module that runs.
    type: str
    vars:
      - name: double_journal
"""

import json
import pathlib
import typing as t

from ansible.errors import AnsibleConnectionFailure
from ansible.plugins.connection import ConnectionBase
from ansible.utils.display import Display

from windows import doubles


class Connection(ConnectionBase):
    transport = "windows_double"
    module_implementation_preferences = (".ps1", ".exe", "")
    has_pipelining = True
    always_pipeline_modules = True
    allow_executable = False

    def __init__(self, *args: t.Any, **kwargs: t.Any) -> None:
        # What winrm and psrp do.
        self._shell_type = "powershell"
        super().__init__(*args, **kwargs)

    def _option(self, name: str) -> t.Any:
        return self.get_option(name)  # type: ignore[no-untyped-call]

    def is_pipelining_enabled(self, wrap_async: bool = False) -> bool:  # noqa: ARG002
        return True

    def _connect(self) -> Connection:
        if self._option("unreachable"):
            raise AnsibleConnectionFailure("the double is out of reach")
        self._connected = True
        return self

    def exec_command(
        self,
        cmd: str,  # noqa: ARG002
        in_data: bytes | None = None,
        sudoable: bool = True,  # noqa: ARG002
    ) -> tuple[int, bytes, bytes]:
        self._connect()
        arguments = arguments_in(in_data or b"")
        if arguments is None:
            # Ansible makes and removes folders.
            return 0, b"C:\\double\n", b""
        self._write(arguments)
        if self._option("errors"):
            return 1, b"", self._option("errors").encode()
        output = self._option("output")
        if not isinstance(output, str):
            output = json.dumps(self._answer(arguments) if output is None else output)
        # As winrm and psrp of older cores do.
        Display().vvvvv(f"DOUBLE STDOUT {output}")
        return 0, output.encode(), b""

    def _answer(self, arguments: dict[str, t.Any]) -> doubles.Result:
        if "script" in arguments:
            return doubles.win_powershell(arguments, self._option("asset_tag") or None)
        return doubles.win_uri(arguments, self._option("read_timeout"))

    def _write(self, arguments: dict[str, t.Any]) -> None:
        if self._option("journal"):
            with pathlib.Path(self._option("journal")).open("a", encoding="utf-8") as journal:
                journal.write(json.dumps(arguments) + "\n")

    def put_file(self, *_paths: str) -> None:
        raise AssertionError("nothing is copied to a host that has PowerShell")

    def fetch_file(self, *_paths: str) -> None:
        raise AssertionError("nothing is copied from a host that has PowerShell")

    def close(self) -> None:
        self._connected = False


def arguments_in(payload: bytes) -> dict[str, t.Any] | None:
    """The arguments of the module in what Ansible sends to PowerShell; None where there is no module."""
    if b"\0\0\0\0" not in payload:
        return None
    manifest = json.loads(payload.rpartition(b"\0\0\0\0")[2])
    if "module_args" in manifest:
        return dict(manifest["module_args"])
    # ansible-core 2.19 and newer.
    found = [
        variable["Value"]
        for action in manifest["actions"]
        for variable in action["params"].get("Variables", [])
        if variable["Name"] == "complex_args"
    ]
    return dict(found[0]) if found else None
