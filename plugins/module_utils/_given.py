# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The address and the version that somebody chose. Imported only where somebody did; private to imds.azure."""

from __future__ import annotations

import ipaddress
import re
from urllib.parse import urlsplit

from . import _errors

_HOST = r"[0-9A-Za-z.:%_-]+\Z"
_VERSION = r"20[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])\Z"


def local_endpoint(endpoint: str, default: str) -> str:
    """The base URL, or a refusal unless it can only mean something on this machine."""
    refusal = (
        f"endpoint {_errors.printable(endpoint)!r} is refused: expected http://ADDRESS or "
        "http://ADDRESS:PORT with a link-local or loopback address, because IMDS answers only "
        f"inside its own VM (default: {default})"
    )
    try:
        parts = urlsplit(endpoint)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise _errors.OptionError(refusal) from None
    extras = parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc
    if parts.scheme != "http" or extras or port == 0 or not _is_local(host):
        raise _errors.OptionError(refusal)
    # One endpoint has one name, by which the default is known.
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}" + (f":{port}" if port not in (None, 80) else "")


def _is_local(host: str) -> bool:
    if host == "localhost":
        return True
    if not re.match(_HOST, host):  # A scope of IPv6 may otherwise hold nearly anything.
        return False
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_link_local


def dated_version(api_version: str, latest: str, example: str) -> str:
    """A version that is to be used as it is, or a refusal."""
    if not is_version(api_version):
        raise _errors.OptionError(
            f"api_version {_errors.printable(api_version)!r} is neither {latest!r} nor a date like {example!r}"
        )
    return api_version


def is_version(text: str) -> bool:
    return re.match(_VERSION, text) is not None


__all__ = ("dated_version", "is_version", "local_endpoint")
