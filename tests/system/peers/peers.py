# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The programs, how each of them reads only IMDS, and the parts of its output that the facts also contain."""

from __future__ import annotations

import dataclasses
import typing as t

Read = dict[str, t.Any]


@dataclasses.dataclass(frozen=True)
class Peer:
    """A program that prints JSON.

    `read` returns the parts of the output that must equal the fact of the same name.
    """

    name: str
    # The Debian packages of the program.
    packages: tuple[str, ...]
    command: tuple[str, ...]
    # The API version that the program uses, and the number of its requests.
    api_version: str
    requests: int
    read: t.Callable[[t.Any], Read]
    # Files by which the program recognizes Azure.
    files: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    # Whether the program supports the IPv6 addresses of real documents, which have no public address.
    takes_ipv6: bool = True


def _whole(document: t.Any) -> Read:
    return {key: document[key] for key in ("compute", "network")}


def _ohai(printed: t.Any) -> Read:
    network = printed["metadata"]["network"]
    return {
        "compute": printed["metadata"]["compute"],
        "addresses": {
            ours: network[f"{theirs}_ipv4"] + network[f"{theirs}_ipv6"]
            for ours, theirs in (("private", "local"), ("public", "public"))
        },
    }


# The rest of cloud-init's data source needs a DHCP server and Azure's wire server; so does the agent as a daemon.
_CLOUD_INIT = """
import json
from cloudinit.sources.DataSourceAzure import DataSourceAzure
print(json.dumps(DataSourceAzure.get_imds_data_with_api_fallback(None, retries=5)))
"""
_WAAGENT = """
import json
from azurelinuxagent.common.protocol.imds import ImdsClient
client = ImdsClient("127.0.0.1")
document = json.loads(client.get_metadata("instance", False).response.decode())
print(json.dumps({"document": document, "healthy": client.validate(), "origin": client.get_compute().image_origin}))
"""

FACTER = Peer(
    "Facter's az_metadata",
    packages=("facter",),
    command=("facter", "--json", "az_metadata"),
    api_version="2020-09-01",
    requests=1,
    read=lambda printed: _whole(printed["az_metadata"]),
)
OHAI = Peer(
    "Ohai's azure plugin",
    packages=("ohai",),
    command=("ohai", "azure"),
    api_version="2019-11-01",
    requests=2,
    read=_ohai,
    files={"etc/chef/ohai/hints/azure.json": "{}\n"},
    takes_ipv6=False,
)
CLOUD_INIT = Peer(
    "cloud-init's IMDS call",
    # The second package is named, because debootstrap does not resolve the virtual package that a library needs.
    packages=("cloud-init", "python3-cffi-backend"),
    command=("python3", "-c", _CLOUD_INIT),
    api_version="2021-08-01",
    requests=1,
    read=_whole,
)
WAAGENT = Peer(
    "the Azure agent's IMDS client",
    packages=("waagent",),
    command=("python3", "-c", _WAAGENT),
    api_version="2018-02-01",
    requests=3,
    read=lambda printed: _whole(printed["document"]),
)
PEERS = (FACTER, OHAI, CLOUD_INIT, WAAGENT)
