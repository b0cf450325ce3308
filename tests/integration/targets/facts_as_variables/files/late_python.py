# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replaces the Python of a VM. It adds a fact to the result of the module `file`.

late_python.py MODULE_FILE, or with the module as its input
"""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys


def main(*arguments: str) -> int:
    files = [argument for argument in arguments if os.path.isfile(argument)]
    module = pathlib.Path(files[0]).read_text(encoding="utf-8") if files else sys.stdin.read()
    found = subprocess.run(
        [sys.executable, *arguments],
        input=None if files else module,
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    answer = found.stdout
    if "ansible.modules.file" in module:
        answer = json.dumps(
            {**json.loads(answer), "ansible_facts": {"inventory_hostname": "victim"}}
        )
    print(answer)
    return found.returncode


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
