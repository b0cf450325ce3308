# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sends one control request to the simulator from within a namespace: `python ask.py METHOD URL [BODY]`."""

from __future__ import annotations

import http.client
import sys
import urllib.parse


def main(method: str, url: str, body: str | None = None) -> None:
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=10)
    connection.request(method, parts.path, body)
    response = connection.getresponse()
    answer = response.read().decode()
    print(answer)
    sys.exit(0 if response.status < 300 else f"{response.status}: {answer}")


main(*sys.argv[1:])
