# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes a collection ansible.windows with empty modules, for the connection windows_double.

PYTHONPATH=tests python3 -m windows.collection FOLDER
"""

from __future__ import annotations

import pathlib
import sys

MODULES = ("win_uri", "win_powershell")
# Ansible finds the kind of the module in these lines.
SOURCE = "#!powershell\n#AnsibleRequires -CSharpUtil Ansible.Basic\n"


def write(folder: pathlib.Path) -> None:
    root = folder / "ansible_collections" / "ansible" / "windows"
    modules = root / "plugins" / "modules"
    modules.mkdir(parents=True, exist_ok=True)
    (root / "galaxy.yml").write_text("namespace: ansible\nname: windows\nversion: 3.0.0\n")
    for name in MODULES:
        (modules / f"{name}.ps1").write_text(SOURCE)


if __name__ == "__main__":
    write(pathlib.Path(sys.argv[1]))
