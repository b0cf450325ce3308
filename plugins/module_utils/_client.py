# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The client of IMDS: how an endpoint is asked. Private to imds.azure.

Transport, clock and sleep are arguments, so that a test needs no patching and no waiting.

Here is what it takes where the first attempt succeeds, as it nearly always does. What there is to do
about a failure is in files of its own, imported when there is one: a managed node compiles on each
run all that is imported. Tokens, events and attested documents are asked for by functions that
Ansible does not even send along with a module that needs none.
"""

from __future__ import annotations

import contextlib
import random
import time
import typing as t

from . import _document, _errors, _firmware, _transport

if t.TYPE_CHECKING:
    from . import _failures

    _Parse = t.Callable[[bytes], t.Any]
    _Shape = t.Callable[[t.Any], t.Any]

DEFAULT_ENDPOINT = "http://169.254.169.254"
LATEST = "latest"
# The newest version whose documents this collection is tested with.
NEWEST_TESTED = "2025-04-07"

_HEADERS = {"Metadata": "true", "Accept-Encoding": "identity", "User-Agent": "ansible-imds.azure"}

Params = t.Sequence[t.Tuple[str, str]]
# Enters a queue for at most so many seconds; within the context one request may be sent.
Turns = t.Callable[[float], t.ContextManager[None]]


class Endpoint(t.NamedTuple):
    """A route, and what is special about it."""

    path: str
    # It always exists, so a 404 means "not yet" more often than "no".
    always_there: bool = False
    # It has a version line of its own, which "latest" stands for; "" where none is sent at all.
    version: str | None = None
    # Seconds that the first answer may rightly take.
    timeout: float = 0.0
    advise: _failures.Advise | None = None
    # Its answers hold a secret, so no message quotes their text.
    secret: bool = False
    # Where it is, if that is not IMDS but something else on this VM.
    elsewhere: str = ""
    # The body that an empty one stands for; an empty body is unreadable where this is empty as well.
    blank: bytes = b""


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
    notices: tuple[str, ...] = ()  # what to tell the user about that


class Limits(t.NamedTuple):
    """For how long it is tried."""

    timeout: float = 10.0  # seconds for one attempt
    deadline: float = 90.0  # seconds for all attempts and waits of one call
    attempts: int | None = None  # None: as many as fit into the deadline
    stretch: bool = True  # whether a slow endpoint gets the time that it is known to need

    def stretched(self, seconds: float) -> Limits:
        """For an answer that may rightly take so long. A deadline that somebody set still rules."""
        if not self.stretch:
            return self
        usual = self.deadline == Limits().deadline
        deadline = max(self.deadline, seconds) if usual else self.deadline
        return self._replace(timeout=max(self.timeout, seconds), deadline=deadline)


class Seams(t.NamedTuple):
    """What a client takes from the machine it runs on; tests bring their own."""

    clock: t.Callable[[], float] = time.monotonic
    wall: t.Callable[[], float] = time.time
    sleep: t.Callable[[float], None] = time.sleep
    jitter: t.Callable[[], float] = random.random
    in_azure: t.Callable[[], bool | None] = _firmware.firmware_says_azure


class ImdsClient:
    def __init__(
        self,
        send: _transport.Transport,
        endpoint: str = DEFAULT_ENDPOINT,
        api_version: str = LATEST,
        limits: Limits | None = None,
        seams: Seams | None = None,
    ) -> None:
        self._send = send
        self._endpoint = checked_endpoint(endpoint)
        self._fixed = checked_version(api_version)
        self._agreed: str | None = None
        self._answered: set[str] = set()
        self._limits = limits or Limits()
        self._seams = seams or Seams()

    def instance(
        self, wanted: t.Collection[str] = _document.PARTS, complete: bool = False
    ) -> Instance:
        """The whole instance document. IMDS may answer in part, so one without a wanted part is asked for again.

        `complete` makes IMDS refuse to answer in part. A service that never has some part has a
        `wanted` without it.
        """
        call = self.call(INSTANCE)
        if complete:
            from . import _incomplete

            full: Instance = _incomplete.in_full(self, call, wanted)
            return full
        answer = self.document(call)
        if not _document.missing_parts(answer.data):
            return answer
        # Imported here because only an answer in part needs it.
        from . import _incomplete

        again: Instance = _incomplete.asked_again(self, call, answer, wanted)
        return again

    def document(
        self, call: Call, params: Params = (), advise: _failures.Advise | None = None
    ) -> Instance:
        """The instance document as IMDS answers it, in part or in full."""
        endpoint = INSTANCE._replace(advise=advise) if advise else INSTANCE
        return Instance(*self.ask(endpoint, params, shape=_document.instance_document, call=call))

    def describe(self, answer: Instance) -> str:
        """The request of an instance document, for a message."""
        request = self._request(INSTANCE, answer.api_version)
        return f"{request.method} {request.url}"

    def newest_instance(self) -> t.Any:
        """The instance document at the latest api-version, for clients of endpoints with versions of their own.

        All that they need is compute.
        """
        newest = ImdsClient(self._send, self._endpoint, LATEST, self._limits, self._seams)
        return newest.instance(("compute",)).data

    def ask(
        self,
        endpoint: Endpoint,
        params: Params = (),
        *,
        shape: _Shape,
        turns: Turns | None = None,
        call: Call | None = None,
    ) -> Answer:
        """The answer of an endpoint as `shape` makes it of the data, or MalformedError."""
        answer = self.exchange(endpoint, params, call=call or self.call(endpoint, turns))
        try:
            return Answer(answer.api_version, shape(answer.data))
        except _errors.MalformedError as exc:
            from . import _failures

            raise _failures.malformed(
                self._request(endpoint, answer.api_version, params), exc
            ) from None

    def exchange(
        self,
        endpoint: Endpoint,
        params: Params = (),
        parse: _Parse = _document.parse_json,
        body: bytes | None = None,
        call: Call | None = None,
    ) -> Answer:
        """The data that an endpoint answers, by the newest version that both sides know.

        Exchanges that are given the same call share its deadline. A request with a body is repeated
        after a lost answer, so it must be idempotent.
        """
        call = call or self.call(endpoint)

        def ask(version: str) -> t.Any:
            request = self._request(endpoint, version, params, body)
            return call.ask(endpoint, request, parse)

        version = self._first_version(endpoint)
        try:
            data = ask(version)
        except _errors.RejectedError as rejected:
            from . import _negotiation

            version, data = _negotiation.negotiated(
                ask,
                lambda: call.ask(VERSIONS, self._request(VERSIONS), _document.parse_json),
                rejected,
                version,
                endpoint.version or NEWEST_TESTED,
                fixed=self._fixed is not None,
            )
        if endpoint.version is None:
            self._agreed = version
        self._answered.add(endpoint.path)
        return Answer(version, data)

    def _first_version(self, endpoint: Endpoint) -> str:
        if endpoint.version == "":
            return ""
        return self._fixed or endpoint.version or self._agreed or NEWEST_TESTED

    def call(self, endpoint: Endpoint, turns: Turns | None = None) -> Call:
        """Begins a call, and with it its deadline."""
        limits = self._limits
        if endpoint.path not in self._answered:
            limits = limits.stretched(endpoint.timeout)
        return Call(self._send, limits, self._seams, turns)

    def _request(
        self,
        endpoint: Endpoint,
        version: str = "",
        params: Params = (),
        body: bytes | None = None,
    ) -> _transport.Request:
        if version:
            params = (("api-version", version), *params)
        base = endpoint.elsewhere or f"{self._endpoint}/metadata"
        url = f"{base}/{'/'.join(map(_quoted, endpoint.path.split('/')))}"
        if params:
            url += "?" + "&".join(f"{_quoted(name)}={_quoted(value)}" for name, value in params)
        if body is None:
            return _transport.Request("GET", url, _HEADERS, secret=endpoint.secret)
        headers = {**_HEADERS, "Content-Type": "application/json"}
        return _transport.Request("POST", url, headers, body, endpoint.secret)


def _quoted(text: str) -> str:
    # Nearly always, and then nothing has to be imported.
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
    """The base URL, refused before a packet is sent unless it can only mean this machine's IMDS."""
    if endpoint == DEFAULT_ENDPOINT:  # which nearly everybody has
        return endpoint
    from . import _validation

    return _validation.local_endpoint(endpoint, DEFAULT_ENDPOINT)


def checked_version(api_version: str) -> str | None:
    """A version that is to be used as it is, or None for the newest that both sides know."""
    if api_version == LATEST:
        return None
    from . import _validation

    return _validation.dated_version(api_version, LATEST, NEWEST_TESTED)


class Call:
    """One call of the client: its attempts and waits share one deadline."""

    def __init__(
        self,
        send: _transport.Transport,
        limits: Limits,
        seams: Seams,
        turns: Turns | None = None,
    ) -> None:
        self._send = send
        self._limits = limits
        self._seams = seams
        self._turns = turns
        self._started = seams.clock()

    def ask(self, endpoint: Endpoint, request: _transport.Request, parse: _Parse) -> t.Any:
        """The parsed body of a 200, or one ImdsError; raises RejectedError for the client."""
        attempt, told = 0, None
        refused_since = None
        while True:
            attempt += 1
            outcome, hurried = self._attempt(request)
            unreadable = None
            if isinstance(outcome, _transport.Response) and outcome.status == 200:
                try:
                    return parse(
                        outcome.body if outcome.body.strip() else endpoint.blank or outcome.body
                    )
                except ValueError as exc:
                    unreadable = exc
            from . import _failures, _retry

            there = endpoint.always_there
            failure = _failures.failure_of(request, outcome, there, parse, unreadable)
            # What the deadline left of a last attempt may be too little to learn anything.
            if told is None or not hurried:
                told = failure
            elapsed, jitter, now = self._elapsed(), self._seams.jitter(), self._seams.wall()
            if not failure.unreachable:
                refused_since = None
            elif refused_since is None:
                refused_since = elapsed
            refused = 0.0 if refused_since is None else elapsed - refused_since
            policy = _retry.RetryPolicy(self._limits.deadline, self._limits.attempts)
            wait = policy.wait(failure, attempt, elapsed, jitter, now, there, refused)
            if wait is None:
                tries = (attempt, elapsed)
                raise _failures.failed_call(request, told, tries, there, endpoint.advise)
            self._seams.sleep(wait)

    def again(self, asked: int) -> Call | None:
        """Waits as after a failed attempt. The call of the next one shares this deadline; None where none is allowed."""
        from . import _retry

        elapsed, jitter, now = self._elapsed(), self._seams.jitter(), self._seams.wall()
        policy = _retry.RetryPolicy(self._limits.deadline, self._limits.attempts)
        wait = policy.wait(_retry.Failure(), asked, elapsed, jitter, now)
        if wait is None:
            return None
        self._seams.sleep(wait)
        once = Call(self._send, self._limits._replace(attempts=1), self._seams, self._turns)
        once._started = self._started
        return once

    def _attempt(
        self, request: _transport.Request
    ) -> tuple[_transport.Response | _errors.TransportError, bool]:
        """What came of it, and whether that is no answer for want of the time that an attempt has."""
        timeout = self._limits.timeout
        try:
            with self._turns(self._remaining()) if self._turns else contextlib.nullcontext():
                # At least a moment, for a wait that ended late: the deadline is still the rule.
                timeout = max(0.05, min(timeout, self._remaining()))
                return self._send(request, timeout), False
        except _errors.TransportError as exc:
            return exc, timeout < self._limits.timeout

    def _remaining(self) -> float:
        return self._limits.deadline - self._elapsed()

    def _elapsed(self) -> float:
        return self._seams.clock() - self._started


__all__ = (
    "DEFAULT_ENDPOINT",
    "INSTANCE",
    "LATEST",
    "NEWEST_TESTED",
    "VERSIONS",
    "Answer",
    "Call",
    "Endpoint",
    "ImdsClient",
    "Instance",
    "Limits",
    "Params",
    "Seams",
    "Turns",
    "checked_endpoint",
    "checked_version",
)
