# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fleet test: real SSH to network namespaces that it makes, each with its own IMDS on 169.254.169.254."""

from __future__ import annotations

import math
import os
import pathlib
import typing as t

from checks import namespaces, programs, pytests, report, worktree
from environments import ROOT, SIMULATOR, VENVS, bin_folder
from fleet import network

PROGRAMS = {
    "ip": "iproute2",
    "redis-cli": "redis-server",
    "redis-server": "redis-server",
    "setpriv": "util-linux",
    "ssh": "openssh-client",
    "sshd": "openssh-server",
    "unshare": "util-linux",
}


def fleet(_cores: t.Sequence[str], arguments: t.Sequence[str]) -> report.Outcome:
    namespaces.check_root()
    programs.require(PROGRAMS)
    start = namespaces.prefix()
    found = bin_folder("fleet")
    used = report.LOGS / "fleet-namespaces.txt"
    report.LOGS.mkdir(parents=True, exist_ok=True)
    used.unlink(missing_ok=True)
    with worktree.copy("fleet") as tree:
        env = {
            **os.environ,
            "PYTHONPATH": str(SIMULATOR),
            "IMDS_FLEET_COLLECTIONS": str(tree.parents[2]),
            "IMDS_FLEET_REPORT": str(used),
        }
        tests = ["fleet", f"--basetemp={VENVS / 'fleet-tmp'}", *arguments]
        outcome = pytests.run(
            "fleet", found, tests, env, inside=start, cwd=ROOT / "tests" / "system"
        )
    results = report.LOGS / "fleet.xml"
    left = leftovers(used, results.stat().st_mtime if results.exists() else math.inf)
    if left:
        outcome += report.Outcome(failed=1)
        print("\n".join(("fleet: this was left behind:", *left)), flush=True)
    return outcome


def leftovers(used: pathlib.Path, end: float) -> list[str]:
    """What is left of the namespaces that the test wrote down until its end, and of its mounts."""
    if not used.exists():
        return ["the test did not say which namespaces it was in"]
    names = set(used.read_text(encoding="utf-8").split())
    return [*network.users(names, end), *network.mounts(names)]
