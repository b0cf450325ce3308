# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every error of this collection, as one tree. Private to imds.azure.

module_utils and plugin_utils raise only these errors. Modules and plugins convert them for Ansible in one place.

ImdsError                  one message for the user: what happened, where, what to do
├── OptionError            an invalid option; no request was sent
├── UnavailableError       no usable answer within the deadline
├── RefusedError           IMDS answered with a refusal
│   ├── NotFoundError      the route does not exist
│   └── VersionError       no api-version that both sides know
├── MalformedError         an answer or a file with the wrong content
└── AttestationError       an attested document that is not accepted; `reason` is a code for the cause

TransportError             one attempt failed; only the retry loop sees it
"""

from __future__ import annotations

import typing as t


class ImdsError(Exception):
    """A failure whose text is the whole message for the user, in one line that is safe to print."""

    def __init__(self, message: str) -> None:
        super().__init__(one_line(message))

    # The HTTP status of the last answer; None without an answer.
    status: int | None = None
    # Whether anything answered, even if it was not IMDS or sent no status.
    answered = False


class OptionError(ImdsError):
    pass


class UnavailableError(ImdsError):
    pass


class RefusedError(ImdsError):
    pass


class NotFoundError(RefusedError):
    pass


class VersionError(RefusedError):
    pass


class MalformedError(ImdsError):
    pass


class AttestationError(ImdsError):
    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class TransportError(Exception):
    """One attempt without an answer; `retry` is False if a second attempt can't help.

    `unreachable` is True if the connection was refused, or if there is no route.
    """

    def __init__(self, reason: str, retry: bool = True, unreachable: bool = False) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry = retry
        self.unreachable = unreachable


# The advice for an answer that does not come from IMDS.
NOT_IMDS = "Check what serves this address: it does not answer like IMDS"


def malformed_answer(problem: str, advice: str = NOT_IMDS) -> MalformedError:
    """The error of an answer with status 200 and invalid data."""
    error = MalformedError(f"{problem}. {advice}")
    error.status = 200
    error.answered = True
    return error


def too_large(limit: int) -> TransportError:
    size = f"{limit // 1024**2} MiB" if limit >= 1024**2 else f"{limit // 1024} KiB"
    return TransportError(f"the answer is larger than {size}", retry=False)


def cut_short(got: int, missing: int) -> TransportError:
    return TransportError(f"the answer ended after {got} of {got + missing} bytes")


def one_line(text: str) -> str:
    """A whole message with control characters and unprintable characters escaped.

    Messages quote file names and texts of other libraries, which may contain any characters.
    """
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


def printable(text: str, limit: int = 300) -> str:
    """Untrusted text for a message: one line, no control characters, limited length."""
    # More than the limit, because blanks are removed. The rest of a long text is ignored.
    start = text[: 10 * limit]
    line = " ".join("".join(c if c.isprintable() else " " for c in start).split())
    if len(line) <= limit and len(start) == len(text):
        return line
    return line[: limit - 1] + "…"


def in_seconds(number: float) -> str:
    """A duration for a message, with three digits."""
    return f"{number:.3g} s" if number < 100 else f"{number:.0f} s"


def count_of(number: int, noun: str) -> str:
    return f"1 {noun}" if number == 1 else f"{number} {noun}s"


def listed(names: t.Iterable[str], limit: int = 60) -> str:
    """Names for a message: the first few, and the number of the others."""
    every = [printable(name, 80) for name in names]
    if not every:
        return "nothing"
    more = len(every) - limit
    return ", ".join(every[:limit]) + (f" and {more} more" if more > 0 else "")


__all__ = (
    "NOT_IMDS",
    "AttestationError",
    "ImdsError",
    "MalformedError",
    "NotFoundError",
    "OptionError",
    "RefusedError",
    "TransportError",
    "UnavailableError",
    "VersionError",
    "count_of",
    "cut_short",
    "in_seconds",
    "listed",
    "malformed_answer",
    "one_line",
    "printable",
    "too_large",
)
