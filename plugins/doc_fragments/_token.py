# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options for tokens. Private to imds.azure.

They mirror token_argument_spec in plugins/module_utils/_managed_identity/options.py; a test compares the two.
"""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  resource:
    description:
      - The service that the token is for. Use exactly the value that the service expects, because the service checks it.
      - A URI, for example V(https://vault.azure.net), or the ID of an application.
      - V(resource_manager), V(key_vault) and V(storage) mean these services in the VM's own cloud, which is read from the instance document. In the
        public cloud, these are V(https://management.azure.com/), V(https://vault.azure.net) and V(https://storage.azure.com/).
    type: str
    required: true
  client_id:
    description:
      - The client ID (also called application ID) of the identity. If the VM has several user-assigned identities and no system-assigned one, set
        O(client_id), O(object_id) or O(resource_id).
      - Mutually exclusive with O(object_id) and O(resource_id).
    type: str
  object_id:
    description:
      - The object ID (also called principal ID) of the identity.
      - Mutually exclusive with O(client_id) and O(resource_id).
    type: str
  resource_id:
    description:
      - The Azure resource ID of the identity. IMDS calls this parameter C(msi_res_id).
      - Mutually exclusive with O(client_id) and O(object_id). The VM extension does not support it.
      - With O(client_id), O(object_id) or O(resource_id), the agent of an Azure Arc-enabled server must confirm the identity in its answer. Agents before 1.67
        do not confirm it, so the request fails.
    type: str
  port:
    description:
      - The port of the VM extension.
    type: int
    default: 50342
  api_version:
    description:
      - The API version of the request for the token. V(latest) means 2018-02-01, the version that all Azure SDKs use for tokens.
      - On an Azure Arc-enabled server, V(latest) means 2020-06-01. If the agent does not know that version, an older one is used, as for instance documents.
      - With V(resource_manager), V(key_vault) or V(storage) as O(resource), the cloud is always read from the newest version of the instance document.
"""

    SOURCE = r"""
options:
  source:
    description:
      - V(imds) queries the service at O(endpoint), the Instance Metadata Service or the agent of an Azure Arc-enabled server.
      - V(vm_extension) queries the retired VM extension at C(http://localhost:50342/oauth2/token), to compare its token with that of IMDS during a
        migration. The role P(imds.azure.managed_identity_migration#role) does that for a whole fleet.
    type: str
    choices:
      - imds
      - vm_extension
    default: imds
notes:
  - The agent of an Azure Arc-enabled server gives tokens only to root and the group C(himds).
  - Azure caches tokens. So it can take up to a day until a new role assignment takes effect.
  - IMDS limits each VM to 20 token requests a second and 5 at once, for all clients together. Transient failures are retried as for all other
    documents of IMDS. If IMDS returns 404, the request is retried for 30 seconds.
"""
