# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The retired VM extension: tokens on a port of the virtual machine itself."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from imds_simulator._identity import checked_resource, chosen, issued, oauth_error
from imds_simulator._messages import Answer, RefusedError, Request, as_json

if TYPE_CHECKING:
    from imds_simulator._vm import Vm

LIFETIME = 3600
PATH = "/oauth2/token"
# Assumption: the texts of the errors. The statuses, these two codes and their causes are known.
NO_HEADER = oauth_error(400, "invalid_request", "Required metadata header not specified")


def _unknown_source(request: Request) -> Answer:
    return oauth_error(401, "unknown_source", f"Unknown Source {request.path}")


def _no_token(cause: str) -> Answer:
    return oauth_error(500, "unknown", f"Failed to retrieve a token from Active Directory: {cause}")


def extension(vm: Vm, request: Request) -> Answer:
    # Many clients sent a form. IMDS never accepted forms.
    if request.method == "POST":
        form = parse_qsl(request.body.decode(errors="replace"), keep_blank_values=True)
        request = replace(request, query=[*request.query, *form])
    if request.path != PATH or request.method not in ("GET", "POST"):
        return _unknown_source(request)
    # Only in lower case. IMDS accepts any casing.
    if request.header("Metadata") != "true":
        return NO_HEADER
    identities = vm.identities if vm.extension_identities is None else vm.extension_identities
    # The extension never supported resource IDs.
    query = [(name, value) for name, value in request.query if not name.endswith("_res_id")]
    try:
        resource = checked_resource(vm, request.parameter("resource"))
        one = chosen(identities, query)
    except RefusedError as refused:
        # Assumption: an error of IMDS about an identity is an error of the directory here.
        if b"dentit" in refused.answer.body:
            return _no_token("no such identity")
        return refused.answer
    # Assumption: a new token each time.
    return as_json(issued(vm, one, resource, LIFETIME) | {"refresh_token": ""})
