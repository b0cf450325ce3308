# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where the peers' root folder comes from, and that nothing of theirs runs beside a real network."""

from __future__ import annotations

import pathlib
import socket
import subprocess

import pytest

from checks import peers
from environments import EnvironmentFailed
from imds_simulator import Vm
from peers import machine, root

SECURITY = "Debian Debian-Security main http://mirror.test/debian-security/"
OTHER = "Somebody Debian main https://elsewhere.test/debian/"
CONTRIB = "Debian Debian contrib http://contrib.test/debian/"
DISK = "Debian Debian main cdrom://[Debian]/"


@pytest.mark.parametrize(
    ("lines", "mirror"),
    [
        ([SECURITY, OTHER, "Debian Debian main http://mirror.test/debian/"], "mirror.test/debian"),
        (["Debian Debian main https://mirror.test/debian/"], "mirror.test/debian"),
        ([SECURITY, OTHER, CONTRIB, DISK], root.MIRROR),
        ([], root.MIRROR),
    ],
)
def test_packages_come_from_where_the_machine_gets_debian(
    monkeypatch: pytest.MonkeyPatch, lines: list[str], mirror: str
) -> None:
    monkeypatch.setattr(root, "run", lambda _command, _problem: "\n".join(lines) + "\n")
    assert root.mirror().endswith(mirror)


def test_only_root_can_run_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    with pytest.raises(EnvironmentFailed, match="needs root"):
        peers.peers((), ())


def test_a_machine_is_made_beside_loopback_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    monkeypatch.setattr(socket, "if_nameindex", lambda: [(1, "lo"), (2, "eth0")])
    monkeypatch.setattr(subprocess, "run", lambda *_command, **_options: pytest.fail("it ran"))
    with (
        pytest.raises(RuntimeError, match="there is not only lo, but"),
        machine.Machine(tmp_path, Vm("vm", {})),
    ):
        pass


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("AZURE_POD_IDENTITY_AUTHORITY_HOST", True),
        ("IDENTITY_ENDPOINT", True),
        ("http_proxy", True),
        ("HTTPS_PROXY", True),
        ("ANSIBLE_CONFIG", True),
        ("PATH", False),
        ("HOME", False),
    ],
)
def test_no_setting_sends_them_elsewhere(name: str, is_one: bool) -> None:
    assert peers.is_setting(name) is is_one
