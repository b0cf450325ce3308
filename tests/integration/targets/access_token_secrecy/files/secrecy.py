# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a playbook as talkative as Ansible gets, and searches all that it leaves, removes and prints for secrets.

secrecy.py PLAYBOOK|GUIDE ENDPOINT EXTENSION_PORT
secrecy.py --search FOLDER ENDPOINT

The secrets are tokens, and the password that a key vault gives for one. Of a guide, the first example is run.
"""

from __future__ import annotations

import base64
import http.server
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import urllib.request

PRINTED = ("stdout.txt", "stderr.txt")
HERE = pathlib.Path(__file__).resolve().parent
PASSWORD_FILE = "password"
PASSWORD = "correct-horse-battery-staple"


class Vault(http.server.BaseHTTPRequestHandler):
    """Stands for a key vault: a password for whoever has a token."""

    def do_GET(self) -> None:
        granted = self.headers["Authorization"].startswith("Bearer ey")
        self.send_response(200 if granted else 401)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps({"value": PASSWORD}).encode() if granted else b"{}")

    def log_message(self, *_arguments: object) -> None:
        """Says nothing."""


def main(playbook: str, endpoint: str, port: str) -> str:
    # Not below the folder of the tests: sockets of Ansible's own need a short path.
    with (
        tempfile.TemporaryDirectory(prefix="s") as folder,
        http.server.ThreadingHTTPServer(("127.0.0.1", 0), Vault) as vault,
    ):
        threading.Thread(target=vault.serve_forever, daemon=True).start()
        try:
            return searched(pathlib.Path(folder), playbook, endpoint, port, vault.server_port)
        finally:
            vault.shutdown()


def searched(
    scratch: pathlib.Path, playbook: str, endpoint: str, port: str, vault_port: int
) -> str:
    run(scratch, playbook, endpoint, port, vault_port)
    prove(scratch)
    found = search(scratch, endpoint)
    for secret in (given(endpoint)[-1].rpartition(".")[2], PASSWORD):
        (scratch / "planted").write_text(secret, encoding="utf-8")
        try:
            search(scratch, endpoint)
        except SystemExit:
            continue
        sys.exit("the search finds nothing, even where there is something")
    return found


def run(scratch: pathlib.Path, playbook: str, endpoint: str, port: str, vault_port: int) -> None:
    for name in ("home", "local", "remote", "tmp", "facts", "tree", "junit", "removed"):
        (scratch / name).mkdir(parents=True, exist_ok=True)
    (scratch / "ansible.cfg").touch()
    inventory, more = "one,two,", {}
    if not playbook.endswith(".yml"):
        inventory, more = "application,", {"ansible_connection": "talkative"}
        playbook = str(example_of(playbook, scratch))
    variables = {
        **more,
        "endpoint": endpoint,
        "extension_port": port,
        # Of the guide's example. The password has one place where it may be.
        "vault": f"http://127.0.0.1:{vault_port}",
        "password_file": str(scratch / PASSWORD_FILE),
        "ansible_python_interpreter": sys.executable,
        "search": [sys.executable, __file__, "--search", str(scratch), endpoint],
    }
    out_path, err_path = (scratch / name for name in PRINTED)
    with out_path.open("wb") as out, err_path.open("wb") as err:
        done = subprocess.run(
            [
                "ansible-playbook",
                "-vvvvv",
                f"--inventory={inventory}",
                f"--extra-vars={json.dumps(variables)}",
                playbook,
            ],
            env=environment(scratch, endpoint, keep="getting" in playbook),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            timeout=240,
            check=False,
        )
    if done.returncode:
        ends = [(scratch / name).read_text(encoding="utf-8")[-3000:] for name in PRINTED]
        sys.exit(f"the playbook failed: {' '.join(ends)}")


def example_of(guide: str, scratch: pathlib.Path) -> pathlib.Path:
    collections = os.environ["ANSIBLE_COLLECTIONS_PATH"]
    sys.path.insert(0, f"{collections}/ansible_collections/imds/azure/tests")
    import guides

    path = scratch / "guide.yml"
    path.write_text(guides.blocks(guide)[0].text, encoding="utf-8")
    return path


def environment(scratch: pathlib.Path, endpoint: str, keep: bool) -> dict[str, str]:
    return {
        **os.environ,
        "HOME": str(scratch / "home"),
        "TMPDIR": str(scratch / "tmp"),
        "AZURE_IMDS_ENDPOINT": endpoint,
        "ANSIBLE_CONFIG": str(scratch / "ansible.cfg"),
        "ANSIBLE_HOME": str(scratch / "home" / ".ansible"),
        "ANSIBLE_LOCAL_TEMP": str(scratch / "local"),
        "ANSIBLE_REMOTE_TEMP": str(scratch / "remote"),
        "ANSIBLE_REMOTE_TMP": str(scratch / "remote"),
        "ANSIBLE_KEEP_REMOTE_FILES": str(int(keep)),
        "ANSIBLE_ASYNC_DIR": str(scratch / "remote"),
        "ANSIBLE_LOG_PATH": str(scratch / "log.txt"),
        "ANSIBLE_CACHE_PLUGIN": "jsonfile",
        "ANSIBLE_CACHE_PLUGIN_CONNECTION": str(scratch / "facts"),
        "ANSIBLE_CALLBACK_PLUGINS": str(HERE / "plugins"),
        "ANSIBLE_CONNECTION_PLUGINS": str(HERE / "plugins"),
        "ANSIBLE_CALLBACKS_ENABLED": "everything,tree,junit",
        "ANSIBLE_CALLBACK_TREE_DIR": str(scratch / "tree"),
        "JUNIT_OUTPUT_DIR": str(scratch / "junit"),
        "PYTHONPATH": os.pathsep.join([str(HERE / "watch"), os.environ.get("PYTHONPATH", "")]),
        "KEEP_REMOVED": str(scratch / "removed"),
        "EVERYTHING_PATH": str(scratch / "everything.json"),
        "ANSIBLE_NOCOLOR": "1",
    }


def prove(scratch: pathlib.Path) -> None:
    """That what is searched is all there, and says what it says without anybody's no_log."""
    for name in ("stdout.txt", "log.txt", "everything.json"):
        text = (scratch / name).read_text(encoding="utf-8")
        if "has been hidden" not in text and "censored" not in text:
            sys.exit(f"{name} has nothing that was hidden")
    if not os.listdir(scratch / "removed"):
        sys.exit("no removed file was kept")
    if not os.listdir(scratch / "tree") or not os.listdir(scratch / "junit"):
        sys.exit("a callback wrote nothing")
    if "talkative: " not in (scratch / "stdout.txt").read_text(encoding="utf-8"):
        sys.exit("the connection did not print what commands answered")


def search(scratch: pathlib.Path, endpoint: str) -> str:
    """How much was searched; exits when there is a part of a token in it."""
    tokens = given(endpoint)
    needles = [needle for token in tokens for needle in needles_of(token)]
    needles += [PASSWORD.encode(), base64.b64encode(PASSWORD.encode())]
    password_file = scratch / PASSWORD_FILE
    files = [path for path in scratch.rglob("*") if path.is_file() and path != password_file]
    found = [str(path) for path in files if contains(path.read_bytes(), needles)]
    if found or not tokens or not files:
        sys.exit(
            f"a part of one of {len(tokens)} tokens, or the password, is in {', '.join(found)}"
        )
    return f"{len(tokens)} tokens, {len(files)} files, nothing found"


def given(endpoint: str) -> list[str]:
    """All tokens that the simulator gave, of IMDS and of the extension alike."""
    with urllib.request.urlopen(f"{endpoint}/simulator/tokens") as answer:
        tokens: list[str] = json.load(answer)
    return tokens


def needles_of(token: str) -> list[bytes]:
    """Content and signature of a token, each from its middle, plain and in another base64 still."""
    _header, *parts = token.split(".")
    middles = [part[40:80].encode() for part in parts]
    shifted = [base64.b64encode(middle[shift:])[:36] for middle in middles for shift in range(3)]
    return middles + shifted


def contains(content: bytes, needles: list[bytes]) -> bool:
    return any(needle in content for needle in needles)


if __name__ == "__main__":
    arguments = sys.argv[1:]
    if arguments[0] == "--search":
        print(search(pathlib.Path(arguments[1]), arguments[2]))
    else:
        print(main(*arguments))
