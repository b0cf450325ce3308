# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that all plugins share, and the client that uses them. Private to imds.azure.

The doc fragment imds.azure._imds documents these options. A test compares the two.
"""

from __future__ import annotations

import math
import typing as t

from . import _client, _errors, _transport

ENDPOINT_VARIABLE = "AZURE_IMDS_ENDPOINT"
# Long enough to detect a missing IMDS, and short enough for a fleet that is only partly in Azure.
_OFF_AZURE_SECONDS = 2.0

GetOption = t.Callable[[str], t.Any]


def shared_argument_spec() -> dict[str, t.Any]:
    # Imported here because the event source uses this file in a Python without Ansible.
    from ansible.module_utils.basic import env_fallback

    return {
        "endpoint": {
            "type": "str",
            "default": _client.DEFAULT_ENDPOINT,
            "fallback": (env_fallback, [ENDPOINT_VARIABLE]),
        },
        "api_version": {"type": "str", "default": _client.LATEST},
        "timeout": {"type": "float", "default": 10.0},
        "deadline": {"type": "float", "default": 90.0},
    }


def client_from(
    get_option: GetOption,
    send: _transport.Transport,
    system: _client.System | None = None,
    attempts: int | None = None,
) -> _client.ImdsClient:
    """A client with a plugin's options; bad values raise OptionError before any request.

    `attempts` is 1 for callers that have their own retry loop (the event source).
    """
    system = system or _client.System()
    wanted = str(get_option("endpoint"))
    endpoint = endpoint_from(wanted, system)
    limits = _client.Limits(
        timeout=seconds("timeout", get_option("timeout")),
        deadline=seconds("deadline", get_option("deadline")),
        attempts=attempts,
    )
    if _is_in_vain(endpoint, wanted, system):
        limits = limits._replace(
            timeout=min(limits.timeout, _OFF_AZURE_SECONDS),
            deadline=min(limits.deadline, _OFF_AZURE_SECONDS),
            attempts=1,
            stretch=False,
        )
    return _client.ImdsClient(send, endpoint, str(get_option("api_version")), limits, system)


def endpoint_from(wanted: str, system: _client.System) -> str:
    """The base URL that the option endpoint stands for on this machine."""
    if wanted == _client.DEFAULT_ENDPOINT:
        return wanted
    # Imported here because hardly anybody sets another endpoint.
    from . import _validation

    named = _validation.named_endpoint(wanted, system.in_azure, system.has_arc_agent)
    return _client.checked_endpoint(named)


def _is_in_vain(endpoint: str, wanted: str, system: _client.System) -> bool:
    """Whether the firmware or the files of this machine show that nothing answers at the endpoint.

    This is never assumed of the URL of another endpoint, because the user has set it.
    """
    if endpoint == _client.DEFAULT_ENDPOINT:
        return system.in_azure() is False
    return wanted == "arc" and not system.has_arc_agent()


def seconds(name: str, value: t.Any) -> float:
    """The value of an option in seconds."""
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if not 0 < number < math.inf:
        raise _errors.OptionError(
            f"{name} must be a number of seconds above 0, not {_errors.printable(str(value))!r}"
        )
    return number


__all__ = (
    "ENDPOINT_VARIABLE",
    "client_from",
    "endpoint_from",
    "seconds",
    "shared_argument_spec",
)
