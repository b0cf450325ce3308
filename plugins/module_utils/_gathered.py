# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options and the result of instance_facts, for modules and for the controller. Private to imds.azure."""

from __future__ import annotations

import time
import typing as t

from . import _client, _document, _errors, _facts, _options, _transport


class Gathered(t.NamedTuple):
    result: dict[str, t.Any]
    warnings: list[str]


def argument_spec() -> dict[str, t.Any]:
    subsets = ["all", *_facts.SUBSETS]
    return dict(
        _options.shared_argument_spec(),
        gather_subset={
            "type": "list",
            "elements": "str",
            "default": ["all"],
            "choices": [*subsets, *(f"!{name}" for name in subsets)],
        },
        complete={"type": "bool", "default": False},
        keep_fuller={"type": "bool", "default": False},
        raw={"type": "bool", "default": False},
        required={"type": "bool", "default": True},
        user_data={"type": "bool", "default": False},
    )


def gathered(
    option: _options.GetOption,
    send: _transport.Transport,
    system: _client.System | None = None,
    in_azure: t.Callable[[], bool | None] | None = None,
) -> Gathered:
    """The result of the module and its warnings. Raises ImdsError.

    `in_azure` replaces that of `system` after a failure. Windows hosts need this, because there it is too slow to call before each request.
    """
    system = system or _client.System()
    result: dict[str, t.Any] = {}
    try:
        subsets = _facts.chosen_subsets(option("gather_subset"))
        client = _options.client_from(option, send, system)
        answer = client.instance(_facts.needed_parts(subsets), option("complete"))
        result["incomplete"] = list(answer.incomplete)
        facts, warnings = _facts_of(answer, option, subsets)
    except _errors.OptionError:
        raise
    except _errors.ImdsError as exc:
        if option("required"):
            raise
        facts, warnings = {}, _nothing_answered(in_azure or system.in_azure, system, exc)
    result["ansible_facts"] = {"azure_imds": facts}
    return Gathered(result, warnings)


def _facts_of(
    answer: _client.Instance, option: _options.GetOption, subsets: frozenset[str]
) -> tuple[dict[str, t.Any], list[str]]:
    raw = option("raw")
    document = answer.data if raw else _document.without_nulls(answer.data)
    facts, warnings = _facts.azure_imds(
        document, answer.api_version, subsets, raw, option("user_data")
    )
    warnings.extend(answer.notices)
    if "tags" in facts:
        compute = _document.part(answer.data, "compute")
        warnings.extend(_facts.marks_notice(_document.marked_tags(compute)))
    facts["gathered_at"] = time.strftime(_facts.GATHERED_AT, time.gmtime())
    return facts, warnings


def _nothing_answered(
    is_in_azure: t.Callable[[], bool | None], system: _client.System, exc: _errors.ImdsError
) -> list[str]:
    """A warning about an empty fact if the host may be a VM in Azure, or an Azure Arc-enabled server."""
    in_azure = is_in_azure()
    if in_azure or (in_azure is None and exc.answered) or system.has_arc_agent():
        return [f"azure_imds is empty: {exc}"]
    return []


__all__ = ("Gathered", "argument_spec", "gathered")
