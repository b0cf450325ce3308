# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks when the certificates of the collection expire: `python -m tools.certificates`.

A certificate that expires within a year causes a warning, which leaves enough time for a release with its successor.
An expired certificate causes a failure, because it verifies nothing and hides that its successor is missing.
"""

from __future__ import annotations

import datetime
import runpy
import sys
import typing as t

from project import ROOT

TABLE = "plugins/plugin_utils/_attestation/certificates.py"


def table() -> list[t.Any]:
    """The rows of the table. The file contains only data, so it can be read without the rest of the collection."""
    found = runpy.run_path(str(ROOT / TABLE))
    return [*found["SHIPPED_ROOTS"], *found["SHIPPED_INTERMEDIATES"]]


def judged(rows: t.Iterable[t.Any], now: datetime.datetime) -> tuple[list[str], list[str]]:
    """The messages about expired certificates, and about certificates that expire within a year."""
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
    # GitHub shows messages of this form beside the file.
    lines = [f"::error file={TABLE}::{text}" for text in expired]
    lines += [f"::warning file={TABLE}::{text}" for text in ending]
    print("\n".join(lines), end="\n" if lines else "")
    return int(bool(expired))


if __name__ == "__main__":
    sys.exit(main())
