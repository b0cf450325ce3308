# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs commands of Ansible for integration targets, and returns all their output."""

from __future__ import annotations

import os
import pathlib
import subprocess
import typing as t


class Done(t.NamedTuple):
    status: int
    # Bytes that are not UTF-8 become surrogates.
    output: str

    @property
    def failed(self) -> bool:
        """Whether the command failed. Ansible only warns about an inventory that it can't read."""
        return bool(self.status) or "to parse" in " ".join(self.output.split())


def run(*command: str, cwd: pathlib.Path | None = None, **more: str | pathlib.Path) -> Done:
    """Runs a command until it ends. `more` has further environment variables."""
    with start(*command, cwd=cwd, output=subprocess.PIPE, **more) as process:
        output, _nothing = process.communicate()
    return Done(process.returncode, output.decode("utf-8", "surrogateescape"))


def start(
    *command: str,
    cwd: pathlib.Path | None = None,
    output: t.IO[t.Any] | int,
    **more: str | pathlib.Path,
) -> subprocess.Popen[bytes]:
    env = {**os.environ, "ANSIBLE_NOCOLOR": "1", **{name: str(each) for name, each in more.items()}}
    env.pop("ANSIBLE_FORCE_COLOR", None)
    return subprocess.Popen(
        command,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
    )


def shown(command: str, done: Done) -> bool:
    """Prints a command of the documentation with its output. Returns whether it succeeded."""
    print(f"$ {command}\n{done.output}", flush=True)
    if done.failed:
        print(f"failed: {command}", flush=True)
    return not done.failed


def cached_in(folder: pathlib.Path) -> dict[str, str | pathlib.Path]:
    """The environment variables that make Ansible keep its fact cache in files."""
    return {"ANSIBLE_CACHE_PLUGIN": "jsonfile", "ANSIBLE_CACHE_PLUGIN_CONNECTION": folder}


__all__ = ("Done", "cached_in", "run", "shown", "start")
