# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Namespaces without which a test would be no test."""

from __future__ import annotations

import os

from checks import isolation
from environments import EnvironmentFailed

# With the process that started it everything in them ends, also when that one is killed.
BOUND = ("setpriv", "--pdeathsig", "KILL")


def check_root() -> None:
    if os.geteuid() != 0:
        raise EnvironmentFailed(
            "this test needs root, for network namespaces and what runs in them"
        )


def prefix() -> tuple[str, ...]:
    """What makes the namespaces that a command runs in: networks, mounts and processes."""
    found = isolation.prefix(isolation.VARIANTS[:1])
    if not found:
        raise EnvironmentFailed(
            "network, mount and process namespaces can't be made here, not even by root: run this test on a "
            f"machine or in a container that may ({' '.join(isolation.FLAGS)} true)"
        )
    return (*BOUND, *found)
