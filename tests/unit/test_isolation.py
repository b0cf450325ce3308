# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests that integration tests run with only loopback."""

from __future__ import annotations

import pathlib
import socket
import subprocess
import sys
import time

import pytest

from imds_simulator import Vm
from peers import machine
from tools import isolation


def run_inside(script: str) -> subprocess.CompletedProcess[str]:
    if not isolation.prefix():
        pytest.skip("this machine doesn't allow namespaces")
    command = [*isolation.prefix(), sys.executable, "-c", script]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_loopback_is_there() -> None:
    done = run_inside(
        "import socket\n"
        "server = socket.create_server(('127.0.0.1', 0))\n"
        "socket.create_connection(server.getsockname(), 5)\n"
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_nothing_else_is_there() -> None:
    # The address is reserved for documentation, and is used only without a route.
    done = run_inside("import socket; print(socket.if_nameindex())")
    assert done.stdout == "[(1, 'lo')]\n"
    done = run_inside("import socket; socket.create_connection(('192.0.2.1', 80), 5)")
    assert "Network is unreachable" in done.stderr


def test_the_exit_status_comes_through() -> None:
    assert run_inside("raise SystemExit(7)").returncode == 7


def test_nothing_outlives_the_command() -> None:
    start = time.monotonic()
    # The sleeping process keeps standard output open. So this waits for that process if it still runs.
    run_inside("import subprocess; subprocess.Popen(['sleep', '60'], start_new_session=True)")
    assert time.monotonic() - start < 30


def test_other_clients_of_imds_run_beside_loopback_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path
) -> None:
    monkeypatch.setattr(socket, "if_nameindex", lambda: [(1, "lo"), (2, "eth0")])
    monkeypatch.setattr(subprocess, "run", lambda *_command, **_options: pytest.fail("it ran"))
    with (
        pytest.raises(RuntimeError, match="there is not only lo, but"),
        machine.Machine(tmp_path, Vm("vm", {})),
    ):
        pass
