# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Prints the result of the module, without Ansible."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t

sys.path.insert(0, os.environ["ANSIBLE_COLLECTIONS_PATH"])

from ansible_collections.imds.azure.plugins.module_utils._client import (  # found now
    DEFAULT_ENDPOINT,
)
from ansible_collections.imds.azure.plugins.module_utils._diagnosis.cause import is_healthy
from ansible_collections.imds.azure.plugins.module_utils._diagnosis.causes import causes
from ansible_collections.imds.azure.plugins.module_utils._diagnosis.observation import (
    observe,
    this_machine,
)
from ansible_collections.imds.azure.plugins.module_utils._diagnosis.report import report


def run(command: t.Sequence[str]) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=False).stdout
    except OSError:
        return ""


evidence = observe(this_machine(run), DEFAULT_ENDPOINT, timeout=2.5)
found = causes(evidence)
print(
    json.dumps(
        {
            "healthy": is_healthy(evidence),
            "causes": [cause._asdict() for cause in found],
            "observed": evidence.to_dict(),
            "report": report(evidence, found, os.uname().nodename),
        }
    )
)
