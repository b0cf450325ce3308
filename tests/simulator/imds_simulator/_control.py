# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""/simulator: the Vm, for tests that run in another process."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from imds_simulator._faults import Fault
from imds_simulator._given import is_count, is_seconds, list_of
from imds_simulator._maintenance import Maintenance
from imds_simulator._messages import Answer, Request, as_json
from imds_simulator._vm import Vm

_DONE = Answer(204)


def control(vm: Vm, request: Request) -> Answer:
    """Answers a control request. These requests are not recorded, have no limits and need no header."""
    verbs = _ACTIONS.get("/".join(request.segments[1:]))
    if verbs is None:
        known = ", ".join(f"/simulator/{name}" for name in _ACTIONS)
        return _error(404, f"no such control: {request.path}; known: {known}")
    if request.method not in verbs:
        return _error(405, f"{request.path} takes {', '.join(verbs)}")
    try:
        return verbs[request.method](vm, request)
    except ValueError as exc:
        return _error(400, str(exc))


def is_control(request: Request) -> bool:
    return request.segments[:1] == ["simulator"]


def _requests(vm: Vm, _request: Request) -> Answer:
    return as_json([item.as_json() for item in list(vm.requests)])


def _forget_requests(vm: Vm, _request: Request) -> Answer:
    vm.requests.clear()
    return _DONE


def _faults(vm: Vm, _request: Request) -> Answer:
    return as_json([fault.as_json() for fault in vm.faults])


def _replace_faults(vm: Vm, request: Request) -> Answer:
    vm.faults = list_of("faults", _body(request), Fault.from_json)
    return _DONE


def _forget_faults(vm: Vm, _request: Request) -> Answer:
    vm.faults = []
    return _DONE


def _document(vm: Vm, _request: Request) -> Answer:
    return as_json(vm.document)


def _replace_document(vm: Vm, request: Request) -> Answer:
    document = _body(request)
    if not isinstance(document, dict):
        raise ValueError("a document is an object")
    vm.document = document
    return _DONE


def _attested(vm: Vm, _request: Request) -> Answer:
    # Imported here because only signing needs these libraries.
    from imds_simulator._attested import authorities

    return as_json({"stale_nonces": vm.stale_nonces, "claims": vm.claims} | authorities())


def _replace_attested(vm: Vm, request: Request) -> Answer:
    given = _body(request)
    if not isinstance(given, dict) or set(given) - {"stale_nonces", "claims"}:
        raise ValueError("it is an object with stale_nonces, claims or both")
    stale_nonces, claims = given.get("stale_nonces", 0), given.get("claims", {})
    if not is_count(stale_nonces) or not isinstance(claims, dict):
        raise ValueError("stale_nonces is a whole number, 0 or more; claims is an object")
    vm.stale_nonces, vm.claims = stale_nonces, claims
    return _DONE


def _maintenance(vm: Vm, _request: Request) -> Answer:
    return as_json(vm.maintenance.as_json())


def _replace_maintenance(vm: Vm, request: Request) -> Answer:
    vm.maintenance.replace(Maintenance.from_json(_body(request)))
    return _DONE


def _clock(vm: Vm, _request: Request) -> Answer:
    return as_json({"now": vm.maintenance.now})


def _advance_clock(vm: Vm, request: Request) -> Answer:
    body = _body(request)
    seconds = body.get("advance") if isinstance(body, dict) else None
    if not isinstance(body, dict) or set(body) != {"advance"} or not is_seconds(seconds):
        raise ValueError('the clock takes {"advance": SECONDS}, 0 or more')
    vm.maintenance.advance(seconds)
    return _clock(vm, request)


def _vm(vm: Vm, _request: Request) -> Answer:
    return as_json(
        {
            "name": vm.name,
            "url": vm.url,
            "rate_limit": vm.rate_limit,
            "legacy_versions": vm.legacy_versions,
            "versions": list(vm.versions),
            "requests": len(vm.requests),
            "faults": len(vm.faults),
            "throttled": vm.throttled,
            "bytes_sent": vm.bytes_sent,
            "token_requests_at_once": vm.token_requests.most,
            "extension_url": vm.extension_url,
        }
    )


def _tokens(vm: Vm, _request: Request) -> Answer:
    return as_json(vm.tokens)


def _forget_tokens(vm: Vm, _request: Request) -> Answer:
    vm.kept_tokens.clear()
    return _DONE


_ACTIONS: dict[str, dict[str, Callable[[Vm, Request], Answer]]] = {
    "vm": {"GET": _vm},
    "requests": {"GET": _requests, "DELETE": _forget_requests},
    "faults": {"GET": _faults, "PUT": _replace_faults, "DELETE": _forget_faults},
    "tokens": {"GET": _tokens, "DELETE": _forget_tokens},
    "document": {"GET": _document, "PUT": _replace_document},
    "attested": {"GET": _attested, "PUT": _replace_attested},
    "maintenance": {"GET": _maintenance, "PUT": _replace_maintenance},
    "clock": {"GET": _clock, "PUT": _advance_clock},
}


def _body(request: Request) -> Any:
    try:
        return json.loads(request.body)
    except RecursionError as exc:
        raise ValueError("the body is nested too deep") from exc
    except ValueError as exc:
        raise ValueError(f"the body is not JSON: {exc}") from exc


def _error(status: int, message: str) -> Answer:
    return as_json({"error": message}, status)
