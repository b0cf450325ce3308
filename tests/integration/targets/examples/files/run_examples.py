# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the examples of the README and of the documentation of the plugins unchanged.

    run_examples.py ROOT ENDPOINT

README.md: a fenced block of YAML is written to the file that its first line names, and each line of a fenced block
of sh is run. Plugins: the tasks of EXAMPLES become a play, and each inventory of EXAMPLES is read; a few names in them
stand for what stand_ins.py has in the place of it.

ENDPOINT is the IMDS of the machine that runs this. Modules find it in the variables of localhost, lookups and inventories
in ansible.cfg, as documented. Nothing else says where IMDS is.
"""

from __future__ import annotations

import ast
import os
import pathlib
import re
import sys

import yaml

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, f"{os.environ['ANSIBLE_COLLECTIONS_PATH']}/ansible_collections/imds/azure/tests")
sys.path.insert(0, str(HERE))

from stand_ins import DEFAULTS, VARIABLES, stand_ins  # noqa: E402 - ansible-test copies targets to where nothing else is

from ansible_runs import run, shown  # noqa: E402

FENCED = re.compile(r"^```(yaml|sh)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
PLAY = {
    "name": "Examples",
    "hosts": "localhost",
    "connection": "local",
    "gather_facts": False,
    "module_defaults": DEFAULTS,
    "vars": VARIABLES,
}
# Only the role maintenance needs it, in a folder that belongs to root.
APART = ("maintenance_state",)
# Only for examples of modules, because the plays of the README use the hosts of hosts.yml.
LOCALHOST = "localhost.yml"


def main(root: pathlib.Path, endpoint: str) -> int:
    configure(endpoint)
    readme = (root / "README.md").read_text(encoding="utf-8")
    blocks = FENCED.findall(readme)
    for text in (text for kind, text in blocks if kind == "yaml"):
        write_named(text)
    commands = [line for kind, text in blocks if kind == "sh" for line in text.splitlines()]
    pathlib.Path("fleet.ndjson").write_text(
        '{"compute": {"name": "web-9", "vmId": "9"}}\n', encoding="utf-8"
    )
    with stand_ins(endpoint) as instead:
        commands += [command for path in plugins(root) for command in examples_of(path, instead)]
        done = [shown(command, run("sh", "-c", command)) for command in commands]
        return int(not done or not all(done))


def configure(endpoint: str) -> None:
    settings = pathlib.Path("ansible.cfg").resolve()
    settings.write_text(f"[azure_imds]\nendpoint = {endpoint}\n", encoding="utf-8")
    os.environ["ANSIBLE_CONFIG"] = str(settings)
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "azure_imds_endpoint": endpoint,
    }
    inventory = {"all": {"hosts": {"localhost": variables}}}
    pathlib.Path(LOCALHOST).write_text(yaml.safe_dump(inventory), encoding="utf-8")


def write_named(text: str) -> str:
    """Writes an example to the file that its first line names: "# NAME.yml", which other words may follow."""
    match = re.match(r"# ([\w.-]+\.yml)\b", text)
    if match is None:
        sys.exit(f"an example does not say which file it is: {text[:80]!r}")
    pathlib.Path(match[1]).write_text(text, encoding="utf-8")
    return match[1]


def plugins(root: pathlib.Path) -> list[pathlib.Path]:
    """The files that document plugins: a YAML file for a filter or a test, and the plugin itself for others."""
    kinds = ("filter/*.yml", "modules/*.py", "lookup/*.py", "inventory/*.py", "test/*.yml")
    found = [path for kind in kinds for path in sorted((root / "plugins").glob(kind))]
    return [path for path in found if path.stem not in APART]


def examples_of(path: pathlib.Path, instead: dict[str, str]) -> list[str]:
    text = examples(path)
    for name, stand_in in instead.items():
        text = text.replace(name, stand_in)
    if path.parent.name == "inventory":
        texts = [part.strip() + "\n" for part in re.split(r"^---$", text, flags=re.MULTILINE)]
        names = [write_named(part) for part in texts if "plugin:" in part]
        return [f"ansible-inventory -i hosts.yml -i {name} --graph" for name in names]
    play = pathlib.Path(f"{path.parent.name}_{path.stem}.yml")
    play.write_text(yaml.safe_dump([{**PLAY, "tasks": yaml.safe_load(text)}]), encoding="utf-8")
    return [f"ansible-playbook -i {LOCALHOST} {play}"]


def examples(path: pathlib.Path) -> str:
    source = path.read_text(encoding="utf-8")
    if path.suffix == ".yml":
        return str(yaml.safe_load(source)["EXAMPLES"])
    for node in ast.parse(source).body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "EXAMPLES":
            return str(ast.literal_eval(node.value))
    sys.exit(f"{path} has no EXAMPLES")


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]), sys.argv[2]))
