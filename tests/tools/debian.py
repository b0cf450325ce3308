# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Installs programs from Debian's packages for tests, and creates root folders with a small Debian."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import pathlib
import shutil
import subprocess
import typing as t

from project import VENVS
from tools import isolation

# The mirror for machines that do not run Debian.
MIRROR = "http://deb.debian.org/debian"
# If this script exists and exits with 101, Debian does not start a server when its package is installed.
POLICY = pathlib.Path("/usr/sbin/policy-rc.d")


class Unavailable(Exception):
    """A package or a folder is not available on this machine. The message names it and the reason."""


def find(program: str) -> str | None:
    """The path of a program, even if its folder is only on the PATH of administrators."""
    path = os.pathsep.join((os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"))
    return shutil.which(program, path=path)


def require(packages: t.Mapping[str, str]) -> None:
    """Installs missing programs, as root on Debian. `packages` maps each program to its package."""
    with _lock(VENVS / "packages"):
        missing = sorted({package for program, package in packages.items() if not find(program)})
        if not missing:
            return
        if os.geteuid() != 0 or not shutil.which("apt-get"):
            raise Unavailable(f"install these first (Debian's names): {' '.join(missing)}")
        with _no_services():
            _run("apt-get", "-qq", "update")
            _run("apt-get", "-qq", "install", "--yes", "--no-install-recommends", *missing)


def root_folder(folder: pathlib.Path, suite: str, packages: t.Sequence[str]) -> None:
    """Creates a root folder with a small Debian, unless it exists already.

    Packages are downloaded over the network of this machine. Their installation scripts run without a network.
    """
    require({"debootstrap": "debootstrap", "unshare": "util-linux", "setpriv": "util-linux"})
    made_of = hashlib.sha256(repr((suite, *packages)).encode()).hexdigest()
    stamp = folder / "stamp"
    with _lock(folder):
        if stamp.exists() and stamp.read_text(encoding="utf-8") == made_of:
            return
        print(f"making a Debian ({suite}) with {', '.join(packages)}", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        options = ("--foreign", "--variant=minbase", f"--include={','.join(packages)}")
        _run("debootstrap", *options, suite, str(folder), mirror())
        second = ("chroot", str(folder), "/debootstrap/debootstrap", "--second-stage")
        _run(*isolation.root_prefix(), *second)
        for archive in folder.glob("var/cache/apt/archives/*.deb"):
            archive.unlink()
        stamp.write_text(made_of, encoding="utf-8")


def mirror() -> str:
    """The mirror from which this machine installs Debian packages."""
    if not shutil.which("apt-get"):
        return MIRROR
    form = "$(ORIGIN) $(LABEL) $(COMPONENT) $(REPO_URI)"
    listed = _run("apt-get", "indextargets", "--format", form, "Created-By: Packages")
    found = [line for line in listed.splitlines() if line.startswith("Debian Debian main http")]
    return found[0].split()[-1].rstrip("/") if found else MIRROR


def _run(*command: str) -> str:
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        output = (done.stdout + done.stderr).strip()[-3000:]
        raise Unavailable(f"{' '.join(command)}: exit status {done.returncode}\n{output}")
    return done.stdout


@contextlib.contextmanager
def _lock(path: pathlib.Path) -> t.Iterator[None]:
    """Prevents two runs from creating the same folder at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{path}.lock", "w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def _no_services() -> t.Iterator[None]:
    """Prevents Debian from starting the servers that are installed within this context."""
    if POLICY.exists():
        yield
        return
    POLICY.write_text("#!/bin/sh\nexit 101\n", encoding="utf-8")
    POLICY.chmod(0o755)
    try:
        yield
    finally:
        POLICY.unlink()
