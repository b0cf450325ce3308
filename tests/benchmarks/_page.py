# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was measured, kept as JSON in .venv/benchmarks, and the page that is made of it: docs/benchmarks.md."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import platform
import subprocess
import typing as t

from benchmarks import _texts
from environments import ROOT, VENVS, bin_folder

KEPT = VENVS / "benchmarks"
PAGE = ROOT / "docs" / "benchmarks.md"

Row = dict[str, t.Any]


def keep(part: str, runs: int, rows: t.Sequence[t.Any]) -> None:
    plain = [
        {"runs": runs, **(row if isinstance(row, dict) else dataclasses.asdict(row))}
        for row in rows
    ]
    KEPT.mkdir(parents=True, exist_ok=True)
    (KEPT / f"{part}.json").write_text(json.dumps(plain, indent=1), encoding="utf-8")


def kept(part: str) -> list[Row]:
    file = KEPT / f"{part}.json"
    return json.loads(file.read_text(encoding="utf-8")) if file.exists() else []


def write() -> None:
    """The page of all that has been measured in this checkout so far, and on this kind of machine before."""
    here = machine()
    head = _texts.HEAD.format(machine=here).strip()
    older = PAGE.read_text(encoding="utf-8") if PAGE.exists() else ""
    standing = sections(older) if f" on {here}." in older else {}
    parts = (
        ("One VM's facts", _texts.FACTS, facts, kept("facts")),
        ("Outside Ansible", _texts.PEERS, peers, kept("peers")),
        ("Lookups", _texts.LOOKUPS, lookups, kept("lookups")),
        ("Inventory", _texts.INVENTORY, inventories, of_all_sizes()),
        ("A fleet over SSH", _texts.FLEET, fleets, kept("fleet")),
        ("Under the limit of 5 requests a second", _texts.LIMIT, limit, kept("limit")),
    )
    measured = {
        title: f"{title}\n\n{text.strip()}\n\n{shown(rows)}\n\n{medians(rows)}"
        for title, text, shown, rows in parts
        if rows
    }
    if "Inventory" in measured and "Inventory" in standing:
        measured["Inventory"] = with_other_sizes(measured["Inventory"], standing["Inventory"])
    known = {**standing, **measured}
    body = [f"## {known[title]}" for title, *_others in parts if title in known]
    page = "\n\n".join((_texts.LICENCE.strip(), head, *body, _texts.END.strip()))
    PAGE.write_text(f"{page}\n", encoding="utf-8")


def sections(page: str) -> dict[str, str]:
    """The sections of a page by their titles, which are their first lines."""
    _head, *found = page.split("\n## ")
    return {section.partition("\n")[0]: section.strip() for section in found}


def with_other_sizes(section: str, older: str) -> str:
    """The section with the rows that the older one has of fleets that were not measured again."""
    lines = section.splitlines()
    rows = [line for line in lines if size_in(line)]
    measured = {size_in(row) for row in rows}
    others = [line for line in older.splitlines() if size_in(line) not in (0, *measured)]
    start = lines.index(rows[0])
    lines[start : start + len(rows)] = sorted([*rows, *others], key=size_in)
    return "\n".join(lines)


def size_in(line: str) -> int:
    """The number of hosts at the start of a row; 0 in a line that is none."""
    first = line[2:].partition(" |")[0].replace(",", "")
    return int(first) if line.startswith("| ") and first.isdecimal() else 0


def medians(rows: list[Row]) -> str:
    numbers = sorted({row["runs"] for row in rows}, reverse=True)
    if len(numbers) == 1:
        return f"Medians of {numbers[0]} runs."
    return "Medians of as many runs as the table says."


def of_all_sizes() -> list[Row]:
    files = sorted(KEPT.glob("inventory-*.json"), key=lambda file: int(file.stem.split("-")[1]))
    return [row for file in files for row in kept(file.stem)]


def machine() -> str:
    """What was measured with, and on what kind of machine; its name is nobody's business."""
    programs = bin_folder("core-newest")
    script = "import sys; from importlib.metadata import version; print(version('ansible-core'), sys.version.split()[0])"
    found = subprocess.run(
        [str(programs / "python"), "-c", script], capture_output=True, text=True, check=True
    )
    core, python = found.stdout.split()
    return f"ansible-core {core}, Python {python}, {os.cpu_count()} cores of {processor()}, {platform.system()}"


def processor() -> str:
    information = pathlib.Path("/proc/cpuinfo")
    if information.exists():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def table(head: t.Sequence[str], rows: t.Iterable[t.Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def facts(rows: list[Row]) -> str:
    return table(
        (
            *("play of", "runs", "seconds", "times ping", "times uri", "CPU s", "times ping"),
            *("requests", "bytes"),
            *("CPU s on the node", "times ping", "module kB"),
        ),
        (
            (
                row["name"],
                row["runs"],
                _figures(row["play"])[0],
                # The aims are nearer to this than a hundredth.
                _times(row["play"]["times_seconds"], digits=3),
                _times(row["times_uri"], digits=3),
                *_figures(row["play"])[2:],
                row["play"]["requests"],
                row["play"]["bytes"],
                f"{row['node']['cpu']:.3f}",
                _times(row["node"]["times_cpu"]),
                round(row["payload"] / 1024),
            )
            for row in rows
        ),
    )


def peers(rows: list[Row]) -> str:
    return table(
        ("what runs", "seconds", "CPU s", "requests", "bytes"),
        (
            (
                row["name"],
                f"{row['run']['seconds']:.3f}",
                f"{row['run']['cpu']:.3f}",
                row["run"]["requests"],
                row["run"]["bytes"],
            )
            for row in rows
        ),
    )


def lookups(rows: list[Row]) -> str:
    return table(
        ("lookups", "of", "seconds", "times env", "CPU s", "times env", "requests"),
        (
            (
                row["lookups"],
                row["name"],
                *_figures(row["run"]),
                row["run"]["requests"],
            )
            for row in rows
        ),
    )


def inventories(rows: list[Row]) -> str:
    return table(
        (
            *("hosts", "form", "runs", "seconds", "times floor", "CPU s", "times floor", "peak MB"),
            *("CPU ms for a further host", "kB"),
        ),
        (
            (
                f"{row['hosts']:,}",
                row["name"],
                row["runs"],
                *_figures(row["run"]),
                round(row["run"]["megabytes"]),
                *growth(row, smaller),
            )
            for row, smaller in zip(rows, next_smaller(rows), strict=True)
        ),
    )


def next_smaller(rows: list[Row]) -> t.Iterator[Row | None]:
    """For each row that of the same form with the next smaller fleet."""
    last: dict[str, Row] = {}
    for row in rows:
        yield last.get(row["name"])
        last[row["name"]] = row


def growth(row: Row, smaller: Row | None) -> tuple[str, str]:
    """What each host takes that the smaller fleet has not: the same at every size where growth is linear."""
    if smaller is None:
        return "", ""
    hosts = row["hosts"] - smaller["hosts"]
    cpu = row["run"]["cpu"] - smaller["run"]["cpu"]
    megabytes = row["run"]["megabytes"] - smaller["run"]["megabytes"]
    return f"{cpu * 1000 / hosts:.2f}", f"{megabytes * 1024 / hosts:.1f}"


def fleets(rows: list[Row]) -> str:
    return table(
        (
            *("hosts", "what runs", "seconds", "times ping", "times ping, pipelining"),
            *("CPU s of the controller", "times ping"),
        ),
        (
            (
                row["hosts"],
                row["name"],
                *_figures(row["run"])[:2],
                _times(row["times_piped"]),
                *_figures(row["run"])[2:],
            )
            for row in rows
        ),
    )


def limit(rows: list[Row]) -> str:
    return table(
        ("who asks", "seconds to the last answer", "times the floor", "requests"),
        (
            (
                row["name"],
                f"{row['seconds']:.1f}",
                _times(row["seconds"] / row["floor"]),
                row["requests"],
            )
            for row in rows
        ),
    )


def _figures(run: Row) -> tuple[str, str, str, str]:
    return (
        f"{run['seconds']:.2f}",
        _times(run["times_seconds"]),
        f"{run['cpu']:.2f}",
        _times(run["times_cpu"]),
    )


def _times(number: float, digits: int = 2) -> str:
    return f"{number:.{digits}f}"
