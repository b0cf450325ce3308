# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A simulated virtual machine: its metadata, and the requests that it received."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from imds_simulator._api_versions import API_VERSIONS
from imds_simulator._arc import KEYS_FOLDER
from imds_simulator._faults import Fault
from imds_simulator._identity import Identity
from imds_simulator._limit import Concurrency, RateLimit
from imds_simulator._maintenance import Maintenance
from imds_simulator._messages import Request
from imds_simulator._presets import apply_preset


@dataclass(eq=False)
class Vm:
    """A virtual machine. All fields may change while the simulator serves it, and apply from the next request."""

    name: str
    document: dict[str, Any]
    # The accepted and listed versions. /metadata/versions sorts them.
    versions: Sequence[str] = API_VERSIONS
    # Accepted versions that /metadata/versions does not list. IMDS also accepts such versions.
    unlisted_versions: Sequence[str] = ()
    # The answers of 2017 to 2020 to a missing (400, older wording) and an unknown version (404).
    legacy_versions: bool = False
    # Whether /metadata/versions exists. IMDS has it since 2020.
    versions_route: bool = True
    # The JSON of further routes by their paths. Only some machines have these routes.
    routes: dict[str, Any] = field(default_factory=dict)
    # Whether answers have the header x-ms-request-id.
    request_ids: bool = True
    # Parts of the document that IMDS can't read at present. It answers without them, or fails if
    # `extended=true` requires the complete document.
    lost: Sequence[str] = ()
    # The content of /metadata/loadbalancer without its outer key. None: there is no load balancer.
    loadbalancer: dict[str, Any] | None = None
    # The number of the next attested documents that contain the nonce of an earlier request.
    stale_nonces: int = 0
    # Fields that replace those of attested documents. None: there are no attested documents.
    claims: dict[str, Any] = field(default_factory=dict)
    # The maintenance of the machine. Machines of one set share it.
    maintenance: Maintenance = field(default_factory=Maintenance)
    # The limit of requests a second. 0: no limit. None: the limit of the simulator.
    rate_limit: int | None = None
    # Managed identities. At most one of them is system-assigned, that is without a resource_id.
    identities: Sequence[Identity] = ()
    # The resources with tokens. None: all resources that can exist.
    resources: Sequence[str] | None = None
    # The limits of requests for tokens: in a second, and at once. 0: no limit. Other requests do not count here.
    token_rate_limit: int = 20
    token_concurrency: int = 5
    # The port of the retired VM extension. 0: any port. None: it is not installed.
    extension_port: int | None = None
    # The identities of the extension. None: those of the machine.
    extension_identities: Sequence[Identity] | None = None
    # "imds" for a virtual machine in Azure, "arc" for an Azure Arc-enabled server.
    service: str = "imds"
    # The folder in which the agent of an Azure Arc-enabled server creates its keys.
    keys_folder: str = KEYS_FOLDER
    # Whether that agent supports several identities, and repeats the requested one. It does since version 1.67.
    confirms_identities: bool = True
    faults: list[Fault] = field(default_factory=list)
    # The name of a state in _presets.py.
    preset: str | None = None

    requests: list[Request] = field(init=False, default_factory=list)
    url: str = field(init=False, default="")  # once it is served
    limit: RateLimit = field(init=False, default_factory=RateLimit, repr=False)
    extension_url: str = field(init=False, default="")  # once it is served
    keys: dict[str, str] = field(init=False, default_factory=dict, repr=False)  # of open challenges
    tokens: list[str] = field(init=False, default_factory=list, repr=False)  # all tokens
    # The cached tokens, by identity and resource.
    kept_tokens: dict[tuple[Identity, str], dict[str, str]] = field(
        init=False, default_factory=dict, repr=False
    )
    throttled: int = field(init=False, default_factory=int)  # the number of requests over the limit
    bytes_sent: int = field(init=False, default_factory=int)  # of bodies without faults
    token_limit: RateLimit = field(init=False, default_factory=RateLimit, repr=False)
    token_requests: Concurrency = field(init=False, default_factory=Concurrency, repr=False)

    def __post_init__(self) -> None:
        if self.preset is not None:
            apply_preset(self, self.preset)
