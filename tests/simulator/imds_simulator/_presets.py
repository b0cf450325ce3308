# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""States of IMDS that users meet. Each has a name of one word."""

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
# The proxy of a container without a route to IMDS.
_NO_WAY = (
    "connecting to 169.254.169.254:80: connecting to 169.254.169.254:80: dial tcp "
    "169.254.169.254:80: connectex: A socket operation was attempted to an unreachable network."
)
_SIGN_IN = (
    "<!DOCTYPE html>\n<html><head><title>Sign in to the network</title></head>"
    "<body><form method='post'><button>I accept</button></form></body></html>\n"
)


def apply_preset(vm: Vm, name: str) -> None:
    """Puts a machine into a state. Its existing faults stay before the faults of the state."""
    if name not in PRESETS:
        raise ValueError(f"unknown preset {name!r}; known: {listed(PRESETS)}")
    PRESETS[name](vm)


def _with(*faults: Callable[[], Fault]) -> Callable[[Vm], None]:
    """Separate faults for each machine, because a fault counts its uses."""

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
    """The answer to too many requests of a route."""

    def fault() -> Fault:
        from imds_simulator._routes import ROOTS

        answer = ROOTS["identity" if path else "instance"].too_many
        return _answer(answer, BUSY_SECONDS, path)

    return fault


def _old(vm: Vm) -> None:
    """A machine with one version, and with the refusals of the years of that version."""
    vm.versions, vm.unlisted_versions = ("2017-12-01",), ()
    vm.legacy_versions, vm.versions_route = True, False


_LOADBALANCER = "/metadata/loadbalancer"
PRESETS: dict[str, Callable[[Vm], None]] = {
    # An update of IMDS. Assumption: the body. The status and the seconds are documented.
    "updating": _with(lambda: _answer(error(410, "Gone"), UPDATE_SECONDS)),
    # Other programs of the machine use the whole limit.
    "throttled": _with(_busy("/metadata/identity"), _busy(None)),
    # Another server of the host answers while IMDS restarts. Assumption: the body and the duration.
    "restarting": _with(
        lambda: _foreign(
            500,
            "Internal Server Error",
            RESTART_SECONDS,
            Content_Type=TEXT,
            Server="Microsoft-IIS/10.0",
        )
    ),
    # The proxy agent of the machine. Its rules deny IMDS to this user or program. Assumption: no body.
    "guest-proxy-agent": _with(lambda: _foreign(403, "", Content_Type=TEXT)),
    # A container on a laptop. Its proxy can't reach IMDS.
    "docker-desktop": _with(lambda: _foreign(403, _NO_WAY, Content_Type=TEXT)),
    # A network that requires a sign-in, and answers all requests itself.
    "captive-portal": _with(
        lambda: _foreign(200, _SIGN_IN, Content_Type="text/html; charset=utf-8", Server="nginx")
    ),
    # IMDS can't read the networks at present, and leaves them out without an error.
    "partial": _with(lambda: Fault("partial", parts=("network",))),
    # Azure on the hardware of a customer.
    "azure-stack-hub": _old,
    # The documented texts for unavailable metadata of a load balancer.
    # Assumption: they have the error document of the 404 without a load balancer.
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
