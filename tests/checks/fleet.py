# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fleet test: real SSH to network namespaces that it makes, each with its own IMDS on 169.254.169.254."""

from __future__ import annotations

import os
import pathlib
import typing as t

from checks import isolation, programs, report, units, worktree
from environments import ROOT, VENVS, EnvironmentFailed, bin_folder
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
# With the process that started it the whole fleet ends, also when that one is killed.
BOUND = ("setpriv", "--pdeathsig", "KILL")


def fleet(_cores: t.Sequence[str], arguments: t.Sequence[str]) -> report.Outcome:
    check_user()
    programs.require(PROGRAMS)
    start = prefix()
    python = bin_folder("fleet") / "python"
    results = report.LOGS / "fleet.xml"
    namespaces = report.LOGS / "fleet-namespaces.txt"
    report.LOGS.mkdir(parents=True, exist_ok=True)
    for file in (results, namespaces):
        file.unlink(missing_ok=True)
    command = [*start, str(python), "-m", "pytest", "fleet", "--quiet", f"--junit-xml={results}"]
    command.append(f"--basetemp={VENVS / 'fleet-tmp'}")
    with worktree.copy("fleet") as tree:
        env = {
            **os.environ,
            "IMDS_FLEET_COLLECTIONS": str(tree.parents[2]),
            "IMDS_FLEET_REPORT": str(namespaces),
        }
        answer = report.run("fleet", [*command, *arguments], ROOT / "tests", env)
    outcome = units.outcome_of(answer, results)
    left = leftovers(namespaces)
    if left:
        outcome += report.Outcome(failed=1)
        print("\n".join(("fleet: this was left behind:", *left)), flush=True)
    report.say("fleet", answer, str(outcome))
    return outcome


def check_user() -> None:
    if os.geteuid() != 0:
        raise EnvironmentFailed("this test needs root, for network namespaces and for sshd")


def prefix() -> tuple[str, ...]:
    """What makes the namespaces that all of it runs in; without any there is no test."""
    found = isolation.prefix(isolation.VARIANTS[:1])
    if not found:
        raise EnvironmentFailed(
            "network, mount and process namespaces can't be made here, not even by root: run this test on a "
            f"machine or in a container that may ({' '.join(isolation.FLAGS)} true)"
        )
    return (*BOUND, *found)


def leftovers(namespaces: pathlib.Path) -> list[str]:
    """What is left of the namespaces that the test wrote down, and of its mounts."""
    if not namespaces.exists():
        return ["the test did not say which namespaces it was in"]
    names = set(namespaces.read_text(encoding="utf-8").split())
    return [*network.users(names), *network.mounts(names)]
