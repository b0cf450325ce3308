# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Where a Windows host tells less than a Linux host about a fault of tests/faults/cases.py. Everything else is equal.

ansible.windows.win_uri says in a sentence of .NET why there is no answer, and no more than that.
"""

from __future__ import annotations

from faults.cases import Case

_CLOSED = "win_uri got no answer, 'The underlying connection was closed"
# What the message has in it instead. Each of these attempts is followed by another one.
SAYS = {
    "Reset": _CLOSED,
    "Closed without an answer": _CLOSED,
    "A body shorter than its ``Content-Length``": "win_uri got no answer, 'The connection was closed unexpectedly.'",
    "Two hundred headers": _CLOSED,
    "A chunk of negative length": _CLOSED,
    "An answer of another protocol": _CLOSED,
    "A ``Content-Length`` of 200 MB": "win_uri got no answer, 'The connection was closed unexpectedly.'",
}
# No option bounds how long a body may take. .NET waits five minutes for each of its parts.
WITHOUT_END = frozenset({"A body that arrives byte by byte"})
# A message counts the bytes of what .NET made of bytes that are no text, which are fewer.
OTHER_SIZE = frozenset({"gzip, which the client did not request"})


def on_windows(case: Case) -> Case:
    if case.tried not in SAYS:
        return case
    return case._replace(says=SAYS[case.tried], retried=True)


__all__ = ("OTHER_SIZE", "SAYS", "WITHOUT_END", "on_windows")
