# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Lists the Endpoint objects of IMDS. Private to imds.azure.

The lookup metadata requests any route. It finds the properties of a route here, so that its requests are the same
as those of the module for that endpoint.
"""

from __future__ import annotations

from .._client import INSTANCE, VERSIONS
from .._managed_identity.tokens import TOKENS
from .attested import ATTESTED
from .scheduled_events import EVENTS

ENDPOINTS = {endpoint.path: endpoint for endpoint in (INSTANCE, VERSIONS, ATTESTED, EVENTS, TOKENS)}

__all__ = ("ENDPOINTS",)
