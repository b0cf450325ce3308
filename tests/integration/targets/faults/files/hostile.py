# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Shows hostile documents and answers on a terminal. They must stay text and have no effect.

PYTHONPATH=tests:tests/simulator hostile.py FOLDER_FOR_ITS_FILES
"""

from __future__ import annotations

import json
import os
import pathlib
import pty
import subprocess
import sys
import typing as t

from imds_simulator import Fault, Simulator, Vm

HERE = pathlib.Path(__file__).resolve().parent
# Sets an unusual colour, the title of the window, and the text that the next key types.
ESCAPES = ("\x1b[7777m", "\x1b]0;owned\x07")
NOISE = "".join(ESCAPES)
# JSON does not escape these characters, so values that Ansible shows may contain them. Messages must not contain them.
IN_MESSAGES = "\x9b7777m"
PATIENCE = 120
# Names of machines and tags that have a special meaning for Ansible.
RESERVED = ("all", "ungrouped", "localhost", "hostvars", "groups", "vars", "inventory_hostname")
# Names of machines that are also names of groups of the documents below.
COLLIDING = ("zones", "zone_1", "tags", "tag_Role_web", "location_westeurope")


def templates(flag: pathlib.Path) -> tuple[str, ...]:
    """Templates that would create the file if anything evaluated them."""
    run = f"lookup('ansible.builtin.pipe', 'touch {flag}')"
    return (
        f"{{{{ {run} }}}}",
        f"{{% set x = {run} %}}",
        f"#jinja2: variable_start_string:'[['\n[[ {run} ]]",
    )


def tags(flag: pathlib.Path) -> dict[str, str]:
    long = {f"{n:02}{'n' * 254}": "v" * 256 for n in range(50)}
    return {
        "Role": "web",
        "../../../../etc/cron.d/x": "../../etc/passwd",
        "!!python/object/apply:os.system": "!!python/object/apply:os.system ['id']",
        "!unsafe": "!vault |",
        "&anchor *alias": "- [}\n---\n...",
        f"Noise {NOISE}": NOISE,
        "\r\nfake: [localhost] => ok": "\r\n\tPLAY RECAP",
        "\u202egnp.exe": "\u0000\ufeff",
        **{f"{number} {text}": text for number, text in enumerate(templates(flag))},
        **dict.fromkeys(RESERVED, "203.0.113.66"),
        **dict.fromkeys(("ansible_host", "ansible_connection", "ansible_become_pass"), "evil"),
        **long,
    }


def document(flag: pathlib.Path, name: str, template: str) -> dict[str, t.Any]:
    """A document with a template in each text except the name."""
    texts = ("location", "osType", "offer", "sku", "resourceGroupName", "vmSize", "azEnvironment")
    compute: dict[str, t.Any] = dict.fromkeys(texts, template)
    tag_list = [{"name": key, "value": value} for key, value in tags(flag).items()]
    compute.update(
        name=name,
        tagsList=tag_list,
        userData=template,
        osProfile={"adminUsername": template, "computerName": NOISE},
        storageProfile={"dataDisks": [{"name": template, "lun": template, "diskSizeGB": NOISE}]},
    )
    address = {"privateIpAddress": template, "publicIpAddress": template}
    interface = {
        "ipv4": {"ipAddress": [address], "subnet": [{"prefix": template}]},
        "macAddress": NOISE,
    }
    return {"compute": compute, "network": {"interface": [interface]}}


def fleet(flag: pathlib.Path) -> list[dict[str, t.Any]]:
    names = [*RESERVED, *COLLIDING, f"noisy{NOISE}", "../../up", *templates(flag)]
    plain = [
        {
            "compute": {
                "name": name,
                "vmId": f"00000000-0000-4000-8000-{number:012}",
                "zone": "1",
                "location": "westeurope",
                "tagsList": [{"name": "Role", "value": "web"}],
            }
        }
        for number, name in enumerate(names)
    ]
    odd = [document(flag, f"odd-{number}", text) for number, text in enumerate(templates(flag))]
    return [*plain, *odd]


def on_a_terminal(command: list[str], **more: str) -> tuple[int, str]:
    """The exit status of a command, and its output on its own terminal."""
    ours, theirs = pty.openpty()
    env = {**os.environ, "ANSIBLE_FORCE_COLOR": "1", "TERM": "xterm-256color", **more}
    env.pop("ANSIBLE_NOCOLOR", None)
    run = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=env)
    os.close(theirs)
    written = bytearray()
    while True:
        try:
            data = os.read(ours, 65536)
        except OSError:  # the other side is gone
            break
        if not data:
            break
        written += data
    os.close(ours)
    return run.wait(PATIENCE), written.decode("utf-8", "replace")


def problems_of(name: str, output: str, flag: pathlib.Path) -> list[str]:
    found = [
        f"{name} wrote {escape!r} to the terminal"
        for escape in (*ESCAPES, IN_MESSAGES)
        if escape in output
    ]
    if "Traceback" in output:
        found.append(f"{name} wrote a traceback: {output[-2000:]}")
    if flag.exists():
        found.append(f"{name} ran a template")
    return found


def play(folder: pathlib.Path, simulator: Simulator, flag: pathlib.Path) -> list[str]:
    """Uses and shows facts, a lookup and messages of all kinds as users do."""
    variables = {
        "ansible_connection": "local",
        "ansible_python_interpreter": sys.executable,
        "hostile": {vm.name: vm.url for vm in simulator if vm.name.startswith("odd")},
        "refusals": {vm.name: vm.url for vm in simulator if vm.name.startswith("refusal")},
        "expected": str(folder / "expected.json"),
        "large": simulator["large"].url,
    }
    (folder / "expected.json").write_text(json.dumps({vm.name: vm.document for vm in simulator}))
    arguments = folder / "hostile-vars.json"
    arguments.write_text(json.dumps(variables))
    status, output = on_a_terminal(
        [
            "ansible-playbook",
            "-v",
            "-i",
            "localhost,",
            "-e",
            f"@{arguments}",
            str(HERE / "hostile.yml"),
        ],
    )
    found = problems_of("the play", output, flag)
    if status:
        found.append(f"the play failed: {output[-3000:]}")
    return found


def inventories(folder: pathlib.Path, flag: pathlib.Path) -> list[str]:
    machines = fleet(flag)
    (folder / "fleet.ndjson").write_text("".join(json.dumps(one) + "\n" for one in machines))
    source = folder / "hostile.imds.yml"
    options = {
        "plugin": "imds.azure.instances",
        "sources": ["documents"],
        "documents": ["fleet.ndjson"],
        "group_by": ["zone", "location", "tags", "resource_group", "vm_size", "os_type", "cloud"],
    }
    source.write_text(json.dumps(options))
    found = []
    ways = (["--list"], ["--list", "--yaml"], ["--graph", "--vars"])
    for way in ways:
        status, output = on_a_terminal(["ansible-inventory", "-i", str(source), *way])
        found += problems_of(f"ansible-inventory {' '.join(way)}", output, flag)
        if status:
            found.append(f"ansible-inventory {' '.join(way)} failed: {output[-2000:]}")
    return found + problems_of_names(source, len(machines))


def problems_of_names(source: pathlib.Path, count: int) -> list[str]:
    command = ["ansible-inventory", "-i", str(source), "--list"]
    run = subprocess.run(
        command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    listed = json.loads(run.stdout)
    hosts = set(listed.pop("_meta")["hostvars"])
    groups = {*listed, *(child for group in listed.values() for child in group.get("children", []))}
    found = []
    if len(hosts) != count:
        found.append(f"of {count} machines there are {len(hosts)}: {sorted(hosts)}")
    if hosts & (groups | {"all", "ungrouped", "localhost"}):
        found.append(f"hosts with names of groups: {sorted(hosts & groups)}")
    for name in hosts | groups:
        if not all(character.isalnum() or character in "_.:-@" for character in name):
            found.append(f"there is a name {name!r}")
    return found


def machines(flag: pathlib.Path) -> list[Vm]:
    odd = [
        Vm(f"odd-{number}", document(flag, f"odd-{number}", text))
        for number, text in enumerate(templates(flag))
    ]
    noise = NOISE + IN_MESSAGES
    words = json.dumps({"error": f"{noise} {templates(flag)[0]}"})
    refusals = [
        Fault("status", status=403, body=words),
        Fault("status", status=403, body=f"<html>{noise}"),
        Fault("status", status=403, body=f"{noise}\r\nchanged: [localhost]"),
        Fault("raw", body=f"HTTP/1.1 200 OK\r\nContent-Type: x/{noise}\r\n\r\nno JSON"),
        Fault("raw", body=f"HTTP/1.1 302 Found\r\nLocation: http://192.0.2.1/{noise}\r\n\r\n"),
        Fault("raw", body=f"HTTP/1.1 {noise}\r\n\r\n"),
    ]
    refusing = [
        Vm(f"refusal-{number}", {}, faults=[fault]) for number, fault in enumerate(refusals)
    ]
    large = {"compute": {"name": "large", "tagsList": [{"name": "x", "value": "y" * 4_190_000}]}}
    return [*odd, *refusing, Vm("large", large)]


def main(folder: pathlib.Path) -> int:
    flag = folder / "template-ran"
    with Simulator(machines(flag), rate_limit=0) as simulator:
        found = [*play(folder, simulator, flag), *inventories(folder, flag)]
    print(f"{len(found)} problems with hostile values")
    print("\n".join(found), file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
