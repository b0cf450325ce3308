# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the fact azure_imds from an instance document. Pure; private to imds.azure."""

from __future__ import annotations

import re
import typing as t

from . import _clouds, _document, _errors, _service, _times

SUBSETS = ("compute", "network", "cloud", "tags", "addresses")
# The subsets of the fact that come from each part of an instance document.
_SOURCES = {
    "compute": frozenset(("compute", "cloud", "tags")),
    "network": frozenset(("network", "addresses")),
}
# The time when a fact was gathered, in UTC, by the clock of the VM.
GATHERED_AT = _times.ISO_8601
USER_DATA = ("userData", "customData")
# The keys about the machine, which every fact has, with any subsets.
OF_MACHINE = ("service", "resource_type")
# A resource ID. The provider is found by its position, because a resource group may have any name. Azure ignores the casing.
_RESOURCE_ID = re.compile(
    r"/subscriptions/[^/]*(?:/resourceGroups/[^/]*)?/providers/(.+)",
    re.ASCII | re.IGNORECASE | re.DOTALL,
)
# The resource provider of Azure Arc-enabled servers.
_ARC_PROVIDER = "microsoft.hybridcompute"


def chosen_subsets(wanted: t.Iterable[str]) -> frozenset[str]:
    """The subsets that gather_subset chooses. With only !names, all other subsets are chosen."""
    added: set[str] = set()
    removed: set[str] = set()
    names = [str(name) for name in wanted]
    for name in names:
        bare = name[1:] if name.startswith("!") else name
        if bare not in SUBSETS and bare != "all":
            raise _errors.OptionError(
                f"gather_subset has no {_errors.printable(name)!r}: choose from all, {_errors.listed(SUBSETS)}, "
                "and each of them with ! before it"
            )
        group = removed if name.startswith("!") else added
        group.update(SUBSETS if bare == "all" else (bare,))
    # As in Ansible's setup module, a subset that is named is never removed.
    asked = {name for name in names if name in SUBSETS}
    return frozenset((added or set(SUBSETS)) - (removed - asked))


def needed_parts(subsets: t.Collection[str]) -> list[str]:
    """The parts of an instance document that the subsets need."""
    return [name for name in _document.PARTS if not _SOURCES[name].isdisjoint(subsets)]


def azure_imds(
    document: dict[str, t.Any],
    api_version: str,
    subsets: frozenset[str] = frozenset(SUBSETS),
    raw: bool = False,
    user_data: bool = False,
) -> tuple[dict[str, t.Any], list[str]]:
    """The fact, and warnings about values that are incomplete or uncertain.

    The document must have no nulls, unless the fact is raw. The document is not changed. The fact shares
    unchanged values with it.
    """
    compute, network = _document.part(document, "compute"), _document.part(document, "network")
    warnings: list[str] = []
    facts: dict[str, t.Any] = {"api_version": api_version} if api_version else {}
    kind = resource_type(compute)
    facts.update(service=_service_of_type(kind), resource_type=kind)
    for name, content in (("compute", compute), ("network", network)):
        if name in subsets and isinstance(document.get(name), dict):
            facts[name] = dict(content) if raw else _document.typed(name, content)
    if "compute" in facts:
        facts.update(_user_data(facts["compute"], user_data, warnings))
    if "cloud" in subsets:
        facts["cloud"] = _clouds.cloud_named(_text(compute, "azEnvironment"))._asdict()
    if "tags" in subsets:
        facts["tags"], guessed = _document.tags_of(compute)
        if guessed:
            warnings.append(
                "there is no tagsList (api-version before 2019-06-04), so the tags were split from "
                "their text form. A value with a semicolon is cut short there, and the text after the "
                "semicolon can look like another tag"
            )
    if "addresses" in subsets:
        facts["addresses"] = _document.addresses_of(network)
    if subsets.issuperset(SUBSETS):
        # Further parts of a later IMDS. The collection's own names take precedence.
        facts.update(
            {key: document[key] for key in document if key not in facts and key not in SUBSETS}
        )
    return facts, warnings


def resource_type(compute: dict[str, t.Any]) -> str:
    """The type in a resource id such as /subscriptions/S/resourceGroups/G/providers/PROVIDER/TYPE/NAME; "" without one."""
    found = _RESOURCE_ID.match(_text(compute, "resourceId"))
    if not found:
        return ""
    provider, *rest = found.group(1).split("/")
    # Types and names alternate, because a resource may be within another one.
    return "/".join((provider, *rest[::2]))


def service_of(compute: dict[str, t.Any]) -> str:
    """The name of the service that returns documents with such a compute."""
    return _service_of_type(resource_type(compute))


def _service_of_type(kind: str) -> str:
    provider = kind.partition("/")[0].lower()
    return (_service.ARC if provider == _ARC_PROVIDER else _service.IMDS).name


def marks_notice(names: t.Collection[str]) -> list[str]:
    """A warning about tags that `tags` leaves out, or no warning."""
    if not names:
        return []
    return [
        f"tags lacks {_errors.listed(sorted(set(names)), 10)}, because Ansible gives names that begin "
        f"with {_document.MARK} a special meaning: compute.tagsList has all tags"
    ]


def _text(compute: dict[str, t.Any], key: str) -> str:
    value = compute.get(key)
    return value if isinstance(value, str) else ""


def _user_data(compute: dict[str, t.Any], wanted: bool, warnings: list[str]) -> dict[str, t.Any]:
    """Removes user data from compute or, if it is wanted, returns its decoded text."""
    if wanted:
        return {"user_data_text": _decoded(compute.get("userData"), warnings)}
    for name in USER_DATA:
        compute.pop(name, None)
    return {}


def _decoded(user_data: t.Any, warnings: list[str]) -> str:
    # Imported here because user data is left out unless a task requests it.
    from . import _user_data

    try:
        return _user_data.text_of(user_data)
    except ValueError as exc:
        warnings.append(f"userData {exc}: user_data_text is empty")
        return ""


__all__ = (
    "GATHERED_AT",
    "OF_MACHINE",
    "SUBSETS",
    "USER_DATA",
    "azure_imds",
    "chosen_subsets",
    "marks_notice",
    "needed_parts",
    "resource_type",
    "service_of",
)
