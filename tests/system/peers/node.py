# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Microsoft's JavaScript client for tokens, in its own folder below .venv. Without npm, tests skip it."""

from __future__ import annotations

import json
import os
import pathlib
import shutil
import subprocess
import typing as t

from project import VENVS

FOLDER = VENVS / "peers-node"
PACKAGE = "@azure/identity@4"
# The names of the parameters of its credential.
_NAMES = {"client_id": "clientId", "object_id": "objectId", "resource_id": "resourceId"}
_GET = """
const { ManagedIdentityCredential } = require("@azure/identity");
const given = JSON.parse(process.argv[1]);
const credential = new ManagedIdentityCredential({ ...given, retryOptions: { maxRetries: 0 } });
credential.getToken(process.argv[2]).then(
  (found) => process.stdout.write(found.token),
  (error) => { process.stderr.write(String(error.message)); process.exit(1); },
);
"""


def install() -> None:
    """Downloads the client over the network of this machine, if npm is installed and the client is missing."""
    npm = shutil.which("npm")
    if npm is None:
        print(f"without npm, {PACKAGE} is not tested", flush=True)
        return
    if not is_installed():
        FOLDER.mkdir(parents=True, exist_ok=True)
        options = ["--silent", "--no-audit", "--no-fund", "--ignore-scripts"]
        subprocess.run([npm, "install", *options, "--prefix", str(FOLDER), PACKAGE], check=True)


def is_installed() -> bool:
    return pathlib.Path(FOLDER, "node_modules", "@azure", "identity", "package.json").exists()


def azure_identity_js(**identity: str) -> str:
    """A token of the client. Raises RuntimeError with the message of the client."""
    given = {_NAMES[name]: value for name, value in identity.items()}
    env: dict[str, t.Any] = {**os.environ, "NODE_PATH": str(FOLDER / "node_modules")}
    done = subprocess.run(
        ["node", "-e", _GET, json.dumps(given), "https://vault.azure.net/.default"],
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return done.stdout
