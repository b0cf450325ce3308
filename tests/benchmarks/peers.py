# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What reading IMDS costs outside Ansible: Facter, Ohai and cloud-init, with a play and a bare fetch for scale.

They are whole processes in namespaces of their own, where 169.254.169.254 is the simulator (see tests/system/peers). Needs root, as tests/system/peers does.
"""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess

from benchmarks._measure import Run
from checks import namespaces
from environments import ROOT, SIMULATOR, EnvironmentFailed, bin_folder
from peers import root


@dataclasses.dataclass(frozen=True)
class Row:
    name: str
    run: Run


def rows(runs: int) -> list[Row]:
    """For the document of one VM of the simulator's sample fleet."""
    root.folder()
    python = str(bin_folder("core-newest") / "python")
    done = subprocess.run(
        [*namespaces.prefix(), python, "-m", "benchmarks._peers", str(runs)],
        cwd=ROOT / "tests",
        env={**os.environ, "PYTHONPATH": str(SIMULATOR)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        check=False,
    )
    if done.returncode:
        raise EnvironmentFailed("the peers could not be measured, as said above")
    return [Row(row["name"], Run(**row["run"])) for row in json.loads(done.stdout)]
