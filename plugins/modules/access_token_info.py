#!/usr/bin/python
# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: access_token_info
short_description: A token of a VM's managed identity
version_added: 0.1.0
description:
  - Gets an access token of a managed identity from the Azure Instance Metadata Service (IMDS), without any credentials.
  - The identity is that of the VM that the task runs on. With C(delegate_to=localhost) it is the controller's.
  - The result carries Ansible's no-log mark, so neither the screen nor a callback shows it, with or without C(no_log=true) on the task. What
    was registered can be used.
author:
  - The imds.azure contributors (@imds-azure)
extends_documentation_fragment:
  - imds.azure._imds
  - imds.azure._imds.modules_own_version
  - imds.azure._token
  - imds.azure._token.source
  - imds.azure._attributes
  - imds.azure._attributes.reads
  - imds.azure._attributes.actiongroup
attributes:
  async:
    description: Supports being used with the C(async) keyword.
    support: none
    details:
      - Ansible keeps the results of asynchronous tasks in files, where no token may be.
notes:
  - The result is a secret, and the mark is lost with the result. Give C(no_log=true) to every task that has the token among its arguments, and do
    not keep it with M(ansible.builtin.set_fact). A registered result is in the controller's memory until the run ends, and in no file.
  - For each task Ansible lays a file with its arguments on the controller and on the host that runs the task, unless pipelining is on. That is nothing
    to this module, whose arguments are no secrets, but a task that is given a token should use pipelining, also on the controller
    (C(ansible_pipelining=true) in C(vars) of the task).
  - Debugging Ansible itself (E(ANSIBLE_DEBUG)) shows all that modules answer, tokens as well.
  - All processes of one user on the VM together keep within 20 tokens a second and 5 at once. They share five small files in the system's temp folder for that,
    which hold times and never a token.
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
access_token:
  description: The token.
  returned: success
  type: str
token_type:
  description: How to use it. V(Bearer) goes into the header C(Authorization) before the token.
  returned: success
  type: str
  sample: Bearer
client_id:
  description: The client id of the identity; empty from the VM extension, which does not say.
  returned: success
  type: str
  sample: 059a91e1-c527-4279-91c3-42505f877031
resource:
  description: What the token is for.
  returned: success
  type: str
  sample: https://vault.azure.net
expires_on:
  description:
    - Until when it can be used, in seconds since 1970. A date is turned into that number.
    - V(null) where the service does not say, and with a warning where its value is neither a number nor a date. The same is true for
      RV(expires_in) and RV(not_before).
  returned: success
  type: int
  sample: 1774612345
expires_in:
  description: For how many seconds it could be used when it was given.
  returned: success
  type: int
  sample: 86399
not_before:
  description: From when on it can be used, in seconds since 1970.
  returned: success
  type: int
  sample: 1774525645
"""

import tempfile
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.imds.azure.plugins.module_utils._errors import ImdsError
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
        token = token_from(option, client, client.newest_instance, rate_limit, unread)
    except ImdsError as exc:
        module.fail_json(msg=str(exc))
    # The action plugin warns, because Ansible does not show warnings of a result that it hides.
    module.exit_json(changed=False, unread=unread, **token)


if __name__ == "__main__":
    main()
