# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Finds listening sockets in the kernel's tables of sockets. Pure; private to imds.azure."""

from __future__ import annotations

import contextlib
import typing as t

_LISTENING = "0A"


class Listener(t.NamedTuple):
    address: str  # as the kernel prints it
    port: int
    user: str  # the number of the user; "" if the row ends before it


def listeners_in(table: str) -> t.Iterator[Listener]:
    """The listening sockets in the text of /proc/net/tcp or /proc/net/tcp6."""
    for row in map(str.split, table.splitlines()):
        if len(row) > 3 and row[3] == _LISTENING:
            address, _colon, port = row[1].partition(":")
            # A row that the kernel did not write is left out.
            with contextlib.suppress(ValueError):
                yield Listener(address, int(port, 16), row[7] if len(row) > 7 else "")


__all__ = ("Listener", "listeners_in")
