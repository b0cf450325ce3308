# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs a playbook with the highest verbosity, and searches its output and all files that it writes or removes for secrets.

secrecy.py PLAYBOOK|GUIDE ENDPOINT EXTENSION_PORT
secrecy.py --search FOLDER ENDPOINT

The secrets are tokens, and the password that a key vault returns for a token. Of a guide, only the first example runs.
"""

from __future__ import annotations

import base64
import contextlib
import http.server
import itertools
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import typing
import urllib.request

PRINTED = ("stdout.txt", "stderr.txt")
HERE = pathlib.Path(__file__).resolve().parent
TOKEN = (
    "metadata/identity/oauth2/token?api-version=2018-02-01&resource=https%3A%2F%2Fvault.azure.net"
)
PASSWORD_FILE = "password"
PASSWORD = "correct-horse-battery-staple"


class Vault(http.server.BaseHTTPRequestHandler):
    """Replaces a key vault. It returns a password for each token."""

    def do_GET(self) -> None:
        granted = self.headers["Authorization"].startswith("Bearer ey")
        self.send_response(200 if granted else 401)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps({"value": PASSWORD}).encode() if granted else b"{}")

    def log_message(self, *_arguments: object) -> None:
        """Writes no log."""


def main(playbook: str, endpoint: str, port: str) -> str:
    # Outside the folder of the tests, because the sockets of Ansible need a short path.
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
    with broken_service(endpoint) as variables:
        more = {
            **variables,
            "extension_port": port,
            # The file of the guide's example. Only this file may contain the password.
            "vault": f"http://127.0.0.1:{vault_port}",
            "password_file": str(scratch / PASSWORD_FILE),
        }
        run(scratch, playbook, endpoint, more)
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


@contextlib.contextmanager
def broken_service(endpoint: str) -> typing.Iterator[dict[str, int]]:
    """A service whose answers all contain a token and are all invalid."""
    request = urllib.request.Request(f"{endpoint}/{TOKEN}", headers={"Metadata": "true"})
    with urllib.request.urlopen(request) as answer:
        body = answer.read()
    token = json.loads(body)["access_token"].encode()
    answers = broken_answers(body, token)
    following = itertools.cycle(answers)

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.wfile.write(next(following))

        def log_message(self, *_arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield {"broken_port": server.server_port, "broken_answers": len(answers)}
        server.shutdown()


def broken_answers(body: bytes, token: bytes) -> list[bytes]:
    """Complete HTTP answers. The end of the connection ends each answer."""
    words = json.dumps({"error": "x", "error_description": f"Not {token.decode()} again"}).encode()
    start = b"HTTP/1.0 200 OK\r\n"
    return [
        *(b"HTTP/1.0 %d Odd\r\n\r\n" % status + body for status in (203, 206, 302, 404, 500)),
        b"HTTP/1.0 302 Found\r\nLocation: http://there/?" + token + b"\r\n\r\n",
        b"HTTP/1.0 403 No\r\n\r\n" + words,
        b"HTTP/1.0 403 No\r\n\r\n" + token,
        b'HTTP/1.0 400 No\r\n\r\n{"error":"api-version","newest-versions":["' + token + b'"]}',
        start + b"Content-Type: " + token + b"\r\n\r\n" + body[:-1],
        start + b"Content-Length: 99999\r\n\r\n" + body,
        start + b"Transfer-Encoding: chunked\r\n\r\n" + body,
        start + b"odd\r\n" + body + b"\r\n\r\n",
        b"HTTP/1.0 " + token + b"\r\n\r\n",
        body,
    ]


def run(
    scratch: pathlib.Path, playbook: str, endpoint: str, more: typing.Mapping[str, int | str]
) -> None:
    for name in ("home", "local", "remote", "tmp", "facts", "tree", "junit", "removed"):
        (scratch / name).mkdir(parents=True, exist_ok=True)
    (scratch / "ansible.cfg").touch()
    inventory = "one,two,"
    if not playbook.endswith(".yml"):
        inventory, more = "application,", {**more, "ansible_connection": "talkative"}
        playbook = str(example_of(playbook, scratch))
    variables = {
        **more,
        "endpoint": endpoint,
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
    """Checks that the searched files are complete, and that no_log did not hide their content."""
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
    """The numbers of tokens and of searched files, for a message. Exits if one of them contains a part of a token."""
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
    """All tokens of the simulator, from IMDS and from the extension."""
    with urllib.request.urlopen(f"{endpoint}/simulator/tokens") as answer:
        tokens: list[str] = json.load(answer)
    return tokens


def needles_of(token: str) -> list[bytes]:
    """Parts from the middle of the content and of the signature of a token, plain and in other base64 forms."""
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
