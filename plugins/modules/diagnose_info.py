#!/usr/bin/python
# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: diagnose_info
short_description: Find out why the Instance Metadata Service does not answer on a host
version_added: 0.1.0
description:
  - Checks everything between a host and its Azure Instance Metadata Service (IMDS), and returns the most likely causes of a failure, each with the
    command that fixes it.
  - Works even if IMDS does not answer. Changes nothing, and needs only Python 3.7 or newer on the host. Lists firewall rules with the program C(nft),
    if it is installed and the user may run it.
  - Does not fail if it finds a problem.
  - The role P(imds.azure.diagnose#role) and the playbook C(imds.azure.diagnose) run it and print the report.
author:
  - The imds.azure contributors (@imds-azure)
extends_documentation_fragment:
  - imds.azure._imds
  - imds.azure._imds.modules_own_version
  - imds.azure._attributes
  - imds.azure._attributes.reads
  - imds.azure._attributes.actiongroup
attributes:
  platform:
    platforms: linux
options:
  api_version:
    description:
      - Ignored. The module uses 2017-12-01, a version that every IMDS supports, and 2019-08-15 for the agent of an Azure Arc-enabled server. The option
        exists for C(module_defaults) of the action group.
  timeout:
    description:
      - Seconds for each of at most three requests. Use at least 2 seconds. Linux sends an unanswered packet again after about a second, and the module
        detects a firewall of the host when Linux can't send that packet.
    default: 5.0
  deadline:
    description:
      - Seconds for all requests together. Each gets at most a third of it.
  host:
    description:
      - The name of the host in RV(report).
      - The default is the name that the host has in the inventory.
    type: str
    version_added: 1.0.0
notes:
  - The module sees the environment of Ansible's own connection, which can differ from that of a login or a service. So it also reads the files that
    set the environment of logins and services.
seealso:
  - module: imds.azure.instance_facts
  - name: Frequently asked questions about IMDS
    description: Microsoft's advice about requests that time out.
    link: https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service#frequently-asked-questions
"""

EXAMPLES = r"""
- name: Find out why IMDS does not answer
  imds.azure.diagnose_info:
  register: diagnosis

- name: Print the report
  ansible.builtin.debug:
    msg: "{{ diagnosis.report }}"

- name: Print only the commands for the most likely cause
  ansible.builtin.debug:
    msg: "{{ diagnosis.causes[0].mend }}"
  when: diagnosis.causes | length > 0
"""

RETURN = r"""
healthy:
  description: Whether IMDS answered with a document that describes this VM.
  returned: success
  type: bool
causes:
  description: Possible causes, the most likely first. There can be causes even with RV(healthy=true), for example a proxy or a wrong clock.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description:
        - One of C(own_address), C(no_route), C(policy_route), C(not_azure), C(wrong_interface), C(wrong_address), C(foreign_service), C(forbidden),
          C(firewall), C(silent_gateway), C(refused), C(status), C(no_compute), C(proxy), C(clock) and C(unexplained). On Azure Arc-enabled servers also
          C(arc_agent) (the agent is installed, but the request went to IMDS), C(arc_agent_down), C(arc_not_connected), C(arc_key_unreadable) and
          C(arc_foreign_listener).
      type: str
      returned: always
      sample: wrong_interface
    certainty:
      description: C(certain), C(likely) or C(possible).
      type: str
      returned: always
      sample: likely
    what:
      description: The cause, in words.
      type: str
      returned: always
      sample: requests leave by eth1, which is not the primary network interface
    why:
      description: The evidence for the cause.
      type: str
      returned: always
      sample: the route to 0.0.0.0/0 goes by eth1, and the primary one is eth0 (its DHCP lease has the default gateway)
    mend:
      description: Commands that fix the cause, or that help to find it. Empty if there are none. Changes of routes and firewall rules are lost at the
        next boot.
      type: list
      elements: str
      returned: always
      sample: [ip route replace 169.254.169.254/32 via 10.0.0.1 dev eth0 src 10.0.0.4]
    advice:
      description: Further advice.
      type: str
      returned: always
      sample: IMDS answers only the primary address of the primary interface.
observed:
  description: All observations.
  returned: success
  type: dict
  contains:
    endpoint:
      description: The base URL of the requests.
      type: str
      returned: always
      sample: http://169.254.169.254
    address:
      description: The address of the endpoint.
      type: str
      returned: always
      sample: 169.254.169.254
    port:
      description: The port of the endpoint.
      type: int
      returned: always
      sample: 80
    request:
      description:
        - One plain request. C(url) is its URL. C(status) is the status of the answer (V(null) without an answer), C(headers) has its headers with names
          in lower case, and C(body) has the error text of IMDS. Any other body is left out, because it may be a document with user data.
        - C(imds) shows whether Azure's IMDS answered, and C(has_compute) whether its document has C(compute).
        - Without an answer, C(reason) explains why, C(code) is the name of the error (C(ETIMEDOUT), C(ENETUNREACH), …), and C(refused_here) shows
          whether the kernel counted packets that it refused to send.
      type: dict
      returned: always
    versions:
      description: The C(versions) that C(/metadata/versions) lists, with the C(status) of that answer, or the C(reason) why there was no answer.
      type: dict
      returned: always
    other_service:
      description: The name of another service that answers instead of IMDS; empty if there is none.
      type: str
      returned: always
      sample: Amazon EC2
    route:
      description:
        - The route to the address, with C(interface), C(network), C(gateway) and C(source) address. Without a route, C(refusal) is the kernel's error.
        - C(on_this_host) shows whether the address belongs to the host itself, C(by_policy) whether a routing rule overrides the main table, and
          C(gateway_silent) whether no machine on the link answers for the address of the next hop.
      type: dict
      returned: always
    interfaces:
      description: The network interfaces, with C(name), C(mac), C(state) and C(addresses).
      type: list
      elements: dict
      returned: always
    primary:
      description: The primary network C(interface), its C(address) and C(gateway), as far as the host can determine them, and the reason (C(because)).
      type: dict
      returned: always
    proxies:
      description:
        - The proxy variables that would apply to a request. C(where) is the place that sets the C(variable), C(value) is its value without a
          password, and C(no_proxy) is the value of that variable in the same place. C(exempt) is V(somewhere) if only some programs find the address
          in C(no_proxy), and otherwise V(nowhere).
      type: list
      elements: dict
      returned: always
    firmware:
      description: C(azure) shows whether the chassis asset tag is that of Azure (V(null) if it can't be read). C(vendor) and C(product) are the names of
        the machine's vendor and model.
      type: dict
      returned: always
    leases:
      description: DHCP leases, with C(interface), C(address) and C(router). C(azure) shows whether option 245 identifies Azure.
      type: list
      elements: dict
      returned: always
    firewall:
      description: C(rules) that block requests, and C(mentions) of the address in settings of firewalls. The C(command) of a rule removes it, or allows
        the requests if the rule is the policy of a chain. It is empty if a name in it has unusual characters.
      type: dict
      returned: always
    clock:
      description: The time of the host (C(now)), and the seconds that it is C(ahead) of the answering service (V(null) without an answer).
      type: dict
      returned: always
    arc:
      description: Whether the Azure Arc agent is C(installed), whether the requests went to it (C(asked)), the users who are C(listeners) on its port, and
        whether this C(user) C(may_read_keys) for tokens (V(null) if there is no folder of keys).
      type: dict
      returned: always
      version_added: 1.0.0
report:
  description: The whole report, as lines for a terminal.
  returned: success
  type: list
  elements: str
"""

import platform
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.imds.azure.plugins.module_utils._client import System
from ansible_collections.imds.azure.plugins.module_utils._diagnosis.cause import is_healthy
from ansible_collections.imds.azure.plugins.module_utils._diagnosis.causes import causes
from ansible_collections.imds.azure.plugins.module_utils._diagnosis.observation import (
    observe,
    this_machine,
)
from ansible_collections.imds.azure.plugins.module_utils._diagnosis.report import report
from ansible_collections.imds.azure.plugins.module_utils._document import cleaned
from ansible_collections.imds.azure.plugins.module_utils._errors import ImdsError
from ansible_collections.imds.azure.plugins.module_utils._options import (
    endpoint_from,
    seconds,
    shared_argument_spec,
)

# The maximum number of requests of one run of the module.
_MAX_REQUESTS = 3


def argument_spec() -> dict[str, t.Any]:
    return dict(
        shared_argument_spec(), timeout={"type": "float", "default": 5.0}, host={"type": "str"}
    )


def main() -> None:
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    try:
        endpoint = endpoint_from(module.params["endpoint"], System())
        timeout = min(
            seconds("timeout", module.params["timeout"]),
            seconds("deadline", module.params["deadline"]) / _MAX_REQUESTS,
        )
    except ImdsError as exc:
        module.fail_json(msg=str(exc))

    def run(command: t.Sequence[str]) -> str:
        try:
            return str(module.run_command(list(command), handle_exceptions=False)[1])
        except OSError:
            return ""  # The program is not installed. The other observations do not need it.

    evidence = observe(this_machine(run), endpoint, timeout)
    found = causes(evidence)
    result = {
        "healthy": is_healthy(evidence),
        "causes": [cause._asdict() for cause in found],
        "observed": evidence.to_dict(),
        "report": report(evidence, found, module.params["host"] or platform.node() or "this host"),
    }
    # The environment and files may not be Unicode, but Ansible accepts only Unicode.
    module.exit_json(**cleaned(result))


if __name__ == "__main__":
    main()
