# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs programs for the system tests."""

from __future__ import annotations

import pathlib
import subprocess
import typing as t


def output_of(
    *command: str,
    cwd: pathlib.Path | None = None,
    env: t.Mapping[str, str] | None = None,
    timeout: float = 120,
) -> str:
    """The standard output of a program. If the program fails, the RuntimeError has its whole output."""
    done = subprocess.run(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout
