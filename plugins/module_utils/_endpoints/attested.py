# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Attested documents: the request, and options that the module and its action share. Private to imds.azure."""

from __future__ import annotations

import re
import typing as t

from .._client import Answer, Endpoint, ImdsClient
from .._document import kind_of
from .._errors import ImdsError, MalformedError, OptionError, printable
from .._options import GetOption, shared_argument_spec


def _advice(status: int | None, _cause: str) -> str:
    if status != 404:
        return ""
    return "Check api_version: attested documents exist since 2018-10-01. Also check what serves this address"


ATTESTED = Endpoint("attested/document", always_there=True, advise=_advice)
# IMDS accepts up to 32 characters today. Blanks and similar characters may be changed in transit.
_NONCE = re.compile(r"[\x21-\x7e]{1,32}\Z")


def argument_spec() -> dict[str, t.Any]:
    return dict(
        shared_argument_spec(),
        nonce={"type": "str"},
        verify={"type": "bool", "default": True},
        intermediates={"type": "list", "elements": "path", "default": []},
        trusted_roots={"type": "list", "elements": "path", "default": []},
        fetch_intermediates={"type": "bool", "default": False},
        expect={"type": "dict", "default": {}},
        clock_skew={"type": "float", "default": 300.0},
    )


def checked_nonce(nonce: str) -> str:
    if not _NONCE.match(nonce):
        raise OptionError(
            f"nonce {printable(nonce)!r} is not 1 to 32 ASCII characters without blanks. Without the option, "
            "the nonce is random"
        )
    return nonce


def document_by_options(option: GetOption, client: ImdsClient) -> dict[str, t.Any]:
    """The result of the module attested_info."""
    answer = attested_document(client, checked_nonce(option("nonce") or ""))
    return {"api_version": answer.api_version, "signature": answer.data}


def failure(exc: ImdsError) -> dict[str, t.Any]:
    """The result of that module for an error."""
    more = {"reason": "malformed"} if isinstance(exc, MalformedError) else {}
    return {"msg": str(exc), **more}


def attested_document(client: ImdsClient, nonce: str) -> Answer:
    """The signed message that IMDS makes for a nonce; it is not verified here."""
    return client.get(ATTESTED, (("nonce", nonce),), shape=_signature)


def _signature(data: t.Any) -> str:
    if not isinstance(data, dict):
        raise MalformedError(f"it is {kind_of(data)}, not an attested document")
    if data.get("encoding") != "pkcs7" or not isinstance(data.get("signature"), str):
        raise MalformedError("it has no 'signature' in the 'encoding' pkcs7")
    signature: str = data["signature"]
    return signature


__all__ = (
    "ATTESTED",
    "argument_spec",
    "attested_document",
    "checked_nonce",
    "document_by_options",
    "failure",
)
