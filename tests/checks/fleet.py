# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fleet test: real SSH to network namespaces that it makes, each with its own IMDS on 169.254.169.254."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import typing as t

from checks import namespaces, report, units, worktree
from environments import ROOT, VENVS, EnvironmentFailed, bin_folder
from fleet import network

# The programs it needs, and the Debian packages that have them.
PROGRAMS = {
    "ip": "iproute2",
    "redis-cli": "redis-server",
    "redis-server": "redis-server",
    "setpriv": "util-linux",
    "ssh": "openssh-client",
    "sshd": "openssh-server",
    "unshare": "util-linux",
}
# Who installs a server's package may not want the server to start: this is how Debian is told.
POLICY = pathlib.Path("/usr/sbin/policy-rc.d")
NEVER = "#!/bin/sh\nexit 101\n"


def fleet(_cores: t.Sequence[str], arguments: t.Sequence[str]) -> report.Outcome:
    namespaces.check_root()
    install()
    start = namespaces.prefix()
    python = bin_folder("fleet") / "python"
    results = report.LOGS / "fleet.xml"
    used = report.LOGS / "fleet-namespaces.txt"
    report.LOGS.mkdir(parents=True, exist_ok=True)
    for file in (results, used):
        file.unlink(missing_ok=True)
    command = [*start, str(python), "-m", "pytest", "fleet", "--quiet", f"--junit-xml={results}"]
    command.append(f"--basetemp={VENVS / 'fleet-tmp'}")
    with worktree.copy("fleet") as tree:
        env = {
            **os.environ,
            "IMDS_FLEET_COLLECTIONS": str(tree.parents[2]),
            "IMDS_FLEET_REPORT": str(used),
        }
        answer = report.run("fleet", [*command, *arguments], ROOT / "tests", env)
    outcome = units.outcome_of(answer, results)
    left = leftovers(used)
    if left:
        outcome += report.Outcome(failed=1)
        print("\n".join(("fleet: this was left behind:", *left)), flush=True)
    report.say("fleet", answer, str(outcome))
    return outcome


def install() -> None:
    missing = sorted({package for name, package in PROGRAMS.items() if not find(name)})
    if not missing:
        return
    if not shutil.which("apt-get"):
        raise EnvironmentFailed(f"install these first (Debian's names): {' '.join(missing)}")
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with no_services():
        for command in (
            ("apt-get", "update", "-qq"),
            ("apt-get", "install", "-qq", "--no-install-recommends", *missing),
        ):
            answer = report.run("fleet packages", command, ROOT, env)
            if answer.status:
                raise EnvironmentFailed(f"{' '.join(command)} failed:\n{answer.output}")


def find(name: str) -> str | None:
    """Where a program is, also when only administrators have its folder on their PATH."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
    return shutil.which(name, path=path)


@contextlib.contextmanager
def no_services() -> t.Iterator[None]:
    """What is installed meanwhile doesn't start by itself."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text(NEVER, encoding="utf-8")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()


def leftovers(used: pathlib.Path) -> list[str]:
    """What is left of the namespaces that the test wrote down, and of its mounts."""
    if not used.exists():
        return ["the test did not say which namespaces it was in"]
    names = set(used.read_text(encoding="utf-8").split())
    return [*network.users(names), *network.mounts(names)]
