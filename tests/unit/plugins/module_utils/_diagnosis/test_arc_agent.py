# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the causes of diagnose_info for the Azure Arc agent, and reports without routes, with machines made of texts."""

from __future__ import annotations

import errno
import json
import typing as t

import pytest
from doubles import HOSTILE, load
from text_machines import FILES, IMDS, TIMEOUT, answering, failing, look, names

from ansible_collections.imds.azure.plugins.module_utils._diagnosis.arc_agent import (
    owners_of_listeners,
)
from ansible_collections.imds.azure.plugins.module_utils._diagnosis.cause import (
    Cause,
    is_healthy,
)
from ansible_collections.imds.azure.plugins.module_utils._diagnosis.causes import causes
from ansible_collections.imds.azure.plugins.module_utils._diagnosis.evidence import Evidence
from ansible_collections.imds.azure.plugins.module_utils._diagnosis.report import report
from ansible_collections.imds.azure.plugins.module_utils._transport import Request, Response

ARC = "http://127.0.0.1:40342"
REFUSED = failing(ConnectionRefusedError(errno.ECONNREFUSED, "refused"))
PASSWD = (
    "root:x:0:0::/root:/bin/sh\nhimds:x:998:998::/:/bin/false\nmallory:x:1000:1000::/:/bin/sh\n"
)
SOCKETS = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
OTHER_FIRMWARE = {
    "/sys/class/dmi/id/chassis_asset_tag": "No Asset Tag\n",
    "/sys/class/dmi/id/sys_vendor": "VMware, Inc.\n",
    "/run/systemd/netif/leases/2": "",
}
AGENT = {**OTHER_FIRMWARE, "/opt/azcmagent/bin/himds": "", "/etc/passwd": PASSWD}
KEYS = {"/var/opt/azcmagent/tokens": ""}


def socket_of(user: int, address: str = "0100007F", port: int = 40342, state: str = "0A") -> str:
    zeros = "0" * len(address)
    return (
        f"   0: {address}:{port:04X} {zeros}:0000 {state} 00000000:00000000 00:00000000 00000000 "
        f" {user:>5}        0 12345 1 0000000000000000 100 0 0 10 0\n"
    )


def himds(_request: Request, _timeout: float) -> Response:
    body = json.dumps(load("arc/linux")).encode()
    return Response(200, {"content-type": "application/json"}, body)


def running(user: int = 998, **more: str) -> dict[str, str]:
    return {**AGENT, "/proc/net/tcp": SOCKETS + socket_of(user), **more}


def first(evidence: Evidence) -> Cause:
    return causes(evidence)[0]


@pytest.mark.parametrize("endpoint", [ARC, "http://localhost:40342", "http://[::1]:40342"])
def test_an_agent_that_answers(endpoint: str) -> None:
    evidence = look(running(), endpoint, send=himds)
    assert is_healthy(evidence)
    assert names(evidence) == []
    assert report(evidence, [], "hybrid-1")[0] == "The Azure Arc agent on hybrid-1 answers."
    assert evidence.arc == (True, True, ["himds"], None, "deploy")


def test_the_request_is_one_that_every_agent_knows() -> None:
    asked: list[str] = []

    def send(request: Request, timeout: float) -> Response:
        asked.append(request.url)
        return himds(request, timeout)

    look(running(), ARC, send=send)
    assert asked == [f"{ARC}/metadata/instance?api-version=2019-08-15"]


@pytest.mark.parametrize("send", [TIMEOUT, REFUSED, answering(404, "", server="EC2ws")])
def test_the_agent_is_installed_but_imds_was_queried(send: t.Callable[..., Response]) -> None:
    evidence = look(running(), send=send)
    assert first(evidence).name == "arc_agent"
    assert first(evidence).certainty == "certain"
    assert "azure_imds_endpoint to arc" in first(evidence).advice
    assert "not_azure" not in names(evidence)


@pytest.mark.parametrize("tag", ["7783-7084-3265-9085-8269-3286-77", None])
def test_the_agent_on_a_vm_of_azure_is_no_cause(tag: str | None) -> None:
    files = {**running(), "/sys/class/dmi/id/chassis_asset_tag": f"{tag}\n"}
    if tag is None:
        return
    assert "arc_agent" not in names(look(files, send=TIMEOUT))


def test_the_agent_does_not_run() -> None:
    evidence = look(AGENT, ARC, send=REFUSED)
    assert names(evidence) == ["arc_agent_down"]
    assert first(evidence).mend == ["systemctl enable --now himdsd"]
    assert "port 40342" in first(evidence).why


def test_the_agent_is_not_installed() -> None:
    evidence = look(OTHER_FIRMWARE, ARC, send=REFUSED)
    assert names(evidence) == ["arc_agent_down"]
    assert first(evidence).what == "the Azure Arc agent is not installed"
    assert first(evidence).mend == []


@pytest.mark.parametrize(
    ("send", "why"),
    [
        (answering(200, '{"compute": {}, "network": {}}'), "has no compute"),
        (answering(200, "{}"), "not an instance document"),
        (answering(404, '{"error": "not connected"}'), "status 404, 'not connected'"),
    ],
)
def test_the_agent_is_not_connected(send: t.Callable[..., Response], why: str) -> None:
    evidence = look(running(), ARC, send=send)
    assert names(evidence) == ["arc_not_connected"]
    assert why in first(evidence).why


@pytest.mark.parametrize(
    ("status", "what"),
    [(503, "has not loaded its configuration yet"), (500, "refuses the request"), (400, "refuses")],
)
def test_the_agent_refuses(status: int, what: str) -> None:
    evidence = look(running(), ARC, send=answering(status, '{"error": "x"}'))
    assert names(evidence) == ["status"]
    assert what in first(evidence).what
    assert f"'{ARC}/metadata/instance?api-version=2020-06-01'" in first(evidence).mend[0]


def test_a_stranger_on_the_port() -> None:
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        address = "0100007F" if table.endswith("tcp") else "0" * 24 + "01000000"
        files = {**AGENT, table: SOCKETS + socket_of(1000, address)}
        for send in (himds, REFUSED, answering(200, "<html>"), answering(401)):
            evidence = look(files, ARC, send=send)
            assert first(evidence).name == "arc_foreign_listener"
            assert first(evidence).certainty == "certain"
            assert first(evidence).what.endswith(
                "listens on the port of the Azure Arc agent: mallory"
            )
            assert first(evidence).mend[0] == "ss -tlnp 'sport = :40342'"


def test_a_user_who_may_not_read_the_keys() -> None:
    evidence = look({**running(), **KEYS}, ARC, send=himds)
    assert is_healthy(evidence)
    assert names(evidence) == ["arc_key_unreadable"]
    assert first(evidence).mend == ["usermod -a -G himds deploy"]
    assert "become: true" in first(evidence).advice
    allowed = look({**running(), **KEYS}, ARC, send=himds, may_read=lambda _folder: True)
    assert names(allowed) == []


def test_odd_names_of_users_are_harmless() -> None:
    evidence = look({**running(), **KEYS}, ARC, send=himds, user=lambda: f"a;b{HOSTILE}")
    assert first(evidence).mend == []
    passwd = f"x{HOSTILE.replace(chr(10), '').replace(':', '')}:x:1000:1000::/:/bin/sh\n"
    evidence = look({**running(1000), "/etc/passwd": passwd}, ARC, send=himds)
    assert all(line.isprintable() for line in report(evidence, causes(evidence), "host"))


def test_owners_of_listeners() -> None:
    table = SOCKETS + "".join(
        (
            socket_of(0),
            socket_of(998, "00000000"),
            socket_of(1000, state="01"),
            socket_of(1001, port=40341),
            socket_of(77),
            "odd line\n",
        )
    )
    assert owners_of_listeners([table, ""], 40342, PASSWD) == ["77", "himds", "root"]
    assert owners_of_listeners([table], 40342, "odd\n") == ["0", "77", "998"]


# Commands and causes that are not only for Azure Arc


@pytest.mark.parametrize("endpoint", ["http://localhost:41342", "http://127.0.0.1:41342"])
def test_commands_have_the_port_of_the_endpoint(endpoint: str) -> None:
    evidence = look(endpoint=endpoint, send=answering(500, "", server="IMDS/1"))
    assert f"'{endpoint}/metadata/instance?api-version=2021-02-01'" in first(evidence).mend[0]
    blocked = look(endpoint="http://169.254.169.254:8080", send=TIMEOUT)
    commands = [text for cause in causes(blocked) for text in cause.mend]
    assert any("--dport 8080 " in text for text in commands)
    assert any("'http://169.254.169.254:8080/metadata" in text for text in commands)


def test_a_machine_that_is_not_in_azure_hears_that_first() -> None:
    """The report must not change the routes of the server, and must not name an interface that the server lacks."""
    files = {**dict.fromkeys(FILES, ""), **OTHER_FIRMWARE}
    no_way = {"source_to": lambda *_: ("", "ENETUNREACH"), "primary_address": lambda _name: ""}
    for given, more in ((files, no_way), (OTHER_FIRMWARE, {}), (OTHER_FIRMWARE, no_way)):
        found = causes(look(given, send=TIMEOUT, **more))
        assert found[0].name == "not_azure"
    assert not [
        text for cause in causes(look(files, send=TIMEOUT, **no_way)) for text in cause.mend
    ]


def test_no_route_in_azure_without_an_interface() -> None:
    files = dict.fromkeys((path for path in FILES if not path.startswith("/sys/class/dmi")), "")
    no_way = {"source_to": lambda *_: ("", "ENETUNREACH"), "primary_address": lambda _name: ""}
    found = first(look(files, IMDS, send=TIMEOUT, **no_way))
    assert (found.name, found.mend) == ("no_route", [])
