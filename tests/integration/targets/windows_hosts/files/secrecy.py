# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests that the output, the logs and the files of the controller contain no token of a Windows host.

PYTHONPATH=tests:tests/simulator secrecy.py FOLDER_FOR_ITS_FILES
"""

from __future__ import annotations

import json
import pathlib
import sys
import typing as t

from imds_simulator import Fault, Identity, Simulator, Vm
from windows.stage import TESTS, WINDOWS, Stage

HERE = pathlib.Path(__file__).resolve().parent
EVERYTHING = TESTS / "integration" / "targets" / "access_token_secrecy" / "files" / "plugins"
DOCUMENT = {"compute": {"azEnvironment": "AzurePublicCloud", "name": "web-1"}, "network": {}}
# The beginning of each token of the simulator, and the secret in the body of a fault.
TOKEN = "eyJ"
SECRET = "c2VjcmV0LXRva2VuLW9mLXRoaXMtaG9zdA0123456789abcdefghij0123456789"


def main(folder: pathlib.Path) -> None:
    stage = Stage(folder / "secrecy")
    vms = [Vm(name, DOCUMENT, identities=[Identity("a", "b")]) for name in ("plain", "odd")]
    vms[1].faults = [Fault("status", status=400, body=json.dumps({"error": SECRET}))]
    with Simulator(vms, rate_limit=0) as simulator:
        hosts = {
            "plain": {**WINDOWS, "azure_imds_endpoint": simulator["plain"].url},
            "odd": {**WINDOWS, "azure_imds_endpoint": simulator["odd"].url},
            "broken": {**WINDOWS, "double_output": f'{{"access_token": "{SECRET}", rubbish'},
            "errors": {**WINDOWS, "double_errors": f"at line 1: {SECRET}"},
            "message": {
                **WINDOWS,
                "double_output": {"elapsed": 1, "failed": True, "msg": f'x: "{SECRET}"'},
            },
        }
        play = (
            "ansible-playbook",
            "-vvvvvv",
            "-i",
            stage.inventory("hosts", hosts, azure_imds_deadline=2),
        )
        options = {
            "ANSIBLE_LOG_PATH": str(stage.folder / "log"),
            "ANSIBLE_LOG_VERBOSITY": "6",
            "ANSIBLE_CALLBACK_PLUGINS": str(EVERYTHING),
            "ANSIBLE_CALLBACKS_ENABLED": "everything",
            "EVERYTHING_PATH": str(stage.folder / "everything"),
            "ANSIBLE_LOCAL_TEMP": str(stage.folder / "local"),
        }
        run = stage.passes(*play, str(HERE / "secrecy.yml"), **options)
        printed = run.stdout + run.stderr
        # The double prints the output of commands, so the search finds a token that nothing hides.
        assert "DOUBLE STDOUT" in printed
        written = {path: path.read_text(errors="replace") for path in files(stage.folder)}
        leaks = [str(path) for path, text in written.items() if has_token(text)]
        if has_token(printed):
            leaks.append("the screen: " + line_with_token(printed))
        assert not leaks, leaks
        assert any("DOUBLE STDOUT" in text for text in written.values())
        assert written[stage.folder / "everything"]


def files(folder: pathlib.Path) -> t.Iterator[pathlib.Path]:
    # This program wrote these files itself.
    return (path for path in folder.rglob("*") if path.is_file() and path.name != "hosts.yml")


def has_token(text: str) -> bool:
    return TOKEN in text or SECRET in text


def line_with_token(text: str) -> str:
    return next(line for line in text.splitlines() if has_token(line))[:500]


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
