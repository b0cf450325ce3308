# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Machines made of texts, for tests of diagnose_info. Tests with real networks are in tests/system/diagnose."""

from __future__ import annotations

import fnmatch
import json
import typing as t

from ansible_collections.imds.azure.plugins.module_utils._diagnosis.causes import causes
from ansible_collections.imds.azure.plugins.module_utils._diagnosis.evidence import Evidence
from ansible_collections.imds.azure.plugins.module_utils._diagnosis.observation import (
    Machine,
    observe,
)
from ansible_collections.imds.azure.plugins.module_utils._errors import TransportError
from ansible_collections.imds.azure.plugins.module_utils._firmware import AZURE_TAG
from ansible_collections.imds.azure.plugins.module_utils._transport import Request, Response

IMDS = "http://169.254.169.254"
HEADER = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"
DEFAULT = "eth0 00000000 0100000A 0003 0 0 100 00000000 0 0 0\n"
LINKS = (
    "eth0 0000000A 00000000 0001 0 0 0 00FFFFFF 0 0 0\n"
    "eth1 0001000A 00000000 0001 0 0 0 00FFFFFF 0 0 0\n"
)
FIB = "  |-- 10.0.0.4\n     /32 host LOCAL\n  |-- 10.0.1.4\n     /32 host LOCAL\n"
FILES = {
    "/proc/net/route": HEADER + DEFAULT + LINKS,
    "/proc/net/fib_trie": FIB,
    "/sys/class/net/eth0/address": "00:0d:3a:00:00:01\n",
    "/sys/class/net/eth0/operstate": "up\n",
    "/sys/class/net/eth0/ifindex": "2\n",
    "/sys/class/net/eth1/operstate": "up\n",
    "/sys/class/net/eth1/ifindex": "3\n",
    "/sys/class/net/enP1/master": "",
    "/sys/class/net/lo/operstate": "unknown\n",
    "/sys/class/dmi/id/chassis_asset_tag": AZURE_TAG + "\n",
    "/sys/class/dmi/id/sys_vendor": "Microsoft Corporation\n",
    "/run/systemd/netif/leases/2": "ADDRESS=10.0.0.4\nROUTER=10.0.0.1\nOPTION_245=a83f8110\n",
}
DOCUMENT = {"compute": {"name": "web-1"}, "network": {"interface": []}}
VERSIONS = {"apiVersions": ["2017-12-01", "2025-04-07"]}
# The time in the Date header of the answers.
DATE, NOON = "Fri, 20 Nov 2026 12:00:00 GMT", 1795176000.0


def imds(request: Request, _timeout: float) -> Response:
    data = VERSIONS if request.url.endswith("/versions") else DOCUMENT
    headers = {"server": "IMDS/150.870", "date": DATE}
    return Response(200, headers, json.dumps(data).encode())


def answering(status: int, body: str = "", **headers: str) -> t.Callable[..., Response]:
    return lambda _request, _timeout: Response(status, headers, body.encode())


DOCKER = "a proxy that can't reach IMDS, such as that of Docker Desktop"


def unreachable_behind_a_proxy(_request: Request, _timeout: float) -> Response:
    return Response(403, {}, b"", "connecting to 169.254.169.254:80: unreachable network")


def failing(cause: BaseException) -> t.Callable[..., Response]:
    def send(_request: Request, _timeout: float) -> Response:
        raise TransportError("it failed") from cause

    return send


TIMEOUT = failing(TimeoutError())


def machine(files: t.Mapping[str, str] | None = None, **parts: t.Any) -> Machine:
    """A healthy VM, except for these files and parts."""
    there = {**FILES, **(files or {})}
    folders = {
        "/".join(path.split("/")[:5]) for path in there if path.startswith("/sys/class/net/")
    }
    paths = [*there, *folders]
    made = Machine(
        read=lambda path: there.get(path, ""),
        glob=lambda pattern: [
            path
            for path in paths
            if fnmatch.fnmatch(path, pattern) and path.count("/") == pattern.count("/")
        ],
        environment={},
        source_to=lambda _address, _port: ("10.0.0.4", ""),
        primary_address=lambda name: {"eth0": "10.0.0.4", "eth1": "10.0.1.4"}.get(name, ""),
        send=imds,
        run=lambda _command: "",
        wall=lambda: NOON,
        user=lambda: "deploy",
        may_read=lambda _folder: False,
    )
    return made._replace(**parts)


def look(
    files: t.Mapping[str, str] | None = None, endpoint: str = IMDS, **parts: t.Any
) -> Evidence:
    return observe(machine(files, **parts), endpoint, 5.0)


def names(evidence: Evidence) -> list[str]:
    return [cause.name for cause in causes(evidence)]
