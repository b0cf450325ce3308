# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Host names that never depend on the order in which VMs were read. Private to imds.azure."""

from __future__ import annotations

import collections
import hashlib
import json
import re
import typing as t

from ansible_collections.imds.azure.plugins.module_utils._document import MARK
from ansible_collections.imds.azure.plugins.module_utils._errors import OptionError, printable
from ansible_collections.imds.azure.plugins.plugin_utils._inventory.addresses import (
    is_usable_address,
)
from ansible_collections.imds.azure.plugins.plugin_utils._jmespath import compiled
from ansible_collections.imds.azure.plugins.plugin_utils._placement.location import folded

_TAG = "tag:"
# Characters that an Azure VM's name can't have and that have a meaning in Ansible: in host patterns,
# paths, lists and templates.
_INVALID = re.compile(r"[^\w.:\-]+")
# A name with this beginning is an option of ssh, a hidden file, or the parent folder.
_UNSAFE_STARTS = ("-", ".")
# Ansible reads the file host_vars/NAME, so a VM named NAME.yml would get the variables of NAME.
_FILE_ENDINGS = (".yml", ".yaml", ".json")
# The maximum bytes of a name. A host name becomes part of a file name, which has at most 255 bytes.
_MAX_BYTES = 200

# Returns the text for a name from the fields of a VM. `valid_hostname` converts it to a host name.
NameExpression = t.Callable[[dict[str, t.Any]], str]


def name_expression(expression: t.Any) -> NameExpression:
    """A function that returns the text of an expression in the option hostnames; "" if there is none."""
    if isinstance(expression, dict):  # "tag: NAME", which YAML reads as a dictionary
        raise OptionError(
            f"hostnames {printable(str(expression))} is not a text: for the value of a tag, write tag:NAME "
            "without a space"
        )
    if isinstance(expression, str) and expression.startswith(_TAG):
        tag = expression[len(_TAG) :]
        return lambda fields: _text(_tag_value(fields["tags"], tag))
    search = compiled(expression, "hostnames")
    return lambda fields: _text(search(fields))


def _tag_value(tags: dict[str, t.Any], name: str) -> t.Any:
    if name in tags:
        return tags[name]
    # Azure ignores the casing of tag names.
    wanted = folded(name)
    return next((value for own, value in tags.items() if folded(own) == wanted), None)


def _text(value: t.Any) -> str:
    # A list or an object gives no name. This is not an error, because one invalid document must not
    # break the whole inventory.
    if isinstance(value, (dict, list)) or value is None or value is False:
        return ""
    return str(value)


def valid_hostname(text: str) -> str:
    """A host name from the text, without characters that have a meaning in Ansible, ssh or paths."""
    name = _INVALID.sub("_", text)
    if ":" in name and not is_usable_address(name):
        name = name.replace(":", "_")
    if has_unsafe_start(name):
        name = "_" + name[1:]
    if name.endswith(_FILE_ENDINGS):
        name = "_".join(name.rsplit(".", 1))
    # In the output of ansible-inventory, host names are keys of JSON objects.
    if name.startswith(MARK):
        name = name.lstrip("_")
    encoded = name.encode()
    if len(encoded) <= _MAX_BYTES:
        return name
    return f"{encoded[:_MAX_BYTES].decode(errors='ignore')}_{fingerprint(text)}"


def has_unsafe_start(text: str) -> bool:
    return text.startswith(_UNSAFE_STARTS)


def distinct_names(
    choices: t.Sequence[list[str]],
    fallbacks: t.Callable[[int], list[str]],
    taken: t.Container[str],
) -> tuple[list[str], dict[str, int]]:
    """One name for each VM, and each conflicting name with the number of VMs that would have it.

    `choices` are the names of each VM by preference, and `fallbacks` returns unique names for a VM
    without a choice left. All VMs with the same name use their next one, so that no name depends on
    the order of the VMs.
    """
    names = [own[0] for own in choices]
    clashes: dict[str, int] = {}
    all_choices: dict[int, list[str]] = {}
    while True:
        clashing = _clashing(names, taken)
        for vm in clashing:
            if vm not in all_choices:
                # Each name occurs only once: if a choice equals a fallback, index() would find the first one again.
                all_choices[vm] = list(dict.fromkeys([*choices[vm], *fallbacks(vm)]))
        clashing = [vm for vm in clashing if names[vm] != all_choices[vm][-1]]
        if not clashing:
            return names, clashes
        clashes.update(collections.Counter(names[vm] for vm in clashing))
        for vm in clashing:
            names[vm] = all_choices[vm][all_choices[vm].index(names[vm]) + 1]


def _clashing(names: list[str], taken: t.Container[str]) -> list[int]:
    wanted = collections.Counter(names)
    return [vm for vm, name in enumerate(names) if wanted[name] > 1 or name in taken]


def fingerprint(data: t.Any) -> str:
    """A short text that is unique for each document."""
    canonical = json.dumps(data, sort_keys=True, default=str)
    return hashlib.sha256(canonical.encode("utf-8", "surrogatepass")).hexdigest()[:12]


__all__ = (
    "NameExpression",
    "distinct_names",
    "fingerprint",
    "has_unsafe_start",
    "name_expression",
    "valid_hostname",
)
