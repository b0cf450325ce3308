# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Checks the fact azure_imds of a host or of the fact cache. Private to imds.azure.

A hostile host can return any data, and any module may have set the fact. So the fact is untrusted and unchecked.
"""

from __future__ import annotations

import math
import typing as t

from ansible_collections.imds.azure.plugins.module_utils._document import (
    MAX_DEPTH,
    children,
    instance_document,
)
from ansible_collections.imds.azure.plugins.module_utils._errors import MalformedError

# The name of the fact. It is also the key of the fact in a snapshot.
FACT = "azure_imds"
# The maximum size of a document. No document of IMDS has more than 4 MiB.
MAX_DOCUMENT = 16 * 1024**2
# A snapshot nests the fact one level deeper.
_MAX_DEPTH = MAX_DEPTH - 1
# A real fact has some hundred values. JSON with indentation needs up to a hundred bytes for the blanks before a value.
_MAX_VALUES = 100_000


def check_fact(fact: dict[str, t.Any]) -> None:
    """Raises MalformedError if the inventory could not read a snapshot of the fact."""
    _check_values(instance_document(fact))


def _check_values(data: t.Any) -> None:
    """Raises MalformedError if the data has values that JSON lacks, nests too deeply, or is too large."""
    level: list[t.Any] = [data]
    values = characters = 0
    for _depth in range(_MAX_DEPTH + 1):
        values += len(level)
        if values > _MAX_VALUES:
            raise MalformedError(f"it has more than {_MAX_VALUES} values")
        for value in level:
            _check_value(value)
        characters += sum(map(_characters, level))
        if characters > MAX_DOCUMENT:
            raise MalformedError(f"its texts are longer than {MAX_DOCUMENT // 1024**2} MiB")
        level = [child for value in level for child in children(value)]
        if not level:
            return
    raise MalformedError(f"it nests deeper than {_MAX_DEPTH} levels")


def _check_value(value: t.Any) -> None:
    if isinstance(value, dict) and not all(isinstance(key, str) for key in value):
        raise MalformedError("a key is not a text")
    if isinstance(value, float) and not math.isfinite(value):
        raise MalformedError("a number is not finite")


def _characters(value: t.Any) -> int:
    if isinstance(value, dict):
        return sum(map(len, value))
    return len(value) if isinstance(value, str) else 0


__all__ = ("FACT", "MAX_DOCUMENT", "check_fact")
