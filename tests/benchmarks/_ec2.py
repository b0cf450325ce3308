# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A metadata service in the shape of EC2's: a tree of texts, each asked for by a request of its own, with session tokens."""

from __future__ import annotations

import contextlib
import http.server
import threading
import typing as t

TREE = "/latest/meta-data/"


class Ec2:
    """So many leaves as an instance document has, twelve to a folder."""

    def __init__(self, leaves: t.Sequence[str]) -> None:
        self.requests = 0
        self.bytes = 0
        self._texts = {f"{TREE}part-{n // 12}/field-{n}": leaf for n, leaf in enumerate(leaves)}

    def answer(self, path: str) -> str | None:
        """A leaf, or what is in a folder, or nothing."""
        below = {
            rest.partition("/")[0] + ("/" if "/" in rest else "")
            for rest in (text.removeprefix(path) for text in self._texts if text.startswith(path))
            if rest and path.endswith("/")
        }
        return "\n".join(sorted(below)) or self._texts.get(path)

    @contextlib.contextmanager
    def serving(self, address: tuple[str, int]) -> t.Iterator[None]:
        server = http.server.ThreadingHTTPServer(address, _handler(self))
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            server.server_close()


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
            """Not a word: there are hundreds of requests."""

    return Handler
