# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Writes files with the endpoints of the machines of a fleet."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from imds_simulator._server import SimulatorError
from imds_simulator._vm import Vm

# Ansible reads files with these extensions as YAML.
ENDINGS = (".yml", ".yaml", ".json")
# The first line. The simulator recognizes its own files by this line.
_MARK = "# Written by imds-simulator.\n"
# The tasks of all hosts run on this machine. Only the IMDS of each host is simulated.
_HEAD = f"""\
{_MARK}all:
  vars:
    ansible_connection: local
    ansible_python_interpreter: "{{{{ ansible_playbook_python }}}}"
  hosts:
"""


def endpoints(vms: Iterable[Vm]) -> str:
    return json.dumps({vm.name: vm.url for vm in vms}, ensure_ascii=False, indent=2) + "\n"


def inventory(vms: Iterable[Vm]) -> str:
    """An inventory for Ansible. Each JSON text is also YAML."""
    hosts = (f"    {_text(vm.name)}:\n      azure_imds_endpoint: {_text(vm.url)}\n" for vm in vms)
    return "".join((_HEAD, *hosts))


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def write(path: Path, text: str) -> None:
    """Writes the complete file at once. So a program that waits for the file can read it as soon as it exists."""
    # Another user may have write access to the folder. So the name is random, and links are not followed.
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        with open(draft, "x", encoding="utf-8") as file:
            file.write(text)
        draft.replace(path)
    except OSError as exc:
        raise SimulatorError(f"cannot write {path}: {exc.strerror}") from exc
    finally:
        with contextlib.suppress(OSError):
            draft.unlink()


def check_own(path: Path) -> None:
    """Refuses a file that the simulator did not write, which may be an inventory of the user."""
    if not os.path.lexists(path):
        return
    start = ""
    try:
        # A FIFO would block.
        if path.is_file():
            with path.open(encoding="utf-8", errors="replace") as file:
                start = file.read(len(_MARK))
    except OSError as exc:
        raise SimulatorError(f"cannot write {path}: {exc.strerror or exc}") from exc
    if start != _MARK:
        raise SimulatorError(
            f"{path} exists, and the simulator did not write it: give --inventory another name, or delete the file"
        )


def remove(path: Path) -> None:
    """Removes the file of an earlier run, so that it is not confused with the file of this run."""
    with contextlib.suppress(OSError):
        path.unlink()
