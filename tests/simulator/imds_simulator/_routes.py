# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Answers requests: checks the rules of all routes, and then calls the handler of the first segment."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from imds_simulator import _identity
from imds_simulator._api_versions import api_version
from imds_simulator._arc import SERVICE, arc
from imds_simulator._instance import BAD_REQUEST, NOT_FOUND, instance
from imds_simulator._loadbalancer import loadbalancer, wrong_verb
from imds_simulator._messages import Answer, RefusedError, Request, as_json, as_text, error
from imds_simulator._scheduledevents import scheduledevents
from imds_simulator._versions import versions
from imds_simulator._vm import Vm

# Assumption: the body of a 405, of which only the status is known. HEAD is refused like other methods.
METHOD_NOT_ALLOWED = error(405, "Method not allowed")
NO_HEADER = error(400, "Bad request: . Required metadata header not specified")
# Assumption: no Retry-After, because no capture has one.
TOO_MANY = as_text("Too many requests", 429)


@dataclass(frozen=True)
class Root:
    """A first segment below /metadata, with its handler and its own refusals."""

    handle: Callable[[Vm, Request], Answer]
    methods: tuple[str, ...] = ("GET",)
    no_header: Answer = NO_HEADER
    too_many: Answer = TOO_MANY
    wrong_verb: Callable[[Request], Answer] = lambda _request: METHOD_NOT_ALLOWED


def _bare(vm: Vm, request: Request) -> Answer:
    """Answers /metadata itself, which requires a version like all routes below it, and has no content."""
    api_version(vm, request)
    return NOT_FOUND


def _attested(vm: Vm, request: Request) -> Answer:
    # Imported here because only signing needs these libraries.
    from imds_simulator._attested import attested

    return attested(vm, request)


def _nothing(_vm: Vm, _request: Request) -> Answer:
    return NOT_FOUND


ROOTS = {
    "": Root(_bare),
    "attested": Root(_attested),
    "identity": Root(
        _identity.identity, no_header=_identity.NO_HEADER, too_many=_identity.TOO_MANY
    ),
    "instance": Root(instance),
    "loadbalancer": Root(loadbalancer, wrong_verb=wrong_verb),
    "scheduledevents": Root(scheduledevents, methods=("GET", "POST")),
    "versions": Root(versions),
}
_UNKNOWN = Root(_nothing, methods=("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"))


def is_for_tokens(request: Request) -> bool:
    """Whether the request counts for the limits of tokens."""
    return request.segments[:2] == ["metadata", "identity"]


def answer(vm: Vm, request: Request, *, throttled: bool = False) -> Answer:
    """Raises the refusal of a request. Assumption: the order of the checks, if a request breaks several rules."""
    if vm.service == SERVICE:
        return arc(vm, request)
    root = _root(request)
    if throttled:
        return root.too_many
    # Assumption: this check is also the first one outside of /metadata, where nothing exists.
    if (request.header("Metadata") or "").lower() != "true":
        return root.no_header
    # Assumption: status and body of this refusal; it is documented only that there is one.
    if request.header("X-Forwarded-For") is not None:
        return BAD_REQUEST
    if request.method not in root.methods:
        return root.wrong_verb(request)
    # Assumption: status and body of this refusal; it is documented only that there is one.
    # Assumption: unknown names are ignored.
    if request.repeated_parameters():
        return BAD_REQUEST
    if request.path in vm.routes:
        return as_json(vm.routes[request.path])
    try:
        return root.handle(vm, request)
    except RefusedError as refused:
        return refused.answer


def _root(request: Request) -> Root:
    # Assumption: the first segments are case-sensitive.
    top, *rest = request.segments or [""]
    if top != "metadata":
        return _UNKNOWN
    return ROOTS.get(rest[0] if rest else "", _UNKNOWN)
