# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report of the role managed_identity_migration on all hosts of a play. Pure; private to imds.azure.

The results of `vm_extension_info` come from hosts that may be hostile, so any value can have any type, and any
text can contain control characters.
"""

from __future__ import annotations

import collections
import itertools
import typing as t

from ansible_collections.imds.azure.plugins.module_utils._errors import count_of, listed, printable
from ansible_collections.imds.azure.plugins.module_utils._vm_extension.traces import (
    CHANGE_TO,
    VM_NAMES,
    removal_commands,
)
from ansible_collections.imds.azure.plugins.plugin_utils._placement.location import part_of, text_of

_CLEAN = "clean"
_NOT_APPLICABLE = "not_applicable"
_MEANINGS = {
    "ready": "IMDS gives an equal token. Make the listed changes, then remove the extension where it is installed.",
    "unproven": "IMDS gives a token, but the extension gave none to compare it with.",
    "blocked": "IMDS does not give an equal token. Do not remove the extension yet.",
    _CLEAN: "these hosts have no trace of the VM extension for managed identities.",
    _NOT_APPLICABLE: "these are Azure Arc-enabled servers, which never have the VM extension.",
}
_CLAIMS = ("aud", "oid", "tid", "appid")
_RETIRED = (
    "The extension is retired: it keeps credentials on the VM, where an attacker can steal them; it supports only a few",
    "distributions and 32 identities. IMDS supports 1000 identities.",
)
_LONGEST = 1000
# The texts of a column are padded for all hosts, so their limit is lower.
_LONGEST_IN_COLUMN = 200
# A host can return any number of rows.
_MAX_ROWS = 100

_Result = t.Mapping[str, t.Any]


def report(results: t.Mapping[str, _Result]) -> list[str]:
    """The lines of the report, from the result of `vm_extension_info` on each host."""
    by_state = collections.defaultdict(list)
    for host, result in results.items():
        # A host that did not run the role has no result, or that of a skipped task.
        if "state" in result:
            by_state[_in_column(result["state"])].append(host)
    without = {state: by_state.pop(state, []) for state in (_CLEAN, _NOT_APPLICABLE)}
    found = {host: results[host] for hosts in by_state.values() for host in hosts}
    lines = [
        f"{state}: {_hosts(hosts)}. {_sentence(_MEANINGS[state])}"
        for state, hosts in without.items()
        if hosts
    ]
    if not found:
        return lines
    uses = list(_each(_uses, found))
    parts = [
        _table(("HOST", "STATE", "EXTENSION", "TOKENS"), map(_summary, found, found.values())),
        [f"{state}: {_MEANINGS[state]}" for state in _MEANINGS if state in by_state] + lines,
        list(_RETIRED),
        _table(("HOST", "WHAT", "WHERE"), uses),
        _changes(uses),
        _table(("HOST", "CLAIM", "IMDS", "EXTENSION"), _each(_differences, found)),
        [": ".join(row) for row in _each(_remarks, found)],
        _removal(results),
    ]
    return [line for part in parts if part for line in ("", *part)][1:]


def _each(rows: t.Callable[[str, _Result], t.Iterable[t.Any]], found: t.Any) -> t.Iterator[t.Any]:
    for host, result in found.items():
        every = list(itertools.islice(rows(host, result), _MAX_ROWS + 1))
        yield from every[:_MAX_ROWS]
        if len(every) > _MAX_ROWS:
            yield (host, "more", f"only the first {_MAX_ROWS} are listed")


def _hosts(hosts: list[str]) -> str:
    return f"{count_of(len(hosts), 'host')} ({listed(hosts, 10)})"


def _sentence(text: str) -> str:
    return text[0].upper() + text[1:]


def _summary(host: str, result: _Result) -> tuple[str, ...]:
    installed = "installed" if result.get("installed") is True else "not installed"
    tokens = part_of(result, "tokens")
    different = [_text(claim) for claim in _items(tokens, "different")]
    if tokens.get("same") is True:
        compared = "equal"
    elif different:
        compared = f"different: {listed(different)}"
    else:
        compared = "not compared"
    return host, _in_column(result.get("state")), installed, compared


def _uses(host: str, result: _Result) -> t.Iterator[tuple[str, ...]]:
    for each in _parts(result, "listening"):
        yield host, "listens", f"{_text(each.get('address'))} port {_text(each.get('port'))}"
    for path in _items(result, "services"):
        yield host, "service", _text(path)
    for path in _items(result, "files"):
        yield host, "files", _text(path)
    for each in _parts(result, "references"):
        where = f"{_text(each.get('path'))}:{_text(each.get('line'))} ({_text(each.get('found'))})"
        yield host, _in_column(each.get("kind")), where


def _changes(rows: t.Sequence[tuple[str, ...]]) -> list[str]:
    """The changes for each kind of row."""
    kinds = {row[1] for row in rows}
    lines = [f"  {kind}: {CHANGE_TO[kind]}" for kind in CHANGE_TO if kind in kinds]
    own = [kind for kind in ("listens", "service", "files") if kind in kinds]
    if own:
        lines.append(f"  {', '.join(own)}: nothing. They disappear with the extension")
    return ["Change to:", *lines] if lines else []


def _differences(host: str, result: _Result) -> t.Iterator[tuple[str, ...]]:
    tokens = part_of(result, "tokens")
    different = [_text(claim) for claim in _items(tokens, "different")]
    imds, extension = (part_of(part_of(tokens, side), "claims") for side in ("imds", "extension"))
    for claim in _CLAIMS:
        if claim in different:
            values = (_in_column(claims.get(claim)) or "-" for claims in (imds, extension))
            yield host, claim, *values


def _remarks(host: str, result: _Result) -> t.Iterator[tuple[str, ...]]:
    tokens = part_of(result, "tokens")
    for side, name in (("imds", "IMDS"), ("extension", "Extension")):
        error = _text(part_of(tokens, side).get("error"))
        if error:
            yield host, name, error
    for each in _items(result, "unread"):
        yield host, "Not searched", _text(each)


class _Removal(t.NamedTuple):
    commands: dict[str, t.Any]
    vm: tuple[str, ...]
    hosts: list[str]


def _removal(results: t.Mapping[str, _Result]) -> list[str]:
    """The removal commands; a scale set with several hosts has only one.

    People run the commands with their own rights. So the controller builds them from the names that a host returns.
    """
    removals: dict[tuple[str, ...], _Removal] = {}
    claims: dict[tuple[str, ...], list[str]] = collections.defaultdict(list)
    by_hand: dict[str, None] = {}
    for host, result in results.items():
        names = {name: _text(part_of(result, "vm").get(name)) for name in VM_NAMES}
        # Azure ignores the casing of these.
        vm = tuple(names[name].lower() for name in ("subscription", "resource_group", "name"))
        claims[vm].append(host)
        if result.get("installed") is True:
            found = removal_commands(names)
            for each in found:
                removals.setdefault(tuple(each["az"]), _Removal(each, vm, [])).hosts.append(host)
            if not found and (names["name"] or names["scale_set"]):
                by_hand[_by_hand(names)] = None
    lines = []
    for removal in removals.values():
        lines += [*_removal_lines(removal, claims[removal.vm]), ""]
    if by_hand:
        lines += [
            "Remove the extension by hand from these, because a name has characters that are unsafe in a command:"
        ]
        lines += [*by_hand][:_MAX_ROWS]
        if len(by_hand) > _MAX_ROWS:
            lines.append(f"  and {len(by_hand) - _MAX_ROWS} more")
        lines.append("")
    if not lines:
        return []
    return [
        *lines,
        "Remove the extension from templates as well. Otherwise the next deployment installs it again.",
    ]


def _removal_lines(removal: _Removal, claimants: list[str]) -> list[str]:
    commands = removal.commands
    name, is_vm = commands["name"], commands["target"] == "vm"
    # A host can claim to be the VM of another host, which may not be ready.
    if is_vm and len(claimants) > 1:
        return [
            f"Several hosts claim to be the VM {name}, so there is no command for it: {listed(claimants, 10)}."
        ]
    kind = "VM" if is_vm else "scale set"
    # Without leading blanks, because Ansible's YAML output would quote such a command, and double its quotes.
    return [
        f"When nothing needs the extension any more, remove it from the {kind} {name} (found on {listed(removal.hosts, 10)}) "
        "with the Azure CLI:",
        *commands["az"],
        "or with Azure PowerShell:",
        *commands["powershell"],
    ]


def _by_hand(vm: dict[str, str]) -> str:
    kinds = {
        "VM": vm["name"],
        "scale set": vm["scale_set"],
        "resource group": vm["resource_group"],
        "resource group of the scale set": vm["scale_set_resource_group"],
        "subscription": vm["subscription"],
    }
    return "  " + ", ".join(f"{kind} {name}" for kind, name in kinds.items() if name)


def _table(head: tuple[str, ...], rows: t.Iterable[tuple[str, ...]]) -> list[str]:
    """The rows in columns below a header; empty without rows."""
    every = [head, *rows]
    if len(every) == 1:
        return []
    widths = [max(map(len, column)) for column in zip(*every, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in every
    ]


def _parts(result: t.Any, name: str) -> list[dict[str, t.Any]]:
    return [dict(each) for each in _items(result, name) if isinstance(each, t.Mapping)]


def _items(result: t.Any, name: str) -> list[t.Any]:
    found = result.get(name)
    # One more than the limit, to detect that there are more.
    return list(found[: _MAX_ROWS + 1]) if isinstance(found, (list, tuple)) else []


def _text(value: t.Any) -> str:
    return printable(text_of(value), _LONGEST)


def _in_column(value: t.Any) -> str:
    return printable(text_of(value), _LONGEST_IN_COLUMN)


__all__ = ("report",)
