#!/usr/bin/python
# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: access_token_info
short_description: Get a token of a VM's managed identity
version_added: 0.1.0
description:
  - Gets an access token of a managed identity from the Azure Instance Metadata Service (IMDS), without any credentials.
  - The identity is that of the VM on which the task runs. With C(delegate_to=localhost), it is that of the controller.
  - The result has Ansible's no-log mark, so neither the screen nor a callback shows it, even without C(no_log=true) on the task. Other tasks can use
    the registered result.
author:
  - The imds.azure contributors (@imds-azure)
extends_documentation_fragment:
  - imds.azure._imds
  - imds.azure._imds.modules_own_version
  - imds.azure._token
  - imds.azure._token.source
  - imds.azure._attributes
  - imds.azure._attributes.windows
  - imds.azure._attributes.reads
  - imds.azure._attributes.actiongroup
attributes:
  async:
    description: Supports being used with the C(async) keyword.
    support: none
    details:
      - Ansible keeps the results of asynchronous tasks in files, which must not contain tokens.
notes:
  - On a Windows host, the token is part of the output of PowerShell. Transcription and module logging of PowerShell can record it in files and in the
    event log of the host, where others may read it. The guide R(Windows hosts,ansible_collections.imds.azure.docsite.windows)
    lists the settings to check.
  - The token is a secret, and the mark does not protect it in other tasks. Set C(no_log=true) on every task that has the token among its arguments,
    and do not store it with M(ansible.builtin.set_fact). A registered result is in the controller's memory until the run ends, and in no file.
  - Without pipelining, Ansible writes the arguments of each task to a file on the controller and on the host that runs the task. This does not matter
    for this module, because its arguments are no secrets. But a task with a token among its arguments should use pipelining, also on the controller
    (C(ansible_pipelining=true) in C(vars) of the task).
  - Ansible's debug output (E(ANSIBLE_DEBUG)) shows the whole output of modules, including tokens.
  - All processes of one user on the VM together send at most 20 token requests a second and 5 at once. They coordinate by five small files in the
    system's temp folder, which contain times and never a token. On Windows hosts, the module does not limit its requests.
seealso:
  - plugin: imds.azure.access_token
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: Get a token for the key vaults of this cloud
  imds.azure.access_token_info:
    resource: key_vault
  register: token

- name: Read a secret with the identity of the VM
  ansible.builtin.uri:
    url: https://example.vault.azure.net/secrets/database?api-version=7.4
    headers:
      Authorization: "Bearer {{ token.access_token }}"
  register: secret
  no_log: true

- name: Get a token of one of several identities
  imds.azure.access_token_info:
    resource: https://management.azure.com/
    client_id: 059a91e1-c527-4279-91c3-42505f877031
  register: token
"""

RETURN = r"""
service:
  description: The service that returned the token. V(imds), V(vm_extension), or V(arc) for the agent of an Azure Arc-enabled server.
  returned: success
  type: str
  sample: imds
  version_added: 1.0.0
identity:
  description: V(system), the identity of the server itself; V(user), the identity that the options name, which the agent has confirmed.
  returned: when RV(service) is V(arc)
  type: str
  sample: system
  version_added: 1.0.0
access_token:
  description: The token.
  returned: success
  type: str
token_type:
  description: The type of the token. With V(Bearer), the header C(Authorization) is this word, a blank and the token.
  returned: success
  type: str
  sample: Bearer
client_id:
  description: The client ID of the identity. Empty if the service does not return it. The VM extension does not.
  returned: success
  type: str
  sample: 059a91e1-c527-4279-91c3-42505f877031
resource:
  description: The service that the token is for.
  returned: success
  type: str
  sample: https://vault.azure.net
expires_on:
  description:
    - The end of the token's validity, in seconds since 1970. A date is converted to that number.
    - V(null) if the service does not return it. Also V(null), with a warning, if the value is neither a number nor a date. The same applies to
      RV(expires_in) and RV(not_before).
  returned: success
  type: int
  sample: 1774612345
expires_in:
  description: The validity of the token in seconds, from the time when it was returned.
  returned: success
  type: int
  sample: 86399
not_before:
  description: The beginning of the token's validity, in seconds since 1970.
  returned: success
  type: int
  sample: 1774525645
"""

import tempfile

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.imds.azure.plugins.module_utils._errors import ImdsError
from ansible_collections.imds.azure.plugins.module_utils._managed_identity.arc_key import read_key
from ansible_collections.imds.azure.plugins.module_utils._managed_identity.options import (
    module_argument_spec,
    token_from,
)
from ansible_collections.imds.azure.plugins.module_utils._managed_identity.rate_limit import (
    rate_limit_in,
)
from ansible_collections.imds.azure.plugins.module_utils._managed_identity.tokens import IDENTITIES
from ansible_collections.imds.azure.plugins.module_utils._options import client_from
from ansible_collections.imds.azure.plugins.module_utils._transport import http_transport


def main() -> None:
    module = AnsibleModule(
        argument_spec=module_argument_spec(),
        mutually_exclusive=[list(IDENTITIES)],
        supports_check_mode=True,
    )
    option = module.params.__getitem__
    unread: list[str] = []
    try:
        client = client_from(option, http_transport)
        rate_limit = rate_limit_in(tempfile.gettempdir())
        token = token_from(option, client, client.newest_instance, rate_limit, unread, read_key)
    except ImdsError as exc:
        module.fail_json(msg=str(exc))
    # The action plugin warns, because Ansible does not show warnings of a result that it hides.
    module.exit_json(changed=False, unread=unread, **token)


if __name__ == "__main__":
    main()
