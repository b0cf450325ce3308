# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Simulates the metadata service of EC2: a tree of texts with a request for each text, and session tokens.

It has the same address as IMDS, so it runs in its own network namespace.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import ctypes
import http.server
import os
import subprocess
import threading
import typing as t

ADDRESS = "169.254.169.254"
TREE = "/latest/meta-data/"
_NEW_NETWORK = 0x40000000  # CLONE_NEWNET


class Ec2:
    """A tree with as many leaves as an instance document. Each folder has up to twelve leaves."""

    def __init__(self, leaves: t.Sequence[str]) -> None:
        self.requests = 0
        self.bytes = 0
        self._texts = {f"{TREE}part-{n // 12}/field-{n}": leaf for n, leaf in enumerate(leaves)}

    def answer(self, path: str) -> str | None:
        """The text of a leaf, the names in a folder, or None."""
        below = {
            rest.partition("/")[0] + ("/" if "/" in rest else "")
            for rest in (text.removeprefix(path) for text in self._texts if text.startswith(path))
            if rest and path.endswith("/")
        }
        return "\n".join(sorted(below)) or self._texts.get(path)

    @contextlib.contextmanager
    def serving(self) -> t.Iterator[list[str]]:
        """Yields the prefix that runs a command in the namespace of the service."""
        with concurrent.futures.ThreadPoolExecutor(1) as thread:
            server = thread.submit(self._server).result()
            number = thread.submit(threading.get_native_id).result()
            thread.submit(server.serve_forever)
            try:
                yield ["nsenter", f"--net=/proc/{os.getpid()}/task/{number}/ns/net"]
            finally:
                server.shutdown()
                server.server_close()

    def _server(self) -> http.server.HTTPServer:
        """Moves only this thread into a new network namespace. Python has a function for this since version 3.12."""
        if ctypes.CDLL(None, use_errno=True).unshare(_NEW_NETWORK):
            raise OSError(ctypes.get_errno(), "no network namespace can be made")
        for command in ("link set lo up", f"addr add {ADDRESS}/32 dev lo"):
            subprocess.run(["ip", *command.split()], check=True)
        return http.server.ThreadingHTTPServer((ADDRESS, 80), _handler(self))


def _handler(ec2: Ec2) -> type[http.server.BaseHTTPRequestHandler]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._send(ec2.answer(self.path))

        def do_PUT(self) -> None:
            self._send("a-session-token" if self.path == "/latest/api/token" else None)

        def _send(self, text: str | None) -> None:
            body = (text or "").encode()
            ec2.requests += 1
            ec2.bytes += len(body)
            self.send_response(404 if text is None else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_args: t.Any) -> None:
            """Writes no log, because there are hundreds of requests."""

    return Handler
