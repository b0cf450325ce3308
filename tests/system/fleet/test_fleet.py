# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests one controller over SSH: facts, fact cache, snapshots, groups, and failures of single hosts."""

from __future__ import annotations

import json
import re
import sys
import typing as t

import pytest

from fleet import guide
from fleet.conftest import GATHER, INVENTORY, Gathered, Retried, cached, snapshots
from fleet.controller import Controller
from fleet.fleet import Fleet
from fleet.machines import (
    DOWN,
    ELSEWHERE,
    FAILING,
    FLEET,
    GOOD,
    HOSTILE,
    NO_IMDS,
    THROTTLED,
    THROTTLED_ONE,
    WEST,
    Machine,
    names,
)

EXAMPLE = "http://192.0.2.1/"


def expected_groups(machines: t.Iterable[Machine]) -> dict[str, set[str]]:
    groups: dict[str, set[str]] = {}
    for machine in machines:
        for group in (
            f"zone_{machine.zone}",
            f"fault_domain_{machine.fault_domain}",
            f"location_{machine.location}",
            "tag_Role_Web",
        ):
            groups.setdefault(group, set()).add(machine.name)
    return groups


def hosts_of(listed: t.Any, groups: t.Iterable[str]) -> dict[str, set[str]]:
    return {group: set(listed.get(group, {}).get("hosts", [])) for group in groups}


@pytest.mark.usefixtures("fleet")
def test_one_vm() -> None:
    controller = Controller("one", files=("where.yml",))
    answer = controller.follow("ansible-playbook -i web-0.example.net, where.yml")
    assert answer.status == 0, answer
    assert "vm-web-0 is in westeurope, zone 1" in answer.output


@pytest.mark.usefixtures("fleet")
def test_check_mode_in_batches_says_how_far_it_is_and_writes_nothing() -> None:
    controller = Controller("check", files=("ansible.cfg", *INVENTORY))
    answer = controller.run(
        "ansible-playbook -i inventory imds.azure.gather --check -f 2 --limit web-[0-2].example.net"
        " -e imds_snapshot_dir=snapshots -e imds_serial=2"
    )
    assert answer.status == 0, answer
    assert re.findall(r"\d of \d hosts queried", answer.output) == [
        f"{count} of 3 hosts queried" for count in (2, 3)
    ], answer
    assert answer.asked == {f"web-{number}.example.net" for number in range(3)}
    assert not (controller.folder / "snapshots").exists()


def test_the_exit_status_and_the_list_tell_who_failed(gathered: Gathered) -> None:
    assert gathered.answer.status == 2, gathered.answer
    assert f"{len(FAILING)} of {len(FLEET)} hosts failed" in gathered.answer.output
    assert set(gathered.answer.failures) == names(FAILING)


URL = "GET http://169.254.169.254/metadata/instance?api-version=2025-04-07 failed"


@pytest.mark.parametrize(
    ("machine", "reason"),
    [
        (THROTTLED_ONE, rf"{re.escape(URL)}: .*429.* after [2-9] attempts in [1-5](\.\d+)? s"),
        (NO_IMDS, rf"{re.escape(URL)}: the network is unreachable, after [2-9] attempts in [1-5]"),
        (ELSEWHERE, rf"{re.escape(URL)}: no complete answer .*, after 1 attempt in [12](\.\d+)? s"),
        (DOWN, r"ssh: connect to host \S+ port 22: No route to host"),
    ],
    ids=["throttled", "no IMDS", "not in Azure", "down"],
)
def test_each_failure_says_why(gathered: Gathered, machine: Machine, reason: str) -> None:
    assert re.search(reason, gathered.answer.failures[machine.name])


def test_only_those_that_answered_are_in_the_cache(gathered: Gathered) -> None:
    known = {host for host, facts in gathered.cached.items() if "azure_imds" in facts}
    assert known == names(GOOD)


@pytest.mark.parametrize("machine", GOOD, ids=lambda machine: machine.name)
def test_facts_are_what_imds_says(gathered: Gathered, machine: Machine) -> None:
    fact = gathered.cached[machine.name]["azure_imds"]
    document = machine.document["compute"]
    for key in ("name", "location", "zone", "platformFaultDomain", "vmId", "tagsList"):
        assert fact["compute"][key] == document[key]
    assert fact["compute"]["storageProfile"]["osDisk"]["diskSizeGB"] == 30
    assert fact["cloud"]["name"] == "AzurePublicCloud"
    assert fact["tags"] == {"Role": "Web", "Note": HOSTILE}
    assert fact["addresses"] == {"private": [machine.address], "public": []}
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\dZ", fact["gathered_at"])
    assert "userData" not in fact["compute"]


def test_one_request_to_the_default_endpoint_and_no_more(gathered: Gathered) -> None:
    counts = {name: len(requests) for name, requests in gathered.requests.items()}
    # The busy host answers 429 twice, but has its facts.
    assert counts == {machine.name: 3 if machine.faults else 1 for machine in GOOD}
    for requests in gathered.requests.values():
        for request in requests:
            headers = {name.lower(): value for name, value in request["headers"]}
            assert (request["path"], headers["host"]) == ("/metadata/instance", "169.254.169.254")
            assert headers["metadata"] == "true"
            assert "x-forwarded-for" not in headers


def test_proxies_of_the_managed_nodes_see_nothing(gathered: Gathered) -> None:
    assert gathered.trapped == ["listening"]


def test_the_proxies_would_have_been_used(fleet: Fleet, gathered: Gathered) -> None:
    """Tests that the previous test can fail: over the same SSH, a program that reads the environment uses the proxy."""
    script = f"import urllib.request; urllib.request.urlopen('{EXAMPLE}', timeout=5)"
    answer = gathered.controller.run(
        f'ansible -i inventory web-0.example.net -m ansible.builtin.command -a "{sys.executable} -c \\"{script}\\""'
    )
    assert "502" in answer.output, answer
    assert fleet.trapped()[1:] == [
        f"connected from {FLEET[0].address}",
        f"GET {EXAMPLE} HTTP/1.1",
    ]


def test_snapshots_are_written_and_older_ones_are_not_lost(gathered: Gathered) -> None:
    assert set(gathered.snapshots) == names(FLEET)
    for machine in FAILING:
        assert gathered.snapshots[machine.name] == gathered.older[machine.name]
    for machine in GOOD:
        snapshot = json.loads(gathered.snapshots[machine.name])
        assert snapshot["inventory_hostname"] == machine.name
        assert snapshot["azure_imds"] == gathered.cached[machine.name]["azure_imds"]


def test_groups_from_the_fact_cache(gathered: Gathered) -> None:
    listed = gathered.listed.data
    groups = expected_groups(GOOD)
    assert hosts_of(listed, groups) == groups
    assert set(listed["zones"]["children"]) == {"zone_1", "zone_2", "zone_3"}
    assert set(listed["azure_unknown"]["hosts"]) == names(FAILING)
    assert set(listed["west"]["hosts"]) == names(WEST)


def test_hosts_keep_their_variables_and_hostile_tags_are_text(gathered: Gathered) -> None:
    variables = gathered.listed.data["_meta"]["hostvars"]
    assert set(variables) == names(FLEET)
    for machine in FLEET:
        assert variables[machine.name]["azure_imds_deadline"] == 5
    for machine in GOOD:
        assert variables[machine.name]["azure_imds"]["tags"]["Note"] == HOSTILE
        assert "ansible_host" not in variables[machine.name]


def test_the_graph_reads_as_a_map(gathered: Gathered) -> None:
    assert "  |--@zones:\n  |  |--@zone_1:\n  |  |  |--db-0.example.net" in gathered.graph.output
    assert gathered.graph.errors == ""


def matching(location: str | None = None, zone: str = "1", domain: str | None = None) -> set[str]:
    return {
        machine.name
        for machine in GOOD
        if machine.zone == zone
        and location in (None, machine.location)
        and domain in (None, machine.fault_domain)
    }


def test_groups_are_host_patterns(gathered: Gathered) -> None:
    follow = gathered.controller.follow
    domain = follow("ansible -i inventory 'fault_domain_0:&zone_1' --list-hosts")
    location = follow("ansible -i inventory 'location_westeurope:&zone_1' --list-hosts")
    assert (
        domain.hosts
        == matching(domain="0")
        == {
            "web-0.example.net",
            "web-6.example.net",
            "db-0.example.net",
        }
    )
    assert location.hosts == matching("westeurope")


@pytest.mark.usefixtures("retried")
def test_a_guard_accepts_recent_facts(fleet: Fleet, gathered: Gathered) -> None:
    guide.write(gathered.controller.folder, "guarded.yml")
    before = [len(fleet.requests(machine)) for machine in WEST]
    answer = gathered.controller.follow("ansible-playbook -i inventory guarded.yml")
    assert (answer.status, answer.asked) == (0, names(WEST)), answer
    assert [len(fleet.requests(machine)) for machine in WEST] == before


@pytest.mark.usefixtures("retried")
def test_snapshots_are_an_inventory_that_reaches_the_vms(gathered: Gathered) -> None:
    """Tests the addresses from IMDS, without the list of hosts."""
    follow = gathered.controller.follow
    graph = follow("ansible-inventory -i fleet.imds.yml --graph")
    assert "|--@location_northeurope:" in graph.output
    answer = follow(
        "ansible -i fleet.imds.yml 'location_westeurope:&zone_1' -m ansible.builtin.ping"
    )
    assert answer.status == 0, answer
    reached = set(re.findall(r"^(\S+) \| SUCCESS", answer.output, re.MULTILINE))
    assert reached == {m.vm for m in GOOD if m.name in matching("westeurope")}


def test_those_without_facts_are_asked_again_by_their_group(
    gathered: Gathered, retried: Retried
) -> None:
    assert set(retried.answer.failures) == names(FAILING) - {THROTTLED_ONE.name}
    assert retried.answer.status == 2
    assert f"{len(FAILING) - 1} of {len(FAILING)} hosts failed" in retried.answer.output
    changed = {name for name, text in retried.snapshots.items() if text != gathered.snapshots[name]}
    assert changed == {THROTTLED_ONE.name}


@pytest.mark.usefixtures("retried")
def test_what_was_known_of_a_host_survives_its_failure(fleet: Fleet, gathered: Gathered) -> None:
    """Tests batches of one host, so that all hosts of a batch fail. The first host is unreachable."""
    facts = gathered.controller.folder / "facts"
    before = cached(facts)
    fleet.spoil(THROTTLED_ONE, THROTTLED)
    asked = ",".join((DOWN.name, THROTTLED_ONE.name, FLEET[1].name))
    answer = gathered.controller.run(
        f"{GATHER} --limit {asked} -e imds_serial=1 -e azure_imds_deadline=1"
    )
    fleet.heal(THROTTLED_ONE)
    after = cached(facts)
    assert answer.status == 2, answer
    assert set(answer.failures) == {DOWN.name, THROTTLED_ONE.name}
    assert "3 of 3 hosts queried" in answer.output
    assert before[THROTTLED_ONE.name] == after[THROTTLED_ONE.name] != {}
    assert before[FLEET[1].name] != after[FLEET[1].name]
    for machine in (THROTTLED_ONE, FLEET[1]):
        known = after[machine.name]["azure_imds"]
        assert known == json.loads(snapshots(gathered.controller)[machine.name])["azure_imds"]
