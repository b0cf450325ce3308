# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Other programs that ask IMDS, in namespaces where that is the simulator: tests/system/peers, with plain pytest."""

from __future__ import annotations

import functools
import os
import typing as t

from checks import namespaces, pytests, report, worktree
from environments import ROOT, VENVS, bin_folder
from peers import root


def peers(cores: t.Sequence[str], arguments: t.Sequence[str]) -> report.Outcome:
    root.folder()
    return report.side_by_side(
        functools.partial(run_tests, core, arguments) for core in cores or ("core-newest",)
    )


def run_tests(core: str, arguments: t.Sequence[str]) -> report.Outcome:
    name = f"peers {core}"
    with worktree.copy(name.replace(" ", "-")) as tree:
        env = {
            **{name: value for name, value in os.environ.items() if not is_setting(name)},
            "ANSIBLE_COLLECTIONS_PATH": str(tree.parents[2]),
            "ANSIBLE_HOME": str(VENVS / "home"),
        }
        tests = ["peers", *arguments]
        return pytests.run(
            name,
            bin_folder(core),
            tests,
            env,
            inside=namespaces.prefix(),
            cwd=ROOT / "tests" / "system",
        )


def is_setting(name: str) -> bool:
    """Whether it could send the clients, or us, somewhere else."""
    others = ("ANSIBLE_", "AZURE_", "IDENTITY_", "IMDS_", "MSI_")
    return name.startswith(others) or name.lower().endswith("_proxy")
