# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A callback that writes down the result of every task."""

from __future__ import annotations

DOCUMENTATION = r"""
name: told
type: notification
short_description: Write down the result of every task
description:
  - One line of JSON for each of them.
"""

import json
import os
import typing as t

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "told"
    CALLBACK_NEEDS_ENABLED = True

    def write(self, told: t.Any, failed: bool) -> None:
        # In newer versions of ansible-core, the result does not contain whether it is a failure.
        line = {"host": told._host.get_name(), "result": {**told._result, "failed": failed}}
        with open(os.environ["TOLD_PATH"], "a", encoding="utf-8") as file:
            file.write(json.dumps(line, default=str) + "\n")

    def v2_runner_on_ok(self, result: t.Any) -> None:
        self.write(result, failed=False)

    def v2_runner_on_failed(self, result: t.Any, ignore_errors: bool = False) -> None:  # noqa: ARG002
        self.write(result, failed=True)

    def v2_runner_on_unreachable(self, result: t.Any) -> None:
        self.write(result, failed=True)
