# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What reading IMDS costs outside Ansible: Facter, Ohai and cloud-init, with a play and a bare fetch for scale.

They are whole processes in namespaces of their own, where 169.254.169.254 is the simulator (see tests/peers).

    python3 -m benchmarks.peers [--runs 7]

prints the rows; ``rows`` gives them to other benchmarks. Needs root, as tests/peers does.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import sys

from checks import namespaces
from environments import ROOT, EnvironmentFailed, bin_folder
from peers import root


@dataclasses.dataclass(frozen=True)
class Row:
    """Medians of what one run takes: of the process, and of all that it started and waited for."""

    name: str
    seconds: float
    cpu_seconds: float
    requests: int
    # The bodies of the answers.
    bytes: int


def rows(runs: int = 7) -> list[Row]:
    """For the document of one VM of the simulator's sample fleet."""
    root.folder()
    python = str(bin_folder("core-newest") / "python")
    done = subprocess.run(
        [*namespaces.prefix(), python, "-m", "benchmarks._peers", str(runs)],
        cwd=ROOT / "tests",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        check=False,
    )
    if done.returncode:
        raise EnvironmentFailed("the peers could not be measured, as said above")
    return [Row(**row) for row in json.loads(done.stdout)]


def main() -> int:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--runs", type=int, default=7)
    try:
        found = rows(parser.parse_args().runs)
    except EnvironmentFailed as failure:
        print(f"error: {failure}", file=sys.stderr)
        return 1
    print("| what runs | seconds | CPU seconds | requests | bytes |")
    print("|---|---|---|---|---|")
    for row in found:
        print(
            f"| {row.name} | {row.seconds:.3f} | {row.cpu_seconds:.3f} | {row.requests} | {row.bytes} |"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
