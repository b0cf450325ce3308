# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the tables of the guide from the cases that the tests run."""

from __future__ import annotations

import pathlib
import typing as t

from faults.cases import ALWAYS, GROUPS, ONCE, Case
from faults.evidence import SECTIONS

PATH = pathlib.Path(__file__).resolve().parents[2] / "docs" / "docsite" / "rst" / "faults.rst"
BEGIN = ".. `python3 -m faults` in the folder tests writes the rest of this page.\n"
_RIGHT = "The right answer"


def tables() -> str:
    parts = [_section("Faulty answers", _FAULTS)]
    for title, cases in GROUPS.items():
        rows = [(case.tried, _outcome(case, ONCE), _outcome(case, ALWAYS)) for case in cases]
        parts.append(_table(title, ("Fault", "Once", "Always"), rows))
    for title, trials in SECTIONS.items():
        rows_of_trials = [(trial.tried, trial.result) for trial in trials]
        parts.append(_section(title, ""))
        parts.append(_table("", ("Test", "Result"), rows_of_trials))
    return "\n".join(parts)


_FAULTS = """\
If the answer is wrong, the task, lookup or inventory fails with one message, which contains the text of the table.
"""


def _outcome(case: Case, when: str) -> str:
    message = case.message(when)
    if message is None:
        return _RIGHT
    return f"``{message.removesuffix(', after').removesuffix(', after 1 attempt')}``"


def _section(title: str, text: str) -> str:
    return f"{title}\n{'-' * len(title)}\n" + (f"\n{text}" if text else "")


def _table(title: str, head: t.Sequence[str], rows: t.Iterable[t.Sequence[str]]) -> str:
    lines = [f".. list-table:: {title}".rstrip(), "  :header-rows: 1", ""]
    for row in (head, *rows):
        lines += [f"  {'*' if not index else ' '} - {cell}" for index, cell in enumerate(row)]
    return "\n".join(lines) + "\n"


def written(text: str) -> str:
    """The guide with up-to-date tables."""
    return text[: text.index(BEGIN) + len(BEGIN)] + "\n" + tables()
