# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: access_token
short_description: Get a token of the controller's managed identity
version_added: 0.1.0
author:
  - The imds.azure contributors (@imds-azure)
description:
  - Gets an access token of a managed identity from the Azure Instance Metadata Service (IMDS), without any credentials.
  - Like every lookup, it runs on the controller. So the token belongs to B(the controller's own VM), for all hosts of the play. Use
    M(imds.azure.access_token_info) for the identities of the hosts.
  - Each evaluation sends a request to IMDS. The lookup caches no tokens, because Azure itself caches them.
requirements:
  - requests (on the controller)
extends_documentation_fragment:
  - imds.azure._imds
  - imds.azure._imds.plugins
  - imds.azure._token
  - imds.azure._token.source
options:
  _terms:
    description:
      - The resources of the tokens, as in O(resource). The result has one token for each term.
      - Set either terms or O(resource), but not both.
    type: list
    elements: str
  resource:
    required: false
  as_dict:
    description:
      - Whether to return all values of M(imds.azure.access_token_info) and not only the token.
    type: bool
    default: false
notes:
  - The token is a secret, and the result of a lookup has no no-log mark. Set C(no_log=true) on every task that has the token among its arguments,
    because Ansible shows arguments with C(-vvv) and to callbacks. Also set it on a task that loops over tokens, because Ansible prints each element
    of a loop. Enable pipelining for these tasks, also on the controller. Otherwise Ansible writes the arguments of a task to files on the controller
    and on the host that runs the task.
  - Do not store a token with M(ansible.builtin.set_fact), and do not put the lookup into variables that many tasks and hosts evaluate. To use one
    token several times, register the result of M(imds.azure.access_token_info), delegated to C(localhost).
  - All processes of a run together send at most 20 requests a second and 5 at once. They coordinate by files in Ansible's local temp folder, which
    contain times and never a token.
seealso:
  - module: imds.azure.access_token_info
  - plugin: imds.azure.metadata
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: Read a secret of a key vault with the identity of the controller
  ansible.builtin.uri:
    url: https://example.vault.azure.net/secrets/database?api-version=7.4
    headers:
      Authorization: "Bearer {{ lookup('imds.azure.access_token', resource='key_vault') }}"
  delegate_to: localhost
  register: secret
  no_log: true

- name: Pass the resource as a term
  ansible.builtin.debug:
    msg: "{{ lookup('imds.azure.access_token', 'https://vault.azure.net') | length }} characters"
  no_log: true

- name: Show the client ID of the controller's identity
  ansible.builtin.debug:
    msg: "{{ lookup('imds.azure.access_token', resource='resource_manager', as_dict=true).client_id }}"
"""

RETURN = r"""
_list:
  description:
    - One token for each resource. With O(as_dict=true) a dictionary with the keys C(access_token), C(token_type), C(client_id), C(resource),
      C(expires_on), C(expires_in), C(not_before), C(service) and, on an Azure Arc-enabled server, C(identity), as M(imds.azure.access_token_info) returns them.
  type: list
  elements: raw
"""

import typing as t

from ansible.errors import AnsibleLookupError, AnsibleOptionsError
from ansible.utils.display import Display

from ansible_collections.imds.azure.plugins.module_utils._errors import (
    ImdsError,
    OptionError,
    printable,
)
from ansible_collections.imds.azure.plugins.module_utils._managed_identity.arc_key import read_key
from ansible_collections.imds.azure.plugins.module_utils._managed_identity.options import token_from
from ansible_collections.imds.azure.plugins.module_utils._managed_identity.rate_limit import (
    rate_limit_in,
)
from ansible_collections.imds.azure.plugins.module_utils._managed_identity.tokens import (
    unread_warning,
)
from ansible_collections.imds.azure.plugins.plugin_utils._lookup.base import C, ImdsLookup


class LookupModule(ImdsLookup):
    def run(
        self, terms: list[t.Any], variables: dict[str, t.Any] | None = None, **kwargs: t.Any
    ) -> list[t.Any]:
        self.set_options(var_options=variables, direct=kwargs)
        try:
            self._refuse_unknown(kwargs)
            return [self._token(resource) for resource in self._resources(terms)]
        except OptionError as exc:
            raise AnsibleOptionsError(str(exc)) from None
        except ImdsError as exc:
            raise AnsibleLookupError(str(exc)) from None

    def _resources(self, terms: list[t.Any]) -> list[str]:
        """The resources of the tokens, from the terms or from the option."""
        resource = self.get_option("resource")
        if terms and resource is not None:
            raise OptionError(
                "terms and the option resource both set the resource of the token: use only one of them"
            )
        if not terms and resource is None:
            raise OptionError(
                "the resource of the token is missing: set it, for example "
                "lookup('imds.azure.access_token', resource='key_vault'), or a URI"
            )
        for term in terms:
            if not isinstance(term, str):
                raise OptionError(
                    f"{printable(str(term), 80)} is not a resource: it must be a text. Pass the elements of a "
                    "list as separate terms: query('imds.azure.access_token', *resources)"
                )
        return terms or [resource]

    def _token(self, resource: str) -> t.Any:
        def option(name: str) -> t.Any:
            return resource if name == "resource" else self.get_option(name)

        unread: list[str] = []
        rate_limit = rate_limit_in(C.DEFAULT_LOCAL_TMP)
        token = token_from(
            option, self._imds(), self._newest_document, rate_limit, unread, read_key
        )
        if not self.get_option("as_dict"):
            return token["access_token"]
        for name in unread:
            Display().warning(unread_warning(name))
        return token
