# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Files that say where the machines of a fleet are."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
from collections.abc import Iterable
from pathlib import Path

from imds_simulator._server import SimulatorError
from imds_simulator._vm import Vm

# Ansible reads YAML out of files with these endings.
ENDINGS = (".yml", ".yaml", ".json")
# The first line, by which the simulator recognises its own files.
_MARK = "# Written by imds-simulator.\n"
# The tasks of every host run on this machine. Only the IMDS of a host is simulated.
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
    """An inventory of Ansible. A text of JSON is one of YAML, too."""
    hosts = (f"    {_text(vm.name)}:\n      azure_imds_endpoint: {_text(vm.url)}\n" for vm in vms)
    return "".join((_HEAD, *hosts))


def _text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def write(path: Path, text: str) -> None:
    """All of it or nothing: whoever waits for the file may read it as soon as it is there."""
    # Another user may be able to write to the folder, so the name is random, and a link is not followed.
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
    """Removes the file of an earlier run, so that nobody takes it for that of this run."""
    with contextlib.suppress(OSError):
        path.unlink()
