#!/usr/bin/python
# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: vm_extension_info
short_description: Find the uses of the retired VM extension for managed identities
version_added: 0.1.0
description:
  - Finds traces of the retired VM extension C(ManagedIdentityExtensionForLinux) on a host. These are sockets on which it listens, its service, its
    files, and configuration that names it or its port.
  - Requests a token from IMDS and one from the extension, and compares their audience, identity, tenant and application. The tokens never leave the
    VM. The module returns only these four claims.
  - Changes nothing. The role P(imds.azure.managed_identity_migration#role) prints a report of the results, with the commands that remove the
    extension.
author:
  - The imds.azure contributors (@imds-azure)
extends_documentation_fragment:
  - imds.azure._imds
  - imds.azure._imds.modules_own_version
  - imds.azure._attributes
  - imds.azure._attributes.reads
  - imds.azure._attributes.actiongroup
options:
  search_paths:
    description:
      - Files and folders to search for configuration that names the extension or its port. Paths that do not exist are ignored.
      - Files above 1 MiB and files that are not text are skipped. The search ends after 50000 files.
      - The module returns at most 32 references of a file and 2000 in total. RV(unread) lists the files with more.
    type: list
    elements: path
    default:
      - /etc/environment
      - /etc/environment.d
      - /etc/default
      - /etc/sysconfig
      - /etc/profile
      - /etc/profile.d
      - /etc/systemd/system
      - /etc/crontab
      - /etc/cron.d
  waagent_path:
    description:
      - The folder of the Azure agent, with its extensions.
    type: path
    default: /var/lib/waagent
  service_paths:
    description:
      - The folders to search for the service of the extension.
    type: list
    elements: path
    default:
      - /etc/systemd/system
      - /lib/systemd/system
      - /usr/lib/systemd/system
      - /etc/init.d
      - /etc/init
  compare:
    description:
      - Whether to request the two tokens. The module queries the extension only if something listens on its port.
    type: bool
    default: true
  resource:
    description:
      - The resource of the tokens, as in M(imds.azure.access_token_info).
    type: str
    default: resource_manager
  client_id:
    description:
      - The client ID of the identity, if the VM has several.
      - Mutually exclusive with O(object_id).
    type: str
  object_id:
    description:
      - The object ID of the identity, if the VM has several.
      - Mutually exclusive with O(client_id).
    type: str
  port:
    description:
      - The port of the extension. The default port and the ports in the extension's settings are checked as well.
    type: int
    default: 50342
  api_version:
    description:
      - The API version of the request for a token. V(latest) means 2018-02-01. The instance document is always read with the newest version.
notes:
  - Only root can read all files.
  - Requests for tokens share the rate limit of M(imds.azure.access_token_info), by small files in the system's temp folder that contain only times.
seealso:
  - module: imds.azure.access_token_info
"""

EXAMPLES = r"""
- name: Find what still uses the VM extension
  imds.azure.vm_extension_info:
    search_paths:
      - /etc
      - /opt/application/conf
  register: extension
  become: true

- name: List the files to change
  ansible.builtin.debug:
    msg: "{{ extension.references | map(attribute='path') | unique }}"
"""

RETURN = r"""
state:
  description:
    - V(clean), the host has no trace of the extension.
    - V(ready), IMDS gives an equal token. You can change all programs to IMDS, and then remove the extension.
    - V(unproven), the tokens were not compared. The extension gave no token, or O(compare=false).
    - V(blocked), IMDS gives no token, or a different one.
    - V(not_applicable), the host is an Azure Arc-enabled server, which never has the extension. The host was not searched.
  returned: success
  type: str
  sample: ready
vm:
  description: The names of this VM in Azure. Empty if IMDS does not answer.
  returned: success
  type: dict
  sample:
    name: web-0
    resource_group: shop
    subscription: 8d10da13-8125-4ba9-a717-bf7490507b3d
    scale_set: ''
    scale_set_resource_group: ''
    cloud: AzurePublicCloud
    extension: ManagedIdentityExtensionForLinux
installed:
  description:
    - Whether the extension is on this host. This is true if RV(listening), RV(files) or RV(services) has an entry.
    - Can be V(false) even if configuration names the extension. Without root, it can be V(false) for a stopped extension.
  returned: success
  type: bool
  sample: true
removal:
  description:
    - Commands that remove the extension, from the scale set if the VM is in one, and from the VM if it has its own extensions.
    - In Azure Government and Azure China, the first command selects the cloud.
    - Empty if the extension is not installed. Also empty if a name has characters other than ASCII letters, digits, C(_), C(.), C(-) and
      parentheses, or if the subscription is not a GUID, because people paste the commands into a shell. In these cases, remove the extension by hand.
  returned: success
  type: list
  elements: dict
  contains:
    target:
      description: V(vm) or V(scale_set).
      type: str
      returned: always
      sample: vm
    name:
      description: The name of the VM or the scale set.
      type: str
      returned: always
      sample: web-0
    az:
      description: Commands of the Azure CLI, for a POSIX shell.
      type: list
      elements: str
      returned: always
    powershell:
      description: The same for Azure PowerShell.
      type: list
      elements: str
      returned: always
ports:
  description: The possible ports of the extension, from its default, from O(port) and from its settings.
  returned: success
  type: list
  elements: int
  sample: [50342]
listening:
  description: The sockets that listen on one of RV(ports).
  returned: success
  type: list
  elements: dict
  contains:
    address:
      description: The local address.
      type: str
      returned: always
      sample: 127.0.0.1
    port:
      description: The port.
      type: int
      returned: always
      sample: 50342
files:
  description: The files of the extension in the folder of the Azure agent.
  returned: success
  type: list
  elements: str
  sample: [/var/lib/waagent/Microsoft.ManagedIdentity.ManagedIdentityExtensionForLinux-1.0.0.10]
services:
  description: The service files of the extension.
  returned: success
  type: list
  elements: str
  sample: [/etc/systemd/system/azuremsixtn.service]
references:
  description: The lines of configuration that name the extension or its port.
  returned: success
  type: list
  elements: dict
  contains:
    path:
      description: The file.
      type: str
      returned: always
      sample: /etc/default/application
    line:
      description: The number of the line, from 1.
      type: int
      returned: always
      sample: 3
    kind:
      description: V(endpoint), an address of the extension; V(port), the number of its port; V(name), a name of the extension, its service or its files.
      type: str
      returned: always
      sample: endpoint
    found:
      description: The matched text, without the rest of the line.
      type: str
      returned: always
      sample: localhost:50342/oauth2/token
    change_to:
      description: The replacement.
      type: str
      returned: always
      sample: 'nothing, because IMDS needs no port'
unread:
  description: Files that could not be searched completely, with the reason.
  returned: success
  type: list
  elements: str
  sample: ['/etc/sysconfig/secret: Permission denied']
tokens:
  description: The comparison of the two tokens.
  returned: when O(compare=true) and RV(state) is not V(not_applicable)
  type: dict
  contains:
    same:
      description: Whether all four claims are present and equal. Null if one of the two tokens is missing.
      type: bool
      returned: always
      sample: true
    different:
      description: The claims that differ.
      type: list
      elements: str
      returned: always
      sample: []
    imds:
      description: The result from IMDS.
      type: dict
      returned: always
      contains: &token
        claims:
          description: C(aud), C(oid), C(tid) and C(appid) of the token; null without one.
          type: dict
          returned: always
          sample:
            aud: https://management.azure.com/
            oid: 9d3c5a1e-7b42-4f0d-8c6a-1e2f3a4b5c6d
            tid: 7a5c1f3e-52d4-4b8e-9c60-3f1e8d2b6a94
            appid: 3f6e2b1c-5a0d-4c8e-9b7f-2d1a6c4e8f90
        error:
          description: The reason why there is no token; empty if there is one.
          type: str
          returned: always
          sample: ''
    extension:
      description: The result from the extension.
      type: dict
      returned: always
      contains: *token
"""

import tempfile
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.imds.azure.plugins.module_utils._client import ImdsClient
from ansible_collections.imds.azure.plugins.module_utils._document import cleaned
from ansible_collections.imds.azure.plugins.module_utils._errors import ImdsError, OptionError
from ansible_collections.imds.azure.plugins.module_utils._managed_identity.options import (
    identity_from,
    resource_from,
    token_argument_spec,
)
from ansible_collections.imds.azure.plugins.module_utils._managed_identity.rate_limit import (
    rate_limit_in,
)
from ansible_collections.imds.azure.plugins.module_utils._managed_identity.tokens import (
    EXTENSION_PORT,
    claims_of,
    different_claims,
    extension_endpoint,
    extension_token,
    imds_token,
)
from ansible_collections.imds.azure.plugins.module_utils._options import client_from
from ansible_collections.imds.azure.plugins.module_utils._service import ARC
from ansible_collections.imds.azure.plugins.module_utils._transport import http_transport
from ansible_collections.imds.azure.plugins.module_utils._vm_extension.traces import (
    CHANGE_TO,
    extension_files,
    extension_services,
    listeners,
    owner_of,
    ports_in_settings,
    references,
    removal_commands,
)

SOCKETS = ("/proc/net/tcp", "/proc/net/tcp6")
SEARCH_PATHS = [
    "/etc/environment",
    "/etc/environment.d",
    "/etc/default",
    "/etc/sysconfig",
    "/etc/profile",
    "/etc/profile.d",
    "/etc/systemd/system",
    "/etc/crontab",
    "/etc/cron.d",
]
SERVICE_PATHS = [
    "/etc/systemd/system",
    "/lib/systemd/system",
    "/usr/lib/systemd/system",
    "/etc/init.d",
    "/etc/init",
]

# The result for an Azure Arc-enabled server.
NOT_APPLICABLE: dict[str, t.Any] = {
    "state": "not_applicable",
    "vm": {},
    "installed": False,
    **{
        name: []
        for name in ("removal", "ports", "listening", "files", "services", "references", "unread")
    },
}


def argument_spec() -> dict[str, t.Any]:
    spec = dict(
        token_argument_spec(),
        resource={"type": "str", "default": "resource_manager"},
        search_paths={"type": "list", "elements": "path", "default": SEARCH_PATHS},
        waagent_path={"type": "path", "default": "/var/lib/waagent"},
        service_paths={"type": "list", "elements": "path", "default": SERVICE_PATHS},
        compare={"type": "bool", "default": True},
    )
    # The extension does not support resource IDs.
    del spec["resource_id"]
    return spec


def found_on(host: t.Callable[[str], t.Any]) -> dict[str, t.Any]:
    """The traces of the extension, found with the options of the module."""
    files = extension_files(host("waagent_path"))
    services = extension_services(host("service_paths"))
    ports = sorted({EXTENSION_PORT, host("port"), *ports_in_settings(files)})
    configuration = references(host("search_paths"), ports, services)
    return {
        "ports": ports,
        "listening": [{"address": a, "port": port} for a, port in listeners(ports, SOCKETS)],
        "files": files,
        "services": services,
        "references": [
            dict(reference._asdict(), change_to=CHANGE_TO[reference.kind])
            for reference in configuration.references
        ],
        "unread": configuration.unread,
    }


def is_installed(found: dict[str, t.Any]) -> bool:
    return any(found[trace] for trace in ("listening", "files", "services"))


def compared(
    client: ImdsClient,
    option: t.Callable[[str], t.Any],
    document: dict[str, t.Any],
    port: int | None,
) -> dict[str, t.Any]:
    """The claims of both tokens. The tokens themselves never leave this function."""
    identity = identity_from(option)
    rate_limit = rate_limit_in(tempfile.gettempdir())
    resource = resource_from(option, lambda: document)
    imds = claims_or_error(lambda: imds_token(client, resource, identity, rate_limit))
    if port is None:
        return comparison(*imds, None, "not queried, because nothing listens on its port")
    extension = extension_endpoint(port, identity)
    return comparison(
        *imds, *claims_or_error(lambda: extension_token(client, extension, resource, identity))
    )


def claims_or_error(ask: t.Callable[[], dict[str, t.Any]]) -> tuple[dict[str, str] | None, str]:
    try:
        return claims_of(ask()["access_token"]), ""
    except ImdsError as exc:
        return None, str(exc)


def comparison(
    imds: dict[str, str] | None, imds_error: str, theirs: dict[str, str] | None, their_error: str
) -> dict[str, t.Any]:
    different = different_claims(imds, theirs) if imds and theirs else []
    return {
        "same": not different if imds and theirs else None,
        "different": different,
        "imds": {"claims": imds, "error": imds_error},
        "extension": {"claims": theirs, "error": their_error},
    }


def state_of(result: dict[str, t.Any]) -> str:
    """The state of the host's migration."""
    tokens = result.get("tokens")
    if not result["installed"] and not result["references"]:
        return "clean"
    if tokens is None or (tokens["same"] is None and tokens["imds"]["claims"]):
        return "unproven"
    return "ready" if tokens["same"] else "blocked"


def main() -> None:
    module = AnsibleModule(
        argument_spec=argument_spec(),
        mutually_exclusive=[["client_id", "object_id"]],
        supports_check_mode=True,
    )
    option = module.params.get
    try:
        extension_endpoint(option("port"), [])
        client = client_from(option, http_transport)
        if client.service is ARC:
            module.exit_json(changed=False, **NOT_APPLICABLE)
        result = found_on(option)
        result.update(vm={}, removal=[], installed=is_installed(result))
        result.update(known_by_imds(client, option, result))
    except OptionError as exc:
        module.fail_json(msg=str(exc))
    except ImdsError as exc:
        module.warn(
            f"The names of this VM in Azure are unknown, and the tokens are not compared: {exc}"
        )
        if option("compare"):
            result["tokens"] = comparison(
                None, str(exc), None, "not queried, because IMDS does not answer"
            )
    # File names may not be Unicode, but Ansible accepts only Unicode.
    module.exit_json(changed=False, state=state_of(result), **cleaned(result))


def known_by_imds(
    client: ImdsClient, option: t.Callable[[str], t.Any], found: dict[str, t.Any]
) -> dict[str, t.Any]:
    document = client.newest_instance()
    vm = owner_of(document)
    removal = removal_commands(vm) if found["installed"] else []
    known: dict[str, t.Any] = {"vm": vm, "removal": removal}
    if option("compare"):
        heard = [each["port"] for each in found["listening"]]
        port = option("port") if option("port") in heard else next(iter(heard), None)
        known["tokens"] = compared(client, option, document, port)
    return known


if __name__ == "__main__":
    main()
