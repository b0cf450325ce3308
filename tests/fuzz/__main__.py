# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fuzzes one target for some seconds.

    python -m fuzz TARGET SECONDS FOLDER

FOLDER keeps the bytes that reached new code, so that the next run begins with them. It also keeps the bytes that caused a failure.
"""

from __future__ import annotations

import pathlib
import sys
import tempfile

import atheris

from project import ROOT

FIXTURES = ROOT / "tests" / "unit" / "fixtures"
# Enough for a document with all fields. Much larger inputs would make each attempt slow.
LONGEST = 20_000
# Keys and texts that the readers of Ansible can't handle.
MARKED = (
    b'{"compute": {"tagsList": [{"name": "__ansible_vault", "value": "\\ud83d"}], "tags": "__ansible_type:x;a:b",'
    b' "__ansible_unsafe": {"_\\u005fansible_type": "x"}, "userData": "e30="}, "network": {"interface": []}}'
)
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n"


def seeds(target: str) -> list[bytes]:
    """Real documents and answers, with which the fuzzing begins."""
    bodies = [path.read_bytes() for path in sorted(FIXTURES.glob("*.json"))]
    bodies.append(b'{ "error": "Bad request", "newest-versions": [ "2020-12-01" ] }')
    bodies.append(MARKED)
    bodies = [body for body in bodies if len(body) < LONGEST]
    if target == "texts":
        return bodies
    if target == "answers":
        return [form % (len(body), body) for body in bodies for form in (ANSWER, CHUNKED)]
    if target == "bodies":
        return [bytes((0, ask)) + body for body in bodies for ask in range(6)]
    if target == "files":
        names = [b"a.json", b"a.ndjson", b"a\x1b[31m\n.json", b"web-1.json"]
        heads = [bytes((kind, len(name))) + name for kind in range(7) for name in names]
        return [head + body for head in heads for body in bodies[:2]]
    return [b"\0" + body for body in bodies] + [b"\1" + b"".join(bodies[0].split(b"\n"))]


def main(target: str, seconds: str, folder: str) -> None:
    corpus = pathlib.Path(folder, target)
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds(target)):
        (corpus / f"seed-{number}").write_bytes(seed)
    with tempfile.TemporaryDirectory() as tree:
        place = pathlib.Path(tree, "ansible_collections", "imds")
        place.mkdir(parents=True)
        (place / "azure").symlink_to(ROOT)
        # Imported as plain packages, because atheris can't instrument modules that Ansible's loader imports.
        sys.path.insert(0, tree)
        with atheris.instrument_imports(
            include=["ansible_collections", "json", "http", "email", "fuzz.targets"]
        ):
            from fuzz.targets import TARGETS
        arguments = [
            sys.argv[0],
            f"-max_total_time={seconds}",
            f"-max_len={LONGEST}",
            "-timeout=20",
            "-rss_limit_mb=2048",
            f"-artifact_prefix={folder}/broken-{target}-",
            str(corpus),
        ]
        atheris.Setup(arguments, TARGETS[target])
        atheris.Fuzz()


if __name__ == "__main__":
    main(*sys.argv[1:])
