# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The faults of tests/faults/cases.py about which a Windows host reports less than a Linux host. All other results are equal.

If there is no answer, ansible.windows.win_uri reports only a sentence of .NET.
"""

from __future__ import annotations

from faults.cases import Case

_CLOSED = "win_uri got no answer, 'The underlying connection was closed"
# The text that the message contains instead. The client retries each of these faults.
SAYS = {
    "Reset": _CLOSED,
    "Closed without an answer": _CLOSED,
    "A body shorter than its ``Content-Length``": "win_uri got no answer, 'The connection was closed unexpectedly.'",
    "Two hundred headers": _CLOSED,
    "A chunk of negative length": _CLOSED,
    "An answer of another protocol": _CLOSED,
    "A ``Content-Length`` of 200 MB": "win_uri got no answer, 'The connection was closed unexpectedly.'",
}
# No option limits the time of a body. .NET waits five minutes for each part of the body.
WITHOUT_END = frozenset({"A body that arrives byte by byte"})
# The body is not text. .NET replaces its invalid bytes, so the message counts fewer bytes.
OTHER_SIZE = frozenset({"gzip, which the client did not request"})


def on_windows(case: Case) -> Case:
    if case.tried not in SAYS:
        return case
    return case._replace(says=SAYS[case.tried], retried=True)


__all__ = ("OTHER_SIZE", "SAYS", "WITHOUT_END", "on_windows")
