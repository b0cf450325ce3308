# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""An Azure Instance Metadata Service to develop against: many virtual machines on loopback.

In a test: `with Simulator([Vm("web-1", document)]) as simulator: ... simulator["web-1"].url`.
From a shell: `PYTHONPATH=tests python -m simulator`.
Where the real service's behaviour isn't known, a comment that begins `Assumption:` says so.
"""

from __future__ import annotations

from simulator._api_versions import API_VERSIONS
from simulator._faults import Fault
from simulator._fleet import FleetError, load_fleet, sample_fleet
from simulator._identity import Identity
from simulator._maintenance import Maintenance, Sequence
from simulator._messages import Request
from simulator._server import SimulatorError
from simulator._simulator import Simulator
from simulator._vm import Vm

__all__ = (
    "API_VERSIONS",
    "Fault",
    "FleetError",
    "Identity",
    "Maintenance",
    "Request",
    "Sequence",
    "Simulator",
    "SimulatorError",
    "Vm",
    "load_fleet",
    "sample_fleet",
)
