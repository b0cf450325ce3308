# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of IMDS: one method for each endpoint. Private to imds.azure.

Transport, clock and sleep are arguments, so that a test needs no patching and no waiting.
"""

from __future__ import annotations

import contextlib
import ipaddress
import random
import re
import time
import typing as t
from urllib.parse import quote, urlsplit

from ._document import instance_document, parse_json
from ._errors import (
    ImdsError,
    MalformedError,
    NotFoundError,
    OptionError,
    RefusedError,
    TransportError,
    UnavailableError,
    VersionError,
    listed,
    printable,
)
from ._events import EVENTS_VERSION, events_document, name_in, start_request
from ._retry import Failure, RetryPolicy
from ._transport import Request, Response, Transport

DEFAULT_ENDPOINT = "http://169.254.169.254"
LATEST = "latest"
# The newest version whose documents this collection is tested with.
NEWEST_TESTED = "2025-04-07"
# What is asked when IMDS rejects everything else without naming a version: the oldest that is
# known on every kind of Azure, Azure Stack Hub included.
FLOOR = "2017-12-01"

_VERSION = re.compile(r"20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])\Z")
_HEADERS = {"Metadata": "true", "Accept-Encoding": "identity", "User-Agent": "ansible-imds.azure"}

Params = t.Sequence[t.Tuple[str, str]]
_Parse = t.Callable[[bytes], t.Any]


class _Endpoint(t.NamedTuple):
    """What is special about the route of an endpoint."""

    # It always exists, so a 404 means "not yet" more often than "no".
    always_there: bool = False
    # It has a version line of its own, which "latest" stands for; "" where none is sent at all.
    version: str | None = None
    # Seconds that the first answer may rightly take.
    timeout: float = 0.0


_ENDPOINTS = {
    "instance": _Endpoint(always_there=True),
    "attested/document": _Endpoint(always_there=True),
    "versions": _Endpoint(version=""),
    # The first request switches the service on, which is documented to take up to two minutes.
    "scheduledevents": _Endpoint(version=EVENTS_VERSION, timeout=130.0),
}


class Answer(t.NamedTuple):
    api_version: str
    data: t.Any


class Seams(t.NamedTuple):
    """What a client takes from the machine it runs on; tests bring their own."""

    clock: t.Callable[[], float] = time.monotonic
    wall: t.Callable[[], float] = time.time
    sleep: t.Callable[[float], None] = time.sleep
    jitter: t.Callable[[], float] = random.random


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
        return self._document("instance", instance_document)

    def own_name(self) -> str:
        """What scheduled events call this VM."""
        # The api-version of a client for events is not one of instance documents.
        newest = ImdsClient(self._send, self._endpoint, LATEST, self._policy, self._seams)
        return name_in(newest.instance().data)

    def scheduled_events(self) -> Answer:
        """The document of scheduled events."""
        return self._document("scheduledevents", events_document)

    def start_event(self, event_id: str) -> None:
        """Approves an event: it starts now instead of when its notice ends.

        Approving twice is the same as once, so an attempt without an answer is repeated.
        """
        path = "scheduledevents"
        self._negotiated(self._call(path), path, (), _ignore, start_request(event_id))

    def _document(self, path: str, check: t.Callable[[t.Any], dict[str, t.Any]]) -> Answer:
        answer = self.route(path)
        try:
            return Answer(answer.api_version, check(answer.data))
        except MalformedError as exc:
            url = self._url(path, answer.api_version)
            error = MalformedError(f"GET {url} was answered, but {exc}. {_NOT_IMDS}")
            error.status = 200
            raise error from None

    def route(self, path: str, params: Params = ()) -> Answer:
        """The data that IMDS has at a route: a container, or a leaf as text."""
        call = self._call(path)
        try:
            return self._negotiated(call, path, params, parse_json)
        except RefusedError as exc:
            # A leaf has no JSON form: asked for it, IMDS answers 400 and not a word about why.
            if exc.status != 400 or not path.startswith("instance/"):
                raise
        return self._negotiated(call, path, (*params, ("format", "text")), _parse_text)

    def versions(self) -> list[str]:
        """The api-versions that IMDS lists, oldest first. It may accept more than it lists."""
        return self._listed_versions(self._call("versions"))

    def _call(self, path: str) -> _Call:
        policy = self._policy
        if policy.stretch and path not in self._answered:
            slow = _ENDPOINTS.get(path, _Endpoint()).timeout
            policy = policy._replace(
                timeout=max(policy.timeout, slow), deadline=max(policy.deadline, slow)
            )
        return _Call(self._send, policy, self._seams)

    def _url(self, path: str, version: str = "", params: Params = ()) -> str:
        query = (*((("api-version", version),) if version else ()), *params)
        pairs = "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in query)
        route = "/".join(quote(segment, safe="") for segment in path.split("/"))
        return f"{self._endpoint}/metadata/{route}" + (f"?{pairs}" if pairs else "")

    def _negotiated(
        self, call: _Call, path: str, params: Params, parse: _Parse, body: bytes | None = None
    ) -> Answer:
        """The answer by the newest version that both sides know."""
        endpoint = _ENDPOINTS.get(path, _Endpoint())
        rejections: dict[str, _VersionRejected] = {}
        for version in self._candidates(call, endpoint, rejections):
            if version in rejections:
                continue
            request = _request(self._url(path, version, params), body)
            try:
                data = call.ask(request, parse, endpoint.always_there)
            except _VersionRejected as rejection:
                rejections[version] = rejection
            else:
                if endpoint.version is None:
                    self._agreed = version
                self._answered.add(path)
                return Answer(version, data)
        raise _no_version(rejections, fixed=self._fixed is not None)

    def _candidates(
        self, call: _Call, endpoint: _Endpoint, rejections: dict[str, _VersionRejected]
    ) -> t.Iterator[str]:
        """Versions in the order of asking; each one after the first answers a rejection."""
        if self._fixed or endpoint.version == "":
            yield "" if endpoint.version == "" else str(self._fixed)
            return
        wanted = endpoint.version or NEWEST_TESTED
        first = endpoint.version or self._agreed or NEWEST_TESTED
        yield first
        yield from _newest(rejections[first].offered, wanted)
        # Old and small installations have no list.
        with contextlib.suppress(RefusedError, MalformedError):
            yield from _newest(self._listed_versions(call), wanted)
        yield FLOOR

    def _listed_versions(self, call: _Call) -> list[str]:
        url = self._url("versions")
        data = call.ask(_request(url), parse_json)
        found = data.get("apiVersions") if isinstance(data, dict) else None
        if not isinstance(found, list):
            raise MalformedError(f"GET {url} was answered, but without apiVersions. {_NOT_IMDS}")
        return [version for version in found if isinstance(version, str)]


def checked_endpoint(endpoint: str) -> str:
    """The base URL, refused before a packet is sent unless it can only mean this machine's IMDS."""
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
    return f"http://{parts.netloc}"


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_link_local


def checked_version(api_version: str) -> str | None:
    """A version that is to be used as it is, or None for the newest that both sides know."""
    if api_version == LATEST:
        return None
    if not _VERSION.match(api_version):
        raise OptionError(
            f"api_version {printable(api_version)!r} is neither {LATEST!r} nor a date like "
            f"{NEWEST_TESTED!r}"
        )
    return api_version


def _newest(versions: t.Iterable[str], limit: str) -> t.Iterator[str]:
    usable = [version for version in versions if _VERSION.match(version) and version <= limit]
    if usable:
        yield max(usable)


class _VersionRejected(Exception):
    def __init__(self, request: Request, response: Response) -> None:
        super().__init__(request.url)
        self.request = request
        self.response = response
        self.offered = _offered(response)


def _offered(response: Response) -> list[str]:
    try:
        offered = parse_json(response.body).get("newest-versions", [])
    except (ValueError, AttributeError):
        return []
    return [v for v in offered if isinstance(v, str)] if isinstance(offered, list) else []


def _rejects_version(response: Response, always_there: bool) -> bool:
    text = response.body[:4096].decode("utf-8", "replace").lower()
    if response.status == 404:  # until about 2020
        return "invalid version" in text
    if response.status != 400:
        return False
    # A request for a whole document has nothing in it that could be bad but its version (and the
    # header, which is always sent, but which something between may have taken away).
    return (
        "newest-versions" in text
        or "api-version" in text
        or (always_there and "header" not in text)
    )


def _no_version(rejections: dict[str, _VersionRejected], fixed: bool) -> VersionError:
    last = list(rejections.values())[-1]
    offered = sorted({v for rejection in rejections.values() for v in rejection.offered})
    there = f"It offers {listed(offered)}" if offered else "It names none that it would accept"
    todo = "use one of those that the VM's IMDS knows, or 'latest'" if fixed else "set api_version"
    error = VersionError(
        f"{last.request.method} {last.request.url} failed: IMDS rejected api-version {listed(rejections)} "
        f"({_answered(last.response)}). {there}: {todo}."
    )
    error.status = last.response.status
    return error


def _request(url: str, body: bytes | None = None) -> Request:
    if body is None:
        return Request("GET", url, _HEADERS)
    return Request("POST", url, {**_HEADERS, "Content-Type": "application/json"}, body)


class _Call:
    """One call of the client: its attempts and waits share one deadline."""

    def __init__(self, send: Transport, policy: RetryPolicy, seams: Seams) -> None:
        self._send = send
        self._policy = policy
        self._seams = seams
        self._started = seams.clock()

    def ask(self, request: Request, parse: _Parse, always_there: bool = False) -> t.Any:
        """The parsed body of a 200, or one ImdsError; raises _VersionRejected for the caller."""
        attempt = 0
        while True:
            attempt += 1
            try:
                return self._attempt(request, parse, always_there)
            except _Failed as failed:
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
                    raise failed.error(request, attempt, elapsed, always_there) from None
                self._seams.sleep(wait)

    def _attempt(self, request: Request, parse: _Parse, always_there: bool) -> t.Any:
        remaining = self._policy.deadline - self._elapsed()
        try:
            # At least a moment, for a wait that ended late: the deadline is still the policy's.
            response = self._send(request, max(0.05, min(self._policy.timeout, remaining)))
        except TransportError as exc:
            raise _Failed(Failure(retry=exc.retry), exc.reason) from exc
        if _rejects_version(response, always_there):
            raise _VersionRejected(request, response)
        if response.status != 200:
            failure = Failure(response.status, retry_after=response.headers.get("retry-after"))
            raise _Failed(failure, _answered(response))
        try:
            return parse(response.body)
        except ValueError as exc:
            raise _Failed(Failure(), _not_readable(response, exc)) from None

    def _elapsed(self) -> float:
        return self._seams.clock() - self._started


class _Failed(Exception):
    """One attempt without a usable answer."""

    def __init__(self, failure: Failure, cause: str) -> None:
        super().__init__(cause)
        self.failure = failure
        self.cause = cause

    def error(
        self, request: Request, attempts: int, elapsed: float, always_there: bool
    ) -> ImdsError:
        """The last attempt's failure as the message of the whole call."""
        status = self.failure.status
        kind: type[ImdsError] = UnavailableError
        if status == 404 and not always_there:
            kind = NotFoundError
        elif status is not None and 300 <= status < 500 and status not in (404, 408, 410, 429):
            kind = RefusedError
        tries = "1 attempt" if attempts == 1 else f"{attempts} attempts"
        advice = _ADVICE.get(status or 0) or (_NO_ANSWER if status is None else _NOT_IMDS)
        error = kind(
            f"{request.method} {request.url} failed: {self.cause}, after {tries} in "
            f"{elapsed:.3g} s. {advice}"
        )
        error.status = status
        return error


_NO_ANSWER = (
    "Check that this is an Azure VM, that it has a route to the address on its primary network "
    "interface and that no firewall drops the request"
)
_NOT_IMDS = "Check what serves this address: it does not answer like IMDS"
_TRY_LATER = "Try again later, or raise the option deadline"
_ADVICE = {
    400: "Check the route and its parameters",
    401: "Check the parameters of the request",
    403: "Check the access rules of the VM's proxy agent (Metadata Security Protocol)",
    404: "Check the route: this IMDS has nothing there",
    405: "Check the route: this IMDS does not allow the request there",
    408: _TRY_LATER,
    410: f"IMDS is being updated. {_TRY_LATER}",
    429: f"The VM asks IMDS more often than it allows (5 times a second). {_TRY_LATER}",
    500: f"IMDS is in trouble. {_TRY_LATER}",
    502: f"IMDS is in trouble. {_TRY_LATER}",
    503: f"IMDS is in trouble. {_TRY_LATER}",
    504: f"IMDS is in trouble. {_TRY_LATER}",
}


def _answered(response: Response) -> str:
    """Status and IMDS' own words; error bodies come as two kinds of JSON, text and HTML."""
    words = _error_text(response)
    location = response.headers.get("location")
    if 300 <= response.status < 400 and location:
        words = f"redirect to {printable(location)}, which is not followed"
    return f"status {response.status}" + (f", {words!r}" if words else "")


def _error_text(response: Response) -> str:
    try:
        data = parse_json(response.body)
    except ValueError:
        text = response.body[:1024].decode("utf-8", "replace").lstrip("\ufeff \r\n\t")
        return "an HTML page" if text[:1] == "<" else printable(text)
    if not isinstance(data, dict):
        return ""
    words = [data.get("error"), data.get("error_description")]
    return printable(": ".join(word for word in words if isinstance(word, str)))


def _not_readable(response: Response, exc: ValueError) -> str:
    kind = printable(response.headers.get("content-type", "unknown type"), 80)
    # Without a word of the body: it may be a token.
    return f"status 200 with {len(response.body)} bytes of {kind} that are not JSON ({exc})"


def _parse_text(body: bytes) -> str:
    return body.decode("utf-8")


def _ignore(_body: bytes) -> None:
    """Of an approval only the status counts."""


__all__ = (
    "DEFAULT_ENDPOINT",
    "FLOOR",
    "LATEST",
    "NEWEST_TESTED",
    "Answer",
    "ImdsClient",
    "Params",
    "Seams",
    "checked_endpoint",
    "checked_version",
)
