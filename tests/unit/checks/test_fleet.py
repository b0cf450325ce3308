# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the fleet test says where it can't run, and how it looks for what it left behind."""

from __future__ import annotations

import pathlib
import time

import pytest

from checks import fleet, isolation, namespaces
from environments import EnvironmentFailed
from fleet import guide, network


def test_only_root_can_run_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(EnvironmentFailed, match="needs root"):
        fleet.fleet((), ())


def test_without_namespaces_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "prefix", lambda _variants: ())
    with pytest.raises(EnvironmentFailed, match="namespaces can't be made here"):
        namespaces.prefix()


def test_processes_of_a_namespace_are_found(tmp_path: pathlib.Path) -> None:
    report = tmp_path / "namespaces"
    now = time.time()
    assert fleet.leftovers(report, now) == ["the test did not say which namespaces it was in"]
    report.write_text("\n".join(network.own_namespaces()), encoding="utf-8")
    assert any("pytest" in line for line in fleet.leftovers(report, now))
    # Whoever began later has the number of a namespace that is gone.
    assert fleet.leftovers(report, 0) == []
    report.write_text("net:[1]\nmnt:[1]\npid:[1]", encoding="utf-8")
    assert fleet.leftovers(report, now) == []


def test_the_guide_is_read() -> None:
    assert guide.commands()[0].startswith("ansible-playbook ")
    assert guide.files()["gather.yml"].endswith("import_playbook: imds.azure.gather\n")
