# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The event source in a real ansible-rulebook: tests/system/eda, with plain pytest."""

from __future__ import annotations

import os
import pathlib
import shutil
import typing as t

from checks import pytests, report
from environments import EnvironmentFailed, bin_folder


def eda(_cores: t.Sequence[str], arguments: t.Sequence[str]) -> report.Outcome:
    java = java_home()
    programs = bin_folder("eda")
    env = {**report.with_programs(programs), "JAVA_HOME": java}
    return pytests.run("eda", programs, arguments or ["tests/system/eda"], env)


def java_home() -> str:
    """Where Java is. ansible-rulebook has its rules evaluated by a program that is written in it."""
    java = shutil.which("java")
    home = os.environ.get("JAVA_HOME") or (java and str(pathlib.Path(java).resolve().parents[1]))
    if not home:
        raise EnvironmentFailed(
            "ansible-rulebook needs Java 17 or newer: install it (on Debian the package "
            "default-jre-headless), or say where it is with JAVA_HOME"
        )
    return home
