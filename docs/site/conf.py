# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sphinx' settings for the documentation site; `make docs` builds it from what antsibull-docs writes."""

from __future__ import annotations

import typing as t

from ansible import constants
from docutils import nodes

if t.TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

project = "imds.azure"
copyright = "the imds.azure contributors"  # noqa: A001  # Sphinx' own name
html_title = "imds.azure"

extensions = ["sphinx_antsibull_ext"]
# Every name that is linked has to exist.
nitpicky = True
default_role = "any"
highlight_language = "YAML+Jinja"
pygments_style = "ansible"

html_theme = "sphinx_ansible_theme"
html_theme_options = {"show_extranav": False, "show_rtd_ethical_ads": False, "topbar_links": {}}
templates_path = ["templates"]
html_static_path = ["static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_use_index = False
# This page is not for users. It belongs to the redirect whose name is the message for Windows hosts.
exclude_patterns = ["instance_facts.ps1_module.rst"]

ANSIBLE = "https://docs.ansible.com/projects/ansible/latest/"
# The pages of Ansible's own documentation that the generated pages link to.
LABELS = {
    "action_plugins": "plugins/action.html#action-plugins",
    "ansible_configuration_settings": "reference_appendices/config.html#ansible-configuration-settings",
    "common_return_values": "reference_appendices/common_return_values.html#common-return-values",
}
BUILTIN = "ansible_collections.ansible.builtin."


def setup(app: Sphinx) -> None:
    app.connect("missing-reference", refer_to_ansible)
    app.connect("source-read", add_captions)


def add_captions(_app: Sphinx, docname: str, source: list[str]) -> None:
    """Gives each list of pages on the start page its heading as a caption, which the sidebar shows."""
    if docname != "index":
        return
    heading, lines = "", source[0].splitlines()
    for number, line in enumerate(lines):
        if line and set(line) <= set("-~") and number:
            heading = lines[number - 1]
        elif line == ".. toctree::" and heading != "Description":
            lines[number] = f"{line}\n    :caption: {heading}"
    source[0] = "\n".join(lines) + "\n"


def refer_to_ansible(
    _app: Sphinx, _env: BuildEnvironment, node: nodes.Element, text: nodes.Element
) -> nodes.reference | None:
    """A link to Ansible's own documentation, made without asking it: there is no network where this runs.

    That a builtin plugin exists is for the linter to say, which knows them all.
    """
    target = node["reftarget"]
    page = None
    if node["reftype"] == "ref":
        page = LABELS.get(target) or builtin_plugin(target)
    elif node["reftype"] == "envvar" and target in environment_variables():
        page = f"reference_appendices/config.html#envvar-{target}"
    if page is None:
        return None
    return nodes.reference("", "", text, internal=False, refuri=ANSIBLE + page)


def builtin_plugin(label: str) -> str | None:
    if not label.startswith(BUILTIN):
        return None
    name = label[len(BUILTIN) :]
    return f"collections/ansible/builtin/{name}.html#{label.replace('.', '-').replace('_', '-')}"


def environment_variables() -> set[str]:
    settings = constants.config.get_configuration_definitions()
    return {entry["name"] for setting in settings.values() for entry in setting.get("env", ())}
