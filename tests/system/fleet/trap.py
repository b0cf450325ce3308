# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A proxy that no program should use: `python trap.py ADDRESS PORT` records the first line of each request."""

from __future__ import annotations

import socketserver
import sys


class Trap(socketserver.StreamRequestHandler):
    timeout = 5

    def handle(self) -> None:
        print("connected from", self.client_address[0], flush=True)
        print(self.rfile.readline(4096).decode("latin-1").rstrip(), flush=True)
        self.wfile.write(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def main(address: str, port: str) -> None:
    with Server((address, int(port)), Trap) as server:
        print("listening", flush=True)
        server.serve_forever()


main(*sys.argv[1:])
