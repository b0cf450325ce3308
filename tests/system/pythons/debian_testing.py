# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Installs Python 3.14 from Debian testing, for machines without it: `python -m pythons.debian_testing`."""

from __future__ import annotations

import os
import sys

from project import VENVS
from tools import debian, isolation

VERSION = "3.14"
ROOT = VENVS / "debian-testing"
# Replaces the Python. With pipelining, the module is its standard input.
PYTHON = VENVS / f"python{VERSION}"
# Modules read tables of the kernel, so they need a /proc. Other processes do not see this one.
SCRIPT = """\
#!/bin/sh
exec unshare --mount sh -c 'mount -t proc proc {root}/proc && exec chroot {root} "$0" "$@"' /usr/bin/python{version} "$@"
"""


def make() -> None:
    if os.geteuid() != 0 or not isolation.prefix(isolation.VARIANTS[:1]):
        raise debian.Unavailable("it takes root and namespaces")
    debian.root_folder(ROOT, "testing", [f"python{VERSION}"])
    PYTHON.write_text(SCRIPT.format(root=ROOT, version=VERSION), encoding="utf-8")
    PYTHON.chmod(0o755)


if __name__ == "__main__":
    try:
        make()
    except debian.Unavailable as problem:
        print(f"no Python {VERSION} out of Debian testing: {problem}")
        # Without it, the tests of this Python are skipped with a message.
        sys.exit(3)
