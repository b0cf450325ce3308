# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A home directory in which ansible-test can make its virtual environments.

ansible-test runs pip without the environment variables of the user. To install pip, it downloads the script get-pip.py
from a server that not every machine can reach. So this home contains the settings of the user's pip as a file, and
a replacement for the script, which installs the same version of pip from the index in these settings.
"""

from __future__ import annotations

import ast
import configparser
import os
import pathlib
import re
import subprocess

GET_PIP = '''\
"""Replaces get-pip.py: installs the pip that comes with Python, and uses it to install the arguments."""

import subprocess
import sys

subprocess.check_call([sys.executable, "-m", "ensurepip"], stdout=subprocess.DEVNULL)
wanted = [argument for argument in sys.argv[1:] if argument not in ("--no-setuptools", "--no-wheel")]
sys.exit(subprocess.call([sys.executable, "-m", "pip", "install", "--quiet", *wanted]))
'''
PIP_VERSION = re.compile(r"\bpip='([\d.]+)'")


def prepare(home: pathlib.Path, venv: pathlib.Path) -> None:
    """Creates the home for the ansible-test of a virtual environment."""
    settings = home / ".config" / "pip" / "pip.conf"
    settings.parent.mkdir(parents=True, exist_ok=True)
    with settings.open("w", encoding="utf-8") as stream:
        pip_settings(venv).write(stream)
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    internals = "lib/python*/site-packages/ansible_test/_internal/python_requirements.py"
    (source,) = venv.glob(internals)
    for version in set(PIP_VERSION.findall(source.read_text(encoding="utf-8"))):
        (cache / f"get_pip_{version.replace('.', '_')}.py").write_text(GET_PIP, encoding="utf-8")


def pip_settings(venv: pathlib.Path) -> configparser.RawConfigParser:
    """The settings that `pip config list` prints, as a file. Settings from the environment take precedence."""
    command = [str(venv / "bin" / "python"), "-m", "pip", "config", "list"]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    settings = configparser.RawConfigParser()
    settings["global"] = {}
    pairs = [line.partition("=") for line in listed.splitlines() if "=" in line]
    for key, _equals, value in sorted(pairs, key=lambda pair: pair[0].startswith(":env:")):
        section, _dot, name = key.replace(":env:", "global").partition(".")
        if not settings.has_section(section):
            settings.add_section(section)
        settings[section][name] = str(ast.literal_eval(value))
    proxy = os.environ.get("https_proxy") or os.environ.get("HTTPS_PROXY")
    if proxy:
        settings["global"].setdefault("proxy", proxy)
    return settings
