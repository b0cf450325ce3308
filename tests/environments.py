# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes the virtual environments that the checks run in, and prints where their programs are.

    python3 tests/environments.py core-newest

makes .venv/core-newest when it is missing, or older than its requirements (tests/requirements/core-newest.txt),
and prints the absolute path of its bin folder.  Needs the standard library only.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import fcntl
import functools
import hashlib
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import typing as t
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
VENVS = ROOT / ".venv"
REQUIREMENTS = ROOT / "tests" / "requirements"
# The folder that Python finds the simulator's package in.
SIMULATOR = ROOT / "tests" / "simulator"
COLLECTIONS = REQUIREMENTS / "collections.txt"
# What makes an environment or runs a check takes a turn. There is one more than processors, because tests also wait.
TURNS = threading.BoundedSemaphore((os.cpu_count() or 1) + 1)


@dataclasses.dataclass(frozen=True)
class Environment:
    """A virtual environment and the Pythons it can be made with, the best one first.

    ``lesser`` are Pythons that do when there is no other, with an older ansible-core than the name promises.
    ``collections`` come out of the package that requirements/collections.txt names.
    ``requirements`` is the name of its file there, when that is not the environment's own.
    """

    name: str
    pythons: tuple[str, ...]
    lesser: tuple[str, ...] = ()
    collections: tuple[str, ...] = ()
    requirements: str = ""

    @property
    def requirements_file(self) -> pathlib.Path:
        return REQUIREMENTS / f"{self.requirements or self.name}.txt"


# The lines of ansible-core that the collection supports, the oldest first, and the Pythons that each runs on, the one
# that daily tests take first; together these span them all.  tests/requirements/NAME.txt says which release a line is,
# and tests/unit/test_metadata.py holds all that is said elsewhere to this table.
LINES = {
    "core-2.16": ("3.10", "3.11", "3.12"),
    "core-2.17": ("3.12", "3.11", "3.10"),
    "core-2.18": ("3.12", "3.11", "3.13"),
    "core-2.19": ("3.11", "3.12", "3.13"),
    "core-newest": ("3.13", "3.14", "3.12"),
}
# What tests run on that were not told anything else.
CORES = ("core-2.16", "core-2.19", "core-newest")
# Each line with each of its Pythons: the environments of the long run.
MATRIX = {
    line: {version: f"{line}-py{version}" for version in pythons} for line, pythons in LINES.items()
}
NEWEST = Environment("core-newest", LINES["core-newest"], lesser=("3.11",))
ENVIRONMENTS = {
    environment.name: environment
    for environment in (
        *(Environment(line, LINES[line]) for line in LINES if line != NEWEST.name),
        NEWEST,
        dataclasses.replace(NEWEST, name="execution"),
        dataclasses.replace(NEWEST, name="fleet", collections=("amazon.aws", "community.general")),
        Environment("eda", pythons=("3.11", "3.12")),
        Environment("lint", pythons=("3.12", "3.11", "3.13")),
        Environment("browser", pythons=("3.12", "3.13", "3.11")),
        Environment("fuzz", pythons=("3.13", "3.12", "3.11")),
        Environment("docs", pythons=("3.13", "3.12", "3.11")),
        *(
            Environment(name, pythons=(version,), requirements=line)
            for line, names in MATRIX.items()
            for version, name in names.items()
        ),
    )
}


class EnvironmentFailed(Exception):
    """An environment can't be made; the message is all that the user needs."""


def bin_folder(name: str) -> pathlib.Path:
    """The folder with the programs of an environment, which is made or renewed first when needed."""
    environment = ENVIRONMENTS.get(name)
    if environment is None:
        raise EnvironmentFailed(
            f"there is no environment {name!r}; there are: {', '.join(ENVIRONMENTS)}"
        )
    folder = VENVS / name
    with lock(folder):
        if not is_current(folder, environment):
            with TURNS:
                make(folder, environment)
    return folder / "bin"


@contextlib.contextmanager
def lock(path: pathlib.Path) -> t.Iterator[None]:
    """Keeps two runs in one checkout from making the same thing at once."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(f"{path}.lock", "w", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def is_current(folder: pathlib.Path, environment: Environment) -> bool:
    try:
        stamp = (folder / "stamp").read_text(encoding="utf-8")
    except FileNotFoundError:
        return False
    return stamp == fingerprint(folder, environment) and (folder / "bin" / "python").exists()


def fingerprint(folder: pathlib.Path, environment: Environment) -> str:
    """Changes when the environment must be made anew; the path counts because scripts in a venv contain it."""
    digest = hashlib.sha256(str((folder, environment.collections)).encode())
    for file in requirement_files(environment.requirements_file):
        digest.update(file.read_bytes())
    if environment.collections:
        digest.update(COLLECTIONS.read_bytes())
    return digest.hexdigest()


def requirement_files(file: pathlib.Path) -> t.Iterator[pathlib.Path]:
    """A requirements file and, in order, all that it includes."""
    yield file
    for line in file.read_text(encoding="utf-8").splitlines():
        if line.startswith("-r "):
            yield from requirement_files(file.parent / line[len("-r ") :].strip())


def make(folder: pathlib.Path, environment: Environment) -> None:
    start = time.monotonic()
    version, python = choose_python(environment)
    shutil.rmtree(folder, ignore_errors=True)
    run(
        [python, "-m", "venv", str(folder)],
        f"{environment.name}: Python {version} can't make a virtual environment",
    )
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check", "--no-input"]
    requirements = environment.requirements_file
    run(
        [*pip, "install", "--quiet", "-r", str(requirements)],
        f"{environment.name}: pip can't install {requirements}",
    )
    if environment.collections:
        add_collections(folder, pip, environment)
    (folder / "stamp").write_text(fingerprint(folder, environment), encoding="utf-8")
    seconds = time.monotonic() - start
    core = installed_core(folder)
    say(f"{environment.name}: made with Python {version} and ansible-core {core} ({seconds:.0f} s)")
    if version in environment.lesser:
        wanted = " or ".join(environment.pythons)
        say(
            f"{environment.name}: ansible-core {core} is the newest for Python {version}; newer ones need {wanted}"
        )


def add_collections(folder: pathlib.Path, pip: list[str], environment: Environment) -> None:
    """Collections out of a package that has a hundred of them, of which none but these is kept."""
    (target,) = folder.glob("lib/python*/site-packages")
    prefixes = tuple(
        f"ansible_collections/{name.replace('.', '/')}/" for name in environment.collections
    )
    with tempfile.TemporaryDirectory(dir=folder) as downloads:
        command = [*pip, "download", "--quiet", "--no-deps", "--only-binary=:all:"]
        run(
            [*command, "--dest", downloads, "-r", str(COLLECTIONS)],
            f"{environment.name}: pip can't download {COLLECTIONS}",
        )
        (wheel,) = pathlib.Path(downloads).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(
                target, [name for name in archive.namelist() if name.startswith(prefixes)]
            )


def matrix(names: t.Iterable[str]) -> list[str]:
    """Of each line all environments whose Python is on this machine; an environment that is no line is itself."""
    found = []
    for name in names:
        pythons = MATRIX.get(name, {})
        found += [pythons[version] for version in pythons if find_python(version)] or [name]
        missing = [version for version in pythons if not find_python(version)]
        if missing:
            say(f"{name}: not on this machine: Python {', '.join(missing)}")
    return found


def choose_python(environment: Environment) -> tuple[str, str]:
    """The version and the path of the best Python on this machine for an environment."""
    for version in (*environment.pythons, *environment.lesser):
        python = find_python(version)
        if python:
            return version, python
    versions = ", ".join((*environment.pythons, *environment.lesser))
    raise EnvironmentFailed(
        f"{environment.name}: no Python that runs and can make virtual environments; install one of {versions}"
    )


@functools.cache
def find_python(version: str) -> str | None:
    """The real path of a Python that works, not only exists: version managers leave stand-ins that don't run."""
    for candidate in candidates(version):
        real = try_python(candidate, version)
        if real:
            return real
    return None


def candidates(version: str) -> t.Iterator[str]:
    names = (f"python{version}", "python3")
    for folder in os.environ.get("PATH", os.defpath).split(os.pathsep):
        yield from (os.path.join(folder, name) for name in names)
    roots = (os.environ.get("PYENV_ROOT"), os.path.expanduser("~/.pyenv"))
    for root in (pathlib.Path(root) for root in roots if root):
        yield from (
            str(path) for path in sorted(root.glob(f"versions/{version}*/bin/python{version}"))
        )


def try_python(python: str, version: str) -> str | None:
    if not os.access(python, os.X_OK):
        return None
    script = "import ensurepip, sys, venv; print('%d.%d' % sys.version_info[:2], getattr(sys, '_base_executable', sys.executable))"
    try:
        answer = subprocess.run(
            [python, "-c", script], capture_output=True, text=True, timeout=60, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    found, _separator, real = answer.stdout.strip().partition(" ")
    return real if answer.returncode == 0 and found == version else None


def installed_core(folder: pathlib.Path) -> str:
    script = "from importlib.metadata import version; print(version('ansible-core'))"
    return run(
        [str(folder / "bin" / "python"), "-c", script], "ansible-core is not installed"
    ).strip()


def run(command: t.Sequence[str], problem: str) -> str:
    answer = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if answer.returncode:
        output = (answer.stdout + answer.stderr).strip()
        raise EnvironmentFailed(f"{problem} (exit status {answer.returncode})\n{output}")
    return answer.stdout


def say(message: str) -> None:
    """To standard error: standard output is for the paths."""
    print(message, file=sys.stderr, flush=True)


def main(arguments: t.Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description="Make virtual environments under .venv and print their bin folders."
    )
    parser.add_argument("names", nargs="+", metavar="NAME", help=", ".join(ENVIRONMENTS))
    try:
        for name in parser.parse_args(arguments).names:
            print(bin_folder(name), flush=True)
    except EnvironmentFailed as failure:
        say(f"error: {failure}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
