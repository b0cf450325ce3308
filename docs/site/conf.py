# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sphinx' settings for the documentation site; `make docs` builds it from what antsibull-docs writes."""

from __future__ import annotations

import re
import typing as t

from ansible import constants
from docutils import nodes
from pygments.lexers.templates import YamlJinjaLexer

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
# The pages of Ansible's own documentation that the generated pages link to, with their titles.
LABELS = {
    "action_plugins": ("plugins/action.html#action-plugins", "Action plugins"),
    "ansible_configuration_settings": (
        "reference_appendices/config.html#ansible-configuration-settings",
        "Ansible Configuration Settings",
    ),
    "common_return_values": (
        "reference_appendices/common_return_values.html#common-return-values",
        "Return Values",
    ),
}
BUILTIN = "ansible_collections.ansible.builtin."
INTRODUCTION = """\
New here? :ref:`Start here <ansible_collections.imds.azure.docsite.start_here>`. To install the collection:

.. code-block:: shell

  ansible-galaxy collection install git+https://github.com/imds-azure/imds.azure.git

"""
# Examples with a format that ansible-test does not check. The page shows them as text, with the name of the format.
FORMAT = re.compile(r"\.\. code-block:: text\n\n +# fmt: (\S+)\n")
PLUGIN_PAGE = re.compile(
    r"^    ((\w+)_(?:filter|inventory|lookup|module|role|test))$", re.MULTILINE
)


def setup(app: Sphinx) -> None:
    app.add_lexer("yaml", YamlJinjaLexer)
    app.connect("missing-reference", refer_to_ansible)
    app.connect("source-read", complete_start_page)
    app.connect("source-read", set_formats)


def set_formats(_app: Sphinx, _docname: str, source: list[str]) -> None:
    source[0] = FORMAT.sub(r".. code-block:: \1\n\n", source[0])


def complete_start_page(_app: Sphinx, docname: str, source: list[str]) -> None:
    """Adds an introduction to the start page, and captions and short names to its lists, which are the sidebar."""
    if docname != "index":
        return
    text = source[0].replace("Imds.Azure\n", f"{project}\n", 1)
    text = text.replace("**Author:**\n", f"{INTRODUCTION}**Author:**\n", 1)
    lines = PLUGIN_PAGE.sub(r"    \2 <\1>", text).splitlines()
    heading = ""
    for number, line in enumerate(lines):
        if line and set(line) <= set("-~") and number:
            heading = lines[number - 1].replace("Role Index", "Roles")
        elif line == ".. toctree::" and heading not in ("Description", "Communication"):
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
    if target in LABELS:
        page, title = LABELS[target]
        text = text if node["refexplicit"] else nodes.inline("", title)
    elif node["reftype"] == "ref":
        page = builtin_plugin(target)
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
