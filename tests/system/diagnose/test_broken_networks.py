# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests that the role finds the cause of each broken network, and that the command of its report repairs it."""

from __future__ import annotations

import json
import os
import pathlib
import sys
import typing as t

import pytest

from diagnose import network

HERE = pathlib.Path(__file__).resolve().parent
DOCUMENT = {
    "compute": {"name": "vm", "location": "westeurope", "azEnvironment": "AzurePublicCloud"},
    "network": {"interface": []},
}
NO_PROXY = {name: "" for name in os.environ if name.lower().endswith("_proxy")}


@pytest.fixture
def broken(tmp_path: pathlib.Path) -> t.Iterator[network.Network]:
    """An intact network without a service at the address of IMDS."""
    made = network.Network(tmp_path)
    try:
        made.make()
        made.lease()
        yield made
    finally:
        made.remove()


def diagnose(where: network.Network, **env: str) -> dict[str, t.Any]:
    """The findings on the VM, without Ansible."""
    printed = where.vm(sys.executable, str(HERE / "look.py"), env={**NO_PROXY, **env})
    found: dict[str, t.Any] = json.loads(printed)
    return found


def diagnose_by_role(where: network.Network, **env: str) -> dict[str, t.Any]:
    """The result of the role as data. The complete report must be in the output."""
    result = where.folder / "result.json"
    settings = {"result_file": str(result), "diagnose_timeout": 2.5}
    printed = play(where, settings, env=env)
    found: dict[str, t.Any] = json.loads(result.read_text(encoding="utf-8"))
    for line in found["report"]:
        assert json.dumps(line)[1:-1] in printed
    return found


def play(
    where: network.Network, settings: t.Mapping[str, t.Any], *options: str, env: t.Mapping[str, str]
) -> str:
    variables = json.dumps({"ansible_python_interpreter": sys.executable, **settings})
    command = ["ansible-playbook", "-i", "vm,", "-c", "local", "-e", variables, *options]
    return where.vm(*command, str(HERE / "diagnose.yml"), env={**NO_PROXY, **env})


def assert_mended(where: network.Network, commands: t.Sequence[str]) -> None:
    assert commands
    for command in commands:
        where.shell(command)
    found = diagnose(where)
    assert found["healthy"], found["report"]
    assert found["causes"] == []
    assert found["report"][:3] == [
        f"IMDS on {os.uname().nodename} answers.",
        "",
        "Nothing is wrong.",
    ]


def test_nothing_is_wrong(broken: network.Network) -> None:
    broken.serve(DOCUMENT)
    found = diagnose_by_role(broken)
    assert found["healthy"]
    assert found["causes"] == []
    observed = found["observed"]
    assert observed["request"]["headers"]["server"].startswith("IMDS/")
    assert observed["route"]["interface"] == "eth0"
    assert observed["route"]["source"] == network.PRIMARY
    assert observed["primary"]["interface"] == "eth0"
    assert observed["leases"] == [
        {"interface": "eth0", "address": network.PRIMARY, "router": "10.77.0.1", "azure": True}
    ]
    assert "2025-04-07" in observed["versions"]["versions"]
    assert [nic["name"] for nic in observed["interfaces"]] == ["eth0", "eth1"]
    assert observed["interfaces"][0]["addresses"] == [network.PRIMARY, network.SECOND]
    assert abs(observed["clock"]["ahead"]) < 5


# The change of the VM, the cause that must be the first one, and its certainty.
BREAKS = {
    "no route": (["ip route delete default"], "no_route", "certain"),
    "prohibited": ([f"ip route add prohibit {network.IMDS}"], "no_route", "certain"),
    "black hole": ([f"ip route add blackhole {network.IMDS}"], "no_route", "certain"),
    "unreachable": (["ip route add unreachable 169.254.0.0/16"], "no_route", "certain"),
    "a route by the secondary interface": (
        [f"ip route add {network.IMDS} via 10.77.1.1 dev eth1"],
        "wrong_interface",
        "likely",
    ),
    "the default route by the secondary interface": (
        ["ip route replace default via 10.77.1.1 dev eth1"],
        "wrong_interface",
        "likely",
    ),
    "the secondary address": (
        [f"ip route add {network.IMDS} via 10.77.0.1 dev eth0 src {network.SECOND}"],
        "wrong_address",
        "likely",
    ),
    "a routing rule": (
        [
            f"ip rule add to {network.IMDS} lookup 100",
            "ip route add default via 10.77.1.1 dev eth1 table 100",
        ],
        "policy_route",
        "likely",
    ),
    "a gateway that is not there": (
        ["ip route replace default via 10.77.0.99 dev eth0"],
        "silent_gateway",
        "likely",
    ),
    "a rule that drops": (
        [
            "nft add table inet filter",
            "nft 'add chain inet filter output { type filter hook output priority 0; }'",
            f"nft add rule inet filter output ip daddr {network.IMDS} tcp dport 80 drop",
        ],
        "firewall",
        "certain",
    ),
    "a rule that drops a network, for some users": (
        [
            "nft add table ip filter",
            "nft 'add chain ip filter OUTPUT { type filter hook output priority 0; }'",
            "nft add rule ip filter OUTPUT ip daddr 169.254.0.0/16 meta skuid 0 counter drop",
        ],
        "firewall",
        "certain",
    ),
    "a policy of drop": (
        [
            "nft add table inet filter",
            "nft 'add chain inet filter output { type filter hook output priority 0; policy drop; }'",
            "nft add rule inet filter output oif lo accept",
        ],
        "firewall",
        "certain",
    ),
    "a rule that rejects": (
        [
            "nft add table inet filter",
            "nft 'add chain inet filter output { type filter hook output priority 0; }'",
            f"nft add rule inet filter output ip daddr {network.IMDS} reject with tcp reset",
        ],
        "firewall",
        "certain",
    ),
    "its own address": ([f"ip address add {network.IMDS}/32 dev lo"], "own_address", "certain"),
}


# These cases run the whole role. The other cases run only its module.
BY_ROLE = ("no route", "a route by the secondary interface", "a rule that drops")


@pytest.mark.parametrize("name", BREAKS)
def test_a_broken_network_is_recognised_and_mended(broken: network.Network, name: str) -> None:
    commands, cause, certainty = BREAKS[name]
    broken.serve(DOCUMENT)
    for command in commands:
        broken.shell(command)
    found = (diagnose_by_role if name in BY_ROLE else diagnose)(broken)
    first = found["causes"][0]
    assert (first["name"], first["certainty"]) == (cause, certainty), found["report"]
    assert not found["healthy"]
    assert found["observed"]["request"]["status"] is None
    assert_mended(broken, first["mend"])


def test_without_a_lease_the_default_route_says_which_interface_is_primary(
    broken: network.Network,
) -> None:
    for file in network.LEASES.glob("*"):
        file.unlink()
    broken.serve(DOCUMENT)
    broken.shell(f"ip route add {network.IMDS} via 10.77.1.1 dev eth1")
    found = diagnose(broken)
    assert "wrong_interface" in [cause["name"] for cause in found["causes"]]
    assert "the default route leaves by it" in found["observed"]["primary"]["because"]


def test_a_packet_that_is_lost_outside_is_not_blamed_on_this_host(broken: network.Network) -> None:
    broken.host("nft", "add", "rule", "inet", "azure", "input", "tcp", "dport", "80", "drop")
    found = diagnose(broken)
    assert not found["observed"]["request"]["refused_here"]
    assert {cause["certainty"] for cause in found["causes"]} == {"possible"}
    assert "support request" in found["causes"][-1]["advice"]


def test_a_proxy_in_the_environment(broken: network.Network) -> None:
    broken.serve(DOCUMENT)
    proxy = "http://user:secret@192.0.2.1:3128"
    found = diagnose_by_role(broken, http_proxy=proxy, no_proxy="localhost")
    first = found["causes"][0]
    # The collection itself did not use it.
    assert found["healthy"]
    assert (first["name"], first["certainty"]) == ("proxy", "certain")
    assert first["mend"] == [
        "export no_proxy=localhost,169.254.169.254 NO_PROXY=localhost,169.254.169.254"
    ]
    assert "secret" not in json.dumps(found)
    exempt = diagnose(broken, http_proxy=proxy, no_proxy="localhost,169.254.169.254")
    assert exempt["causes"] == []


def test_a_proxy_in_etc_environment(broken: network.Network) -> None:
    broken.serve(DOCUMENT)
    with network.in_place_of("/etc/environment", 'http_proxy="http://p:1"\n', broken.folder):
        found = diagnose(broken)
        assert found["causes"][0]["what"].endswith("http_proxy in /etc/environment")
        assert_mended(broken, found["causes"][0]["mend"])


def test_a_foreign_metadata_service(broken: network.Network) -> None:
    broken.start(str(HERE / "foreign.py"), network.IMDS, "80")
    found = diagnose_by_role(broken)
    first = found["causes"][0]
    assert (first["name"], first["certainty"]) == ("foreign_service", "certain")
    assert first["what"] == "Amazon EC2 answers instead of Azure's IMDS"
    assert "status 401 from the server 'EC2ws'" in first["why"]
    assert found["observed"]["request"]["status"] == 401
    assert not found["healthy"]


def test_a_service_on_the_host_that_catches_the_requests(broken: network.Network) -> None:
    broken.serve(DOCUMENT)
    broken.start(str(HERE / "foreign.py"), "127.0.0.1", "8080", namespace="vm", port=8080)
    for command in (
        "nft add table ip nat",
        "nft 'add chain ip nat OUTPUT { type nat hook output priority -100; }'",
        f"nft add rule ip nat OUTPUT ip daddr {network.IMDS} tcp dport 80 dnat to 127.0.0.1:8080",
        "sysctl -qw net.ipv4.conf.all.route_localnet=1",
    ):
        broken.shell(command)
    found = diagnose(broken)
    assert found["causes"][0]["name"] == "foreign_service", found["report"]
    assert_mended(broken, found["causes"][0]["mend"])


@pytest.mark.parametrize(
    ("status", "what"),
    [
        (410, "IMDS is being updated"),
        (429, "this VM sends more than 5 requests a second to IMDS"),
        (500, "IMDS has a temporary problem"),
    ],
)
def test_a_service_in_trouble(broken: network.Network, status: int, what: str) -> None:
    headers = {"Server": "IMDS/150.870.65.1854"}
    broken.serve(DOCUMENT, [{"kind": "status", "status": status, "body": "", "headers": headers}])
    found = diagnose(broken)
    assert [found["causes"][0][key] for key in ("name", "what")] == ["status", what]


def test_an_agent_that_forbids(broken: network.Network) -> None:
    broken.serve(DOCUMENT, [{"kind": "status", "status": 403, "body": "no access"}])
    found = diagnose(broken)
    assert found["causes"][0]["name"] == "forbidden", found["report"]


def test_a_vm_without_compute(broken: network.Network) -> None:
    broken.serve({"network": {"interface": []}})
    found = diagnose(broken)
    assert [cause["name"] for cause in found["causes"]] == ["no_compute"]
    assert not found["healthy"]


def test_a_clock_that_is_wrong(broken: network.Network) -> None:
    date = {"Date": "Mon, 05 Jan 2026 10:00:00 GMT"}
    broken.serve(DOCUMENT, [{"kind": "headers", "headers": date}])
    found = diagnose(broken)
    assert [cause["name"] for cause in found["causes"]] == ["clock"]
    assert "ahead of" in found["causes"][0]["what"]


def test_check_mode_and_no_report(broken: network.Network) -> None:
    broken.serve(DOCUMENT)
    settings = {"result_file": str(broken.folder / "none.json"), "diagnose_print": "false"}
    printed = play(broken, settings, "--check", env={})
    assert "Observations" not in printed
    assert not (broken.folder / "none.json").exists()
