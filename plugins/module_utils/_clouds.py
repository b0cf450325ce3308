# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The Azure clouds: one table of their names, endpoints and domains. Private to imds.azure."""

from __future__ import annotations

import functools
import typing as t


class Cloud(t.NamedTuple):
    name: str
    resource_manager: str = ""
    authority: str = ""
    key_vault_suffix: str = ""
    storage_suffix: str = ""
    attested_domain: str = ""


CLOUDS = (
    Cloud(
        name="AzurePublicCloud",
        resource_manager="https://management.azure.com",
        authority="https://login.microsoftonline.com",
        key_vault_suffix="vault.azure.net",
        storage_suffix="core.windows.net",
        attested_domain="metadata.azure.com",
    ),
    Cloud(
        name="AzureUSGovernmentCloud",
        resource_manager="https://management.usgovcloudapi.net",
        authority="https://login.microsoftonline.us",
        key_vault_suffix="vault.usgovcloudapi.net",
        storage_suffix="core.usgovcloudapi.net",
        attested_domain="metadata.azure.us",
    ),
    Cloud(
        name="AzureChinaCloud",
        resource_manager="https://management.chinacloudapi.cn",
        authority="https://login.chinacloudapi.cn",
        key_vault_suffix="vault.azure.cn",
        storage_suffix="core.chinacloudapi.cn",
        attested_domain="metadata.azure.cn",
    ),
    # Closed in 2021, but its documents and its name still occur.
    Cloud(
        name="AzureGermanCloud",
        resource_manager="https://management.microsoftazure.de",
        authority="https://login.microsoftonline.de",
        key_vault_suffix="vault.microsoftazure.de",
        storage_suffix="core.cloudapi.de",
        attested_domain="metadata.microsoftazure.de",
    ),
)

# IMDS, Resource Manager, the Azure CLI, PowerShell, the SDKs and Terraform use different names.
# Names are compared by their letters and digits in lower case.
_ALIASES = {
    "AzurePublicCloud": ("azurecloud", "azurepublic", "public"),
    "AzureUSGovernmentCloud": (
        "azureusgovernment",
        "azureusgovcloud",
        "azuregovernment",
        "azuregovernmentcloud",
        "usgovernment",
        "usgovernmentcloud",
        "usgov",
    ),
    "AzureChinaCloud": ("azurechina", "china"),
    "AzureGermanCloud": ("azuregermany", "azuregermanycloud", "german", "germany"),
}


def key_of(name: str) -> str:
    return "".join(c for c in name.lower() if c.isalnum())


BY_KEY = {key: cloud for cloud in CLOUDS for key in (key_of(cloud.name), *_ALIASES[cloud.name])}


@functools.lru_cache(maxsize=64)
def cloud_named(name: str) -> Cloud:
    """The cloud with that name or alias, in any casing; an unknown cloud has only its name."""
    return BY_KEY.get(key_of(name)) or Cloud(name)


def attested_cloud(dns_name: str) -> Cloud | None:
    """The cloud whose attested documents have a signer with this name: its domain, or a subdomain."""
    name = dns_name.lower()
    for cloud in CLOUDS:
        if name == cloud.attested_domain or name.endswith(f".{cloud.attested_domain}"):
            return cloud
    return None


def same_cloud(one: str, other: str) -> bool:
    """Whether two names mean the same cloud. Unknown names are compared by letters and digits."""
    return key_of(cloud_named(one).name) == key_of(cloud_named(other).name)


__all__ = ("BY_KEY", "CLOUDS", "Cloud", "attested_cloud", "cloud_named", "key_of", "same_cloud")
