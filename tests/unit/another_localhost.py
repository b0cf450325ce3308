# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends requests to an IMDS at localhost while /etc/hosts has the address of another machine for that name.

test__transport.py runs it in separate network and mount namespaces.
"""

from __future__ import annotations

import json
import pathlib
import socket
import subprocess
import tempfile

import conftest  # noqa: F401 - makes the collection importable # pylint: disable=unused-import
import pytest
from doubles import RawServer, answering, http

from ansible_collections.imds.azure.plugins.module_utils._client import ImdsClient, Limits
from ansible_collections.imds.azure.plugins.module_utils._errors import UnavailableError
from ansible_collections.imds.azure.plugins.module_utils._managed_identity.tokens import (
    extension_endpoint,
    extension_token,
)
from ansible_collections.imds.azure.plugins.module_utils._transport import http_transport
from ansible_collections.imds.azure.plugins.plugin_utils._requests_transport import (
    requests_transport,
)

OTHER = "10.9.9.9"


def main() -> None:
    subprocess.run(["ip", "address", "add", f"{OTHER}/32", "dev", "lo"], check=True)
    with tempfile.TemporaryDirectory() as folder:
        hosts = pathlib.Path(folder, "hosts")
        hosts.write_text(f"{OTHER} localhost LOCALHOST\n", encoding="utf-8")
        subprocess.run(["mount", "--bind", str(hosts), "/etc/hosts"], check=True)
        found = {info[4][0] for info in socket.getaddrinfo("localhost", 80)}
        assert found == {OTHER}, f"the file leads to {found}"
        ask_localhost()
        subprocess.run(["umount", "/etc/hosts"], check=True)
    print("localhost is this machine")


def ask_localhost() -> None:
    answers = {"compute": {"name": "here"}, "access_token": "here", "expires_in": "9"}
    with RawServer(answering(http(json.dumps(answers).encode()))) as server:
        port = int(server.address.rpartition(":")[2])
        with socket.create_server((OTHER, port)) as trap:
            trap.setblocking(False)
            for send in (http_transport, requests_transport()):
                for name in ("localhost", "LocalHost"):
                    client = ImdsClient(send, f"http://{name}:{port}")
                    assert client.instance().data["compute"]["name"] == "here"
                token = extension_token(client, extension_endpoint(port, []), "https://r")
                assert token["access_token"] == "here"
            assert is_untouched(trap)
    with socket.create_server((OTHER, port)) as trap:
        trap.setblocking(False)
        for send in (http_transport, requests_transport()):
            client = ImdsClient(send, f"http://localhost:{port}", limits=Limits(attempts=1))
            with pytest.raises(UnavailableError, match="connection refused"):
                client.instance()
        assert is_untouched(trap)


def is_untouched(trap: socket.socket) -> bool:
    try:
        trap.accept()
    except BlockingIOError:
        return True
    return False


if __name__ == "__main__":
    main()
