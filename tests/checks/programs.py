# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that only some checks need: found, or installed where that is possible."""

from __future__ import annotations

import contextlib
import os
import pathlib
import shutil
import subprocess
import typing as t

from environments import TURNS, VENVS, EnvironmentFailed, lock

# Who installs a server's package may not want the server to start: this is how Debian is told.
POLICY = pathlib.Path("/usr/sbin/policy-rc.d")
NEVER = "#!/bin/sh\nexit 101\n"


def require(packages: t.Mapping[str, str]) -> None:
    """Programs and the Debian packages that have them; installs those that are missing, as root on Debian."""
    with lock(VENVS / "packages"):
        missing = sorted({package for program, package in packages.items() if not find(program)})
        if missing:
            install(missing)


def install(missing: t.Sequence[str]) -> None:
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise EnvironmentFailed(f"install these first (Debian's names): {' '.join(missing)}")
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    with TURNS, no_services():
        for command in (["update"], ["install", "--yes", "--no-install-recommends", *missing]):
            answer = subprocess.run(
                ["apt-get", "-qq", *command], env=env, capture_output=True, text=True, check=False
            )
            if answer.returncode:
                raise EnvironmentFailed(
                    f"apt-get {' '.join(command)} failed\n{answer.stderr.strip()}"
                )


def find(program: str) -> str | None:
    """Where a program is, also when only administrators have its folder on their PATH."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
    return shutil.which(program, path=path)


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
