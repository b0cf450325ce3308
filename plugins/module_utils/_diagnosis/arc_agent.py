# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Azure Arc agent of a machine, as far as files and the kernel's table of sockets show it. Pure; private to imds.azure."""

from __future__ import annotations

import typing as t

from .._machine.sockets import listeners_in

# The number of the user root.
_ROOT = "0"
# The user of the agent.
AGENT_USER = "himds"


class ArcAgent(t.NamedTuple):
    """The observations about the Azure Arc agent of a machine."""

    installed: bool
    asked: bool  # the endpoint is that of the agent
    listeners: list[str]  # the users who listen on its port; a user without a name has a number
    may_read_keys: bool | None  # whether this user may; None if there is no folder of keys
    user: str  # this user

    @property
    def strangers(self) -> list[str]:
        """The listening users other than the user of the agent and root."""
        return [user for user in self.listeners if user not in (AGENT_USER, "root", _ROOT)]


def owners_of_listeners(tables: t.Iterable[str], port: int, passwd: str) -> list[str]:
    """The users who listen on a port, from the texts of /proc/net/tcp, /proc/net/tcp6 and /etc/passwd."""
    names: dict[str, str] = {}
    for line in passwd.splitlines():
        name, _password, number = (*line.split(":", 3), "", "", "")[:3]
        names.setdefault(number, name)
    users = {each.user for table in tables for each in listeners_in(table) if each.port == port}
    return sorted(names.get(user) or user for user in users - {""})


__all__ = ("AGENT_USER", "ArcAgent", "owners_of_listeners")
