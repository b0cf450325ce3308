# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Tests the fixture `imds_simulator` in a separate pytest process, in which the package is an installed plugin."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import imds_simulator

PACKAGE = Path(imds_simulator.__file__).parents[1]
TESTS = """
import json
import urllib.request

import pytest
from imds_simulator import FleetError, Vm

left = []


def name(url):
    request = urllib.request.Request(
        f"{url}/metadata/instance?api-version=2025-04-07", headers={"Metadata": "true"}
    )
    with urllib.request.urlopen(request, timeout=5) as answer:
        return json.load(answer)["compute"]["name"]


def test_machines_of_a_test(imds_simulator):
    simulator = imds_simulator([Vm("a", {"compute": {"name": "a"}})])
    assert name(simulator["a"].url) == "a"
    assert [request.method for request in simulator["a"].requests] == ["GET"]
    left.append(simulator["a"].url)


def test_they_are_gone_afterwards():
    with pytest.raises(OSError):
        name(left[0])


def test_a_fleet_file_and_an_inventory(imds_simulator, tmp_path):
    (tmp_path / "lab.json").write_text(json.dumps([{"compute": {"name": "b"}}]))
    simulator = imds_simulator(tmp_path / "lab.json", rate_limit=0)
    simulator.write_inventory(tmp_path / "hosts.yml")
    assert f'"b":\\n      azure_imds_endpoint: "{simulator["b"].url}"' in (
        tmp_path / "hosts.yml"
    ).read_text()


def test_several_in_one_test(imds_simulator):
    assert len({imds_simulator()["web-1"].url, imds_simulator()["web-1"].url}) == 2


def test_a_broken_file(imds_simulator, tmp_path):
    with pytest.raises(FleetError):
        imds_simulator(str(tmp_path / "none.json"))
"""


def test_what_it_offers(tmp_path: Path) -> None:
    (tmp_path / "test_it.py").write_text(TESTS)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "imds_simulator.pytest_plugin", "test_it.py"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(PACKAGE), "no_proxy": "*"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "5 passed" in done.stdout, done.stdout + done.stderr
