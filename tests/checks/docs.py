# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The documentation site: every plugin, role and guide as pages, made without network and without a warning."""

from __future__ import annotations

import shutil
import typing as t

from checks import isolation, report, worktree
from environments import ROOT, VENVS, bin_folder

SITE = VENVS / "site"
SETTINGS = ROOT / "docs" / "site"


def docs(_cores: t.Sequence[str], _arguments: t.Sequence[str]) -> report.Outcome:
    programs = bin_folder("docs")
    source = VENVS / "site-rst"
    for folder in (source, SITE):
        shutil.rmtree(folder, ignore_errors=True)
    source.mkdir(parents=True, mode=0o755)
    write_pages = (
        *("antsibull-docs", "--config-file", str(SETTINGS / "antsibull-docs.cfg"), "collection"),
        *("--use-current", "--squash-hierarchy", "--fail-on-error", "--dest-dir", str(source)),
        "imds.azure",
    )
    build = (
        *("sphinx-build", "--quiet", "--fail-on-warning", "--conf-dir", str(SETTINGS)),
        *("--doctree-dir", str(VENVS / "site-doctrees"), "--fresh-env", str(source), str(SITE)),
    )
    with worktree.copy("docs") as tree:
        env = {
            **report.with_programs(programs),
            "ANSIBLE_COLLECTIONS_PATH": str(tree.parents[2]),
            "ANSIBLE_HOME": str(VENVS / "home"),
        }
        for name, command in (("docs antsibull-docs", write_pages), ("docs sphinx", build)):
            answer = report.run(name, (*isolation.prefix(), *command), ROOT, env)
            report.say(name, answer)
            if answer.status:
                # Half a site is none: whoever looks at it next must not take it for this one.
                shutil.rmtree(SITE, ignore_errors=True)
                return report.Outcome(failed=1)
    return report.Outcome()
