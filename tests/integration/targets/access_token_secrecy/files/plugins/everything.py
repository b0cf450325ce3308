# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A callback that records the arguments of all its methods."""

from __future__ import annotations

DOCUMENTATION = r"""
name: everything
type: notification
short_description: Write down all that callbacks are told
description:
  - One line of JSON for each event.
"""

import json
import os

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "everything"
    CALLBACK_NEEDS_ENABLED = True

    def write(self, *told: object, **more: object) -> None:
        with open(os.environ["EVERYTHING_PATH"], "a", encoding="utf-8") as file:
            file.writelines(
                json.dumps(getattr(each, "_result", each), default=repr) + "\n"
                for each in (*told, *more.values())
            )

    v2_playbook_on_task_start = write
    v2_on_file_diff = write
    v2_runner_on_start = write
    v2_runner_on_ok = write
    v2_runner_on_failed = write
    v2_runner_on_skipped = write
    v2_runner_on_unreachable = write
    v2_runner_item_on_ok = write
    v2_runner_item_on_failed = write
    v2_runner_item_on_skipped = write
    v2_runner_retry = write
