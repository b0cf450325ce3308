# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Creates the root folder with the peers: a small Debian below .venv. `python -m peers.root` creates it if it is missing."""

from __future__ import annotations

from peers import node
from peers.peers import PEERS
from project import VENVS
from tools import debian, isolation

ROOT = VENVS / "peers"
# The Debian release with tested packages.
SUITE = "bookworm"


def make() -> None:
    isolation.root_prefix()
    debian.require({"ip": "iproute2", "mount": "mount"})
    debian.root_folder(
        ROOT, SUITE, sorted({package for peer in PEERS for package in peer.packages})
    )
    for path, text in {path: text for peer in PEERS for path, text in peer.files.items()}.items():
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    make()
    node.install()
