# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of IMDS: one method for each endpoint. Private to imds.azure.

Transport, clock and sleep are arguments, so that a test needs no patching and no waiting.

What only tokens and events need is imported where they are asked for: a managed node compiles on
each run all that is imported, and most runs want nothing but the instance document.
"""

from __future__ import annotations

import contextlib
import random
import re
import time
import typing as t
from urllib.parse import quote, urlsplit

from ._document import attested_signature, instance_document, parse_json
from ._errors import (
    ImdsError,
    MalformedError,
    NotFoundError,
    OptionError,
    RefusedError,
    TransportError,
    UnavailableError,
    VersionError,
    in_seconds,
    listed,
    printable,
)
from ._platform import firmware_says_azure
from ._retry import Failure, RetryPolicy
from ._transport import Request, Response, Transport

if t.TYPE_CHECKING:
    from ._turns import Turns

DEFAULT_ENDPOINT = "http://169.254.169.254"
LATEST = "latest"
# The newest version whose documents this collection is tested with.
NEWEST_TESTED = "2025-04-07"
# What is asked when IMDS rejects everything else without naming a version: the oldest that is
# known on every kind of Azure, Azure Stack Hub included.
FLOOR = "2017-12-01"

_VERSION = re.compile(r"20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])\Z")
_HOST = re.compile(r"[0-9A-Za-z.:%_-]+\Z")
_HEADERS = {"Metadata": "true", "Accept-Encoding": "identity", "User-Agent": "ansible-imds.azure"}

Params = t.Sequence[t.Tuple[str, str]]
_Parse = t.Callable[[bytes], t.Any]
# What to do about a failure, by its status and cause; "" for what helps everywhere.
_Advise = t.Callable[[t.Optional[int], str], str]

_IDENTITY = "identity/oauth2/token"


def _token_advice(status: int | None, cause: str) -> str:
    from ._tokens import token_advice

    return token_advice(status, cause)


class _Endpoint(t.NamedTuple):
    """What is special about the route of an endpoint."""

    # It always exists, so a 404 means "not yet" more often than "no".
    always_there: bool = False
    # It has a version line of its own, which "latest" stands for; "" where none is sent at all.
    version: str | None = None
    # Seconds that the first answer may rightly take.
    timeout: float = 0.0
    advise: _Advise | None = None


def _attested_advice(status: int | None, _cause: str) -> str:
    if status != 404:
        return ""
    return "Check api_version, because there are no attested documents before 2018-10-01, and what serves this address"


_ENDPOINTS = {
    "instance": _Endpoint(always_there=True),
    "attested/document": _Endpoint(always_there=True, advise=_attested_advice),
    "versions": _Endpoint(version=""),
    # The newest version of events. The first request switches the service on, which is documented to take up to two minutes.
    "scheduledevents": _Endpoint(version="2020-07-01", timeout=130.0),
    # The documented guidance is to try again on 404 as well. Every SDK asks by this version.
    _IDENTITY: _Endpoint(always_there=True, version="2018-02-01", advise=_token_advice),
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
    in_azure: t.Callable[[], bool | None] = firmware_says_azure


class ImdsClient:
    def __init__(
        self,
        send: Transport,
        endpoint: str = DEFAULT_ENDPOINT,
        api_version: str = LATEST,
        policy: RetryPolicy | None = None,
        seams: Seams | None = None,
        turns: Turns | None = None,
    ) -> None:
        self._send = send
        self._turns = turns
        self._endpoint = checked_endpoint(endpoint)
        self._fixed = checked_version(api_version)
        self._agreed: str | None = None
        self._answered: set[str] = set()
        self._policy = policy or RetryPolicy()
        self._seams = seams or Seams()

    def instance(self) -> Answer:
        """The whole instance document."""
        return self._shaped("instance", (), instance_document)

    def newest_instance(self) -> t.Any:
        """The same, whatever the api-version of this client: that of events or tokens is none of it."""
        newest = ImdsClient(self._send, self._endpoint, LATEST, self._policy, self._seams)
        return newest.instance().data

    def attested_document(self, nonce: str) -> Answer:
        """The signed message that IMDS makes for a nonce; nothing of it is verified here."""
        return self._shaped("attested/document", (("nonce", nonce),), attested_signature)

    def own_name(self) -> str:
        """What scheduled events call this VM."""
        from ._events import name_in

        return name_in(self.newest_instance())

    def scheduled_events(self) -> Answer:
        """The document of scheduled events."""
        from ._events import events_document

        return self._shaped("scheduledevents", (), events_document)

    def start_event(self, event_id: str) -> None:
        """Approves an event: it starts now instead of when its notice ends.

        Approving twice is the same as once, so an attempt without an answer is repeated.
        """
        from ._events import start_request

        path = "scheduledevents"
        self._negotiated(self._call(path), path, (), _ignore, start_request(event_id))

    def _shaped(self, path: str, params: Params, shape: t.Callable[[t.Any], t.Any]) -> Answer:
        answer = self.route(path, params)
        url = self._url(path, answer.api_version, params)
        return Answer(answer.api_version, _understood(url, answer.data, shape))

    def route(self, path: str, params: Params = ()) -> Answer:
        """The data that IMDS has at a route: a container, or a leaf as text."""
        call = self._call(path)
        try:
            return self._negotiated(call, path, params, parse_json)
        except VersionError:
            raise
        except RefusedError as exc:
            # A leaf has no JSON form: asked for it, IMDS answers 400 and not a word about why.
            if exc.status != 400 or not path.startswith("instance/"):
                raise
        return self._negotiated(call, path, (*params, ("format", "text")), _parse_text)

    def versions(self) -> list[str]:
        """The api-versions that IMDS lists, oldest first. It may accept more than it lists."""
        return self._listed_versions(self._call("versions"))

    def token(self, resource: str, identity: Params = ()) -> dict[str, t.Any]:
        """A token for a resource, of the VM's only identity or of the one that is named."""
        from ._tokens import token_of

        params = (("resource", resource), *identity)
        answer = self._negotiated(self._call(_IDENTITY, self._turns), _IDENTITY, params, parse_json)
        url = self._url(_IDENTITY, answer.api_version, params)
        token: dict[str, t.Any] = _understood(url, answer.data, token_of)
        return token

    def extension_token(
        self, extension: str, resource: str, identity: Params = ()
    ) -> dict[str, t.Any]:
        """The same from the retired VM extension, which listens on the VM itself."""
        from ._tokens import extension_advice, token_of

        url = f"{extension}?{_query((('resource', resource), *identity))}"
        call = _Call(self._send, self._policy, self._seams, extension_advice)
        token: dict[str, t.Any] = _understood(url, call.ask(_request(url), parse_json), token_of)
        return token

    def _call(self, path: str, turns: Turns | None = None) -> _Call:
        endpoint = _ENDPOINTS.get(path, _Endpoint())
        policy = self._policy
        if path not in self._answered:
            policy = policy.stretched(endpoint.timeout)
        return _Call(self._send, policy, self._seams, endpoint.advise, turns)

    def _url(self, path: str, version: str = "", params: Params = ()) -> str:
        query = _query((*((("api-version", version),) if version else ()), *params))
        route = "/".join(_quoted(segment) for segment in path.split("/"))
        return f"{self._endpoint}/metadata/{route}" + (f"?{query}" if query else "")

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
        rejection = rejections[first]
        yield from _newest(rejection.offered, wanted)
        known, listed_versions = False, []
        try:
            listed_versions = self._listed_versions(call)
            known = first in listed_versions
        except RefusedError as exc:
            # Old and small installations have no list. One that is refused in the same way is none
            # of these.
            known = exc.status == 400 and not isinstance(exc, VersionError)
        except UnavailableError:
            if rejection.says_so:
                raise
            known = True  # It can't be told, so the first trouble is what is told of.
        except MalformedError:
            pass
        if known and not rejection.says_so:
            # It was about something else, and an older document would be a lesser one in silence.
            raise rejection.unexplained(first)
        yield from _newest(listed_versions, wanted)
        yield FLOOR

    def _listed_versions(self, call: _Call) -> list[str]:
        url = self._url("versions")
        try:
            data = call.ask(_request(url), parse_json)
        except _VersionRejected as rejection:
            # Where it wants a version for its list of versions, it names some in refusing.
            if not rejection.offered:
                raise _no_version({"": rejection}, fixed=False) from None
            return sorted(rejection.offered)
        found = data.get("apiVersions") if isinstance(data, dict) else None
        if not isinstance(found, list):
            raise MalformedError(f"GET {url} was answered, but without apiVersions. {_NOT_IMDS}")
        return [version for version in found if isinstance(version, str)]


def _query(params: Params) -> str:
    return "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in params)


def _quoted(text: str) -> str:
    try:
        return quote(text, safe="")
    except UnicodeEncodeError:
        raise OptionError(f"{printable(text)!r} can't be sent: it is not Unicode text") from None


def _understood(url: str, data: t.Any, read: t.Callable[[t.Any], t.Any]) -> t.Any:
    """What an answer means, or a failure that names the request as well."""
    try:
        return read(data)
    except MalformedError as exc:
        error = MalformedError(f"GET {url} was answered, but {exc}. {_NOT_IMDS}")
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
    if not _HOST.match(host):  # A scope of IPv6 may otherwise hold nearly anything.
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
        # Whether it is in the answer that it is for the version, or only concluded.
        self.says_so = _is_about_versions(response)

    def unexplained(self, version: str) -> VersionError:
        error = VersionError(
            f"{self.request.method} {self.request.url} failed: IMDS rejected the request "
            f"({_answered(self.response)}) and does not say that it is for api-version {version}. "
            "Try again, or set another api_version"
        )
        error.status = self.response.status
        return error


def _offered(response: Response) -> list[str]:
    try:
        offered = parse_json(response.body).get("newest-versions", [])
    except (ValueError, AttributeError):
        return []
    return [v for v in offered if isinstance(v, str)] if isinstance(offered, list) else []


def _rejects_version(url: str, response: Response, always_there: bool) -> bool:
    if "/metadata/" not in url:  # the VM extension, which has no versions
        return False
    if _is_about_versions(response):
        return True
    # A request for a whole document, without parameters, has nothing in it that could be bad but
    # its version (and the header, which is always sent, but which something between may take away).
    is_bare = always_there and "&" not in url
    return response.status == 400 and is_bare and "header" not in _start_of(response)


def _is_about_versions(response: Response) -> bool:
    text = _start_of(response)
    if response.status == 404:  # until about 2020
        return "invalid version" in text
    return response.status == 400 and ("newest-versions" in text or "api-version" in text)


def _start_of(response: Response) -> str:
    return response.body[:4096].decode("utf-8", "replace").lower()


def _no_version(rejections: dict[str, _VersionRejected], fixed: bool) -> VersionError:
    last = list(rejections.values())[-1]
    offered = sorted({v for rejection in rejections.values() for v in rejection.offered})
    asked = listed(version or "none" for version in rejections)
    there = f"It offers {listed(offered)}" if offered else "It names none that it would accept"
    todo = "use one of those that the VM's IMDS knows, or 'latest'" if fixed else "set api_version"
    error = VersionError(
        f"{last.request.method} {last.request.url} failed: IMDS rejected api-version {asked} "
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

    def __init__(
        self,
        send: Transport,
        policy: RetryPolicy,
        seams: Seams,
        advise: _Advise | None = None,
        turns: Turns | None = None,
    ) -> None:
        self._send = send
        self._policy = policy
        self._seams = seams
        self._advise = advise
        self._turns = turns
        self._started = seams.clock()

    def ask(self, request: Request, parse: _Parse, always_there: bool = False) -> t.Any:
        """The parsed body of a 200, or one ImdsError; raises _VersionRejected for the caller."""
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
                    raise told.error(
                        request, attempt, elapsed, always_there, self._advise
                    ) from None
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
        if _rejects_version(request.url, response, always_there):
            raise _VersionRejected(request, response)
        if response.status != 200:
            failure = Failure(response.status, retry_after=response.headers.get("retry-after"))
            raise _Failed(failure, _answered(response))
        try:
            return parse(response.body)
        except ValueError as exc:
            raise _Failed(Failure(), _not_readable(response, parse, exc)) from None

    def _remaining(self) -> float:
        return self._policy.deadline - self._elapsed()

    def _elapsed(self) -> float:
        return self._seams.clock() - self._started


class _Failed(Exception):
    """One attempt without a usable answer."""

    def __init__(self, failure: Failure, cause: str, hurried: bool = False) -> None:
        super().__init__(cause)
        self.failure = failure
        self.cause = cause
        # No answer, and not the time that an attempt has.
        self.hurried = hurried

    def error(
        self,
        request: Request,
        attempts: int,
        elapsed: float,
        always_there: bool,
        advise: _Advise | None,
    ) -> ImdsError:
        """An attempt's failure as the message of the whole call."""
        status = self.failure.status
        kind: type[ImdsError] = UnavailableError
        if status == 404 and not always_there:
            kind = NotFoundError
        elif status is not None and 300 <= status < 500 and status not in (404, 408, 410, 429):
            kind = RefusedError
        tries = "1 attempt" if attempts == 1 else f"{attempts} attempts"
        advice = advise(status, self.cause) if advise else ""
        advice = advice or _advice(status, self.cause, always_there)
        error = kind(
            f"{request.method} {request.url} failed: {self.cause}, after {tries} in "
            f"{in_seconds(elapsed)}. {advice}"
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


def _advice(status: int | None, cause: str, always_there: bool) -> str:
    if status is None:
        # Where there was an answer after all, the way to IMDS is not what is wrong.
        return _NOT_IMDS if cause.startswith(("the answer ", "status 200 ")) else _NO_ANSWER
    if status == 400 and "header" in cause:
        return "Check what stands between this host and its IMDS: it takes headers away"
    if status == 404 and always_there:
        return _NOT_IMDS
    return _ADVICE.get(status, _NOT_IMDS)


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


def _not_readable(response: Response, parse: _Parse, exc: ValueError) -> str:
    kind = printable(response.headers.get("content-type", "unknown type"), 80)
    # Without a word of the body: it may be a token.
    wanted = "JSON" if parse is parse_json else "text"
    return f"status 200 with {len(response.body)} bytes of {kind} that are not {wanted} ({exc})"


def _parse_text(body: bytes) -> str:
    try:
        return body.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise ValueError(f"byte {exc.start} is not UTF-8") from None


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
