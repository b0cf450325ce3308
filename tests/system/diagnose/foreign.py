# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The metadata service of another cloud, with only the answers that identify it: foreign.py ADDRESS PORT"""

from __future__ import annotations

import http.server
import sys


class Ec2(http.server.BaseHTTPRequestHandler):
    """Answers like the service of Amazon, which requires a token."""

    server_version = "EC2ws"
    sys_version = ""

    def do_GET(self) -> None:
        self.send_response(401)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # its name
        pass


http.server.HTTPServer((sys.argv[1], int(sys.argv[2])), Ec2).serve_forever()
