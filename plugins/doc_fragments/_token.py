# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What to ask a token for, and of whom. Private to imds.azure.

They mirror token_argument_spec in plugins/module_utils/_options.py; a test compares the two.
"""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  resource:
    description:
      - What the token is for. The receiver checks that it is itself, so it has to be exactly what that service expects.
      - A URI, for example V(https://vault.azure.net), or the id of an application.
      - V(resource_manager), V(key_vault) and V(storage) stand for these services in the VM's own cloud, which is read from the instance document. In the
        public cloud these are V(https://management.azure.com/), V(https://vault.azure.net) and V(https://storage.azure.com/).
    type: str
    required: true
  client_id:
    description:
      - The identity by its client id (also called application id). Needed, this or one of the two others, where the VM has several user-assigned identities
        and none of its own.
      - Mutually exclusive with O(object_id) and O(resource_id).
    type: str
  object_id:
    description:
      - The identity by its object id (also called principal id).
      - Mutually exclusive with O(client_id) and O(resource_id).
    type: str
  resource_id:
    description:
      - The identity by its resource id in Azure, which IMDS takes as C(msi_res_id).
      - On an Azure Arc-enabled server the agent must confirm this identity, or one of O(client_id) or O(object_id), in its answer. Agents before 1.67 do not.
      - Mutually exclusive with O(client_id) and O(object_id). The VM extension does not know it.
    type: str
  port:
    description:
      - Where the VM extension listens.
    type: int
    default: 50342
  api_version:
    description:
      - Of the request for the token. V(latest) stands for 2018-02-01, the version that every SDK of Azure asks for tokens with.
      - On an Azure Arc-enabled server it stands for 2020-06-01, then the newest version that its agent offers and that is not newer, then 2019-08-15.
      - The cloud that a name of a O(resource) takes is read from the newest instance document in any case.
"""

    SOURCE = r"""
options:
  source:
    description:
      - V(imds) asks the service at O(endpoint), which is the Instance Metadata Service or the agent of an Azure Arc-enabled server.
      - V(vm_extension) asks the retired VM extension at C(http://localhost:50342/oauth2/token), to compare the two while moving away from it. The role
        P(imds.azure.managed_identity_migration#role) does that for a whole fleet.
    type: str
    choices:
      - imds
      - vm_extension
    default: imds
notes:
  - The agent of an Azure Arc-enabled server gives tokens to root and to the group C(himds) only.
  - Azure caches tokens. What a token may do can be up to a day older than the assignment of a role.
  - IMDS gives a VM 20 tokens a second and 5 at once, whatever asks for them. What goes wrong for the moment is tried again as for
    every document of IMDS, 404 included, which is believed after 30 seconds.
"""
