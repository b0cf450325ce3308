# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Formats the measurements as the tables of docs/benchmarks.md. All other text of that page is written by hand."""

from __future__ import annotations

import os
import pathlib
import platform
import sys
import typing as t
from importlib.metadata import version

Row = dict[str, t.Any]


def machine() -> str:
    """The versions and the kind of machine, without the name of the machine."""
    return (
        f"ansible-core {version('ansible-core')}, Python {sys.version.split()[0]}, {os.cpu_count()} cores of "
        f"{processor()}, {platform.system()}"
    )


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
                # Some aims need more than two digits.
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
    """For each row, the row of the same form with the next smaller fleet."""
    last: dict[str, Row] = {}
    for row in rows:
        yield last.get(row["name"])
        last[row["name"]] = row


def growth(row: Row, smaller: Row | None) -> tuple[str, str]:
    """The time and memory of each host that the smaller fleet lacks. With linear growth, they are equal at every size."""
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


TABLES = {
    "facts": facts,
    "lookups": lookups,
    "limit": limit,
    "fleet": fleets,
    "peers": peers,
    "inventory": inventories,
}
