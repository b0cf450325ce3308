# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Replaces the services, files and values that the examples name and a test lacks.

These are a key vault that accepts only the tokens of the simulator, the certificates of the authority of the simulator,
and values for the variables.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
from collections.abc import Iterator

import vault

VAULT = "https://example.vault.azure.net"
FOLDER = "/etc/myapp"
# The user who runs the tests may not be root.
VARIABLES = {
    "ansible_become": False,
    "expected_vm_id": "{{ lookup('imds.azure.metadata', 'instance/compute/vmId') }}",
    "expected_subscription_id": "{{ lookup('imds.azure.metadata', 'instance/compute/subscriptionId') }}",
    "secret_of_this_vm": "hunter2",
    "nonce_of_that_service": "0123456789",
}
DEFAULTS = {
    "imds.azure.attested_info": {
        "trusted_roots": ["roots.pem"],
        "intermediates": ["azure-intermediates.pem"],
    }
}


@contextlib.contextmanager
def stand_ins(endpoint: str) -> Iterator[dict[str, str]]:
    """Yields the replacements of texts in the examples, while their services run."""
    os.environ["no_proxy"] = "127.0.0.1"
    authority = vault.asked(f"{endpoint}/simulator/attested")
    pathlib.Path("roots.pem").write_text(authority["roots"], encoding="ascii")
    pathlib.Path("azure-intermediates.pem").write_text(authority["intermediates"], encoding="ascii")
    folder = pathlib.Path("myapp").resolve()
    folder.mkdir(exist_ok=True)
    with vault.serving("of the database", [endpoint]) as url:
        yield {VAULT: url, FOLDER: str(folder)}
