# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the certificates that come with the collection are still good for: `python -m tools.certificates`.

Less than a year left is a warning: time enough for a release that has the next ones. One that has expired fails,
because it verifies nothing any more and only hides that its successor is missing.
"""

from __future__ import annotations

import datetime
import runpy
import sys
import typing as t

from project import ROOT

TABLE = "plugins/plugin_utils/_attestation/certificates.py"


def table() -> list[t.Any]:
    """The rows of the table, which is plain data and needs nothing of the collection to be read."""
    found = runpy.run_path(str(ROOT / TABLE))
    return [*found["SHIPPED_ROOTS"], *found["SHIPPED_INTERMEDIATES"]]


def judged(rows: t.Iterable[t.Any], now: datetime.datetime) -> tuple[list[str], list[str]]:
    """What to say about those that have expired, and about those that have less than a year left."""
    expired, ending = [], []
    for row in rows:
        end = datetime.datetime.strptime(row.expires, "%Y-%m-%dT%H:%M:%S%z")
        if end <= now:
            expired.append(f"{row.name} expired on {end:%Y-%m-%d}: take it out of {TABLE}")
        elif end - now < datetime.timedelta(days=365):
            ending.append(f"{row.name} expires on {end:%Y-%m-%d}: add its successor to {TABLE}")
    return expired, ending


def main() -> int:
    expired, ending = judged(table(), datetime.datetime.now(datetime.timezone.utc))
    # GitHub shows lines of this form at the file.
    lines = [f"::error file={TABLE}::{text}" for text in expired]
    lines += [f"::warning file={TABLE}::{text}" for text in ending]
    print("\n".join(lines), end="\n" if lines else "")
    return int(bool(expired))


if __name__ == "__main__":
    sys.exit(main())
