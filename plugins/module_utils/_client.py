# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of IMDS: how an endpoint is asked. Private to imds.azure.

Transport, clock and sleep are arguments, so that a test needs no patching and no waiting.

Here is what the instance document takes. Tokens, events and attested documents are asked for by
functions in files of their own, and what explains a failure is imported when there is one: Ansible
sends every file that a module may import, and a managed node compiles on each run all that it does.
"""

from __future__ import annotations

import contextlib
import random
import re
import time
import typing as t
from urllib.parse import quote, urlsplit

from ._document import instance_document, parse_json
from ._errors import (
    ImdsError,
    MalformedError,
    OptionError,
    RefusedError,
    TransportError,
    VersionError,
    printable,
)
from ._platform import firmware_says_azure
from ._retry import Failure, RetryPolicy
from ._transport import Request, Response, Transport

if t.TYPE_CHECKING:
    from ._refusals import Advise, Rejection

DEFAULT_ENDPOINT = "http://169.254.169.254"
LATEST = "latest"
# The newest version whose documents this collection is tested with.
NEWEST_TESTED = "2025-04-07"

_HOST = r"[0-9A-Za-z.:%_-]+\Z"
_HEADERS = {"Metadata": "true", "Accept-Encoding": "identity", "User-Agent": "ansible-imds.azure"}

Params = t.Sequence[t.Tuple[str, str]]
# Enters a queue for at most so many seconds; within the context one request may be sent.
Turns = t.Callable[[float], t.ContextManager[None]]
_Parse = t.Callable[[bytes], t.Any]
_Shape = t.Callable[[t.Any], t.Any]


class Endpoint(t.NamedTuple):
    """A route, and what is special about it."""

    path: str
    # It always exists, so a 404 means "not yet" more often than "no".
    always_there: bool = False
    # It has a version line of its own, which "latest" stands for; "" where none is sent at all.
    version: str | None = None
    # Seconds that the first answer may rightly take.
    timeout: float = 0.0
    advise: Advise | None = None


def _attested_advice(status: int | None, _cause: str) -> str:
    if status != 404:
        return ""
    return "Check api_version, because there are no attested documents before 2018-10-01, and what serves this address"


INSTANCE = Endpoint("instance", always_there=True)
ATTESTED = Endpoint("attested/document", always_there=True, advise=_attested_advice)
# The newest version of events. The first request switches the service on, which is documented to take up to two minutes.
EVENTS = Endpoint("scheduledevents", version="2020-07-01", timeout=130.0)
_VERSIONS = Endpoint("versions", version="")
_BY_PATH = {endpoint.path: endpoint for endpoint in (INSTANCE, ATTESTED, EVENTS, _VERSIONS)}


class Answer(t.NamedTuple):
    api_version: str
    data: t.Any


class Seams(t.NamedTuple):
    """What a client takes from the machine it runs on; tests bring their own."""

    clock: t.Callable[[], float] = time.monotonic
    wall: t.Callable[[], float] = time.time
    sleep: t.Callable[[float], None] = time.sleep
    jitter: t.Callable[[], float] = random.random
    in_azure: t.Callable[[], bool | None] = firmware_says_azure


class ImdsClient:
    def __init__(
        self,
        send: Transport,
        endpoint: str = DEFAULT_ENDPOINT,
        api_version: str = LATEST,
        policy: RetryPolicy | None = None,
        seams: Seams | None = None,
    ) -> None:
        self._send = send
        self._endpoint = checked_endpoint(endpoint)
        self._fixed = checked_version(api_version)
        self._agreed: str | None = None
        self._answered: set[str] = set()
        self._policy = policy or RetryPolicy()
        self._seams = seams or Seams()

    def instance(self) -> Answer:
        """The whole instance document."""
        return self.ask(INSTANCE, shape=instance_document)

    def newest_instance(self) -> t.Any:
        """The same, whatever the api-version of this client: that of events or tokens is none of it."""
        newest = ImdsClient(self._send, self._endpoint, LATEST, self._policy, self._seams)
        return newest.instance().data

    def versions(self) -> list[str]:
        """The api-versions that IMDS lists, oldest first. It may accept more than it lists."""
        return self._listed_versions(self._call(_VERSIONS))

    def route(self, path: str, params: Params = ()) -> Answer:
        """The data that IMDS has at a route: a container, or a leaf as text."""
        endpoint = _BY_PATH.get(path) or Endpoint(path)
        call = self._call(endpoint)
        try:
            return self._negotiated(call, endpoint, params, parse_json)
        except VersionError:
            raise
        except RefusedError as exc:
            # A leaf has no JSON form: asked for it, IMDS answers 400 and not a word about why.
            if exc.status != 400 or not path.startswith("instance/"):
                raise
        return self._negotiated(call, endpoint, (*params, ("format", "text")), _parse_text)

    def ask(
        self, endpoint: Endpoint, params: Params = (), *, shape: _Shape, turns: Turns | None = None
    ) -> Answer:
        """The answer of an endpoint as `shape` makes it of the data, or MalformedError."""
        answer = self._negotiated(self._call(endpoint, turns), endpoint, params, parse_json)
        url = self._url(endpoint, answer.api_version, params)
        return Answer(answer.api_version, _understood(url, answer.data, shape))

    def tell(self, endpoint: Endpoint, body: bytes) -> None:
        """Something that changes the VM; of the answer only the status counts.

        An attempt without an answer is repeated, so it must be a thing that twice is the same as once.
        """
        self._negotiated(self._call(endpoint), endpoint, (), _ignore, body)

    def ask_elsewhere(self, url: str, params: Params, *, shape: _Shape, advise: Advise) -> t.Any:
        """The same of something on this VM that is not IMDS, and has no versions."""
        url = f"{url}?{_query(params)}"
        call = _Call(self._send, self._policy, self._seams, advise)
        return _understood(url, call.ask(_request(url), parse_json), shape)

    def _call(self, endpoint: Endpoint, turns: Turns | None = None) -> _Call:
        policy = self._policy
        if endpoint.path not in self._answered:
            policy = policy.stretched(endpoint.timeout)
        return _Call(self._send, policy, self._seams, endpoint.advise, turns)

    def _url(self, endpoint: Endpoint, version: str = "", params: Params = ()) -> str:
        query = _query((*((("api-version", version),) if version else ()), *params))
        route = "/".join(_quoted(segment) for segment in endpoint.path.split("/"))
        return f"{self._endpoint}/metadata/{route}" + (f"?{query}" if query else "")

    def _negotiated(
        self,
        call: _Call,
        endpoint: Endpoint,
        params: Params,
        parse: _Parse,
        body: bytes | None = None,
    ) -> Answer:
        """The answer by the newest version that both sides know."""
        rejections: dict[str, Rejection] = {}
        for version in self._candidates(call, endpoint, rejections):
            if version in rejections:
                continue
            request = _request(self._url(endpoint, version, params), body)
            try:
                data = call.ask(request, parse, endpoint.always_there)
            except _VersionRejected as rejected:
                rejections[version] = rejected.rejection
            else:
                if endpoint.version is None:
                    self._agreed = version
                self._answered.add(endpoint.path)
                return Answer(version, data)
        from ._refusals import no_version

        raise no_version(rejections, fixed=self._fixed is not None)

    def _candidates(
        self, call: _Call, endpoint: Endpoint, rejections: dict[str, Rejection]
    ) -> t.Iterator[str]:
        """Versions in the order of asking; each one after the first answers a rejection."""
        if self._fixed or endpoint.version == "":
            yield "" if endpoint.version == "" else str(self._fixed)
            return
        first = endpoint.version or self._agreed or NEWEST_TESTED
        yield first
        from ._refusals import fallbacks

        wanted = endpoint.version or NEWEST_TESTED
        yield from fallbacks(rejections[first], first, wanted, lambda: self._listed_versions(call))

    def _listed_versions(self, call: _Call) -> list[str]:
        from ._refusals import offered_instead, versions_in

        url = self._url(_VERSIONS)
        try:
            data = call.ask(_request(url), parse_json)
        except _VersionRejected as rejected:
            # Where it wants a version for its list of versions, it names some in refusing.
            return offered_instead(rejected.rejection)
        return t.cast(t.List[str], _understood(url, data, versions_in))


def _query(params: Params) -> str:
    return "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in params)


def _quoted(text: str) -> str:
    try:
        return quote(text, safe="")
    except UnicodeEncodeError:
        raise OptionError(f"{printable(text)!r} can't be sent: it is not Unicode text") from None


def _understood(url: str, data: t.Any, shape: _Shape) -> t.Any:
    """What an answer means, or a failure that names the request as well."""
    try:
        return shape(data)
    except MalformedError as exc:
        from ._refusals import NOT_IMDS

        error = MalformedError(f"GET {url} was answered, but {exc}. {NOT_IMDS}")
        error.status = 200
        raise error from None


def checked_endpoint(endpoint: str) -> str:
    """The base URL, refused before a packet is sent unless it can only mean this machine's IMDS."""
    if endpoint == DEFAULT_ENDPOINT:  # which nearly everybody has
        return endpoint
    refusal = (
        f"endpoint {printable(endpoint)!r} is refused: expected http://ADDRESS or "
        "http://ADDRESS:PORT with a link-local or loopback address, because IMDS answers only "
        f"inside its own VM (default: {DEFAULT_ENDPOINT})"
    )
    try:
        parts = urlsplit(endpoint)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise OptionError(refusal) from None
    extras = parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc
    if parts.scheme != "http" or extras or port == 0 or not _is_local(host):
        raise OptionError(refusal)
    # One endpoint has one name, by which the default is known.
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}" + (f":{port}" if port not in (None, 80) else "")


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    if not re.match(_HOST, host):  # A scope of IPv6 may otherwise hold nearly anything.
        return False
    import ipaddress

    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_link_local


def checked_version(api_version: str) -> str | None:
    """A version that is to be used as it is, or None for the newest that both sides know."""
    if api_version == LATEST:
        return None
    from ._refusals import is_version

    if not is_version(api_version):
        raise OptionError(
            f"api_version {printable(api_version)!r} is neither {LATEST!r} nor a date like "
            f"{NEWEST_TESTED!r}"
        )
    return api_version


def _request(url: str, body: bytes | None = None) -> Request:
    if body is None:
        return Request("GET", url, _HEADERS)
    return Request("POST", url, {**_HEADERS, "Content-Type": "application/json"}, body)


class _Call:
    """One call of the client: its attempts and waits share one deadline."""

    def __init__(
        self,
        send: Transport,
        policy: RetryPolicy,
        seams: Seams,
        advise: Advise | None = None,
        turns: Turns | None = None,
    ) -> None:
        self._send = send
        self._policy = policy
        self._seams = seams
        self._advise = advise
        self._turns = turns
        self._started = seams.clock()

    def ask(self, request: Request, parse: _Parse, always_there: bool = False) -> t.Any:
        """The parsed body of a 200, or one ImdsError; raises _VersionRejected for the client."""
        attempt = 0
        told: _Failed | None = None
        while True:
            attempt += 1
            try:
                return self._attempt(request, parse, always_there)
            except _Failed as failed:
                # What the deadline left of a last attempt may be too little to learn anything.
                if told is None or not failed.hurried:
                    told = failed
                elapsed = self._elapsed()
                wait = self._policy.wait(
                    failed.failure,
                    attempt,
                    elapsed,
                    self._seams.jitter(),
                    self._seams.wall(),
                    always_there,
                )
                if wait is None:
                    raise self._failure(request, told, attempt, always_there) from None
                self._seams.sleep(wait)

    def _attempt(self, request: Request, parse: _Parse, always_there: bool) -> t.Any:
        timeout = self._policy.timeout
        try:
            with self._turns(self._remaining()) if self._turns else contextlib.nullcontext():
                # At least a moment, for a wait that ended late: the deadline is still the policy's.
                timeout = max(0.05, min(self._policy.timeout, self._remaining()))
                response = self._send(request, timeout)
        except TransportError as exc:
            hurried = timeout < self._policy.timeout
            raise _Failed(Failure(retry=exc.retry), exc.reason, hurried) from exc
        if response.status != 200:
            raise _refusal(request, response, always_there)
        try:
            return parse(response.body)
        except ValueError as exc:
            from ._refusals import not_readable

            wanted = "JSON" if parse is parse_json else "text"
            raise _Failed(Failure(), not_readable(response, wanted, exc)) from None

    def _failure(
        self, request: Request, told: _Failed, attempts: int, always_there: bool
    ) -> ImdsError:
        from ._refusals import failed_call

        tries = (attempts, self._elapsed())
        status = told.failure.status
        return failed_call(request, status, told.cause, tries, always_there, self._advise)

    def _remaining(self) -> float:
        return self._policy.deadline - self._elapsed()

    def _elapsed(self) -> float:
        return self._seams.clock() - self._started


class _VersionRejected(Exception):
    def __init__(self, request: Request, response: Response) -> None:
        super().__init__(request.url)
        self.rejection: Rejection = (request, response)


class _Failed(Exception):
    """One attempt without a usable answer."""

    def __init__(self, failure: Failure, cause: str, hurried: bool = False) -> None:
        super().__init__(cause)
        self.failure = failure
        self.cause = cause
        # No answer, and not the time that an attempt has.
        self.hurried = hurried


def _refusal(request: Request, response: Response, always_there: bool) -> Exception:
    from ._refusals import answered, rejects_version

    if rejects_version(request, response, always_there):
        return _VersionRejected(request, response)
    failure = Failure(response.status, retry_after=response.headers.get("retry-after"))
    return _Failed(failure, answered(response))


def _parse_text(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise ValueError(f"byte {exc.start} is not UTF-8") from None


def _ignore(_body: bytes) -> None:
    """Nothing to parse."""


__all__ = (
    "ATTESTED",
    "DEFAULT_ENDPOINT",
    "EVENTS",
    "LATEST",
    "NEWEST_TESTED",
    "Answer",
    "Endpoint",
    "ImdsClient",
    "Params",
    "Seams",
    "Turns",
    "checked_endpoint",
    "checked_version",
)
