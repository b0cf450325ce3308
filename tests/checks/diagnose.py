# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The broken set-ups: network namespaces in which IMDS does not answer, and what the role diagnose says of each."""

from __future__ import annotations

import functools
import typing as t

from checks import namespaces, programs, pytests, report, worktree
from environments import VENVS, bin_folder

PROGRAMS = {"ip": "iproute2", "nft": "nftables", "unshare": "util-linux", "mount": "mount"}
# Networks, mounts and processes of its own: nothing gets out of it, and nothing of it stays.
ISOLATED = ("unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc")
# Where `ip netns` keeps names, and systemd-networkd its leases.
OWN_RUN = ("sh", "-c", 'mount -t tmpfs tmpfs /run && exec "$@"', "sh")


def diagnose(cores: t.Sequence[str], arguments: t.Sequence[str]) -> report.Outcome:
    namespaces.check_root()
    programs.require(PROGRAMS)
    return report.side_by_side(
        functools.partial(broken_set_ups, core, arguments) for core in cores or ("core-newest",)
    )


def broken_set_ups(core: str, arguments: t.Sequence[str]) -> report.Outcome:
    name = f"diagnose {core}"
    found = bin_folder(core)
    with worktree.copy(name.replace(" ", "-")) as tree:
        env = {
            **report.with_programs(found),
            "ANSIBLE_COLLECTIONS_PATH": str(tree.parents[2]),
            "ANSIBLE_HOME": str(VENVS / "home"),
        }
        tests = ["tests/system/diagnose", *arguments]
        return pytests.run(name, found, tests, env, inside=(*ISOLATED, *OWN_RUN))
