# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every endpoint of IMDS that has an Endpoint. Private to imds.azure.

The lookup metadata asks any route. It looks up what is special about a route here, so that it asks in
the same way as the module for that endpoint.
"""

from __future__ import annotations

from .._client import INSTANCE, VERSIONS
from .._managed_identity.tokens import TOKENS
from .attested import ATTESTED
from .scheduled_events import EVENTS

ENDPOINTS = {endpoint.path: endpoint for endpoint in (INSTANCE, VERSIONS, ATTESTED, EVENTS, TOKENS)}

__all__ = ("ENDPOINTS",)
