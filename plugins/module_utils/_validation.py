# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Validates the options endpoint and api_version. Imported only if one of them is set; private to imds.azure."""

from __future__ import annotations

import ipaddress
import re
import typing as t

from . import _errors, _service

# A regular expression, because urlsplit ignores some characters, and any text after the brackets of IPv6.
_ENDPOINT = r"http://([a-z0-9.]+|\[[0-9a-f:]+\])(?::([1-9][0-9]{0,4}))?/?\Z"
# The values of the option endpoint that are not URLs.
WORDS = ("arc", "auto")
_VERSION = r"20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])\Z"


def local_endpoint(endpoint: str, default: str) -> str:
    """The base URL; raises OptionError unless it can only mean a service on this machine."""
    refusal = (
        f"endpoint {_errors.printable(endpoint)!r} is refused: expected http://ADDRESS or "
        "http://ADDRESS:PORT with a link-local or loopback address, because IMDS answers only "
        f"inside its own VM (default: {default}), or one of the words {_errors.listed(WORDS)}"
    )
    # Without re.ASCII, re.IGNORECASE matches some letters of other alphabets as well.
    match = re.match(_ENDPOINT, endpoint, re.IGNORECASE | re.ASCII)
    host, port = (match.group(1).lower(), int(match.group(2) or 80)) if match else ("", 0)
    if not _is_local(host) or port > 65535:
        raise _errors.OptionError(refusal)
    # Normalised, because callers compare the endpoint with the default.
    return f"http://{host}" + (f":{port}" if port != 80 else "")


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        address = ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    if isinstance(address, ipaddress.IPv6Address):
        # Versions of Python differ in how they treat an IPv4 address within an IPv6 address.
        usual, is_plain = f"[{address}]", address.ipv4_mapped is None
    else:
        # Old versions of Python accept 127.0.0.010, but the C library reads it as another address.
        usual, is_plain = str(address), True
    return host == usual and is_plain and (address.is_loopback or address.is_link_local)


def named_endpoint(
    endpoint: str, in_azure: t.Callable[[], bool | None], has_arc_agent: t.Callable[[], bool]
) -> str:
    """The endpoint itself, or the URL that one of WORDS means on this machine."""
    if endpoint == "auto":
        is_arc = in_azure() is False and has_arc_agent()
        return (_service.ARC if is_arc else _service.IMDS).endpoint
    return _service.ARC.endpoint if endpoint == "arc" else endpoint


def is_arc(endpoint: str) -> bool:
    """Whether a checked endpoint is that of the Azure Arc agent: any loopback address with its port."""
    host, _colon, port = endpoint[len("http://") :].rpartition(":")
    if port != _service.ARC.endpoint.rpartition(":")[2]:
        return False
    return host == "localhost" or ipaddress.ip_address(host.strip("[]")).is_loopback


def dated_version(api_version: str, latest: str, example: str) -> str:
    """The version, or OptionError if it is not a date."""
    if not is_version(api_version):
        raise _errors.OptionError(
            f"api_version {_errors.printable(api_version)!r} is neither {latest!r} nor a date like {example!r}"
        )
    return api_version


def is_version(text: str) -> bool:
    return re.match(_VERSION, text) is not None


__all__ = (
    "WORDS",
    "dated_version",
    "is_arc",
    "is_version",
    "local_endpoint",
    "named_endpoint",
)
