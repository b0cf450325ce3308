# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Restores the inventory after a failure. Private to imds.azure.

Ansible keeps everything that a plugin added before it failed, and continues with the next source.
"""

from __future__ import annotations

import contextlib
import typing as t

if t.TYPE_CHECKING:
    from ansible.inventory.data import InventoryData


@contextlib.contextmanager
def all_or_nothing(inventory: InventoryData) -> t.Iterator[None]:
    named: tuple[dict[str, t.Any], ...] = (inventory.hosts, inventory.groups)
    before = [dict(entries) for entries in named]
    states = [(one, _state(one)) for entries in before for one in entries.values()]
    try:
        yield
    except BaseException:
        for now, then in zip(named, before, strict=True):
            now.clear()
            now.update(then)
        for one, state in states:
            vars(one).update(state)
        raise


def _state(one: t.Any) -> dict[str, t.Any]:
    """The attributes of a host or a group, with copies of mutable values."""
    return {
        name: value.copy() if isinstance(value, (dict, list, set)) else value
        for name, value in vars(one).items()
    }


__all__ = ("all_or_nothing",)
