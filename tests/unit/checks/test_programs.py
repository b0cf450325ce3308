# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How programs are found that checks need, and what is said where they can't be installed."""

from __future__ import annotations

import pathlib

import pytest

from checks import programs
from environments import EnvironmentFailed


def test_what_is_missing_is_named_where_nothing_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(EnvironmentFailed, match="install these first"):
        programs.require({"no-such-sshd": "openssh-server"})


def test_nothing_starts_that_is_installed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    policy = tmp_path / "policy-rc.d"
    monkeypatch.setattr(programs, "POLICY", policy)
    with programs.no_services():
        assert policy.read_text(encoding="utf-8") == programs.NEVER
        assert policy.stat().st_mode & 0o777 == 0o755
    assert not policy.exists()


def test_a_policy_that_is_there_stays(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text("own", encoding="utf-8")
    monkeypatch.setattr(programs, "POLICY", policy)
    with programs.no_services():
        pass
    assert policy.read_text(encoding="utf-8") == "own"
