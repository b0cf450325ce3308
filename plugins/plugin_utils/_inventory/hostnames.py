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
from ansible_collections.imds.azure.plugins.plugin_utils._expression import compiled
from ansible_collections.imds.azure.plugins.plugin_utils._inventory.addresses import (
    is_usable_address,
)

_TAG = "tag:"
# Characters that an Azure VM's name can't have and that Ansible gives a meaning: in host patterns,
# paths, lists and templates.
_INVALID = re.compile(r"[^\w.:\-]+")
# A name that begins so is an option for ssh, or a hidden file, or the folder above.
_UNSAFE_STARTS = ("-", ".")
# Ansible reads host_vars/NAME as it is, so a VM named NAME.yml would have the variables of NAME.
_FILE_ENDINGS = (".yml", ".yaml", ".json")
# Bytes of a name. A host name becomes the name of a file, which has at most 255 with what is added.
_MAX_BYTES = 200

# Gives the text for a name by the fields of a VM. `valid_hostname` makes a host name of that.
NameExpression = t.Callable[[dict[str, t.Any]], str]


def name_expression(expression: t.Any) -> NameExpression:
    """The text that an expression of the option hostnames gives; "" where it gives none."""
    if isinstance(expression, dict):  # "tag: NAME", which YAML reads as something else
        raise OptionError(
            f"hostnames {printable(str(expression))} is no text: the value of a tag is tag:NAME, "
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
    # Azure takes a name of a tag in any casing.
    wanted = name.lower()
    return next((value for own, value in tags.items() if own.lower() == wanted), None)


def _text(value: t.Any) -> str:
    # A list or an object is no name. It is no error, because one odd document must not keep all
    # others out of the inventory.
    if isinstance(value, (dict, list)) or value is None or value is False:
        return ""
    return str(value)


def valid_hostname(text: str) -> str:
    """A host name made of the text, with nothing that would mean something to Ansible, ssh or a path."""
    name = _INVALID.sub("_", text)
    if ":" in name and not is_usable_address(name):
        name = name.replace(":", "_")
    if has_unsafe_start(name):
        name = "_" + name[1:]
    if name.endswith(_FILE_ENDINGS):
        name = "_".join(name.rsplit(".", 1))
    # Names of hosts are keys of objects in what ansible-inventory writes for other programs.
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
    """One name for each VM, and each name that clashed, with the number of VMs that wanted it.

    `choices` are the names of each VM by preference, and `fallbacks` gives unique names for a VM
    that has no choice left. All VMs that want the same name take their next one, so that no name
    depends on the order of the VMs.
    """
    names = [own[0] for own in choices]
    clashes: dict[str, int] = {}
    all_choices: dict[int, list[str]] = {}
    while True:
        clashing = _clashing(names, taken)
        for vm in clashing:
            if vm not in all_choices:
                # Each name once: where a choice equals a fallback, index() would find the first again.
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
    """A short text that two different documents don't share."""
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
