# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The controller's transport, based on the library requests. Private to imds.azure.

The environment of the controller does not affect a request: no proxy variables, no netrc, no
cookies, no redirects.
"""

from __future__ import annotations

import http.cookiejar
import logging
import time
import typing as t

from ansible_collections.imds.azure.plugins.module_utils._errors import (
    OptionError,
    cut_short,
)
from ansible_collections.imds.azure.plugins.module_utils._http_reader import (
    BROKEN,
    failed_attempt,
    own_words,
    read_body,
)
from ansible_collections.imds.azure.plugins.module_utils._transport import (
    MAX_BODY,
    DeadlineSocket,
    Request,
    Response,
    Transport,
    connected,
)

try:
    import requests
    import requests.adapters
    import urllib3
    import urllib3.connection
    import urllib3.connectionpool
except ImportError as exc:
    _IMPORT_ERROR: ImportError | None = exc
else:
    _IMPORT_ERROR = None

    class _Connection(urllib3.connection.HTTPConnection):
        """A pooled connection with one deadline for each whole request."""

        _deadline = 0.0

        def request(self, *args: t.Any, **kwargs: t.Any) -> None:
            # At this point, urllib3 has set the timeout of this request. It connects within the call.
            self._deadline = time.monotonic() + t.cast(float, self.timeout)
            if isinstance(self.sock, DeadlineSocket):
                self.sock.begin(self._deadline)
            super().request(*args, **kwargs)

        def connect(self) -> None:
            self.sock = connected(self.host.strip("[]"), self.port, self._deadline)

    class _Pool(urllib3.connectionpool.HTTPConnectionPool):
        ConnectionCls = _Connection

    class _Session(requests.Session):
        def get_redirect_target(self, *_answer: t.Any) -> str | None:
            # requests calls this for every answer, even without redirects. Otherwise it would read the
            # whole body of a redirect, of any size, and fail at an invalid Location.
            return None

    class _Adapter(requests.adapters.HTTPAdapter):
        def init_poolmanager(self, *args: t.Any, **kwargs: t.Any) -> None:
            super().init_poolmanager(*args, **kwargs)
            self.poolmanager.pool_classes_by_scheme = {"http": _Pool}

    def _unquoted(record: logging.LogRecord) -> bool:
        """Keeps answers out of logs: urllib3 quotes headers that it can't parse, and these may include a body."""
        args = record.args if isinstance(record.args, tuple) else ()
        if any(isinstance(arg, urllib3.exceptions.HeaderParsingError) for arg in args):
            record.args = (args[0], "they are not shown here")
            record.exc_info = None
        return True

    # The first is for urllib3 2, the second for urllib3 1.
    for _module in (urllib3.connection, urllib3.connectionpool):
        logging.getLogger(_module.__name__).addFilter(_unquoted)


def requests_transport(limit: int = MAX_BODY) -> Transport:
    """A transport with its own connection pool; the limit is the maximum size of a body in bytes."""
    if _IMPORT_ERROR is not None:
        raise OptionError(
            "this plugin needs the Python library requests on the controller: "
            f"pip install requests ({_IMPORT_ERROR})"
        )
    session = _Session()
    session.trust_env = False
    session.headers.clear()
    session.cookies.set_policy(http.cookiejar.DefaultCookiePolicy(allowed_domains=[]))
    session.mount("http://", _Adapter())

    def send(request: Request, timeout: float) -> Response:
        try:
            return _send(session, request, timeout, limit)
        except (requests.RequestException, urllib3.exceptions.HTTPError, *BROKEN) as exc:
            raise failed_attempt(exc, timeout) from exc

    return send


def _send(session: requests.Session, request: Request, timeout: float, limit: int) -> Response:
    with session.request(
        request.method,
        request.url,
        headers=request.headers,
        data=request.body,
        timeout=timeout,
        allow_redirects=False,
        stream=True,
    ) as answer:
        announced = answer.raw.length_remaining
        body = read_body(lambda size: _read(answer, size), announced, limit)
        if announced and len(body) < announced:
            raise cut_short(len(body), announced - len(body))
        headers = {name.lower(): value for name, value in answer.headers.items()}
        words = own_words(answer.status_code, answer.reason)
        return Response(answer.status_code, headers, body, words)


def _read(answer: requests.Response, size: int) -> bytes:
    # _send reports missing bytes, with the same message as the other transport.
    answer.raw.enforce_content_length = False
    # Not decompressed: the client does not request compression, so IMDS never compresses.
    body: bytes = answer.raw.read(size, decode_content=False)
    return body


__all__ = ("requests_transport",)
