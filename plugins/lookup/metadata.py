# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
name: metadata
short_description: Read any route of the Azure Instance Metadata Service
version_added: 0.1.0
author:
  - The imds.azure contributors (@imds-azure)
description:
  - Reads the Azure Instance Metadata Service (IMDS) by route-parameter path, for example C(instance/compute/location).
  - Like every lookup, it runs on the controller. So it reads the metadata of B(the controller's own VM), for all hosts of the play. Use
    M(imds.azure.instance_facts) for the metadata of the hosts.
  - Routes below C(instance) are read from one document, which is requested once for a whole run of Ansible, regardless of the number of hosts, forks
    and tasks. It is kept in Ansible's own temp folder, readable only by its user, and removed with that folder. If the run is killed, the folder
    stays.
  - C(userData) and C(customData) are not in that file. If the VM has user data, the first lookup whose result includes it (C(instance),
    C(instance/compute), C(instance/compute/userData), C(instance/compute/customData)) stores the whole document in a second file. This costs a second
    request if another lookup came first. With O(cache=false), nothing is stored.
  - One process requests the document, and others wait for it. The wait and a request of their own together take no longer than O(deadline).
  - For all other roots (C(versions), C(attested/document), C(scheduledevents), C(loadbalancer)), each lookup sends a request.
requirements:
  - requests (on the controller), with O(cache=false) and for routes outside C(instance)
  - jmespath (on the controller), when O(query) is used
extends_documentation_fragment:
  - imds.azure._imds
  - imds.azure._imds.plugins
  - imds.azure._imds.document
options:
  _terms:
    description:
      - Routes. Keys are case-sensitive and elements of lists are indexes that start at 0.
      - A leading C(/) or C(/metadata/) is ignored.
      - At least one route is required. An empty list of routes, for example from a template or a C(with_) loop, is an error.
    type: list
    elements: str
    required: true
  cache:
    description:
      - V(true) reads routes below C(instance) from the document of this run.
      - V(false) requests the route itself from IMDS. The result is the same, but costs one request, or two for a leaf.
    type: bool
    default: true
  params:
    description:
      - Further query parameters, for example C(nonce) of C(attested/document).
      - Routes that are read from the document of this run accept no parameters.
      - C(api-version) and C(format) are not allowed, because O(api_version) and the kind of the answer set them.
    type: dict
    default: {}
  query:
    description:
      - A JMESPath expression to apply to each result.
    type: str
  default:
    description:
      - The value to return for a route that does not exist. All other failures are still errors.
      - Without a default, such a route is an error. The message names the deepest existing part of the route, and the keys there.
    type: raw
seealso:
  - module: imds.azure.instance_facts
  - plugin: imds.azure.access_token
    plugin_type: lookup
"""

EXAMPLES = r"""
- name: Show the location of the controller
  ansible.builtin.debug:
    msg: "{{ lookup('imds.azure.metadata', 'instance/compute/location') }}"

- name: Show one address of one interface
  ansible.builtin.debug:
    msg: "{{ lookup('imds.azure.metadata', 'instance/network/interface/0/ipv4/ipAddress/0/privateIpAddress') }}"

- name: Read several routes at once, as a list
  ansible.builtin.debug:
    msg: "{{ query('imds.azure.metadata', 'instance/compute/name', 'instance/compute/zone') }}"

- name: Apply an expression to a part of the document
  ansible.builtin.debug:
    msg: "{{ lookup('imds.azure.metadata', 'instance/compute/tagsList', query='[*].name') }}"

- name: Use a default for a route that some VMs do not have
  ansible.builtin.debug:
    msg: "{{ lookup('imds.azure.metadata', 'instance/compute/tagsList/0/value', default='no tags') }}"

- name: Read the public address of a Standard load balancer, which is not in the instance document
  ansible.builtin.debug:
    msg: "{{ lookup('imds.azure.metadata', 'loadbalancer', default={}) }}"
"""

RETURN = r"""
_list:
  description:
    - One result for each route, exactly what IMDS answers for it. A leaf is a text, a container is a dictionary or a list.
  type: list
  elements: raw
"""

import copy
import typing as t

from ansible.errors import AnsibleLookupError, AnsibleOptionsError

from ansible_collections.imds.azure.plugins.module_utils._errors import (
    ImdsError,
    NotFoundError,
    OptionError,
    printable,
)
from ansible_collections.imds.azure.plugins.module_utils._service import ARC
from ansible_collections.imds.azure.plugins.plugin_utils._jmespath import compiled
from ansible_collections.imds.azure.plugins.plugin_utils._lookup.base import ImdsLookup
from ansible_collections.imds.azure.plugins.plugin_utils._lookup.routes import (
    ask_route,
    covers_user_data,
    lacks_part,
    leaf_text,
    parse_route,
    walk,
)


class LookupModule(ImdsLookup):
    def run(
        self, terms: list[t.Any], variables: dict[str, t.Any] | None = None, **kwargs: t.Any
    ) -> list[t.Any]:
        self.set_options(var_options=variables, direct=kwargs)
        try:
            self._refuse_unknown(kwargs)
            text = self.get_option("query")
            query = compiled(text, "query") if text else None
            if not terms:
                raise OptionError(
                    "the route is missing: pass one, for example "
                    "lookup('imds.azure.metadata', 'instance/compute/location'). If the list of routes "
                    "may be empty, check it first: query('imds.azure.metadata', *routes) if routes else []"
                )
            return [self._result(term, query, kwargs) for term in terms]
        except OptionError as exc:
            raise AnsibleOptionsError(str(exc)) from None
        except ImdsError as exc:
            raise AnsibleLookupError(str(exc)) from None

    def _result(
        self, term: t.Any, query: t.Callable[[t.Any], t.Any] | None, given: dict[str, t.Any]
    ) -> t.Any:
        if not isinstance(term, str):
            raise OptionError(
                f"{printable(str(term), 80)} is not an IMDS route: it must be a text. Pass the elements of "
                "a list as separate terms: query('imds.azure.metadata', *routes)"
            )
        segments = parse_route(term)
        try:
            found = self._found(segments)
        except NotFoundError:
            if "default" not in given:
                raise
            return given["default"]
        return query(found) if query else found

    def _found(self, segments: tuple[str, ...]) -> t.Any:
        root, *below = segments
        params = self._params()
        if root.lower() == "identity":
            raise OptionError(
                "the route identity/... returns tokens, which this lookup does not read: use the lookup "
                "imds.azure.access_token"
            )
        if root != "instance":
            return self._ask("/".join(segments), params)
        if not self.get_option("cache"):
            return self._ask_instance(segments, params)
        if params:
            raise OptionError("params needs cache=false for routes below instance")
        # A copy, because all lookups share the document, and a template may change the result.
        document = self._document(covers_user_data(segments))
        return copy.deepcopy(walk(document, below, root))

    def _params(self) -> list[tuple[str, str]]:
        params = {str(name): leaf_text(value) for name, value in self.get_option("params").items()}
        taken = sorted({"api-version", "format"} & {name.lower() for name in params})
        if taken:
            raise OptionError(
                f"params must not have {' and '.join(taken)}: api-version is the option api_version, "
                "and format follows from the route"
            )
        return list(params.items())

    def _ask(self, path: str, params: list[tuple[str, str]]) -> t.Any:
        return ask_route(self._imds(), path, params).data

    def _ask_instance(self, segments: tuple[str, ...], params: list[tuple[str, str]]) -> t.Any:
        root, *below = segments
        # The Azure Arc agent may have no route below the whole document.
        is_arc = self._imds().service is ARC
        if is_arc or self.get_option("complete"):
            if params:
                reason = (
                    "Azure Arc supports no params"
                    if is_arc
                    else "params and complete=true exclude each other"
                )
                raise OptionError(f"{reason} for routes below instance")
            return walk(self._instance_with_warnings(self._imds()), below, root)
        try:
            found = self._ask("/".join(segments), params)
        except NotFoundError:
            # IMDS does not report which part of the route is wrong. The document shows it.
            return walk(self._instance_with_warnings(self._imds()), below, root)
        if lacks_part(segments, found):
            # The document is incomplete, or the VM has no such part. More requests for the document show which.
            return walk(self._instance_with_warnings(self._imds()), below, root)
        return found
