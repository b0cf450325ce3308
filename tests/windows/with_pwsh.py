# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The real ansible.windows.win_uri, run by a real PowerShell on this machine, against the simulator.

    PYTHONPATH=tests:tests/simulator python3 -m windows.with_pwsh

Needs pwsh (on PATH, or named by the variable PWSH), and in this Python's environment ansible-core 2.21 or newer, which
runs PowerShell modules on POSIX systems, and the collection ansible.windows. The package `ansible` has both. Where there is no pwsh, one line says
that this was left out, and the exit code is 0.
"""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import sys
import typing as t

from ansible_collections.imds.azure.plugins.module_utils._client import ImdsClient, Limits
from ansible_collections.imds.azure.plugins.module_utils._errors import ImdsError
from ansible_collections.imds.azure.plugins.plugin_utils._windows.win_uri import (
    RunModule,
    win_uri_transport,
)
from faults.cases import ALWAYS, CASES, DOCUMENT, Case
from imds_simulator import Fault, Simulator, Vm
from windows.differences import SAYS, WITHOUT_END

Result = dict[str, t.Any]
# The time limits of each case. A run of PowerShell takes one or two seconds.
LIMITS = Limits(timeout=2, deadline=4)


def pwsh() -> str | None:
    """The absolute path of PowerShell; None if it is not installed."""
    return shutil.which(os.environ.get("PWSH") or "pwsh")


def module_runner(interpreter: str) -> RunModule:
    program = pathlib.Path(sys.executable).with_name("ansible")

    def run(name: str, arguments: Result) -> Result:
        done = subprocess.run(
            [
                *(str(program), "localhost", "-m", name, "-a", json.dumps(arguments)),
                *("-e", json.dumps({"ansible_pwsh_interpreter": interpreter})),
            ],
            env={**os.environ, "ANSIBLE_NOCOLOR": "1"},
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )
        return result_of(done.stdout) or {"msg": done.stdout + done.stderr}

    return run


def result_of(printed: str) -> Result:
    """The result in the output of the program ansible for one host: HOST | STATE => {…}."""
    found: Result = json.loads(printed[printed.index("{") :]) if "{" in printed else {}
    return found


def problems(run: RunModule) -> t.Iterator[str]:
    """The faults whose result differs from that of the double."""
    for case in CASES:
        if case.tried in WITHOUT_END or case.slow:
            continue
        with Simulator([Vm("web-1", DOCUMENT)], rate_limit=0) as simulator:
            vm = simulator["web-1"]
            vm.faults = [Fault(**case.settings(ALWAYS, 0))]
            said = message(ImdsClient(win_uri_transport(run), vm.url, limits=LIMITS))
            if not is_as_documented(case, said):
                yield f"{case.tried}: {said}"


def message(client: ImdsClient) -> str | None:
    """The message of an error; None for the right answer."""
    try:
        data = client.instance().data
    except ImdsError as exc:
        return str(exc)
    return None if data == DOCUMENT else f"the document is another one: {json.dumps(data)[:500]}"


def is_as_documented(case: Case, said: str | None) -> bool:
    if case.harmless:
        return said is None
    if case.tried in SAYS:
        # These are the words of .NET, which differ between its versions.
        return said is not None and " failed: " in said
    return said is not None and case.says.split(", after")[0] in said


def main() -> int:
    interpreter = pwsh()
    if interpreter is None:
        print(
            "windows: skipped, because pwsh is not on PATH and the variable PWSH does not name it"
        )
        return 0
    found = [*problems(module_runner(os.path.abspath(interpreter)))]
    print("\n".join(found) or "windows: win_uri does what its double does")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
