# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replaces a key vault in the examples of the documentation."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
import typing as t
import urllib.request


@contextlib.contextmanager
def serving(secret: str, endpoints: t.Sequence[str]) -> t.Iterator[str]:
    """Yields the address of a vault. It returns its secret only for tokens of these simulated VMs."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, _space, token = self.headers.get("Authorization", "").partition(" ")
            known = (each for url in endpoints for each in asked(f"{url}/simulator/tokens"))
            granted = kind == "Bearer" and token in known
            self.send_response(200 if granted else 401)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps({"value": secret} if granted else {}).encode())

        def log_message(self, *_arguments: object) -> None:
            """Writes no log."""

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def asked(url: str) -> t.Any:
    with urllib.request.urlopen(url) as answer:
        return json.load(answer)


__all__ = ("asked", "serving")
