# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the message of each case on a Windows host, and the play outside of Azure.

PYTHONPATH=tests:tests/simulator messages.py FOLDER_FOR_ITS_FILES
"""

from __future__ import annotations

import copy
import pathlib
import sys

from imds_simulator import Identity, Maintenance, Simulator, Vm, sample_fleet
from tools import isolation
from windows.stage import TESTS, WINDOWS, Stage

HERE = pathlib.Path(__file__).resolve().parent
SMOKE = TESTS / "windows" / "smoke.yml"
DOCUMENT = {
    "compute": {
        "azEnvironment": "AzurePublicCloud",
        "name": "{{ 7 * 7 }}",
        "tagsList": [{"name": "Role", "value": "{{ 7 * 7 }}"}],
        "vmId": "00000000-0000-4000-8000-000000000001",
    },
    "network": {"interface": [{"macAddress": "000D3A123456"}]},
}


def main(folder: pathlib.Path) -> None:
    stage = Stage(folder / "messages")
    vms = [Vm("web-1", DOCUMENT), Vm("trap", DOCUMENT), smoke_vm()]
    with Simulator(vms, rate_limit=0) as simulator:
        inventory = stage.inventory(
            "hosts",
            {"win": WINDOWS},
            azure_imds_endpoint=simulator["web-1"].url,
            azure_imds_deadline=3,
        )
        play = ("ansible-playbook", "-i", inventory)
        stage.passes(*play, str(HERE / "messages.yml"))
        stage.passes(*play, str(HERE / "missing.yml"), windows_collection=False)
        smoke(stage, simulator["smoke"].url)
        facts_module = stage.run(*play, str(HERE / "facts_module.yml"))
        words = " ".join((facts_module.stdout + facts_module.stderr).split())
        assert "imds.azure.on_windows_hosts_use_a_task_and_no_facts_module" in words, words
        assert "interpreter" not in words.lower(), words
        # The environment of the controller does not apply to its hosts.
        inside = isolation.prefix()
        if not inside:
            print("no network namespaces here: hosts outside of Azure were not tried")
            return
        journal = str(stage.folder / "journal")
        stage.passes(
            *("ansible-playbook", "-i", stage.inventory("outside", {"win": WINDOWS})),
            *(str(HERE / "outside.yml"), "-e", f"double_journal={journal}"),
            inside=inside,
            AZURE_IMDS_ENDPOINT=simulator["trap"].url,
        )
        assert simulator["trap"].requests == []


def smoke_vm() -> Vm:
    document = copy.deepcopy(sample_fleet()[0].document)
    document["compute"]["osType"] = "Windows"
    return Vm("smoke", document, identities=[Identity("a", "b")], maintenance=Maintenance())


def smoke(stage: Stage, url: str) -> None:
    """Runs the play for real Windows VMs with the double."""
    tag = "7783-7084-3265-9085-8269-3286-77"
    host = {**WINDOWS, "azure_imds_endpoint": url, "double_asset_tag": tag}
    inventory = stage.inventory("smoke", {"win": host})
    options = ("-e", '{"smoke_verify": false, "smoke_token": true, "smoke_deadline": 3}')
    run = stage.run("ansible-playbook", "-i", inventory, str(SMOKE), *options)
    # Each task has a line, except the task of the token, which Ansible hides.
    promises = SMOKE.read_text(encoding="utf-8").count("success_msg: ") - 1
    assert run.stdout.count('"msg": "ok: ') == promises, run.stdout
    # Ansible itself refuses these options.
    assert run.stdout.count("...ignoring") == 2, run.stdout
    assert "failed=0" in run.stdout, run.stdout


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
