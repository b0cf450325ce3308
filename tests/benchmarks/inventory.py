# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How long the inventory takes beside what else groups hosts: `make benchmark-inventory`.

For each size it writes one fleet in every form that is compared, then runs `ansible-inventory --graph` over the forms
in turn (A B C A B C …), so that a machine whose speed drifts slows all of them down alike. What is compared is medians.

    python3 -m benchmarks.inventory [--sizes 1000 10000] [--runs 7] [--output FILE]
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import json
import os
import pathlib
import platform
import shutil
import statistics
import subprocess
import sys
import time
import typing as t

from environments import ROOT, VENVS, bin_folder

WORK = VENVS / "benchmark-inventory"
RESULT = ROOT / "docs" / "benchmarks" / "inventory.md"
LOCATIONS = ("westeurope", "northeurope", "eastus2", "germanywestcentral")


@dataclasses.dataclass(frozen=True)
class Form:
    """One way to have a fleet as an inventory."""

    name: str
    inventories: tuple[str, ...]
    cached: bool = False
    # The largest fleet for which it ends in a time that anybody would wait for.
    most: int = 1_000_000


FORMS = (
    Form("INI file of host names (the floor)", ("names.ini",)),
    Form("imds.azure.instances, documents", ("documents.imds.yml",)),
    Form("imds.azure.instances, documents, tags only", ("small.imds.yml",)),
    Form("imds.azure.instances, fact cache", ("names.ini", "facts.imds.yml"), cached=True),
    Form("constructed over the fact cache", ("names.ini", "constructed.yml"), True, 10_000),
    Form("the finished inventory as JSON", ("finished.json.yml",), most=100_000),
    Form("the finished inventory as YAML", ("finished.yml",), most=10_000),
)


@dataclasses.dataclass(frozen=True)
class Run:
    seconds: float
    cpu: float
    megabytes: float


def main() -> int:
    options = parse()
    programs = bin_folder("core-newest")
    rows = [line for size in options.sizes for line in measured(size, options.runs, programs)]
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(page(rows, options.runs, programs), encoding="utf-8")
    print(options.output.read_text(encoding="utf-8"))
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--output", type=pathlib.Path, default=RESULT)
    return parser.parse_args()


def measured(size: int, runs: int, programs: pathlib.Path) -> list[str]:
    folder = write_fleet(size, programs)
    forms = [form for form in FORMS if size <= form.most]
    found: dict[Form, list[Run]] = {form: [] for form in forms}
    # Large fleets take minutes each, and their figures vary by less.
    for number in range(runs if size <= 10_000 else max(1, runs // 3)):
        for form in forms:
            print(f"{size} hosts, run {number + 1}: {form.name}", file=sys.stderr, flush=True)
            found[form].append(run(form, size, folder, programs))
    return rows(size, found)


def rows(size: int, found: dict[Form, list[Run]]) -> list[str]:
    medians = {form: statistics.median(run.seconds for run in runs) for form, runs in found.items()}
    floor = medians[FORMS[0]]
    return [
        f"| {size:,} | {form.name} | {medians[form]:.2f} | {medians[form] / floor:.2f} | "
        f"{statistics.median(run.cpu for run in runs):.2f} | "
        f"{statistics.median(run.megabytes for run in runs):.0f} |"
        for form, runs in found.items()
    ]


def page(lines: list[str], runs: int, programs: pathlib.Path) -> str:
    version = subprocess.run(
        [programs / "ansible", "--version"], capture_output=True, text=True, check=True
    ).stdout.splitlines()[0]
    return "\n".join(
        (
            # REUSE-IgnoreStart: these lines are about the page, not about this file
            "<!--",
            "SPDX-FileCopyrightText: 2026 the imds.azure contributors",
            "SPDX-License-Identifier: GPL-3.0-or-later",
            "-->",
            # REUSE-IgnoreEnd
            "",
            "# The inventory beside what else groups hosts",
            "",
            f"`ansible-inventory --graph`, {version}, Python {platform.python_version()}, {os.cpu_count()} cores;",
            f"medians of {runs} interleaved runs (a third of them above 10,000 hosts). Written by `make benchmark-inventory`.",
            "",
            "| hosts | form | seconds | times the floor | CPU seconds | peak MB |",
            "|---|---|---|---|---|---|",
            *lines,
            "",
        )
    )


def run(form: Form, size: int, folder: pathlib.Path, programs: pathlib.Path) -> Run:
    arguments = [word for name in form.inventories for word in ("-i", name)]
    with (folder / "output.txt").open("w+b") as output:
        start = time.monotonic()
        process = subprocess.Popen(
            [f"{programs}/ansible-inventory", *arguments, "--graph"],
            cwd=folder,
            env=environment(folder, form.cached),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        # Of this process alone, which subprocess doesn't tell.
        _pid, status, usage = os.wait4(process.pid, 0)
        seconds = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        text = output.read()
    # A form that lost hosts would be quick.
    if process.returncode or text.count(b"--vm-") < size:
        sys.exit(f"{form.name}: {size} hosts expected, got\n{text[-2000:].decode()}")
    return Run(seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def environment(folder: pathlib.Path, cached: bool) -> dict[str, str]:
    cache = {
        "ANSIBLE_CACHE_PLUGIN": "jsonfile",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(folder / "cache"),
        "ANSIBLE_CACHE_PLUGIN_TIMEOUT": "0",
    }
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder / "home"),
        "ANSIBLE_COLLECTIONS_PATH": str(WORK / "collections"),
        **(cache if cached else {}),
    }


def write_fleet(size: int, programs: pathlib.Path) -> pathlib.Path:
    folder = WORK / str(size)
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "home").mkdir(parents=True)
    collections = WORK / "collections" / "ansible_collections" / "imds"
    collections.mkdir(parents=True, exist_ok=True)
    if not (collections / "azure").exists():
        (collections / "azure").symlink_to(ROOT)
    with (folder / "names.ini").open("w") as names, (folder / "fleet.ndjson").open("w") as fleet:
        for number in range(size):
            document = vm(number)
            names.write(document["compute"]["name"] + "\n")
            fleet.write(json.dumps(document, separators=(",", ":")) + "\n")
    for name, text in CONFIGURATIONS.items():
        (folder / name).write_text(text, encoding="utf-8")
    derive(folder, size, programs)
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
    """A whole document of the newest version, of the simulator's sample fleet."""
    sys.path.insert(0, str(ROOT / "tests"))
    fleet = json.loads((ROOT / "tests" / "simulator" / "fleet.json").read_text(encoding="utf-8"))
    return json.dumps(fleet["vms"][0]["document"])


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


def derive(folder: pathlib.Path, size: int, programs: pathlib.Path) -> None:
    """The fact cache and the finished inventory, made by Ansible's own code from the documents."""
    script = pathlib.Path(__file__).with_name("_derive.py")
    subprocess.run(
        [f"{programs}/python", script, folder, "yaml" if size <= 10_000 else "json"],
        env=environment(folder, cached=True),
        check=True,
    )


if __name__ == "__main__":
    sys.exit(main())
