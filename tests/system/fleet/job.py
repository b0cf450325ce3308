# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs one job with ansible-runner, as AWX does. The exit status is that of the job: `python job.py JOB.json`."""

from __future__ import annotations

import json
import pathlib
import sys

import ansible_runner


def main(file: str) -> int:
    settings = json.loads(pathlib.Path(file).read_text(encoding="utf-8"))
    return int(ansible_runner.run(**settings).rc)


sys.exit(main(*sys.argv[1:]))
