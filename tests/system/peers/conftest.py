# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fixtures: one machine for all tests, with the peers and the collection."""

from __future__ import annotations

import json
import pathlib
import sys
import typing as t

import pytest

from imds_simulator import Vm, sample_fleet
from peers import root
from peers.machine import Machine
from programs import output_of

HERE = pathlib.Path(__file__).resolve().parent
# Runs a playbook of this folder with variables. Returns the content of its result file.
Play = t.Callable[[str, dict[str, t.Any]], str]


@pytest.fixture(scope="session")
def _machine() -> t.Iterator[Machine]:
    with Machine(root.ROOT, Vm("vm", {})) as machine:
        yield machine


@pytest.fixture
def machine(_machine: Machine) -> Machine:
    """The machine in its initial state, without metadata."""
    _machine.vm.__dict__.update(Vm("vm", {}).__dict__, url=_machine.vm.url)
    return _machine


@pytest.fixture(scope="session")
def documents() -> dict[str, t.Any]:
    return {vm.name: vm.document for vm in sample_fleet()}


@pytest.fixture(scope="session")
def play(tmp_path_factory: pytest.TempPathFactory) -> Play:
    result = tmp_path_factory.mktemp("play") / "result"

    def play(name: str, variables: dict[str, t.Any]) -> str:
        given = {**variables, "ansible_python_interpreter": sys.executable}
        output_of(
            str(pathlib.Path(sys.executable).with_name("ansible-playbook")),
            *("-e", json.dumps(given | {"result_file": str(result)}), str(HERE / name)),
        )
        return result.read_text(encoding="utf-8")

    return play
