# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests a mixed fleet. Each VM of the sample fleet is queried as a Linux host and as a Windows host.

PYTHONPATH=tests:tests/simulator fleet.py FOLDER_FOR_ITS_FILES
"""

from __future__ import annotations

import json
import pathlib
import re
import sys
import typing as t

from imds_simulator import Simulator, sample_fleet
from windows.stage import LINUX, WINDOWS, Stage

HERE = pathlib.Path(__file__).resolve().parent
INVENTORY = {
    "plugin": "imds.azure.instances",
    "sources": ["documents"],
    "hostnames": ["inventory_hostname"],
    "group_by": ["zone", "fault_domain", "location", "tags", "cloud", "vm_size"],
}


def main(folder: pathlib.Path) -> None:
    stage = Stage(folder / "fleet")
    with Simulator(sample_fleet(), rate_limit=0) as simulator:
        urls = [vm.url for vm in simulator.vms]
        hosts = hosts_of(urls)
        cache = {
            "ANSIBLE_CACHE_PLUGIN": "jsonfile",
            "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(stage.folder / "cache"),
        }
        inventory = stage.inventory("hosts", hosts, azure_imds_deadline=3)
        gather = ("ansible-playbook", "-i", inventory, "-f", "8", "imds.azure.gather")
        run = stage.run(*gather, "-e", "imds_snapshot_dir=snapshots", **cache)
        # Two hosts fail on purpose.
        assert run.returncode == 2, run.stdout + run.stderr
        assert f"2 of {len(hosts)} hosts failed" in run.stdout, run.stdout
        problems = [
            problem
            for number in range(len(urls))
            for problem in differences(stage.folder, f"lin_{number}", f"win_{number}")
        ]
        assert not problems, "\n".join(problems)
        check_messages(run.stdout)
        check_groups(stage)
        check_roles(stage, hosts, cache, len(urls))


def hosts_of(urls: list[str]) -> dict[str, t.Any]:
    hosts: dict[str, t.Any] = {}
    for number, url in enumerate(urls):
        hosts[f"lin_{number}"] = {**LINUX, "azure_imds_endpoint": url}
        hosts[f"win_{number}"] = {**WINDOWS, "azure_imds_endpoint": url}
    # The variables of a Windows host with a connection over SSH.
    hosts["win_0"]["ansible_shell_type"] = "powershell"
    hosts["win_no_imds"] = {**WINDOWS, "azure_imds_endpoint": "http://127.0.0.1:1"}
    hosts["win_gone"] = {**WINDOWS, "double_unreachable": True}
    return hosts


def differences(folder: pathlib.Path, linux: str, windows: str) -> t.Iterator[str]:
    facts = []
    for name in (linux, windows):
        snapshot = json.loads((folder / "snapshots" / f"{name}.json").read_text())
        assert snapshot.pop("inventory_hostname") == name
        assert snapshot["azure_imds"].pop("gathered_at")
        facts.append(snapshot)
    if facts[0] != facts[1]:
        yield f"{linux} and {windows} differ: {json.dumps(facts)[:2000]}"


def check_messages(printed: str) -> None:
    words = " ".join(printed.split())
    assert re.search(r"fatal: \[win_gone\].*?the double is out of reach", words), words
    assert re.search(r"fatal: \[win_no_imds\].*?win_uri got no answer", words), words


def check_groups(stage: Stage) -> None:
    """Both kinds of a VM are in the same groups. Each kind has its own inventory, because a VM is one host of an inventory."""
    linux, windows = (groups_of(stage, kind) for kind in ("lin", "win"))
    assert linux == windows, (linux, windows)
    assert len(linux) > 10, linux


def groups_of(stage: Stage, kind: str) -> dict[str, list[str]]:
    source = stage.folder / f"{kind}.imds.yml"
    source.write_text(json.dumps({**INVENTORY, "documents": [f"snapshots/{kind}_*.json"]}))
    listed = stage.passes("ansible-inventory", "-i", source.name, "--list").stdout
    return {
        name: [host.removeprefix(kind) for host in group["hosts"]]
        for name, group in json.loads(listed).items()
        if "hosts" in group
    }


def check_roles(stage: Stage, hosts: dict[str, t.Any], cache: dict[str, str], count: int) -> None:
    kinds = {
        kind: {"hosts": {f"{prefix}_{number}": None for number in range(count)}}
        for kind, prefix in (("linux", "lin"), ("windows", "win"))
    }
    asked = {name: of for name, of in hosts.items() if name not in ("win_gone", "win_no_imds")}
    path = stage.folder / "kinds.yml"
    path.write_text(json.dumps({"all": {"hosts": asked, "children": kinds}}))
    stage.passes(
        *("ansible-playbook", "-i", str(path), "-f", "8", str(HERE / "roles.yml")),
        *("-e", f"folder={stage.folder}"),
        **cache,
    )
    passed = {
        kind: [(stage.folder / f"{kind}_{number}.guard").read_text() for number in range(count)]
        for kind in ("lin", "win")
    }
    assert passed["lin"] == passed["win"], passed
    assert {"True", "False"} == set(passed["lin"]), passed
    placed = {
        kind: without_names((stage.folder / f"{kind}.placement").read_text())
        for kind in ("linux", "windows")
    }
    assert placed["linux"] == placed["windows"], placed
    assert "zones" in placed["linux"]


def without_names(text: str) -> str:
    return (
        re.sub(r"\b(lin|win)_", "host_", text).replace("linux", "KIND").replace("windows", "KIND")
    )


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
