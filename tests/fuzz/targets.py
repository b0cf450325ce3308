# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The targets of the fuzzing, and the conditions that must hold for any bytes.

atheris instruments this module during the import, so that it sees which code the bytes reach.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import socket
import tempfile
import typing as t

from ansible_collections.imds.azure.plugins.module_utils import _transport
from ansible_collections.imds.azure.plugins.module_utils._client import ImdsClient, Limits, System
from ansible_collections.imds.azure.plugins.module_utils._document import (
    MARK,
    cleaned,
    instance_document,
    marked_tags,
    parse_json,
    part,
)
from ansible_collections.imds.azure.plugins.module_utils._endpoints.attested import (
    attested_document,
)
from ansible_collections.imds.azure.plugins.module_utils._endpoints.scheduled_events import (
    scheduled_events,
    shaped_events,
)
from ansible_collections.imds.azure.plugins.module_utils._errors import ImdsError
from ansible_collections.imds.azure.plugins.module_utils._facts import SUBSETS, azure_imds
from ansible_collections.imds.azure.plugins.module_utils._managed_identity.tokens import imds_token
from ansible_collections.imds.azure.plugins.module_utils._transport import Request, Response
from ansible_collections.imds.azure.plugins.plugin_utils._inventory.documents import (
    Document,
    documents_in,
    matching_files,
)
from ansible_collections.imds.azure.plugins.plugin_utils._inventory.groups import GROUPINGS
from ansible_collections.imds.azure.plugins.plugin_utils._inventory.snapshots import write_snapshot
from ansible_collections.imds.azure.plugins.plugin_utils._inventory.vms import Choices, Fleet
from ansible_collections.imds.azure.plugins.plugin_utils._lookup.routes import ask_route, walk

_GROUP = re.compile(r"[^\d\W]\w*\Z")
_HOST = re.compile(r"[\w.:-]+\Z")
# The number of bytes that a socket of this machine buffers without a reader.
_MOST = 60_000
_QUIET = System(sleep=lambda _seconds: None, in_azure=lambda: None)
_ONCE = Limits(attempts=1)
_ASKS: tuple[t.Callable[[ImdsClient], t.Any], ...] = (
    lambda client: client.instance().data,
    lambda client: ask_route(client, "instance/compute/name").data,
    lambda client: ask_route(client, "versions").data,
    lambda client: attested_document(client, "n").data,
    lambda client: imds_token(client, "https://vault.azure.net"),
    lambda client: shaped_events(scheduled_events(client).data, 0.0),
)
_STATUSES = (200, 400, 401, 403, 404, 405, 408, 410, 429, 500, 503, 302)


def answers(data: bytes) -> None:
    """Bytes of a complete HTTP answer. The transport of managed nodes reads them from a real socket."""
    with _connected_to(data[:_MOST]):
        _asked(_transport.http_transport, _ASKS[0])


def bodies(data: bytes) -> None:
    """Bytes of a body. The first ones choose the status and the request."""
    if len(data) < 2:
        return
    status, ask = _STATUSES[data[0] % len(_STATUSES)], _ASKS[data[1] % len(_ASKS)]

    def send(_request: Request, _timeout: float) -> Response:
        return Response(status, {"content-type": "application/json"}, data[2:])

    _asked(send, ask)


def documents(data: bytes) -> None:
    """Bytes of a file with documents. The result is facts, names and groups, or errors with a line."""
    if not data:
        return
    name = "fleet.ndjson" if data[0] % 2 else "fleet.json"
    errors: list[Exception] = []
    fleet = Fleet(Choices(["name", "tag:Name"], "private", list(GROUPINGS), [], frozenset(SUBSETS)))
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, name)
        path.write_bytes(data[1:])
        for document in documents_in(str(path), errors.append):
            fleet.add(document)
            _check_harmless(document.data)
            _check_routes(document)
    for error in errors:
        # The error about an encrypted file has no line.
        assert re.match(r".*fleet\.(nd)?json:( |[0-9]+:)", str(error))
        _check_line(str(error))
    vms, _warnings = fleet.vms({"all", "ungrouped", "localhost"})
    names = [vm.name for vm in vms]
    groups = {name for vm in vms for one in vm.groups for name in (one.group, one.parent)}
    assert len(names) == len(set(names))
    assert not groups & set(names)
    assert all(map(_GROUP.match, groups))
    assert all(map(_HOST.match, names))


def files(data: bytes) -> None:
    """The kind of a file, its name and its bytes. The file is read as documents, and as an older snapshot.

    The readers must not hang. They may raise only their own error, and its message must be printable.
    """
    if len(data) < 2:
        return
    kind, length = data[0] % len(_KINDS), data[1] % 40
    name = os.fsdecode(data[2 : 2 + length].replace(b"/", b"").replace(b"\0", b""))
    if name in ("", os.curdir, os.pardir):
        return
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, name)
        _KINDS[kind](path, data[2 + length :])
        errors: list[Exception] = []
        found, _without = matching_files(["*", "**"], folder)
        assert found == ([] if name.startswith(".") else [path])
        read = list(documents_in(path, errors.append))
        assert not (read and _KINDS[kind] is not _regular)
        for error in errors:
            _check_line(str(error))
        # The name of a host is UTF-8, but the name of a file may be any bytes.
        _write_over(folder, path, cleaned(name.removesuffix(".json")))


def _write_over(folder: str, path: str, host: str) -> None:
    """The new snapshot replaces the file, or the error says why not."""
    try:
        written, *_rest = write_snapshot(folder, host, _FACT, keep_fuller=False)
    except ImdsError as exc:
        _check_line(str(exc))
    else:
        (document,) = documents_in(written, _fail)
        assert (document.data, document.snapshot_of) == (_FACT, host)
        assert not write_snapshot(folder, host, _FACT, keep_fuller=False)[1]
    assert set(os.listdir(folder)) <= {os.path.basename(path), f"{host}.json"}


def _fail(error: Exception) -> t.NoReturn:
    raise error


def _regular(path: str, content: bytes) -> None:
    pathlib.Path(path).write_bytes(content)


def _fifo(path: str, _content: bytes) -> None:
    os.mkfifo(path)


def _folder(path: str, _content: bytes) -> None:
    os.mkdir(path)


def _zeros(path: str, _content: bytes) -> None:
    os.symlink("/dev/zero", path)


def _loop(path: str, _content: bytes) -> None:
    os.symlink(os.path.basename(path), path)


def _link(path: str, content: bytes) -> None:
    """Links to the path that the bytes name, if it is in the folder."""
    target = content[:40].replace(b"/", b"").replace(b"\0", b"") or b"nowhere"
    os.symlink(
        os.path.join(os.fsencode(os.path.dirname(path)), b"below", target), os.fsencode(path)
    )


def _sparse(path: str, content: bytes) -> None:
    _regular(path, content)
    os.truncate(path, 2 * 1024**4)


_KINDS = (_regular, _fifo, _folder, _zeros, _loop, _link, _sparse)
_FACT = {"compute": {"name": "web-1"}}


def texts(data: bytes) -> None:
    """Bytes of a JSON text. The document has no marks and no lone surrogates."""
    try:
        document = instance_document(parse_json(data))
    except (ValueError, ImdsError):
        return
    _check_harmless(document)
    fact, _warnings = azure_imds(document, "2025-04-07", user_data=True)
    _check_harmless(fact)
    # A second reading, from a fact cache or a snapshot, does not change the data.
    assert cleaned(fact) is fact
    assert parse_json(json.dumps(fact).encode()) == fact
    compute = part(document, "compute")
    assert not set(marked_tags(compute)) & set(fact["tags"])


TARGETS = {target.__name__: target for target in (answers, bodies, documents, files, texts)}


def _asked(send: _transport.Transport, ask: t.Callable[[ImdsClient], t.Any]) -> None:
    try:
        found = ask(ImdsClient(send, limits=_ONCE, system=_QUIET))
    except ImdsError as exc:
        _check_line(str(exc))
    else:
        _check_harmless(found)
        if isinstance(found, dict) and "compute" in found:
            azure_imds(found, "2025-04-07")


def _check_harmless(data: t.Any) -> None:
    """Checks that no key is a mark of Ansible, and that UTF-8 can represent all texts."""
    if isinstance(data, str):
        data.encode("utf-8")
    elif isinstance(data, dict):
        for key, child in data.items():
            assert not key.startswith(MARK)
            _check_harmless(key)
            _check_harmless(child)
    elif isinstance(data, list):
        for child in data:
            _check_harmless(child)


def _check_line(message: str) -> None:
    assert message.isprintable()
    assert len(message) < 3000


def _check_routes(document: Document) -> None:
    """Checks that each route of the first levels can be read."""
    for key, value in document.data.items():
        assert walk(document.data, [key], "instance") is value or not isinstance(
            value, (dict, list)
        )
        if isinstance(value, dict):
            for below in value:
                walk(document.data, [key, below], "instance")


@contextlib.contextmanager
def _connected_to(data: bytes) -> t.Iterator[None]:
    """The next connection of the transport receives these bytes, and then ends."""
    ours, theirs = socket.socketpair()
    waiting = [ours]
    with ours, theirs:
        theirs.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            theirs.sendall(data)
        theirs.shutdown(socket.SHUT_WR)

        def connected(_host: str, _port: int, deadline: float) -> _transport.DeadlineSocket:
            if not waiting:  # After a refused version, the client sends another request.
                raise ConnectionRefusedError
            return _transport.with_deadline(waiting.pop(), deadline)

        original = _transport._connected
        _transport._connected = connected
        try:
            yield
        finally:
            _transport._connected = original
