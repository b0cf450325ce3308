# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the observation of a host and the conclusions, with machines made of texts. Real networks are in tests/system/diagnose."""

from __future__ import annotations

import errno
import json
import os
import pathlib
import subprocess
import typing as t

import pytest
from doubles import HOSTILE
from text_machines import (
    DEFAULT,
    DOCKER,
    FIB,
    FILES,
    HEADER,
    IMDS,
    LINKS,
    NOON,
    TIMEOUT,
    VERSIONS,
    answering,
    failing,
    imds,
    look,
    machine,
    names,
    unreachable_behind_a_proxy,
)

from ansible_collections.imds.azure.plugins.module_utils._diagnosis.cause import is_healthy
from ansible_collections.imds.azure.plugins.module_utils._diagnosis.causes import causes
from ansible_collections.imds.azure.plugins.module_utils._diagnosis.evidence import (
    Clock,
    Firmware,
    Primary,
)
from ansible_collections.imds.azure.plugins.module_utils._diagnosis.linux_network import obstacles
from ansible_collections.imds.azure.plugins.module_utils._diagnosis.observation import (
    observe,
    this_machine,
)
from ansible_collections.imds.azure.plugins.module_utils._diagnosis.report import report
from ansible_collections.imds.azure.plugins.module_utils._transport import Request, Response


def test_a_healthy_host() -> None:
    evidence = look()
    assert is_healthy(evidence)
    assert causes(evidence) == []
    assert evidence.versions.versions == VERSIONS["apiVersions"]
    assert evidence.primary == Primary(
        "eth0", "10.0.0.4", "10.0.0.1", "its DHCP lease has the default gateway"
    )
    assert evidence.firmware == Firmware(azure=True, vendor="Microsoft Corporation", product="")
    # The second half of an accelerated interface and loopback do not count.
    assert [nic.name for nic in evidence.interfaces] == ["eth0", "eth1"]
    assert evidence.clock == Clock("2026-11-20T12:00:00Z", 0.0)
    assert evidence.request.body == ""


def test_the_result_of_the_module_is_plain_data() -> None:
    """The keys of the evidence and their order in JSON are public."""
    observed = look(
        {
            "/usr/sbin/nft": "",
            "/etc/nftables.conf": "a\nip daddr 169.254.169.254 drop\n",
            "/etc/environment": "http_proxy=http://me:secret@p:1\n",
        },
        send=TIMEOUT,
        run=lambda _command: RULE,
    ).to_dict()
    assert list(observed) == list(PLAIN)
    assert json.dumps(observed) == json.dumps(PLAIN)


PLAIN = {
    "endpoint": IMDS,
    "address": "169.254.169.254",
    "port": 80,
    "request": {
        "url": f"{IMDS}/metadata/instance?api-version=2017-12-01",
        "status": None,
        "headers": {},
        "body": "",
        "imds": False,
        "has_compute": False,
        "reason": "it failed",
        "code": "ETIMEDOUT",
        "refused_here": False,
    },
    "versions": {"status": None, "versions": [], "reason": "not requested"},
    "other_service": "",
    "route": {
        "interface": "eth0",
        "network": "0.0.0.0/0",
        "gateway": "10.0.0.1",
        "source": "10.0.0.4",
        "refusal": "",
        "on_this_host": False,
        "by_policy": False,
        "gateway_silent": False,
    },
    "interfaces": [
        {"name": "eth0", "mac": "00:0d:3a:00:00:01", "state": "up", "addresses": ["10.0.0.4"]},
        {"name": "eth1", "mac": "", "state": "up", "addresses": ["10.0.1.4"]},
    ],
    "primary": {
        "interface": "eth0",
        "address": "10.0.0.4",
        "gateway": "10.0.0.1",
        "because": "its DHCP lease has the default gateway",
    },
    "proxies": [
        {
            "where": "/etc/environment",
            "variable": "http_proxy",
            "value": "http://***@p:1",
            "no_proxy": "",
            "exempt": "nowhere",
        }
    ],
    "firmware": {"azure": True, "vendor": "Microsoft Corporation", "product": ""},
    "leases": [
        {"interface": "eth0", "address": "10.0.0.4", "router": "10.0.0.1", "azure": True},
    ],
    "firewall": {
        "rules": [
            {
                "rule": "ip daddr 169.254.169.254 drop",
                "command": "nft delete rule inet filter output handle 4",
                "named": True,
            }
        ],
        "mentions": [
            {"file": "/etc/nftables.conf", "line": 2, "text": "ip daddr 169.254.169.254 drop"}
        ],
    },
    "clock": {"now": "2026-11-20T12:00:00Z", "ahead": None},
    "arc": {
        "installed": False,
        "asked": False,
        "listeners": [],
        "may_read_keys": None,
        "user": "deploy",
    },
}


def test_requests_are_plain() -> None:
    asked: list[Request] = []

    def send(request: Request, timeout: float) -> Response:
        asked.append(request)
        return imds(request, timeout)

    look(send=send)
    assert [request.url for request in asked] == [
        f"{IMDS}/metadata/instance?api-version=2017-12-01",
        f"{IMDS}/metadata/versions",
    ]
    assert all(request.headers["Metadata"] == "true" for request in asked)


SECOND = "eth1 FEA9FEA9 0101000A 0007 0 0 0 FFFFFFFF 0 0 0\n"
REFUSED = "* FEA9FEA9 00000000 0205 0 0 0 FFFFFFFF 0 0 0\n"
NFT = {"/usr/sbin/nft": ""}
RULE = """table inet filter {
  chain output {
    type filter hook output priority 0; policy accept;
    ip daddr 169.254.169.254 drop # handle 4
  }
}
"""


@pytest.mark.parametrize(
    ("files", "parts", "expected"),
    [
        (
            {"/proc/net/route": HEADER + LINKS},
            {"source_to": lambda *_: ("", "ENETUNREACH")},
            "no_route",
        ),
        (
            {"/proc/net/route": HEADER + DEFAULT + LINKS + REFUSED},
            {"source_to": lambda *_: ("", "EACCES")},
            "no_route",
        ),
        (
            {"/proc/net/route": HEADER + DEFAULT + LINKS + SECOND},
            {"source_to": lambda *_: ("10.0.1.4", "")},
            "wrong_interface",
        ),
        ({}, {"source_to": lambda *_: ("10.0.0.9", "")}, "wrong_address"),
        ({}, {"source_to": lambda *_: ("10.0.1.4", "")}, "policy_route"),
        ({}, {"source_to": lambda *_: ("", "EACCES")}, "policy_route"),
        (NFT, {"run": lambda _command: RULE}, "firewall"),
        ({"/etc/nftables.conf": "a\nip daddr 169.254.169.254 drop\n"}, {}, "firewall"),
        (
            {"/sys/class/dmi/id/chassis_asset_tag": "x", "/run/systemd/netif/leases/2": ""},
            {},
            "not_azure",
        ),
        (
            {"/proc/net/arp": "head\n10.0.0.1 0x1 0x0 00:00:00:00:00:00 * eth0\n"},
            {},
            "silent_gateway",
        ),
        (
            {"/proc/net/fib_trie": FIB + "  |-- 169.254.169.254\n     /32 host LOCAL\n"},
            {},
            "own_address",
        ),
    ],
)
def test_the_most_likely_cause_of_silence(
    files: dict[str, str], parts: dict[str, t.Any], expected: str
) -> None:
    evidence = look(files, **{"send": TIMEOUT, **parts})
    assert names(evidence)[0] == expected
    # If no packet left this host, the cause is not outside of it.
    left = not evidence.route.refusal and expected != "own_address"
    assert ("unexplained" in names(evidence)) is left
    assert not is_healthy(evidence)


@pytest.mark.parametrize(
    ("send", "expected"),
    [
        (failing(OSError(errno.ECONNREFUSED, "no")), "refused"),
        (answering(401, server="EC2ws"), "foreign_service"),
        (answering(404, "<html>"), "foreign_service"),
        (answering(200, "<html>Sign in"), "foreign_service"),
        (answering(200, "[]"), "foreign_service"),
        (answering(403, "no"), "forbidden"),
        (answering(403, "dial tcp 169.254.169.254:80: unreachable network"), "foreign_service"),
        (unreachable_behind_a_proxy, "foreign_service"),
        (answering(400, '{"error":"Bad request","newest-versions":["2016-01-01"]}'), "status"),
        (answering(410), "status"),
        (answering(429, "Too many requests"), "status"),
        (answering(500, server="Microsoft-IIS/10.0"), "status"),
        (answering(200, '{"network": {}}'), "no_compute"),
    ],
)
def test_the_most_likely_cause_of_another_answer(send: t.Any, expected: str) -> None:
    evidence = look(send=send)
    assert names(evidence)[0] == expected
    assert not is_healthy(evidence)


@pytest.mark.parametrize(
    ("headers", "body", "service"),
    [
        ({"server": "EC2ws"}, "", "Amazon EC2"),
        ({"metadata-flavor": "Google"}, "", "Google Compute Engine"),
        ({}, "1.0\n2009-04-04\nlatest", "Amazon EC2, or one that is compatible with it"),
        ({}, "openstack", "OpenStack"),
        ({}, "dial tcp 169.254.169.254:80", DOCKER),
        ({"server": "nginx"}, "", "another service"),
    ],
)
def test_other_services_are_named(headers: dict[str, str], body: str, service: str) -> None:
    assert look(send=answering(404, body, **headers)).other_service == service


def test_packets_that_this_host_refuses_are_counted() -> None:
    counts = iter("37")

    def read(path: str) -> str:
        if path == "/proc/net/netstat":
            return f"TcpExt: TCPRetransFail\nTcpExt: {next(counts)}\n"
        return FILES.get(path, "")

    evidence = look(send=TIMEOUT, read=read)
    assert evidence.request.refused_here
    assert names(evidence)[0] == "firewall"
    assert "of this host" in causes(evidence)[0].what


NOT_OUT = failing(OSError(errno.EPERM, "no"))
POLICY = RULE.replace("policy accept", "policy drop").replace("ip daddr 169.254.169.254 drop", "")
MENTION = {"/etc/nftables.conf": "a\nip daddr 169.254.169.254 drop\n"}
ACCEPT = "iptables -I OUTPUT -d 169.254.169.254 -p tcp --dport 80 -j ACCEPT"


@pytest.mark.parametrize(
    ("send", "files", "listing", "certainty", "why", "mend"),
    [
        (
            TIMEOUT,
            NFT,
            RULE,
            "certain",
            "this rule can block the request: ip daddr",
            "nft delete rule",
        ),
        (
            TIMEOUT,
            NFT,
            POLICY,
            "possible",
            "this rule can block the request: policy",
            "nft insert rule",
        ),
        (
            NOT_OUT,
            NFT,
            POLICY,
            "certain",
            "this rule can block the request: policy",
            "nft insert rule",
        ),
        (
            TIMEOUT,
            {**NFT, **MENTION},
            POLICY,
            "likely",
            "this rule can block the request",
            "nft insert rule",
        ),
        (TIMEOUT, MENTION, "", "likely", "line 2 of /etc/nftables.conf names", ACCEPT),
        (NOT_OUT, {}, "", "likely", "there was no answer at all", ACCEPT),
        (TIMEOUT, {}, "", "possible", "there was no answer at all", ACCEPT),
    ],
)
def test_the_certainty_of_a_firewall(
    send: t.Any, files: dict[str, str], listing: str, certainty: str, why: str, mend: str
) -> None:
    found = causes(look(files, send=send, run=lambda _command: listing))
    (firewall,) = [cause for cause in found if cause.name == "firewall"]
    assert firewall.certainty == certainty
    assert firewall.why.startswith(why)
    assert firewall.mend[0].startswith(mend)
    assert ("of this host" in firewall.what) is (send is NOT_OUT or bool(listing))
    assert ("also names the address" in firewall.advice) is ("/etc/nftables.conf" in files)


def test_a_document_is_not_quoted() -> None:
    secret = {"compute": {"userData": "c2VjcmV0"}}
    assert "c2VjcmV0" not in json.dumps(look(send=answering(200, json.dumps(secret))).to_dict())


def test_the_environment_and_files_are_searched_for_proxies() -> None:
    evidence = look(
        {
            "/etc/environment": "http_proxy=http://p:1\n",
            "/etc/systemd/system/x.service.d/p.conf": 'Environment="HTTP_PROXY=q"',
        },
        environment={"ALL_PROXY": "socks5://me:secret@s:1"},
    )
    assert [(catch.where, catch.variable) for catch in evidence.proxies] == [
        ("the environment", "ALL_PROXY"),
        ("/etc/environment", "http_proxy"),
        ("/etc/systemd/system/x.service.d/p.conf", "HTTP_PROXY"),
    ]
    commands = [cause.mend[0] for cause in causes(evidence)]
    assert commands == [
        "export no_proxy=169.254.169.254 NO_PROXY=169.254.169.254",
        "echo no_proxy=169.254.169.254 >> /etc/environment",
        "mkdir -p /etc/systemd/system/x.service.d && echo '[Service]' > /etc/systemd/system/x.service.d/zz-imds.conf "
        "&& echo Environment=no_proxy=169.254.169.254 >> /etc/systemd/system/x.service.d/zz-imds.conf "
        "&& systemctl daemon-reexec",
    ]


RUN = "touch${IFS}RUN"
ODD_VALUES = [
    f"$({RUN})",
    f"x`{RUN}`",
    f"a;{RUN}",
    f"a'$({RUN})'",
    f'a"|{RUN}"',
    f"\\n{RUN}",
    f"%s\\n$({RUN})",
]


@pytest.mark.parametrize("value", ODD_VALUES)
@pytest.mark.parametrize(
    "place",
    [
        "the environment",
        "/etc/environment",
        "/etc/profile.d/$(touch RUN).sh",
        "/etc/profile",
        "/etc/wgetrc",
        "/etc/systemd/system/$(touch RUN).service.d/p.conf",
        "/etc/systemd/system.conf",
    ],
)
def test_no_command_has_a_value_or_a_file_that_is_not_plain(place: str, value: str) -> None:
    files = {place: f"http_proxy=http://p:1\nno_proxy={value}\n"}
    variables = {"http_proxy": "http://p:1", "no_proxy": value}
    evidence = look(environment=variables) if place == "the environment" else look(files)
    (cause,) = [cause for cause in causes(evidence) if cause.name == "proxy"]
    # Only the part of a value before a quote or a semicolon counts.
    cut = value[:2] in ("a;", "a'", 'a"') and place != "the environment" and "RUN" not in place
    assert [text for text in cause.mend if "RUN" in text] == []
    assert bool(cause.mend) is cut
    assert ("There is no command here, because it would contain" in cause.advice) is not cut


def test_a_command_has_no_blanks_of_a_list() -> None:
    evidence = look(environment={"http_proxy": "http://p:1", "no_proxy": "a, b ,fe80::1"})
    expected = "export no_proxy=a,b,fe80::1,169.254.169.254 NO_PROXY=a,b,fe80::1,169.254.169.254"
    assert causes(evidence)[0].mend == [expected]


@pytest.mark.parametrize("value", ["x", "*.example.com,10.0.0.0/8", "a,fe80::1", "-x"])
@pytest.mark.parametrize(
    "place",
    [
        "/etc/environment",
        "/etc/profile.d/x.sh",
        "/etc/profile",
        "/etc/wgetrc",
        "/etc/systemd/system.conf",
    ],
)
def test_a_command_with_plain_values_can_be_pasted(
    place: str, value: str, tmp_path: pathlib.Path
) -> None:
    evidence = look({place: f"http_proxy=http://p:1\nno_proxy={value}\n"})
    (command,) = [cause.mend[0] for cause in causes(evidence) if cause.name == "proxy"]
    # JSON shows the line unchanged. If YAML quotes the line, it doubles single quotes.
    assert json.dumps(command) == f'"{command}"'
    for pasted in (command, command.replace("'", "''")):
        # The commands write into a folder of the test instead of /etc.
        etc = tmp_path / str(len(list(tmp_path.iterdir())))
        for folder in ("profile.d", "systemd"):
            (etc / folder).mkdir(parents=True)
        script = pasted.replace("/etc/", f"{etc}/").replace("systemctl", "true")
        subprocess.run(["sh", "-c", script], cwd=etc, check=True)
        written = "".join(path.read_text() for path in etc.rglob("*") if path.is_file())
        assert f"no_proxy={value},169.254.169.254\n" in written
        assert ("export no_proxy\n" in written) is ("profile" in place)


def test_odd_names_of_a_firewall_and_an_interface_are_in_no_command() -> None:
    long = "x" * 33
    rules = (
        "table inet $(reboot) {\nchain a {\nip daddr 169.254.169.254 drop # handle 4\n}\n"
        "chain b`reboot` {\ntype filter hook output priority 0; policy drop;\n}\n}\n"
        f"table inet {long} {{\nchain reboot {{\nip daddr 169.254.169.254 drop # handle 4\n}}\n}}\n"
        "table inet t {\nchain c {\nip daddr 169.254.169.254 drop # handle 5\n}\n}\n"
    )
    assert [obstacle.command for obstacle in obstacles(rules, "169.254.169.254")] == [
        "",
        "",
        "nft delete rule inet t c handle 5",
        "",
    ]
    evidence = look(send=TIMEOUT)
    route = evidence.route._replace(refusal="ENETUNREACH", by_policy=False)
    plain = Primary("eth0", "10.0.0.4", "10.0.0.1", "")
    for name, value in (("interface", "e;reboot"), ("address", "$(a)"), ("gateway", "`b`")):
        odd = evidence._replace(primary=plain._replace(**{name: value}), route=route)
        cause = causes(odd)[0]
        assert cause.mend == []
        assert "There is no command here" in cause.advice
        assert not [line for line in report(odd, [cause], "h") if "fix:" in line]
    (command,) = causes(evidence._replace(primary=plain, route=route))[0].mend
    assert command == "ip route replace 169.254.169.254/32 via 10.0.0.1 dev eth0 src 10.0.0.4"


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0, []), (299, []), (-299, []), (301, ["clock"]), (-9000, ["clock"])]
)
def test_the_clock(seconds: int, expected: list[str]) -> None:
    assert names(look(wall=lambda: NOON + seconds)) == expected


@pytest.mark.parametrize("date", ["", "yesterday", "Fri, 99 Nov 99999 12:00:00 GMT"])
def test_a_date_can_be_missing(date: str) -> None:
    assert look(send=answering(401, date=date)).clock.ahead is None


@pytest.mark.parametrize("endpoint", ["http://localhost:1", "http://[::1]:1", "http://127.0.0.1:1"])
def test_an_endpoint_on_this_host_needs_no_route(endpoint: str) -> None:
    refused = failing(OSError(errno.ECONNREFUSED, "no"))
    evidence = look(send=refused, endpoint=endpoint, source_to=lambda *_: ("127.0.0.1", ""))
    assert names(evidence) == ["refused"]
    assert "port 1" in causes(evidence)[0].what


def test_an_endpoint_can_be_of_ipv6() -> None:
    evidence = look(send=TIMEOUT, endpoint="http://[fe80::1]")
    assert report(evidence, causes(evidence), "here")


@pytest.mark.parametrize("send", [imds, TIMEOUT, answering(401), answering(500, server="IMDS/1")])
def test_a_report_has_a_headline_the_causes_and_the_evidence(send: t.Any) -> None:
    evidence = look(send=send)
    lines = report(evidence, causes(evidence), "web-1")
    assert lines[0].startswith("IMDS on web-1 ")
    assert lines[2].startswith(("Most likely (", "Nothing is wrong."))
    assert "Observations:" in lines
    assert not [line for line in lines if "\n" in line or '"' in line]


@pytest.mark.parametrize("status", [200, 403, 404, 500])
def test_observations_have_no_control_characters(status: int) -> None:
    """Hostile names of files and hosts, settings of proxies, rules of a firewall, and headers."""
    odd = HOSTILE.replace("\r\n", "").replace("\udcff", "")
    seen = {
        f"/etc/profile.d/{HOSTILE}.sh": f"http_proxy=http://{odd}",
        "/etc/environment": f"http_proxy=http://x\nno_proxy={odd}",
        f"/etc/nftables/{HOSTILE}.nft": f"ip daddr 169.254.169.254 drop {odd}",
        "/sys/class/dmi/id/sys_vendor": HOSTILE,
        "/sys/class/dmi/id/chassis_asset_tag": HOSTILE,
        f"/sys/class/net/{odd}0/operstate": HOSTILE,
        "/usr/sbin/nft": "",
    }
    rules = f"table inet {odd} {{\nchain {odd} {{\nip daddr 169.254.169.254 drop {odd} # handle 4\n"
    for send in (
        failing(OSError(errno.ECONNREFUSED, HOSTILE)),
        answering(status, odd, server=HOSTILE, date=HOSTILE, location=HOSTILE),
    ):
        evidence = look(files=seen, send=send, run=lambda _command: rules)
        found = causes(evidence)
        assert found
        texts = [text for cause in found for text in (cause.what, cause.why, cause.advice)]
        texts += [command for cause in found for command in cause.mend]
        lines = report(evidence, found, HOSTILE)
        assert [text for text in [*texts, *lines] if not text.isprintable()] == []


def test_a_machine_with_nothing_to_read() -> None:
    nothing = machine(send=TIMEOUT)._replace(read=lambda _path: "", glob=lambda _pattern: [])
    nothing = nothing._replace(
        source_to=lambda *_: ("", "ENETUNREACH"), primary_address=lambda _name: ""
    )
    evidence = observe(nothing, IMDS, 1.0)
    assert names(evidence)[0] == "no_route"
    assert causes(evidence)[0].mend == []
    assert report(evidence, causes(evidence), "x")


def test_the_real_machine_can_be_observed() -> None:
    # Everything except the requests, on this machine. The datagram socket sends nothing.
    own = this_machine(lambda _command: "")
    assert own.read("/no/such/file") == ""
    assert own.run(["echo", "x"]) == ""
    assert own.source_to("127.0.0.1", 80) == ("127.0.0.1", "")
    assert own.primary_address("lo") in ("127.0.0.1", "")
    assert own.primary_address("no-such-nic") == ""


@pytest.mark.parametrize("status", [203, 206, 302, 500])
def test_a_report_does_not_quote_documents(status: int) -> None:
    body = json.dumps({"compute": {"userData": "c2VjcmV0"}, "apiVersions": ["c2VjcmV0"]})
    for sent in (body, body[:-1], f"{'c2VjcmV0' * 10} {'x' * 80}"):
        evidence = look(send=answering(status, sent, server="IMDS/1"))
        said = json.dumps(
            [evidence.to_dict(), causes(evidence), report(evidence, causes(evidence), "h")]
        )
        assert "c2VjcmV0" not in said
        assert f"the answer is status {status}" in said


def test_only_regular_files_are_read(tmp_path: pathlib.Path) -> None:
    read = this_machine(lambda _command: "").read
    (tmp_path / "file").write_bytes(b"a\xff")
    (tmp_path / "zero").symlink_to("/dev/zero")
    os.mkfifo(tmp_path / "fifo")
    assert read(str(tmp_path / "file")) == "a\ufffd"
    assert read(str(tmp_path / "zero")) == read(str(tmp_path / "fifo")) == read("/") == ""
    assert read("/proc/net/netstat") != ""
