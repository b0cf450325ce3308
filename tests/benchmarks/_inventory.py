# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares the time of the inventory with other ways to group hosts.

For each size, it writes one fleet in all forms, and then runs `ansible-inventory --graph` with each form in turn.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
import pathlib
import shutil
import subprocess
import typing as t

from benchmarks._measure import Candidate, Run, in_turn, say
from benchmarks._plays import PROGRAMS
from imds_simulator import sample_fleet
from project import VENVS

WORK = VENVS / "benchmark-inventory"
LOCATIONS = ("westeurope", "northeurope", "eastus2", "germanywestcentral")


@dataclasses.dataclass(frozen=True)
class Form:
    """A form of a fleet that Ansible reads as an inventory."""

    name: str
    inventories: tuple[str, ...]
    cached: bool = False
    # The largest fleet that this form is measured with.
    most: int = 1_000_000
    is_slow: bool = False


FLOOR = Form("an INI file of host names (the floor)", ("names.ini",))
FORMS = (
    Form("imds.azure.instances, documents", ("documents.imds.yml",)),
    Form("imds.azure.instances, documents, tags only", ("small.imds.yml",)),
    Form("imds.azure.instances, fact cache", ("names.ini", "facts.imds.yml"), cached=True),
    Form("constructed over the fact cache", ("names.ini", "constructed.yml"), True, is_slow=True),
    Form("the finished inventory as JSON", ("finished.json.yml",), most=10_000, is_slow=True),
    Form("the finished inventory as YAML", ("finished.yml",), most=10_000, is_slow=True),
)


@dataclasses.dataclass(frozen=True)
class Row:
    hosts: int
    name: str
    run: Run
    runs: int


def measure(runs: int, sizes: t.Sequence[int]) -> list[Row]:
    return [row for size in sizes for row in of_size(size, runs)]


def of_size(size: int, runs: int) -> list[Row]:
    say(f"inventory of {size} hosts: writing the fleet")
    folder = write_fleet(size)
    rows: dict[str, Row] = {}
    for forms, times in in_parts(size, runs):
        candidates = [candidate(form, size, folder) for form in (FLOOR, *forms)]
        found = in_turn(candidates, times, f"inventory of {size} hosts", warm_up=times > 1)
        for name, run in found.items():
            rows.setdefault(name, Row(size, name, run, times))
    shutil.rmtree(folder)
    return list(rows.values())


def in_parts(size: int, runs: int) -> t.Iterator[tuple[list[Form], int]]:
    """The forms that are measured together, and the number of their runs."""
    forms = [form for form in FORMS if size <= form.most]
    yield (
        [form for form in forms if not is_slow_at(form, size)],
        runs if size <= 10_000 else min(runs, 3),
    )
    yield from (([form], 1) for form in forms if is_slow_at(form, size))


def is_slow_at(form: Form, size: int) -> bool:
    """Whether one run takes minutes. Such a form runs only once, because its time is far from all others."""
    return form.is_slow and size > 1_000


def candidate(form: Form, size: int, folder: pathlib.Path) -> Candidate:
    arguments = [word for name in form.inventories for word in ("-i", name)]
    return Candidate(
        form.name,
        [f"{PROGRAMS}/ansible-inventory", *arguments, "--graph"],
        folder,
        environment(folder, form.cached),
        # Without some of the hosts, a form would be too fast.
        lambda printed: printed.count("--vm-") >= size,
    )


def environment(folder: pathlib.Path, cached: bool) -> dict[str, str]:
    cache = {
        "ANSIBLE_CACHE_PLUGIN": "jsonfile",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(folder / "cache"),
        "ANSIBLE_CACHE_PLUGIN_TIMEOUT": "0",
    }
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder / "home"),
        "ANSIBLE_COLLECTIONS_PATH": os.environ["ANSIBLE_COLLECTIONS_PATH"],
        **(cache if cached else {}),
    }


def write_fleet(size: int) -> pathlib.Path:
    folder = WORK / str(size)
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "home").mkdir(parents=True)
    with (folder / "names.ini").open("w") as names, (folder / "fleet.ndjson").open("w") as fleet:
        for number in range(size):
            document = vm(number)
            names.write(document["compute"]["name"] + "\n")
            fleet.write(json.dumps(document, separators=(",", ":")) + "\n")
    for name, text in CONFIGURATIONS.items():
        (folder / name).write_text(text, encoding="utf-8")
    derive(folder, size)
    return folder


CONFIGURATIONS = {
    "documents.imds.yml": "plugin: imds.azure.instances\nsources: [documents]\ndocuments: [fleet.ndjson]\n",
    "small.imds.yml": (
        "plugin: imds.azure.instances\nsources: [documents]\ndocuments: [fleet.ndjson]\n"
        "gather_subset: [tags]\n"
    ),
    "facts.imds.yml": "plugin: imds.azure.instances\nsources: [facts]\n",
    "constructed.yml": """plugin: ansible.builtin.constructed
keyed_groups:
  - {key: azure_imds.compute.zone, prefix: zone, parent_group: zones}
  - {key: azure_imds.compute.platformFaultDomain, prefix: fault_domain, parent_group: fault_domains}
  - {key: azure_imds.compute.location, prefix: location, parent_group: locations}
  - {key: azure_imds.tags, prefix: tag, parent_group: tags}
""",
}


@functools.cache
def template() -> str:
    """A complete document of the newest version, from the sample fleet of the simulator."""
    return json.dumps(sample_fleet()[0].document)


def vm(number: int) -> dict[str, t.Any]:
    """A VM of a fleet in four locations, three zones and five fault domains, with 20 roles."""
    document: dict[str, t.Any] = json.loads(template())
    tags = {"Role": f"role{number % 20}", "Env": ("prod", "test")[number % 2]}
    document["compute"].update(
        name=f"vm-{number:06d}",
        vmId=f"00000000-0000-4000-8000-{number:012d}",
        location=LOCATIONS[number % 4],
        zone=str(number % 3 + 1),
        platformFaultDomain=str(number % 5),
        tags=";".join(f"{name}:{value}" for name, value in tags.items()),
        tagsList=[{"name": name, "value": value} for name, value in tags.items()],
    )
    address = document["network"]["interface"][0]["ipv4"]["ipAddress"][0]
    address["privateIpAddress"] = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    return document


def derive(folder: pathlib.Path, size: int) -> None:
    """Writes the fact cache and the finished inventory. Ansible's own code creates them from the documents."""
    script = pathlib.Path(__file__).with_name("_derive.py")
    subprocess.run(
        [f"{PROGRAMS}/python", script, folder, *(["finished"] if size <= 10_000 else [])],
        env=environment(folder, cached=True),
        check=True,
    )
