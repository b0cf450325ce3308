# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options for tokens, and a token for given options. Private to imds.azure."""

from __future__ import annotations

import typing as t

from .._client import ImdsClient, RateLimit
from .._clouds import Cloud, cloud_named
from .._document import part
from .._options import GetOption, shared_argument_spec
from .arc_key import ReadKey
from .tokens import (
    EXTENSION_PORT,
    IDENTITIES,
    extension_endpoint,
    extension_token,
    identity_params,
    imds_token,
    resource_uri,
)


def token_argument_spec() -> dict[str, t.Any]:
    """The options that the doc fragment imds.azure._token documents."""
    return dict(
        shared_argument_spec(),
        resource={"type": "str", "required": True},
        port={"type": "int", "default": EXTENSION_PORT},
        **{name: {"type": "str"} for name in IDENTITIES},
    )


def module_argument_spec() -> dict[str, t.Any]:
    """The options of the module access_token_info."""
    source = {"type": "str", "default": "imds", "choices": ["imds", "vm_extension"]}
    return dict(token_argument_spec(), source=source)


def token_from(
    get_option: GetOption,
    client: ImdsClient,
    document: t.Callable[[], t.Any],
    rate_limit: RateLimit | None = None,
    unread: list[str] | None = None,
    read_arc_key: ReadKey | None = None,
) -> dict[str, t.Any]:
    """A token for a plugin's options. The instance document is read only if the cloud matters.

    `unread` collects the names of number fields that can't be parsed. `read_arc_key` is the same as in imds_token.
    """
    identity = identity_from(get_option)
    extension = None
    if get_option("source") == "vm_extension":
        extension = extension_endpoint(get_option("port"), identity)
    resource = resource_from(get_option, document)
    if extension is not None:
        token = extension_token(client, extension, resource, identity, unread)
        return {**token, "service": "vm_extension"}
    token = imds_token(client, resource, identity, rate_limit, unread, read_arc_key)
    return {**token, "service": client.service.name}


def identity_from(get_option: GetOption) -> list[tuple[str, str]]:
    return identity_params({name: get_option(name) for name in IDENTITIES})


def resource_from(get_option: GetOption, document: t.Callable[[], t.Any]) -> str:
    def own_cloud() -> Cloud:
        return cloud_named(str(part(document(), "compute").get("azEnvironment") or ""))

    return resource_uri(str(get_option("resource")), own_cloud)


__all__ = (
    "identity_from",
    "module_argument_spec",
    "resource_from",
    "token_argument_spec",
    "token_from",
)
