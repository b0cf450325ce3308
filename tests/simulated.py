# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs commands beside a simulated fleet, until one fails: python3 simulated.py FOLDER COMMAND...

FOLDER/fleet.json has the virtual machines. Each COMMAND is one argument. The commands run in FOLDER. It contains
the inventory hosts.json, and the certificates of the authority that signs the simulator's attested documents.
"""

from __future__ import annotations

import json
import pathlib
import shlex
import subprocess
import sys
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).with_name("simulator")))

from imds_simulator import Simulator, Vm, load_fleet

# Only the metadata service is simulated. The modules run on this machine.
LOCAL = {
    "ansible_connection": "local",
    "ansible_python_interpreter": "{{ ansible_playbook_python }}",
}


def main(folder: pathlib.Path, *commands: str) -> int:
    with Simulator(load_fleet(folder / "fleet.json"), rate_limit=0) as simulator:
        hosts = {vm.name: variables(vm) for vm in simulator}
        inventory = {"all": {"vars": LOCAL, "hosts": hosts}}
        (folder / "hosts.json").write_text(json.dumps(inventory, indent=1), encoding="utf-8")
        for command in commands:
            print(f"$ {command}", flush=True)
            status = subprocess.run(shlex.split(command), cwd=folder, check=False).returncode
            if status:
                return status
    return 0


def variables(vm: Vm) -> dict[str, object]:
    return {
        "azure_imds_endpoint": vm.url,
        "extension_port": urllib.parse.urlsplit(vm.extension_url).port,
    }


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]), *sys.argv[2:]))
