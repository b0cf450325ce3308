# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A simulated virtual machine: what it knows about itself, and what was asked of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from imds_simulator._api_versions import API_VERSIONS
from imds_simulator._faults import Fault
from imds_simulator._identity import Identity
from imds_simulator._limit import Concurrency, RateLimit
from imds_simulator._maintenance import Maintenance
from imds_simulator._messages import Request
from imds_simulator._presets import apply_preset


@dataclass(eq=False)
class Vm:
    """Everything may be changed while it is being served, and holds from the next request on."""

    name: str
    document: dict[str, Any]
    # Accepted and listed; sorted when they are listed.
    versions: Sequence[str] = API_VERSIONS
    # Accepted but not listed: /metadata/versions leaves out some that real IMDS answers to.
    unlisted_versions: Sequence[str] = ()
    # The answers of 2017 to 2020 to a missing (400, older wording) and an unknown version (404).
    legacy_versions: bool = False
    # Whether /metadata/versions exists; it came in 2020.
    versions_route: bool = True
    # JSON of further routes, by their path: those that only some machines have.
    routes: dict[str, Any] = field(default_factory=dict)
    # Whether answers have the header x-ms-request-id.
    request_ids: bool = True
    # Parts of the document that IMDS can't get at the moment. It answers without them, and not at
    # all where `extended=true` wants the whole document.
    lost: Sequence[str] = ()
    # What /metadata/loadbalancer gives, without its outer key. None: there is no load balancer.
    loadbalancer: dict[str, Any] | None = None
    # How many of the next attested documents hold the nonce of an earlier request.
    stale_nonces: int = 0
    # What attested documents say instead of what follows from the document; None: nothing at all.
    claims: dict[str, Any] = field(default_factory=dict)
    # What happens to the machine; machines of one set share it.
    maintenance: Maintenance = field(default_factory=Maintenance)
    # Requests a second; 0: no limit; None: that of the simulator.
    rate_limit: int | None = None
    # Managed identities; at most one of them is the machine's own, that is without a resource_id.
    identities: Sequence[Identity] = ()
    # What tokens are given for. None: everything that could exist.
    resources: Sequence[str] | None = None
    # Requests for tokens a second, and at once; 0: no limit. They don't count as the others do.
    token_rate_limit: int = 20
    token_concurrency: int = 5
    # Where the retired VM extension listens, 0: any port; None: it isn't installed.
    extension_port: int | None = None
    # The identities that it knows; None: those of the machine.
    extension_identities: Sequence[Identity] | None = None
    faults: list[Fault] = field(default_factory=list)
    # A state of _presets.py that users meet, by its name.
    preset: str | None = None

    requests: list[Request] = field(init=False, default_factory=list)
    url: str = field(init=False, default="")  # once it is served
    limit: RateLimit = field(init=False, default_factory=RateLimit, repr=False)
    extension_url: str = field(init=False, default="")  # once it is served
    tokens: list[str] = field(init=False, default_factory=list, repr=False)  # all that were made
    # What the service gives again, by identity and resource.
    kept_tokens: dict[tuple[Identity, str], dict[str, str]] = field(
        init=False, default_factory=dict, repr=False
    )
    throttled: int = field(init=False, default_factory=int)  # requests that came too fast
    bytes_sent: int = field(init=False, default_factory=int)  # the bodies of all sound answers
    token_limit: RateLimit = field(init=False, default_factory=RateLimit, repr=False)
    token_requests: Concurrency = field(init=False, default_factory=Concurrency, repr=False)

    def __post_init__(self) -> None:
        if self.preset is not None:
            apply_preset(self, self.preset)
