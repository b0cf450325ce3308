# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fact azure_imds, made of an instance document. Pure; private to imds.azure."""

from __future__ import annotations

import base64
import binascii
import typing as t

from ._clouds import cloud_named
from ._document import addresses_of, part, tags_of, typed
from ._errors import OptionError, listed, printable

SUBSETS = ("compute", "network", "cloud", "tags", "addresses")
# When a fact was gathered: UTC by the clock of the VM, in a form that sorts as the times do.
GATHERED_AT = "%Y-%m-%dT%H:%M:%SZ"
_USER_DATA = ("userData", "customData")


def chosen_subsets(wanted: t.Iterable[str]) -> frozenset[str]:
    """gather_subset as Ansible reads it: names add, !names remove, only removals mean all but."""
    added: set[str] = set()
    removed: set[str] = set()
    names = [str(name) for name in wanted]
    for name in names:
        bare = name[1:] if name.startswith("!") else name
        if bare not in SUBSETS and bare != "all":
            raise OptionError(
                f"gather_subset has no {printable(name)!r}: it takes all, {listed(SUBSETS)}, "
                "and each of them with ! before it"
            )
        group = removed if name.startswith("!") else added
        group.update(SUBSETS if bare == "all" else (bare,))
    if not added and not all(name == "!all" for name in names):
        added.update(SUBSETS)
    # A subset asked for by its own name survives "!all", as in Ansible's setup module.
    kept = {name for name in names if name in SUBSETS} if "!all" in names else set()
    return frozenset((added - removed) | kept)


def azure_imds(
    document: dict[str, t.Any],
    api_version: str,
    subsets: frozenset[str] = frozenset(SUBSETS),
    raw: bool = False,
    user_data: bool = False,
) -> tuple[dict[str, t.Any], list[str]]:
    """The fact, and warnings about what in it is less than it seems."""
    shaped = dict(document) if raw else typed(document)
    compute = part(document, "compute")
    warnings: list[str] = []
    facts: dict[str, t.Any] = {"api_version": api_version} if api_version else {}
    if "compute" in subsets and isinstance(shaped.get("compute"), dict):
        facts["compute"] = shaped["compute"] if user_data else _without_user_data(shaped["compute"])
        if user_data:
            facts["user_data_text"] = _decoded(compute.get("userData"), warnings)
    if "network" in subsets and isinstance(shaped.get("network"), dict):
        facts["network"] = shaped["network"]
    if "cloud" in subsets:
        facts["cloud"] = dict(cloud_named(_text(compute, "azEnvironment"))._asdict())
    if "tags" in subsets:
        facts["tags"], guessed = tags_of(compute)
        if guessed:
            warnings.append(
                "there is no tagsList (api-version before 2019-06-04), so the tags were split from "
                "their text form, where a value that holds a semicolon is cut"
            )
    if "addresses" in subsets:
        facts["addresses"] = addresses_of(part(document, "network"))
    if subsets.issuperset(SUBSETS):
        # What a later IMDS says beside compute and network; our own names come first.
        facts.update(
            {key: shaped[key] for key in shaped if key not in facts and key not in SUBSETS}
        )
    return facts, warnings


def _text(compute: dict[str, t.Any], key: str) -> str:
    value = compute.get(key)
    return value if isinstance(value, str) else ""


def _without_user_data(compute: dict[str, t.Any]) -> dict[str, t.Any]:
    return {key: value for key, value in compute.items() if key not in _USER_DATA}


def _decoded(user_data: t.Any, warnings: list[str]) -> str:
    try:
        return base64.b64decode(user_data or "", validate=True).decode("utf-8")
    except (binascii.Error, UnicodeDecodeError, TypeError, ValueError):
        warnings.append("userData is not UTF-8 text in base64: user_data_text is empty")
        return ""


__all__ = ("GATHERED_AT", "SUBSETS", "azure_imds", "chosen_subsets")
