# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Decides which of two facts of a host is kept if the older one is fuller. Pure; private to imds.azure.

IMDS may return an incomplete document. Its fact must not silently replace a complete one.
"""

from __future__ import annotations

import typing as t

from ansible.module_utils.parsing.convert_bool import boolean

from ansible_collections.imds.azure.plugins.module_utils._document import (
    PARTS,
    missing_parts,
    part,
    vm_id_of,
)
from ansible_collections.imds.azure.plugins.module_utils._errors import one_line, printable

_Fact = dict[str, t.Any]


class Choice(t.NamedTuple):
    keeps_older: bool
    notice: str = ""  # for the user, with the name of the host; "" if nothing is lost


def choice_of(
    host: str,
    what: str,
    older: t.Any,
    newer: _Fact,
    keep_fuller: bool,
    absent: t.Container[str] = PARTS,
) -> Choice:
    """Whether the older fact is kept instead of the newer one. `what` says whether it is a fact or a snapshot.

    `absent` lists the parts that the newer fact lacks although they were requested.
    """
    older = older if isinstance(older, dict) else {}
    lost = [
        name for name in PARTS if name in absent and _has(older, name) and not _has(newer, name)
    ]
    if "compute" in lost and older.get("compute") and not part(older, "compute").get("vmId"):
        lost.remove("compute")  # Without a vmId, it may be another VM.
    if not lost:
        return Choice(False)
    difference = (
        f"{host}: {what} of {printable(str(older.get('gathered_at') or 'unknown time'), 40)} has "
        f"{' and '.join(lost)}, but the new one does not"
    )
    if _is_another_vm(older, newer):
        return _choice(False, f"{difference}. It is replaced, because it belongs to another VM")
    if not keep_fuller:
        return _choice(False, f"{difference}. It is replaced, because keep_fuller is false")
    differ = [
        text
        for name, text in _SHOWN.items()
        if _shown(newer, name) not in (None, _shown(older, name))
    ]
    but = f" The new one has {' and '.join(differ)}." if differ else ""
    return _choice(
        True,
        f"{difference}. It is kept.{but} To replace it, set keep_fuller=false, or imds_keep_fuller=false for the "
        "playbook imds.azure.gather",
    )


def choice_of_facts(
    host: str, older: t.Any, newer: _Fact, incomplete: t.Any, keep_fuller: t.Any
) -> Choice:
    """The choice for a fact of the module instance_facts, with the module's result `incomplete`.

    `keep_fuller` has the unconverted value of the task. The module has validated it.
    """
    lacking = [name for name in PARTS if isinstance(incomplete, list) and name in incomplete]
    # With required=false, the fact of a host without IMDS is empty.
    absent = lacking if newer else PARTS
    keep = boolean(keep_fuller, strict=False)
    choice = choice_of(host, "the fact azure_imds", older, newer, keep, absent)
    if lacking and not choice.notice:
        # The module's warning does not name the host, and Ansible shows equal warnings only once.
        return _choice(
            False, f"{host}: azure_imds lacks {' and '.join(lacking)}: IMDS answered without it"
        )
    return choice


# The values that groups and placement use. A kept fact has the older ones.
_SHOWN = {"location": "another location", "zone": "another zone", "tags": "other tags"}


def _shown(fact: _Fact, name: str) -> t.Any:
    return fact.get(name) if name == "tags" else part(fact, "compute").get(name)


def _choice(keeps_older: bool, notice: str) -> Choice:
    return Choice(keeps_older, one_line(notice))


def _is_another_vm(older: _Fact, newer: _Fact) -> bool:
    first, second = (vm_id_of(fact) for fact in (older, newer))
    return bool(first and second and first != second)


def _has(fact: _Fact, name: str) -> bool:
    if name not in missing_parts(fact):
        return True
    # With some gather_subset values, a fact lacks the part itself, but has the subsets that come from it.
    if name == "compute":
        return bool(part(fact, "cloud").get("name"))
    return bool(part(fact, "addresses").get("private"))


__all__ = ("Choice", "choice_of", "choice_of_facts")
