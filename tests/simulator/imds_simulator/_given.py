# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Checks the types of values from outside the process."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any, TypeGuard, TypeVar

T = TypeVar("T")


def list_of(name: str, value: Any, read: Callable[[Any], T]) -> list[T]:
    """The result of `read` for each element. A ValueError names the wrong element."""
    if not isinstance(value, list):
        raise ValueError(f"{name} is a list")
    found = []
    for position, item in enumerate(value):
        try:
            found.append(read(item))
        except ValueError as exc:
            raise ValueError(f"{name}[{position}]: {exc}") from exc
    return found


def refuse_unknown(value: Iterable[str], known: Iterable[str]) -> None:
    if unknown := set(value) - set(known):
        raise ValueError(f"unknown field {min(unknown)!r}; known: {listed(known)}")


def listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


# True is an int in Python, but not in JSON.
def is_count(value: Any) -> TypeGuard[int]:
    """A whole number, 0 or more."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def is_seconds(value: Any) -> TypeGuard[float]:
    return type(value) in (int, float) and 0 <= value < math.inf
