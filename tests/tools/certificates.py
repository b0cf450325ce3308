# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the certificates that come with the collection are still good for: `python -m tools.certificates`.

Less than a year left is a warning: time enough for a release that has the next ones. One that has expired fails,
because it verifies nothing any more and only hides that its successor is missing.
"""

from __future__ import annotations

import datetime
import importlib.util
import os
import sys
import typing as t

from project import ROOT

TABLE = "plugins/plugin_utils/_attestation/certificates.py"
WARNING = datetime.timedelta(days=365)


class Entry(t.Protocol):
    @property
    def name(self) -> str: ...

    @property
    def expires(self) -> str: ...


def certificates() -> int:
    now = datetime.datetime.now(datetime.timezone.utc)
    expired, ending = judged(table(), now)
    for problem in (*expired, *ending):
        print(annotated(problem, "error" if problem in expired else "warning"))
    left = f"{len(expired)} expired, {len(ending)} with less than a year left"
    print(f"certificates: {'failed' if expired else 'ok'} ({left})", flush=True)
    return len(expired)


def table() -> list[Entry]:
    """The rows of the table, which is plain data and needs nothing of the collection to be read."""
    spec = importlib.util.spec_from_file_location("certificates_table", ROOT / TABLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return [*module.SHIPPED_ROOTS, *module.SHIPPED_INTERMEDIATES]


def judged(rows: t.Iterable[Entry], now: datetime.datetime) -> tuple[list[str], list[str]]:
    """What to say about those that have expired, and about those that soon will have."""
    expired, ending = [], []
    for row in rows:
        end = datetime.datetime.strptime(row.expires, "%Y-%m-%dT%H:%M:%S%z")
        if end <= now:
            expired.append(f"{row.name} expired on {end:%Y-%m-%d}: take it out of {TABLE}")
        elif end - now < WARNING:
            ending.append(f"{row.name} expires on {end:%Y-%m-%d}: add its successor to {TABLE}")
    return expired, ending


def annotated(problem: str, level: str) -> str:
    """In the form that GitHub shows beside a run and at the file, or as a plain line."""
    if os.environ.get("GITHUB_ACTIONS") == "true":
        return f"::{level} file={TABLE}::{problem}"
    return f"certificates: {level}: {problem}"


if __name__ == "__main__":
    sys.exit(certificates() > 0)
