# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Home directories inside the checkout, so that ansible-test neither sees nor touches the user's own.

Each run has one of its own, because two runs of ansible-test in one home get into each other's way.

ansible-test hides the environment from the pip that it runs, and downloads a script to get that pip from a server
that not every machine can reach.  So a home directory has what it needs: the settings of the user's pip as a
file, and in place of the script one that installs the same pip from wherever these settings say.
"""

from __future__ import annotations

import ast
import configparser
import os
import pathlib
import re
import subprocess

from environments import VENVS

GET_PIP = '''\
"""Stands in for get-pip.py: pip from Python itself, then whatever is asked for by that pip."""

import subprocess
import sys

subprocess.check_call([sys.executable, "-m", "ensurepip"], stdout=subprocess.DEVNULL)
wanted = [argument for argument in sys.argv[1:] if argument not in ("--no-setuptools", "--no-wheel")]
sys.exit(subprocess.call([sys.executable, "-m", "pip", "install", "--quiet", *wanted]))
'''
PIP_VERSION = re.compile(r"\bpip='([\d.]+)'")


def folder(name: str) -> pathlib.Path:
    home = VENVS / f"home-{name}"
    home.mkdir(parents=True, exist_ok=True)
    return home


def prepare(programs: pathlib.Path) -> pathlib.Path:
    """The home directory with all that ansible-test of this virtual environment needs to make others."""
    home = folder(programs.parent.name)
    copy_pip_settings(programs, home)
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    for version in pip_versions(programs):
        (cache / f"get_pip_{version.replace('.', '_')}.py").write_text(GET_PIP, encoding="utf-8")
    return home


def pip_versions(programs: pathlib.Path) -> set[str]:
    """The versions of pip that this ansible-test could ask for."""
    pattern = "lib/python*/site-packages/ansible_test/_internal/python_requirements.py"
    (source,) = programs.parent.glob(pattern)
    return set(PIP_VERSION.findall(source.read_text(encoding="utf-8")))


def copy_pip_settings(programs: pathlib.Path, home: pathlib.Path) -> None:
    """Where to install from and which certificates to trust, from the user's files and environment alike."""
    command = [str(programs / "python"), "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    settings = read_pip_settings(listed)
    proxy = os.environ.get("https_proxy") or os.environ.get("HTTPS_PROXY")
    if proxy and "proxy" not in settings["global"]:
        settings["global"]["proxy"] = proxy
    file = home / ".config" / "pip" / "pip.conf"
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w", encoding="utf-8") as stream:
        settings.write(stream)


def read_pip_settings(listed: str) -> configparser.RawConfigParser:
    """What `pip config list` prints, as a file of settings; those from the environment go before the others."""
    settings = configparser.RawConfigParser()
    settings["global"] = {}
    pairs = [line.partition("=") for line in listed.splitlines() if "=" in line]
    for key, _equals, value in sorted(pairs, key=lambda pair: pair[0].startswith(":env:")):
        section, _dot, name = key.replace(":env:", "global").partition(".")
        if not settings.has_section(section):
            settings.add_section(section)
        settings[section][name] = str(ast.literal_eval(value))
    return settings
