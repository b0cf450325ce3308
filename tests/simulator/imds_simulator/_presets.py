# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""States of IMDS that users meet, each by one word."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from imds_simulator._faults import Fault
from imds_simulator._given import listed
from imds_simulator._messages import TEXT, Answer, error

if TYPE_CHECKING:
    from imds_simulator._vm import Vm

UPDATE_SECONDS = 70
RESTART_SECONDS = 10
BUSY_SECONDS = 5
# A container's proxy that has no way to IMDS.
_NO_WAY = (
    "connecting to 169.254.169.254:80: connecting to 169.254.169.254:80: dial tcp "
    "169.254.169.254:80: connectex: A socket operation was attempted to an unreachable network."
)
_SIGN_IN = (
    "<!DOCTYPE html>\n<html><head><title>Sign in to the network</title></head>"
    "<body><form method='post'><button>I accept</button></form></body></html>\n"
)


def apply_preset(vm: Vm, name: str) -> None:
    """Puts a machine into a state. The faults that it has already keep their place before those of the state."""
    if name not in PRESETS:
        raise ValueError(f"unknown preset {name!r}; known: {listed(PRESETS)}")
    PRESETS[name](vm)


def _with(*faults: Callable[[], Fault]) -> Callable[[Vm], None]:
    """Faults of its own for each machine, because a fault counts its uses."""

    def apply(vm: Vm) -> None:
        vm.faults = [*vm.faults, *(fault() for fault in faults)]

    return apply


def _answer(answer: Answer, seconds: float | None = None, path: str | None = None) -> Fault:
    return Fault(
        "status",
        status=answer.status,
        body=answer.body,
        headers={"Content-Type": answer.content_type},
        for_seconds=seconds,
        path=path,
    )


def _foreign(
    status: int, body: str, seconds: float | None = None, path: str | None = None, **headers: str
) -> Fault:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Fault(
        "status",
        status=status,
        body=body,
        headers=named,
        for_seconds=seconds,
        path=path,
        foreign=True,
    )


def _busy(path: str | None) -> Callable[[], Fault]:
    """What too many requests are told on a route."""

    def fault() -> Fault:
        from imds_simulator._routes import ROOTS

        answer = ROOTS["identity" if path else "instance"].too_many
        return _answer(answer, BUSY_SECONDS, path)

    return fault


def _old(vm: Vm) -> None:
    """One version, and the refusals of the years in which it was new."""
    vm.versions, vm.unlisted_versions = ("2017-12-01",), ()
    vm.legacy_versions, vm.versions_route = True, False


_LOADBALANCER = "/metadata/loadbalancer"
PRESETS: dict[str, Callable[[Vm], None]] = {
    # IMDS is being updated. Assumption: the body; the status and the seconds are documented.
    "updating": _with(lambda: _answer(error(410, "Gone"), UPDATE_SECONDS)),
    # Other programs of the machine use up what IMDS allows.
    "throttled": _with(_busy("/metadata/identity"), _busy(None)),
    # Another server of the host answers while that of IMDS starts again. Assumption: the body, and how long.
    "restarting": _with(
        lambda: _foreign(
            500,
            "Internal Server Error",
            RESTART_SECONDS,
            Content_Type=TEXT,
            Server="Microsoft-IIS/10.0",
        )
    ),
    # The machine's proxy agent, whose rules forbid it to this user or program. Assumption: no body.
    "guest-proxy-agent": _with(lambda: _foreign(403, "", Content_Type=TEXT)),
    # A container on a laptop, whose proxy can't reach IMDS.
    "docker-desktop": _with(lambda: _foreign(403, _NO_WAY, Content_Type=TEXT)),
    # A network that wants a sign-in, and answers everything by itself.
    "captive-portal": _with(
        lambda: _foreign(200, _SIGN_IN, Content_Type="text/html; charset=utf-8", Server="nginx")
    ),
    # IMDS can't get the networks at the moment, and leaves them out without a word.
    "partial": _with(lambda: Fault("partial", parts=("network",))),
    # Azure on a customer's own hardware.
    "azure-stack-hub": _old,
    # The documented texts for a load balancer's metadata that can't be had now.
    # Assumption: they come in the error document of the 404 without a load balancer.
    "load-balancer-starting": _with(
        lambda: _answer(
            error(
                404,
                "Load Balancer metadata API is not available right now. Please retry later",
            ),
            path=_LOADBALANCER,
        )
    ),
    "load-balancer-missing": _with(
        lambda: _answer(
            error(404, f"{_LOADBALANCER} is not currently available"), path=_LOADBALANCER
        )
    ),
    "load-balancer-failing": _with(
        lambda: _answer(
            error(503, "Internal service unavailable. Please retry later"), path=_LOADBALANCER
        )
    ),
}
