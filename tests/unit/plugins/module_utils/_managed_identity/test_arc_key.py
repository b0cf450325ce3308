# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the challenge of the Azure Arc agent, and attacks by other programs on its port.

The port is above 1023, so any user can use it while the agent is down. Such a user must not be able to
choose the file that a privileged client reads, and must not get the content of a file.
"""

from __future__ import annotations

import os
import pathlib
import stat
import threading
import typing as t

import pytest
from doubles import FIXTURES, Always, Clock, ok, refusal

from ansible_collections.imds.azure.plugins.module_utils._client import DEFAULT_ENDPOINT, ImdsClient
from ansible_collections.imds.azure.plugins.module_utils._errors import (
    ImdsError,
    MalformedError,
    NotFoundError,
    RefusedError,
    TransportError,
    UnavailableError,
)
from ansible_collections.imds.azure.plugins.module_utils._managed_identity import arc_key
from ansible_collections.imds.azure.plugins.module_utils._managed_identity.arc_key import (
    FOLDER,
    LONGEST,
    read_key,
)
from ansible_collections.imds.azure.plugins.module_utils._managed_identity.tokens import imds_token
from ansible_collections.imds.azure.plugins.module_utils._service import ARC
from ansible_collections.imds.azure.plugins.module_utils._transport import (
    Request,
    Response,
    Transport,
    http_transport,
)

NAME = "b459059d-c859-4411-b552-af7ebf739f6d.key"
KEY = "dGhlIGtleSBvZiB0aGUgYWdlbnQ"
TOKEN = {
    "access_token": "arc-token",
    "token_type": "Bearer",
    "expires_in": "85770",
    "expires_on": "1769946600",
    "ext_expires_in": 86399,
    "resource": "https://vault.azure.net",
}
MISSING = '{"error":"unauthorized_client","error_description":"Missing Basic Authorization header","error_codes":[401]}'


def challenge(path: str = f"{FOLDER}/{NAME}", scheme: str = "Basic realm=") -> Response:
    return Response(401, {"www-authenticate": f"{scheme}{path}"}, MISSING.encode())


def reading(name: str) -> str:
    assert name == NAME
    return KEY


def never(name: str) -> str:
    raise AssertionError(f"{name} was read")


class Agent:
    """A transport with these answers in turn. It repeats the last answer, and records all requests."""

    def __init__(self, *outcomes: Response | Exception) -> None:
        self._outcomes = list(outcomes)
        self.requests: list[Request] = []

    def __call__(self, request: Request, timeout: float) -> Response:
        assert timeout > 0
        self.requests.append(request)
        outcome = self._outcomes.pop(0) if len(self._outcomes) > 1 else self._outcomes[0]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    @property
    def keys(self) -> list[str | None]:
        return [request.headers.get("Authorization") for request in self.requests]


def token(
    send: Transport,
    read: t.Callable[[str], str] | None = reading,
    identity: t.Sequence[tuple[str, str]] = (),
    endpoint: str = ARC.endpoint,
    **system: t.Any,
) -> dict[str, t.Any]:
    made = Clock().system()._replace(has_arc_agent=lambda: True, **system)
    client = ImdsClient(send, endpoint, system=made)
    return imds_token(client, "https://vault.azure.net", identity, read_arc_key=read)


def refused(send: Transport, read: t.Callable[[str], str] | None = never, **more: t.Any) -> str:
    with pytest.raises(ImdsError) as raised:
        token(send, read, **more)
    assert KEY not in str(raised.value)
    return str(raised.value)


# Accepted challenges


@pytest.mark.parametrize(
    "header",
    [
        f"Basic realm={FOLDER}/{NAME}",
        f'Basic realm="{FOLDER}/{NAME}"',
        f"basic realm={FOLDER}/{NAME}",
        f"BASIC REALM={FOLDER}/{NAME}",
        f"Basic   realm={FOLDER}/{NAME}",
    ],
)
def test_the_key_is_sent_as_it_is(header: str) -> None:
    agent = Agent(Response(401, {"www-authenticate": header}, MISSING.encode()), ok(TOKEN))
    found = token(agent)
    assert found["access_token"] == "arc-token"
    assert (found["expires_in"], found["expires_on"]) == (85770, 1769946600)
    first, second = agent.requests
    assert first.url == second.url
    assert first.url == (
        f"{ARC.endpoint}/metadata/identity/oauth2/token?api-version=2020-06-01"
        "&resource=https%3A%2F%2Fvault.azure.net"
    )
    assert agent.keys == [None, f"Basic {KEY}"]
    assert second.secret


def test_the_version_of_a_token_is_negotiated() -> None:
    """The version 2018-02-01 of IMDS' tokens is older than all versions of the agent."""
    words = "The api-version not specified. Supported are 2019-11-01 2019-08-15"
    agent = Agent(refusal(400, words), challenge(), ok(TOKEN))
    token(agent)
    versions = [request.url.partition("api-version=")[2][:10] for request in agent.requests]
    assert versions == ["2020-06-01", "2019-11-01", "2019-11-01"]
    assert agent.keys == [None, None, f"Basic {KEY}"]


def test_a_version_is_refused_after_the_challenge_as_well() -> None:
    words = "The api-version not specified. Supported are 2019-11-01"
    agent = Agent(challenge(), refusal(400, words), challenge(), ok(TOKEN))
    token(agent)
    assert agent.keys == [None, f"Basic {KEY}", None, f"Basic {KEY}"]


@pytest.mark.parametrize("status", [500, 503, 429])
def test_each_retry_begins_with_a_new_challenge(status: int) -> None:
    """A key can be used only once."""
    agent = Agent(challenge(), refusal(status), challenge(), ok(TOKEN))
    assert token(agent)["access_token"] == "arc-token"
    assert agent.keys == [None, f"Basic {KEY}", None, f"Basic {KEY}"]


def test_a_starting_agent_gets_another_request() -> None:
    agent = Agent(refusal(503, "Service Unavailable"), challenge(), ok(TOKEN))
    assert token(agent)["access_token"] == "arc-token"


# Refused challenges


@pytest.mark.parametrize(
    "path",
    [
        "/etc/shadow",
        "/etc/shadow.key",
        f"/var/opt/azcmagent/{NAME}",
        f"{FOLDER}/../{NAME}",
        f"{FOLDER}/../tokens/{NAME}",
        f"{FOLDER}/./{NAME}",
        f"{FOLDER}//{NAME}",
        f"/{FOLDER}/{NAME}",
        f"{FOLDER}/sub/{NAME}",
        f"{FOLDER}x/{NAME}",
        f"{FOLDER.upper()}/{NAME}",
        f"{FOLDER}/",
        FOLDER,
        f"{FOLDER}/.key",
        f"{FOLDER}/..key",
        f"{FOLDER}/a.b.key",
        f"{FOLDER}/%2e%2e%2fx.key",
        f"{FOLDER}/{NAME}%00",
        f"{FOLDER}/{NAME}\0",
        f"{FOLDER}/x\0.key",
        f"{FOLDER}/{NAME}\n",
        f"{FOLDER}/{NAME}\r\nX: y",
        f"{FOLDER}/\n{NAME}",
        f"{FOLDER}/{NAME} ",
        f"{FOLDER}/a b.key",
        f"{FOLDER}/\u0130.key",
        f"{FOLDER}/\uff41.key",
        f"{FOLDER}/{'a' * 65}.key",
        f"{FOLDER}/{NAME.replace('.key', '.KEY')}",
        f"{FOLDER}/{NAME.replace('.key', '.txt')}",
        f"{FOLDER}/{NAME.replace('.key', '')}",
        f"{FOLDER}/{NAME}.txt",
        f"{FOLDER}/{NAME}, Basic realm=/etc/shadow",
        f"/etc/shadow, Basic realm={FOLDER}/{NAME}",
        f"{FOLDER}/{NAME}, charset=UTF-8",
        f'"{FOLDER}/{NAME}',
        f'{FOLDER}/{NAME}"',
        f"'{FOLDER}/{NAME}'",
        rf"C:\ProgramData\AzureConnectedMachineAgent\Tokens\{NAME}",
        f"file://{FOLDER}/{NAME}",
        "$HOME/x.key",
        "",
    ],
)
def test_a_path_that_is_no_key_of_the_agent(path: str) -> None:
    agent = Agent(challenge(path), ok(TOKEN))
    said = refused(agent)
    assert "is refused, and nothing was read" in said
    assert said.isprintable()
    assert agent.keys == [None]


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"www-authenticate": ""},
        {"www-authenticate": "Basic"},
        {"www-authenticate": f"Digest realm={FOLDER}/{NAME}"},
        {"www-authenticate": f"Bearer realm={FOLDER}/{NAME}"},
        {"www-authenticate": f"Basicrealm={FOLDER}/{NAME}"},
        {"www-authenticate": f"Basic path={FOLDER}/{NAME}"},
        {"www-authenticate": f"Basic realm = {FOLDER}/{NAME}"},
        {"www-authenticate": f"x Basic realm={FOLDER}/{NAME}"},
        {"proxy-authenticate": f"Basic realm={FOLDER}/{NAME}"},
    ],
)
def test_no_challenge(headers: dict[str, str]) -> None:
    agent = Agent(Response(401, headers, MISSING.encode()), ok(TOKEN))
    assert "is refused, and nothing was read" in refused(agent)
    assert agent.keys == [None]


def test_the_challenge_of_a_windows_server_is_refused_on_linux() -> None:
    """The captured answer."""
    head, _blank, body = (
        (FIXTURES / "arc" / "windows-challenge.txt")
        .read_bytes()
        .replace(b"\r\n", b"\n")
        .partition(b"\n\n")
    )
    _status, *lines = head.decode().splitlines()
    headers = {name.lower(): value for name, _c, value in (x.partition(": ") for x in lines)}
    agent = Agent(Response(401, headers, body), ok(TOKEN))
    said = refused(agent)
    assert "names no key of the Azure Arc agent" in said
    assert "b459059d" not in said
    assert agent.keys == [None]


@pytest.mark.parametrize("status", [200, 302, 400, 403, 404, 500])
def test_only_a_401_is_a_challenge(status: int) -> None:
    headers = {"www-authenticate": f"Basic realm={FOLDER}/{NAME}"}
    agent = Agent(Response(status, headers, b"{}"))
    refused(agent)
    assert set(agent.keys) == {None}


@pytest.mark.parametrize(
    "endpoint", [DEFAULT_ENDPOINT, "http://127.0.0.1:8080", "http://169.254.169.254:40342"]
)
def test_another_endpoint_gets_no_key(endpoint: str) -> None:
    agent = Agent(challenge())
    said = refused(agent, endpoint=endpoint)
    assert "status 401" in said
    assert agent.keys == [None]


def test_another_route_of_the_agent_gets_no_key() -> None:
    agent = Agent(challenge())
    client = ImdsClient(agent, ARC.endpoint, system=Clock().system())
    with pytest.raises(RefusedError):
        client.instance()
    send = arc_key.answering(agent, ARC.endpoint, never)
    for url in (
        f"{ARC.endpoint}/metadata/instance?api-version=2020-06-01",
        f"{ARC.endpoint}/metadata/identity/oauth2/token2?api-version=2020-06-01",
        "http://169.254.169.254/metadata/identity/oauth2/token?api-version=2020-06-01",
        "http://127.0.0.1:403420/metadata/identity/oauth2/token?api-version=2020-06-01",
    ):
        assert send(Request("GET", url, {}), 1.0).status == 401
    assert set(agent.keys) == {None}


def test_a_client_that_is_not_on_the_server_reads_no_key() -> None:
    """The path would name a file of another machine."""
    agent = Agent(challenge())
    assert "can't be read from here" in refused(agent, None)
    assert agent.keys == [None]


@pytest.mark.parametrize("status", [401, 403, 400, 404, 302])
def test_an_answer_after_the_key_that_is_final(status: int) -> None:
    agent = Agent(challenge(), Response(status, challenge().headers, b'{"error":"odd"}'))
    refused(agent, reading)
    assert agent.keys == [None, f"Basic {KEY}"]


def test_an_absent_identity_is_requested_once() -> None:
    body = (
        '{"error":"identity_not_found","error_description":"Identity not found: error acquiring '
        'access token: requested identity was not found","error_codes":[404]}'
    )
    agent = Agent(challenge(), refusal(404, body))
    with pytest.raises(NotFoundError, match="Assign a managed identity"):
        token(agent, identity=[("client_id", "x")])
    assert len(agent.requests) == 2


def test_redirects_are_not_followed() -> None:
    away = Response(302, {"location": "http://127.0.0.1:8080/"}, b"")
    assert "which is not followed" in refused(Agent(away))
    assert "which is not followed" in refused(Agent(challenge(), away), reading)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 418])
@pytest.mark.parametrize(
    "said",
    [
        "no key {}",
        '{{"error":"{}"}}',
        '{{"error":"bad_key","error_description":"Basic {} is wrong"}}',
        "b a d {}",
    ],
)
def test_no_message_quotes_the_key(status: int, said: str) -> None:
    for key in (KEY, "short", "8a1e0c3b-52d4-4d6f-9b0e-6c1f2a7d9e10", "word " * 3 + "x"):
        for spelled in (key, " ".join(key), key.upper(), f"{key[:4]}\u200b{key[4:]}"):
            answer = Response(status, {"location": spelled}, said.format(spelled).encode(), spelled)
            with pytest.raises(ImdsError) as raised:
                token(Agent(challenge(), answer), lambda _name, key=key: key)
            squeezed = "".join(c for c in str(raised.value).lower() if c.isalnum())
            assert "".join(c for c in key.lower() if c.isalnum()) not in squeezed


# Reading the file


@pytest.fixture
def folder(tmp_path: pathlib.Path) -> pathlib.Path:
    made = tmp_path / "tokens"
    made.mkdir()
    return made


def test_a_key(folder: pathlib.Path) -> None:
    for content in (KEY, f"{KEY}\n", f"{KEY}\r\n"):
        (folder / NAME).write_text(content, newline="")
        assert read_key(NAME, str(folder)) == KEY
    (folder / NAME).write_text("k" * LONGEST)
    assert read_key(NAME, str(folder)) == "k" * LONGEST


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"\r\n",
        b"k" * (LONGEST + 1),
        b"key\r\nX-Other: header",
        b"key\rX: y",
        b"key\nkey",
        b"key\n\n",
        b"\nkey",
        b"key\0",
        b"key\t",
        b"key\x7f",
        b"key\x85",
        "schlüssel".encode(),
        b"\xff\xfe",
        b"   ",
    ],
)
def test_a_file_that_holds_no_key(folder: pathlib.Path, content: bytes) -> None:
    (folder / NAME).write_bytes(content)
    with pytest.raises(TransportError) as raised:
        read_key(NAME, str(folder))
    assert not raised.value.retry
    assert "holds no key" in raised.value.reason
    assert raised.value.__cause__ is None


def _link(folder: pathlib.Path) -> None:
    (folder.parent / "outside").write_text(KEY)
    (folder / NAME).symlink_to(folder.parent / "outside")


def _link_within(folder: pathlib.Path) -> None:
    (folder / "other.key").write_text(KEY)
    (folder / NAME).symlink_to("other.key")


def _link_to_the_folder(folder: pathlib.Path) -> None:
    folder.rename(folder.parent / "real")
    folder.symlink_to(folder.parent / "real")
    (folder / NAME).write_text(KEY)


def _no_folder(folder: pathlib.Path) -> None:
    folder.rmdir()


def _file_as_folder(folder: pathlib.Path) -> None:
    folder.rmdir()
    folder.write_text(KEY)


ODD_FILES: dict[str, t.Callable[[pathlib.Path], t.Any]] = {
    "a link out of the folder": _link,
    "a link within the folder": _link_within,
    "a link in the place of the folder": _link_to_the_folder,
    "a FIFO": lambda folder: os.mkfifo(folder / NAME),
    "a directory": lambda folder: (folder / NAME).mkdir(),
    "no file": lambda _folder: None,
    "no folder": _no_folder,
    "a file in the place of the folder": _file_as_folder,
    "a device": lambda folder: (folder / NAME).symlink_to("/dev/zero"),
}


@pytest.mark.parametrize("name", ODD_FILES)
def test_what_is_no_file_of_the_agent(folder: pathlib.Path, name: str) -> None:
    ODD_FILES[name](folder)
    found: list[BaseException | str] = []

    def read() -> None:
        try:
            found.append(read_key(NAME, str(folder)))
        except TransportError as exc:
            found.append(exc)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    thread.join(5)
    assert not thread.is_alive(), "it waits"
    (error,) = found
    assert isinstance(error, TransportError)
    assert not error.retry
    assert str(folder / NAME) in error.reason


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_this_user_may_not_read(folder: pathlib.Path) -> None:
    (folder / NAME).write_text(KEY)
    (folder / NAME).chmod(0)
    with pytest.raises(TransportError, match="Permission denied"):
        read_key(NAME, str(folder))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("mode", [0o770, 0o700])
def test_a_user_who_is_not_in_the_group(folder: pathlib.Path, mode: int) -> None:
    (folder / NAME).write_text(KEY)
    (folder / NAME).chmod(0o640)
    folder.chmod(mode)
    for parent in folder.parents[:3]:
        parent.chmod(parent.stat().st_mode | stat.S_IXOTH)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        said = "read"
        try:
            os.setgroups([])
            os.setgid(65534)
            os.setuid(65534)
            read_key(NAME, str(folder))
        except TransportError as exc:
            said = exc.reason
        os.write(writer, said.encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert "can't be read (Permission denied)" in os.read(reader, 1000).decode()


def test_the_advice_for_a_file_that_cannot_be_read() -> None:
    def denied(_name: str) -> str:
        raise TransportError(
            f"the key {FOLDER}/{NAME} can't be read (Permission denied)", retry=False
        )

    with pytest.raises(UnavailableError, match=r"become: true.*group himds"):
        token(Agent(challenge()), denied)


# The identity


@pytest.mark.parametrize("name", ["client_id", "object_id", "msi_res_id"])
@pytest.mark.parametrize("said", ["ID-of-it", "id-OF-it"])
def test_an_identity_that_the_agent_confirms(name: str, said: str) -> None:
    agent = Agent(challenge(), ok({**TOKEN, name: said}))
    found = token(agent, identity=[(name, "ID-of-it")])
    assert (found["access_token"], found["identity"]) == ("arc-token", "user")
    assert all(f"&{name}=ID-of-it" in request.url for request in agent.requests)


@pytest.mark.parametrize("name", ["client_id", "object_id", "msi_res_id"])
@pytest.mark.parametrize("said", [None, "", "another", ["ID-of-it"], {"ID-of-it": 1}, 1])
def test_an_identity_that_the_agent_does_not_confirm(name: str, said: t.Any) -> None:
    """An older agent ignores the parameter, and returns the token of the machine."""
    other = {"client_id": "ID-of-it", "object_id": "ID-of-it", "msi_res_id": "ID-of-it", name: said}
    agent = Agent(challenge(), ok({**TOKEN, **other}))
    with pytest.raises(MalformedError) as raised:
        token(agent, identity=[(name, "ID-of-it")])
    assert f"does not confirm that it is for {name} ID-of-it" in str(raised.value)
    assert "1.67" in str(raised.value)
    assert "arc-token" not in str(raised.value)
    assert len(agent.requests) == 2


def test_a_token_of_the_machine_itself() -> None:
    assert token(Agent(challenge(), ok(TOKEN)))["identity"] == "system"


def test_imds_does_not_confirm_identities() -> None:
    send = Always(ok(TOKEN))
    found = token(send, identity=[("object_id", "x")], endpoint=DEFAULT_ENDPOINT)
    assert found["access_token"] == "arc-token"
    assert "identity" not in found


# Over a socket


def test_two_challenges_in_one_answer() -> None:
    from doubles import RawServer, answering, http

    one, two = f"Basic realm={FOLDER}/{NAME}", "Basic realm=/etc/shadow"
    for first, second in ((one, two), (two, one), (one, one)):
        headers = (f"WWW-Authenticate: {first}", f"Www-Authenticate: {second}")
        answer = http(MISSING.encode(), *headers, status="401 Unauthorized")
        with RawServer(answering(answer)) as server:
            send = arc_key.answering(http_transport, server.url, never)
            request = Request("GET", f"{server.url}{arc_key.PATH}?resource=x", {}, secret=True)
            with pytest.raises(TransportError, match="is refused, and nothing was read"):
                send(request, 5.0)
            assert server.connections == 1


def test_the_advice_when_other_processes_ask_for_tokens() -> None:
    found = arc_key.advice(None, "other processes use up the rate limit for tokens")
    assert found == "Request fewer tokens at once, or raise the option deadline"
