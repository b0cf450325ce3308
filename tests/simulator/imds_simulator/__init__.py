# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Simulates the Azure Instance Metadata Service of many virtual machines on loopback, for development and tests.

In a test: `with Simulator([Vm("web-1", document)]) as simulator: ... simulator["web-1"].url`, or the pytest fixture `imds_simulator`.
From a shell: `imds-simulator`, or `PYTHONPATH=tests/simulator python -m imds_simulator` in the repository.
If the behaviour of the real service is unknown, a comment with `Assumption:` describes what the simulator does.
"""

from __future__ import annotations

from imds_simulator._api_versions import API_VERSIONS, DOCUMENTED_VERSIONS
from imds_simulator._faults import Fault
from imds_simulator._fleet import FleetError, arc_fleet, load_fleet, sample_fleet
from imds_simulator._identity import Identity
from imds_simulator._maintenance import Maintenance, Sequence
from imds_simulator._messages import Request
from imds_simulator._presets import PRESETS, apply_preset
from imds_simulator._server import SimulatorError
from imds_simulator._simulator import Simulator
from imds_simulator._vm import Vm

__all__ = (
    "API_VERSIONS",
    "DOCUMENTED_VERSIONS",
    "PRESETS",
    "Fault",
    "FleetError",
    "Identity",
    "Maintenance",
    "Request",
    "Sequence",
    "Simulator",
    "SimulatorError",
    "Vm",
    "apply_preset",
    "arc_fleet",
    "load_fleet",
    "sample_fleet",
)
