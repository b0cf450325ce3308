# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compiles JMESPath expressions to functions; plain paths need no library. Private to imds.azure."""

from __future__ import annotations

import re
import typing as t

from ansible_collections.imds.azure.plugins.module_utils._errors import OptionError, printable

Expression = t.Callable[[t.Any], t.Any]


class EvaluationError(OptionError):
    """A valid expression that has no value for one document, for example length of a number."""

    def __init__(self, expression: str, reason: str) -> None:
        super().__init__(f"{expression}: {reason}")
        self.expression = expression  # with the name of its option
        self.reason = reason


# Names joined by dots need no library, and are fast for a fleet.
_PLAIN_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*\Z", re.ASCII)


def compiled(text: t.Any, option: str) -> Expression:
    """The expression as a function of a document."""
    if not isinstance(text, str):
        raise OptionError(
            f"{option} {printable(str(text))!r} is not a JMESPath expression: it is not a text"
        )
    if _PLAIN_PATH.match(text):
        return _path(text.split("."))
    try:
        # Imported here because most inventories and lookups have no expressions.
        import jmespath
        import jmespath.exceptions
    except ImportError:
        raise OptionError(
            f"{option} {printable(text)!r} is a JMESPath expression, which needs the Python library "
            "jmespath on the controller: pip install jmespath"
        ) from None
    try:
        expression = jmespath.compile(text)
    except (jmespath.exceptions.JMESPathError, ValueError, RecursionError) as exc:
        raise OptionError(
            f"{option} {printable(text)!r} is not a JMESPath expression: {printable(str(exc))}"
        ) from None

    def search(document: t.Any) -> t.Any:
        try:
            return expression.search(document)
        except Exception as exc:
            # Besides its own errors, the library raises some of Python's, for example
            # the TypeError of sort_by if a field is a number in one element and a text in another.
            raise EvaluationError(f"{option} {printable(text)!r}", printable(str(exc))) from exc

    return search


def names_compared_with(text: str) -> set[str]:
    """The field names on the right side of comparisons, which are often texts without quotes.

    `tags.Env == prod` compares the tag with the field `prod` of the VM.
    """
    if _PLAIN_PATH.match(text):
        return set()
    import jmespath

    found: set[str] = set()
    waiting: list[t.Any] = [jmespath.compile(text).parsed]
    while waiting:
        node = waiting.pop()
        if node["type"] == "comparator":
            right = node["children"][1]
            found.update([right["value"]] if right["type"] == "field" else [])
        elif node["type"] in ("and_expression", "or_expression", "not_expression"):
            waiting.extend(node["children"])
    return found


def _path(names: list[str]) -> Expression:
    def search(document: t.Any) -> t.Any:
        for name in names:
            if not isinstance(document, dict):
                return None
            document = document.get(name)
        return document

    return search


__all__ = ("EvaluationError", "Expression", "compiled", "names_compared_with")
