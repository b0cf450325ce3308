# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the examples speak of and a test doesn't have, in the place of it.

A key vault that takes the tokens of the simulator and no others, the files of an authority that the simulator's documents
lead to, and values for the variables.
"""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import pathlib
import threading
import urllib.request
from collections.abc import Iterator
from typing import Any

VAULT = "https://example.vault.azure.net"
FOLDER = "/etc/myapp"
# For whoever runs the tests need not be root.
VARIABLES = {
    "ansible_become": False,
    "expected_vm_id": "{{ lookup('imds.azure.metadata', 'instance/compute/vmId') }}",
    "expected_subscription_id": "{{ lookup('imds.azure.metadata', 'instance/compute/subscriptionId') }}",
    "secret_of_this_vm": "hunter2",
    "nonce_of_that_service": "0123456789",
}
DEFAULTS = {
    "imds.azure.attested_info": {
        "trusted_roots": ["roots.pem"],
        "intermediates": ["azure-intermediates.pem"],
    }
}


@contextlib.contextmanager
def stand_ins(endpoint: str) -> Iterator[dict[str, str]]:
    """What is to be written in the place of what, for as long as there is somebody behind it."""
    os.environ["no_proxy"] = "127.0.0.1"
    authority = asked(f"{endpoint}/simulator/attested")
    pathlib.Path("roots.pem").write_text(authority["roots"], encoding="ascii")
    pathlib.Path("azure-intermediates.pem").write_text(authority["intermediates"], encoding="ascii")
    folder = pathlib.Path("myapp").resolve()
    folder.mkdir(exist_ok=True)
    with vault(endpoint) as url:
        yield {VAULT: url, FOLDER: str(folder)}


@contextlib.contextmanager
def vault(endpoint: str) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, _space, token = self.headers.get("Authorization", "").partition(" ")
            knows = kind == "Bearer" and token in asked(f"{endpoint}/simulator/tokens")
            is_secret = self.path == "/secrets/database?api-version=7.4"
            self.send_response(200 if knows and is_secret else 401)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps({"value": "of the database"} if knows else {}).encode())

        def log_message(self, *_arguments: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def asked(url: str) -> Any:
    with urllib.request.urlopen(url) as answer:
        return json.load(answer)
