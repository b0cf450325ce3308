# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Our files in the archive by which Ansible sends a module. Private to imds.azure.

Python asks an archive for the file name of all that it imports, and the archive compiles the file to
learn that, before the import compiles it once more. Each time is a good third of what a module of
ours takes on a managed node beyond one that does nothing.
"""

from __future__ import annotations

import os
import sys
import zipimport


class _Archive(zipimport.zipimporter):
    def get_filename(self, fullname: str) -> str:
        # Ansible sends sources, and of ours none is a package.
        return os.path.join(self.archive, self.prefix, fullname.rpartition(".")[2] + ".py")


def compile_once() -> None:
    """From here on, and for this folder of this process alone."""
    folder = os.path.dirname(__file__)
    # Without an archive (Mitogen, tests, Ansible's way to debug a module) there is nothing to gain.
    if isinstance(sys.path_importer_cache.get(folder), zipimport.zipimporter):
        sys.path_importer_cache[folder] = _Archive(folder)


__all__ = ("compile_once",)
