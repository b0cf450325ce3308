# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The root folder with the peers: a small Debian under .venv, made when it is missing or older than what it is made of."""

from __future__ import annotations

import hashlib
import pathlib
import shutil

from checks import namespaces, programs
from environments import VENVS, lock, run, say
from peers.peers import PEERS

ROOT = VENVS / "peers"
PROGRAMS = {
    "apt-get": "apt",
    "debootstrap": "debootstrap",
    "ip": "iproute2",
    "mount": "mount",
    "setpriv": "util-linux",
    "unshare": "util-linux",
}
# The release of Debian whose packages have been tried, and where it is for machines that don't run Debian.
SUITE = "bookworm"
MIRROR = "http://deb.debian.org/debian"


def folder() -> pathlib.Path:
    """The root folder, which is made first when needed."""
    namespaces.check_root()
    programs.require(PROGRAMS)
    with lock(ROOT):
        if not is_current():
            make()
    return ROOT


def is_current() -> bool:
    stamp = ROOT / "stamp"
    return stamp.exists() and stamp.read_text(encoding="utf-8") == fingerprint()


def fingerprint() -> str:
    parts = (SUITE, packages(), files())
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def packages() -> list[str]:
    return sorted({package for peer in PEERS for package in peer.packages})


def files() -> dict[str, str]:
    return {path: text for peer in PEERS for path, text in peer.files.items()}


def make() -> None:
    """Downloads with the network of this machine; what the packages run as they are installed has none."""
    say(f"peers: making a Debian with {', '.join(packages())}")
    shutil.rmtree(ROOT, ignore_errors=True)
    options = ["--foreign", "--variant=minbase", f"--include={','.join(packages())}"]
    run(
        ["debootstrap", *options, SUITE, str(ROOT), mirror()],
        f"debootstrap can't get Debian's {SUITE} from {mirror()}",
    )
    run(
        [*namespaces.prefix(), "chroot", str(ROOT), "/debootstrap/debootstrap", "--second-stage"],
        f"debootstrap can't install the packages; its log is {ROOT}/debootstrap/debootstrap.log",
    )
    for archive in ROOT.glob("var/cache/apt/archives/*.deb"):
        archive.unlink()
    for path, text in files().items():
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(text, encoding="utf-8")
    (ROOT / "stamp").write_text(fingerprint(), encoding="utf-8")


def mirror() -> str:
    """Where this machine gets Debian from."""
    form = "$(ORIGIN) $(LABEL) $(COMPONENT) $(REPO_URI)"
    command = ["apt-get", "indextargets", "--format", form, "Created-By: Packages"]
    for line in run(command, "apt-get doesn't say where packages come from").splitlines():
        if line.startswith("Debian Debian main http"):
            return line.split()[-1].rstrip("/")
    return MIRROR
