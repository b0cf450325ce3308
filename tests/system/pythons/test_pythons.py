# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each Python has a host. All hosts run the same playbook at once."""

from __future__ import annotations

import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import typing as t

import pytest

from project import ROOT
from pythons import debian_testing

PLAYBOOK = pathlib.Path(__file__).resolve().with_name("modules.yml")
VERSIONS = os.environ.get("IMDS_PYTHONS", "").split()
# The first VM of the sample fleet has an identity and the retired VM extension.
MODEL = json.loads(
    (ROOT / "tests/simulator/imds_simulator/fleet.json").read_text(encoding="utf-8")
)["vms"][0]
# Causes a timeout and a retry on each Python.
FAULTS = [
    {"kind": "hang", "times": 1, "path": "/metadata/instance"},
    {"kind": "status", "status": 503, "times": 1, "path": "/metadata/instance"},
]


def interpreter(version: str) -> str | None:
    found = shutil.which(f"python{version}")
    if not found and version == debian_testing.VERSION and debian_testing.PYTHON.exists():
        return str(debian_testing.PYTHON)
    return found


def name(version: str) -> str:
    return f"py{version.replace('.', '')}"


def machine(name: str) -> dict[str, t.Any]:
    document = MODEL["document"]
    return {
        **MODEL,
        "name": name,
        "document": {**document, "compute": {**document["compute"], "name": name}},
        "faults": FAULTS,
        "maintenance": {"sequences": [{"kind": "reboot", "resources": [name]}]},
    }


@pytest.fixture(scope="session")
def output(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The output of ansible-playbook."""
    folder = tmp_path_factory.mktemp("pythons")
    found = {name(version): python for version in VERSIONS if (python := interpreter(version))}
    hosts = {each: {"ansible_python_interpreter": python} for each, python in found.items()}
    variables = {"ansible_pipelining": True}
    inventory = {"all": {"hosts": hosts, "vars": variables}}
    (folder / "pythons.json").write_text(json.dumps(inventory), encoding="utf-8")
    (folder / "fleet.json").write_text(
        json.dumps([machine(each) for each in found]), encoding="utf-8"
    )
    play = f"ansible-playbook -i hosts.json -i pythons.json --forks={len(found)} {PLAYBOOK}"
    command = [sys.executable, str(ROOT / "tests/simulated.py"), str(folder), play]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    return done.stdout


@pytest.mark.parametrize("version", VERSIONS)
def test_every_module_runs(output: str, version: str) -> None:
    if not interpreter(version):
        pytest.skip(f"Python {version} is not on this machine")
    recap = re.search(
        rf"^{name(version)} +: ok=(\d+).* unreachable=0 +failed=0 ", output, re.MULTILINE
    )
    assert recap, output
    assert int(recap[1]) > 5
