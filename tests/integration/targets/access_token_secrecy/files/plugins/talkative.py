# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A local connection that prints the output of commands, as the connection over SSH does."""

from __future__ import annotations

DOCUMENTATION = r"""
name: talkative
short_description: Run here, and print the answers of commands
description:
  - As the connection local, but prints what commands answer with C(-vvv), unless it is told not to.
author:
  - The imds.azure contributors (@imds-azure)
extends_documentation_fragment:
  - connection_pipelining
"""

from typing import Any

from ansible.plugins.connection.local import Connection as Local
from ansible.utils.display import Display


class Connection(Local):
    transport = "talkative"

    def exec_command(self, *arguments: Any, **options: Any) -> Any:
        answer = super().exec_command(*arguments, **options)
        hidden = self._play_context.no_log
        Display().vvv(f"talkative: {'censored' if hidden else answer}")
        return answer
