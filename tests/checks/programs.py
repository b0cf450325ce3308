# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Programs that only some checks need: found, or installed where that is possible."""

from __future__ import annotations

import os
import shutil
import subprocess
import typing as t

from environments import EnvironmentFailed


def require(packages: t.Mapping[str, str]) -> None:
    """Programs and the Debian packages that have them; installs those that are missing, as root on Debian."""
    missing = sorted(
        {package for program, package in packages.items() if not shutil.which(program)}
    )
    if not missing:
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise EnvironmentFailed(f"not installed: {' '.join(missing)}")
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *missing]):
        answer = subprocess.run(
            ["apt-get", "-qq", *command], env=env, capture_output=True, text=True, check=False
        )
        if answer.returncode:
            raise EnvironmentFailed(f"apt-get {' '.join(command)} failed\n{answer.stderr.strip()}")
