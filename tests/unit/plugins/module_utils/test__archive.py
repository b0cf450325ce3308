# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""In processes of their own, because it is about how Python imports."""

from __future__ import annotations

import pathlib
import subprocess
import sys
import zipfile

import pytest

from ansible_collections.imds.azure.plugins.module_utils import _archive

PACKAGE = "ansible_collections.imds.azure.plugins.module_utils"
FOLDER = PACKAGE.replace(".", "/")
SCRIPT = f"""
import sys
compiled = []
sys.addaudithook(lambda event, args: compiled.append(args[1]) if event == "compile" else None)
sys.path.insert(0, sys.argv[1])
from {PACKAGE} import _archive
before = dict(sys.path_importer_cache)
_archive.compile_once()
from {PACKAGE} import _errors
"""


@pytest.fixture
def sources(tmp_path: pathlib.Path) -> pathlib.Path:
    """Files as Ansible sends them, before it makes an archive of them."""
    folder = tmp_path / FOLDER
    folder.mkdir(parents=True)
    for parent in (folder, *folder.relative_to(tmp_path).parents):
        (tmp_path / parent / "__init__.py").touch()
    for name in ("_archive.py", "_errors.py"):
        source = pathlib.Path(_archive.__file__).with_name(name)
        (folder / name).write_bytes(source.read_bytes())
    return tmp_path


@pytest.fixture
def archive(sources: pathlib.Path) -> pathlib.Path:
    path = sources / "sent.zip"
    with zipfile.ZipFile(path, "w") as sent:
        for file in sources.rglob("*.py"):
            sent.write(file, file.relative_to(sources))
    return path


def run(place: pathlib.Path, script: str) -> None:
    # Without the bytecode that another run left: whether a source is compiled is what is asked.
    command = [sys.executable, "-I", "-S", "-B", "-c", f"{SCRIPT}{script}", str(place)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_file_is_compiled_once(archive: pathlib.Path) -> None:
    run(archive, "assert compiled.count(_errors.__file__) == 1, compiled")


def test_a_file_has_the_name_that_it_has_anyway(archive: pathlib.Path) -> None:
    run(archive, f"assert _errors.__file__ == sys.argv[1] + '/{FOLDER}/_errors.py'")
    run(archive, "assert _errors.__spec__.origin == _errors.__file__")
    run(archive, "assert _errors.printable.__code__.co_filename == _errors.__file__")


def test_what_is_not_there_is_said_to_be_so(archive: pathlib.Path) -> None:
    run(
        archive,
        f"""
try:
    from {PACKAGE} import _nothing
except ImportError as exc:
    assert "_nothing" in str(exc), exc
else:
    raise AssertionError
""",
    )


def test_no_other_folder_is_touched(archive: pathlib.Path) -> None:
    run(
        archive,
        f"""
folder = sys.argv[1] + "/{FOLDER}"
changed = [path for path in before if sys.path_importer_cache[path] is not before[path]]
assert changed == [folder], changed
""",
    )


def test_files_outside_an_archive_are_left_alone(sources: pathlib.Path) -> None:
    run(sources, "assert {path: sys.path_importer_cache[path] for path in before} == before")
