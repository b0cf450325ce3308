# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of IMDS: `get` and `post`. Private to imds.azure.

Transport, clock and sleep are arguments, so that a test needs no patching and no waiting.

This file holds the success path. Failure handling lives in files of its own, and is imported only
after an attempt failed, because a managed node compiles every import on each run. For the same reason
the functions for tokens, events and attested documents are in folders that few modules need.

A call is one `get` or `post` with all its attempts and waits. An attempt is one request with its
answer, or without one.
"""

from __future__ import annotations

import contextlib
import copy
import random
import time
import typing as t

from . import _document, _errors, _firmware, _service, _transport

if t.TYPE_CHECKING:
    from . import _failures, _negotiation, _retry

    _Outcome = t.Union[_transport.Response, _errors.TransportError]
    _Shape = t.Callable[[t.Any], t.Any]

DEFAULT_ENDPOINT = _service.IMDS.endpoint
LATEST = "latest"

# IMDS refuses a request without Metadata.
HEADERS = {"Metadata": "true", **_transport.HEADERS}

Params = t.Sequence[t.Tuple[str, str]]
# Waits up to that many seconds for permission to send one request. The context holds that permission.
RateLimit = t.Callable[[float], t.ContextManager[None]]


class BodyFormat(t.NamedTuple):
    """How to read the body of a 200."""

    name: str  # for messages
    parse: t.Callable[[bytes], t.Any]  # raises ValueError if the body has another form


JSON = BodyFormat("JSON", _document.parse_json)
# Only the status of the answer counts.
ANY_BODY = BodyFormat("bytes", bytes)


class Endpoint(t.NamedTuple):
    """A route, and its properties."""

    path: str
    # Every IMDS has it, so a 404 usually means that IMDS is still starting.
    always_there: bool = False
    # The newest version of this endpoint, which "latest" means here; "" if a request has no version.
    version: str | None = None
    # The longest time in seconds that the first answer is known to take.
    timeout: float = 0.0
    advise: _failures.Advise | None = None
    # Its answers contain a secret, so no message quotes them.
    secret: bool = False
    # The base URL, if the endpoint belongs to another service on this VM.
    base_url: str = ""
    # The text to parse instead of an empty body. Without it, an empty body is an error.
    default_body: bytes = b""


INSTANCE = Endpoint("instance", always_there=True)
VERSIONS = Endpoint("versions", version="")


class Answer(t.NamedTuple):
    api_version: str
    data: t.Any


class Instance(t.NamedTuple):
    """An instance document."""

    api_version: str
    data: t.Any
    incomplete: tuple[str, ...] = ()  # the parts that IMDS may have left out
    notices: tuple[str, ...] = ()  # warnings about these parts for the user


class Limits(t.NamedTuple):
    """How long a call may take."""

    timeout: float = 10.0  # seconds for one attempt
    deadline: float = 90.0  # seconds for all attempts and waits of one call
    attempts: int | None = None  # None: as many as fit into the deadline
    stretch: bool = True  # whether a slow endpoint gets the time that it is known to need

    def stretched(self, seconds: float) -> Limits:
        """The limits for an answer that may take that long. A deadline that a user set still applies."""
        if not self.stretch:
            return self
        usual = self.deadline == Limits().deadline
        deadline = max(self.deadline, seconds) if usual else self.deadline
        return self._replace(timeout=max(self.timeout, seconds), deadline=deadline)


class System(t.NamedTuple):
    """The functions of the machine that a client needs. Tests replace them."""

    clock: t.Callable[[], float] = time.monotonic
    wall: t.Callable[[], float] = time.time
    sleep: t.Callable[[float], None] = time.sleep
    jitter: t.Callable[[], float] = random.random
    in_azure: t.Callable[[], bool | None] = _firmware.firmware_says_azure
    has_arc_agent: t.Callable[[], bool] = _firmware.has_arc_agent
    # Called after each failed attempt that may be retried.
    may_retry: t.Callable[[], bool] = lambda: True


class _Query(t.NamedTuple):
    """A request without its version, and how to read the answer."""

    endpoint: Endpoint
    params: Params = ()
    body: bytes | None = None
    body_format: BodyFormat = JSON


class Result(t.NamedTuple):
    """How the attempts for one request ended: with data, or with a rejection of its version."""

    data: t.Any = None
    rejection: _negotiation.Rejection | None = None


class ImdsClient:
    def __init__(
        self,
        send: _transport.Transport,
        endpoint: str = DEFAULT_ENDPOINT,
        api_version: str = LATEST,
        limits: Limits | None = None,
        system: System | None = None,
    ) -> None:
        self._send = send
        self.endpoint = checked_endpoint(endpoint)
        self.service = service_at(self.endpoint)
        self._fixed = checked_version(api_version)
        self._agreed: str | None = None
        self._answered: set[str] = set()
        self._limits = limits or Limits()
        self._system = system or System()

    def instance(
        self, wanted: t.Collection[str] = _document.PARTS, complete: bool = False
    ) -> Instance:
        """The whole instance document. IMDS may leave parts out, so the client repeats the request for wanted parts.

        With `complete`, IMDS fails instead of leaving parts out. `wanted` has the parts that the caller needs.
        """
        attempts = self.attempts(INSTANCE)
        has_all_parts = self.service.parts == _document.PARTS
        first = None if complete and has_all_parts else self.document(attempts)
        if first and not _document.missing_parts(first.data):
            return first
        # Imported here because only an incomplete document, or the option complete, needs it.
        from . import _incomplete_documents

        wanted = [name for name in wanted if name in self.service.parts]
        with self._hint():
            found: Instance = _incomplete_documents.completed(self, attempts, first, wanted)
        return found

    def document(
        self, attempts: Attempts, params: Params = (), advise: _failures.Advise | None = None
    ) -> Instance:
        """The instance document as IMDS returns it, complete or not."""
        endpoint = INSTANCE._replace(advise=advise) if advise else INSTANCE
        answer = self.get(endpoint, params, shape=_document.instance_document, attempts=attempts)
        return Instance(*answer)

    def describe(self, answer: Instance) -> str:
        """The request for an instance document, for a message."""
        return self._request(_Query(INSTANCE), answer.api_version).line

    def newest_instance(self) -> t.Any:
        """The instance document at the latest api-version, for callers that need only its compute.

        This client may be pinned to a version of another endpoint, such as that of events or tokens.
        """
        newest = ImdsClient(self._send, self.endpoint, LATEST, self._limits, self._system)
        return newest.instance(("compute",)).data

    def get(
        self,
        endpoint: Endpoint,
        params: Params = (),
        *,
        shape: _Shape | None = None,
        body_format: BodyFormat = JSON,
        attempts: Attempts | None = None,
    ) -> Answer:
        """The answer of an endpoint, with the newest version that both sides know.

        `shape` converts the data into the result, or raises MalformedError. Requests with the same
        `attempts` share one deadline.
        """
        query = _Query(self.adapted(endpoint), params, body_format=body_format)
        with self._hint():
            answer = self._answer(query, attempts or self.attempts(endpoint))
            if shape is None:
                return answer
            try:
                return answer._replace(data=shape(answer.data))
            except _errors.MalformedError as exc:
                line = self._request(query, answer.api_version).line
                raise _errors.malformed_answer(f"{line} was answered, but {exc}") from None

    def post(self, endpoint: Endpoint, body: bytes) -> None:
        """Sends a body. The client repeats the request after a lost answer, so the request must be idempotent."""
        query = _Query(self.adapted(endpoint), (), body, ANY_BODY)
        with self._hint():
            self._answer(query, self.attempts(endpoint))

    def adapted(self, endpoint: Endpoint) -> Endpoint:
        """The endpoint as this service has it. Raises AbsentError if the service never has it."""
        if self.service is _service.IMDS or endpoint.base_url:
            return endpoint
        # Imported here because hardly any host is an Azure Arc-enabled server.
        from . import _arc

        return t.cast(Endpoint, _arc.adapted(endpoint, self.endpoint, self._system.has_arc_agent))

    def sending_by(
        self, wrapped: t.Callable[[_transport.Transport], _transport.Transport]
    ) -> ImdsClient:
        """A copy of this client. `wrapped` makes its transport from the transport of this client."""
        other = copy.copy(self)
        other._send = wrapped(self._send)
        return other

    @contextlib.contextmanager
    def _hint(self) -> t.Iterator[None]:
        """On an Azure Arc-enabled server, adds the endpoint that works there to each error of the default endpoint."""
        try:
            yield
        except _errors.ImdsError as exc:
            if self.endpoint == DEFAULT_ENDPOINT:
                # Imported here because only a failure needs it.
                from . import _arc

                _arc.add_hint(exc, self._system.in_azure, self._system.has_arc_agent)
            raise

    def attempts(self, endpoint: Endpoint, rate_limit: RateLimit | None = None) -> Attempts:
        """Begins a call, and with it its deadline."""
        limits = self._limits
        if endpoint.path not in self._answered:
            limits = limits.stretched(endpoint.timeout)
        return Attempts(self._send, limits, self._system, rate_limit)

    def _answer(self, query: _Query, attempts: Attempts) -> Answer:
        version = self._first_version(query.endpoint)
        result = self._run(query, version, attempts)
        answer = Answer(version, result.data)
        if result.rejection is not None:
            answer = self._negotiated(query, version, result.rejection, attempts)
        if query.endpoint.version is None:
            self._agreed = answer.api_version
        self._answered.add(query.endpoint.path)
        return answer

    def _first_version(self, endpoint: Endpoint) -> str:
        if endpoint.version == "":
            return ""
        return self._fixed or endpoint.version or self._agreed or self.service.newest

    def _run(self, query: _Query, version: str, attempts: Attempts) -> Result:
        return attempts.run(query.endpoint, self._request(query, version), query.body_format)

    def _negotiated(
        self, query: _Query, first: str, rejection: _negotiation.Rejection, attempts: Attempts
    ) -> Answer:
        """The answer with another version, at most `newest`, after the service rejected the first one."""
        newest = query.endpoint.version or self.service.newest
        rejections = {first: rejection}
        answer = None
        # A version that the user set is never replaced.
        if first and self._fixed is None:
            offered = rejection.offered_candidates(newest)
            answer = self._first_accepted(query, offered, rejections, attempts)
            if answer is None:
                listing = self._version_list(attempts) if self.service.lists_versions else None
                listed = rejection.listed_candidates(first, listing, newest, self.service.floor)
                answer = self._first_accepted(query, listed, rejections, attempts)
        if answer is None:
            raise rejection.final_error(rejections, self._fixed is not None, self.service.title)
        return answer

    def _first_accepted(
        self,
        query: _Query,
        candidates: list[str],
        rejections: dict[str, _negotiation.Rejection],
        attempts: Attempts,
    ) -> Answer | None:
        """The answer with the first of these versions that IMDS accepts; collects the rejections."""
        for version in candidates:
            if version not in rejections:
                result = self._run(query, version, attempts)
                if result.rejection is None:
                    return Answer(version, result.data)
                rejections[version] = result.rejection
        return None

    def _version_list(self, attempts: Attempts) -> t.Any:
        """The list of versions, or the Rejection or ImdsError that came instead."""
        try:
            result = self._run(_Query(VERSIONS), "", attempts)
        except (_errors.RefusedError, _errors.UnavailableError) as exc:
            return exc
        return result.data if result.rejection is None else result.rejection

    def _request(self, query: _Query, version: str) -> _transport.Request:
        endpoint, params = query.endpoint, query.params
        if version:
            params = (("api-version", version), *params)
        base = endpoint.base_url or f"{self.endpoint}/metadata"
        url = f"{base}/{'/'.join(map(_quoted, endpoint.path.split('/')))}"
        if params:
            url += "?" + "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in params)
        if query.body is None:
            return _transport.Request("GET", url, HEADERS, secret=endpoint.secret)
        headers = {**HEADERS, "Content-Type": "application/json"}
        return _transport.Request("POST", url, headers, query.body, endpoint.secret)


def _quoted(text: str) -> str:
    # Most texts do not need the import.
    if text.isascii() and text.replace("-", "").isalnum():
        return text
    from urllib.parse import quote

    try:
        return quote(text, safe="")
    except UnicodeEncodeError:
        raise _errors.OptionError(
            f"{_errors.printable(text)!r} can't be sent: it is not Unicode text"
        ) from None


def checked_endpoint(endpoint: str) -> str:
    """The base URL, or OptionError unless it can only mean a metadata service of this machine."""
    if endpoint == DEFAULT_ENDPOINT:
        return endpoint
    # Imported here because the option is rarely set.
    from . import _validation

    return _validation.local_endpoint(endpoint, DEFAULT_ENDPOINT)


def service_at(endpoint: str) -> _service.Service:
    """The service that a checked endpoint is of."""
    if endpoint == DEFAULT_ENDPOINT:
        return _service.IMDS
    from . import _validation

    return _service.ARC if _validation.is_arc(endpoint) else _service.IMDS


def checked_version(api_version: str) -> str | None:
    """The version to use, or None for the newest that both sides know."""
    if api_version == LATEST:
        return None
    # Imported here because the option is rarely set.
    from . import _validation

    return _validation.dated_version(api_version, LATEST, _service.IMDS.newest)


class Attempts:
    """Runs the attempts of one call. All of them, and the waits between them, share one deadline."""

    def __init__(
        self,
        send: _transport.Transport,
        limits: Limits,
        system: System,
        rate_limit: RateLimit | None = None,
    ) -> None:
        self.limits = limits
        self._send = send
        self._system = system
        self._rate_limit = rate_limit
        self._started = system.clock()

    def run(
        self, endpoint: Endpoint, request: _transport.Request, body_format: BodyFormat
    ) -> Result:
        """Sends a request until IMDS answers it or rejects its version; raises ImdsError otherwise."""
        number = 0
        reported = refused_since = None
        while True:
            number += 1
            outcome, cut_short = self._attempt(request)
            unreadable = None
            if isinstance(outcome, _transport.Response) and outcome.status == 200:
                body = outcome.body if outcome.body.strip() else endpoint.default_body
                try:
                    return Result(body_format.parse(body or outcome.body))
                except ValueError as exc:
                    unreadable = exc
            # Only here, the failure handling is imported: an attempt failed.
            from . import _failures, _negotiation, _retry

            if _failures.rejects_version(request, outcome, endpoint.always_there):
                return Result(rejection=_negotiation.Rejection(request, outcome))
            failure = _failures.failure_of(request, outcome, body_format.name, unreadable)
            # The deadline may have cut the last attempt short. Then the error before it is more useful.
            if reported is None or not cut_short:
                reported = failure
            elapsed = self._elapsed()
            if not failure.unreachable:
                refused_since = None
            elif refused_since is None:
                refused_since = elapsed
            refused_for = 0.0 if refused_since is None else elapsed - refused_since
            policy = _retry.RetryPolicy(self.limits.deadline, self.limits.attempts)
            if not self.wait_after(failure, number, policy, endpoint.always_there, refused_for):
                tries = (number, elapsed)
                raise _failures.failed_call(
                    request, reported, tries, endpoint.always_there, endpoint.advise
                )

    def wait_after(
        self,
        failure: _retry.Failure,
        number: int,
        policy: _retry.RetryPolicy,
        always_there: bool = False,
        refused_for: float = 0.0,
    ) -> bool:
        """Waits until the next attempt; False if there must be none."""
        elapsed, jitter, now = self._elapsed(), self._system.jitter(), self._system.wall()
        delay = policy.wait(failure, number, elapsed, jitter, now, always_there, refused_for)
        if delay is None or not self._system.may_retry():
            return False
        self._system.sleep(delay)
        return True

    def without_retries(self) -> Attempts:
        """The same deadline, but only one attempt for each further request."""
        once = self.limits._replace(attempts=1)
        single = Attempts(self._send, once, self._system, self._rate_limit)
        single._started = self._started
        return single

    def _attempt(self, request: _transport.Request) -> tuple[_Outcome, bool]:
        """The answer or the error, and whether the attempt failed because it had less than the whole timeout."""
        timeout = self.limits.timeout
        try:
            with self._permission():
                # A wait can end a little late. The attempt then gets a moment; the deadline still applies.
                timeout = max(0.05, min(timeout, self._remaining()))
                return self._send(request, timeout), False
        except _errors.TransportError as exc:
            return exc, timeout < self.limits.timeout

    def _permission(self) -> t.ContextManager[None]:
        if self._rate_limit is None:
            return contextlib.nullcontext()
        return self._rate_limit(self._remaining())

    def _remaining(self) -> float:
        return self.limits.deadline - self._elapsed()

    def _elapsed(self) -> float:
        return self._system.clock() - self._started


__all__ = (
    "DEFAULT_ENDPOINT",
    "HEADERS",
    "INSTANCE",
    "LATEST",
    "VERSIONS",
    "Answer",
    "Attempts",
    "BodyFormat",
    "Endpoint",
    "ImdsClient",
    "Instance",
    "Limits",
    "Params",
    "RateLimit",
    "System",
    "checked_endpoint",
    "checked_version",
    "service_at",
)
