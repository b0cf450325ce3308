# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The challenge before a token of the Azure Arc agent: a file that only some users of the server may read.

The agent answers with the status 401 and the name of a new file. The client repeats the request with the
content of that file. The port of the agent is above 1023, so any user can listen on it while the agent is
down. So the client uses nothing of the challenge except the name of a file in the folder of the agent.

Imported only for tokens of Azure Arc-enabled servers. Private to imds.azure.
"""

from __future__ import annotations

import os
import re
import time
import typing as t

from .._errors import TransportError, malformed_answer, printable
from .._machine.files import open_regular
from .._transport import Request, Response, Transport

FOLDER = "/var/opt/azcmagent/tokens"
PATH = "/metadata/identity/oauth2/token"
# The maximum size of a key in bytes. Microsoft's clients have the same limit.
LONGEST = 4096

# Returns the key in the file of that name, or raises TransportError.
ReadKey = t.Callable[[str], str]

_CHALLENGE = re.compile(r'basic +realm=(?:"([^"]*)"|([^"]*))\Z', re.IGNORECASE | re.ASCII)
_FILE = re.compile(rf"{re.escape(FOLDER)}/([A-Za-z0-9-]{{1,64}}\.key)\Z")
# A key must not contain a line end, which would end the header.
_KEY = re.compile(r"[\x20-\x7e]*[\x21-\x7e][\x20-\x7e]*\Z")
# With this flag, Linux opens a folder even if the user may search it but not list it.
_SEARCH_ONLY = getattr(os, "O_PATH", os.O_RDONLY)
_REFUSED = "is refused, and nothing was read"
_UNREADABLE = "can't be read"
_ADVICE = {
    _REFUSED: "Another program may listen on the port of the Azure Arc agent. The role imds.azure.diagnose names its user",
    _UNREADABLE: "Use become: true, or add the user to the group himds and log in again",
    "holds no key": "Restart the agent: systemctl restart himdsd",
    "identity not found": "Assign a managed identity to the server, and check that one with the given client_id, "
    "object_id or resource_id is among those assigned to it",
    "invalid_resource": "Check resource: it must be the exact URI of a service that exists in this cloud and tenant",
    "use up the rate limit": "Request fewer tokens at once, or raise the option deadline",
}
_BY_STATUS = {
    400: "Check resource and the requested identity",
    401: "The Azure Arc agent refused the key from its own file. Run the task again, or restart the agent: "
    "systemctl restart himdsd",
}


def answering(send: Transport, endpoint: str, read: ReadKey | None) -> Transport:
    """A transport that answers the challenge for a token of this endpoint. Each attempt has its own challenge."""

    def send_with_key(request: Request, timeout: float) -> Response:
        end = time.monotonic() + timeout
        response = send(request, timeout)
        if response.status != 401 or not _is_for_token(request, endpoint):
            return response
        name = named_key(response.headers.get("www-authenticate", ""))
        if read is None:
            raise TransportError(
                f"the key {FOLDER}/{name} {_UNREADABLE} from here, because it is on the server",
                retry=False,
            )
        key = read(name)
        headers = {**request.headers, "Authorization": f"Basic {key}"}
        authorized = request._replace(headers=headers, secret=True)
        return _without_key(send(authorized, max(0.05, end - time.monotonic())), key)

    return send_with_key


def _is_for_token(request: Request, endpoint: str) -> bool:
    return request.method == "GET" and request.url.startswith(f"{endpoint}{PATH}?")


def named_key(challenge: str) -> str:
    """The name of the file in a challenge. Raises TransportError."""
    realm = _CHALLENGE.match(challenge)
    file = _FILE.match(realm.group(1) or realm.group(2) or "") if realm else None
    if file is None:
        raise TransportError(
            # The challenge is not quoted, because a program on the port of the agent may repeat a key in it.
            f"the challenge names no key of the Azure Arc agent ({FOLDER}/NAME.key): it {_REFUSED}",
            retry=False,
        )
    return file.group(1)


def read_key(name: str, folder: str = FOLDER) -> str:
    """The key in a file of the agent. Raises TransportError. Links are not followed."""
    path = os.path.join(folder, name)
    flags = _SEARCH_ONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        opened = os.open(folder, flags)
        try:
            with open_regular(name, follow=False, folder=opened) as file:
                content = file.read(LONGEST + 1)
        finally:
            os.close(opened)
    except OSError as exc:
        raise TransportError(
            f"the key {path} {_UNREADABLE} ({exc.strerror or exc})", retry=False
        ) from None
    text = content.decode("latin-1")
    if text.endswith("\n"):
        text = text[:-2] if text.endswith("\r\n") else text[:-1]
    if len(content) > LONGEST or not _KEY.match(text):
        raise TransportError(f"the file {path} holds no key", retry=False)
    return text


def _without_key(response: Response, key: str) -> Response:
    """The answer to a request with a key. A failure that contains the key is reduced to its status."""
    if response.status == 200:
        return response
    said = [response.words, response.body.decode("utf-8", "replace"), *response.headers.values()]
    secret = _squeezed(key)
    if secret and not any(secret in _squeezed(text) for text in said):
        return response
    return Response(response.status, {}, b"")


def _squeezed(text: str) -> str:
    """Only the letters and digits of a text, so that other characters between them do not hide a key."""
    return re.sub("[^a-z0-9]", "", text.lower())


def kind_of_identity(data: t.Mapping[str, t.Any], identity: t.Sequence[tuple[str, str]]) -> str:
    """The kind of the token's identity: `system` for the server's own identity, `user` for an identity that the options name.

    Raises MalformedError if the agent does not confirm that the token belongs to that identity.
    """
    for name, wanted in identity:
        said = data.get(name)
        if not isinstance(said, str) or said.lower() != wanted.lower():
            raise malformed_answer(
                f"the Azure Arc agent returned a token, but does not confirm that it is for {name} {printable(wanted)}",
                "An agent older than 1.67 ignores the requested identity and returns the token of the server itself: "
                "update the agent, or leave the identity out",
            )
    return "user" if identity else "system"


def advice(status: int | None, cause: str) -> str:
    """The advice for a failure, or "" for the usual advice."""
    words = cause.lower()
    return next((todo for key, todo in _ADVICE.items() if key in words), "") or _BY_STATUS.get(
        status or 0, ""
    )


__all__ = (
    "FOLDER",
    "LONGEST",
    "PATH",
    "ReadKey",
    "advice",
    "answering",
    "kind_of_identity",
    "named_key",
    "read_key",
)
