# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cause why IMDS does not answer, and what all causes need. Pure; private to imds.azure."""

from __future__ import annotations

import typing as t

from .._service import ARC
from .evidence import Evidence, Probe

# The certainty of a cause; also the order of the report.
CERTAIN, LIKELY, POSSIBLE = "certain", "likely", "possible"
_ASK = "curl --noproxy '*' -H Metadata:true '{endpoint}/metadata/instance?api-version={version}'"


class Cause(t.NamedTuple):
    name: str
    certainty: str
    what: str
    why: str
    mend: list[str]  # commands; empty if none can help
    advice: str = ""


def is_healthy(evidence: Evidence) -> bool:
    """Whether IMDS answered with a document that describes this VM."""
    request = evidence.request
    return bool(request.status == 200 and request.imds and request.has_compute)


def unanswered(evidence: Evidence) -> bool:
    return evidence.request.status is None


def ask_command(evidence: Evidence) -> str:
    """A command that sends the same request, with a version that every service of this kind has."""
    version = ARC.newest if evidence.arc.asked else "2021-02-01"
    return _ASK.format(endpoint=evidence.endpoint, version=version)


def answered(request: Probe) -> str:
    words = f", {request.body!r}" if request.body else ""
    return f"the answer is status {request.status}{words}"


__all__ = (
    "CERTAIN",
    "LIKELY",
    "POSSIBLE",
    "Cause",
    "answered",
    "ask_command",
    "is_healthy",
    "unanswered",
)
