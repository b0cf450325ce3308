#!/usr/bin/python
# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: instance_facts
short_description: Read the facts of an Azure VM from its Instance Metadata Service
version_added: 0.1.0
description:
  - Returns the metadata of an Azure VM from the Azure Instance Metadata Service (IMDS) as C(ansible_facts.azure_imds).
  - Sends one request to an address that only the VM itself can reach. Needs no credentials, no Azure SDK, and only Python 3.7 or newer on the managed
    node.
author:
  - The imds.azure contributors (@imds-azure)
extends_documentation_fragment:
  - imds.azure._imds
  - imds.azure._imds.modules
  - imds.azure._attributes
  - imds.azure._attributes.windows
  - imds.azure._attributes.reads
  - imds.azure._attributes.facts
  - imds.azure._attributes.actiongroup
options:
  gather_subset:
    description:
      - The parts of the fact to return. A name adds a part, and C(!name) removes it. If all entries have the form C(!name), all other parts are returned.
      - C(api_version), C(gathered_at), C(service) and C(resource_type) are always returned.
    type: list
    elements: str
    default:
      - all
    choices:
      - all
      - compute
      - network
      - cloud
      - tags
      - addresses
      - '!all'
      - '!compute'
      - '!network'
      - '!cloud'
      - '!tags'
      - '!addresses'
  complete:
    description:
      - IMDS may return an incomplete document if it can't reach one of its own backend services. If C(compute) or C(network) is missing or empty and
        O(gather_subset) needs it, the request is repeated up to two times within O(deadline). If the part is still missing, the fact lacks it, with a
        warning that names the part. A document without both parts is an error.
      - V(true) adds C(extended=true) to the request. IMDS then returns either the complete document or an error, which is retried until O(deadline).
        If a complete document lacks a part, that part does not exist, for example C(compute) of a classic VM, and there is no warning.
      - C(extended=true) exists since API version 2021-08-01. If IMDS refuses it, the request is sent without it. If IMDS ignores it, the result is as
        with V(false). If a part is missing in these cases, the warning mentions this.
      - The variable C(azure_imds_complete) of the host sets it as well.
    type: bool
    default: false
  keep_fuller:
    description:
      - What to do if IMDS returned an incomplete document and the host already has a fuller C(azure_imds), from this run or from the fact cache.
      - V(false) replaces the older fact by the new one. V(true) returns the older fact unchanged, with its C(gathered_at). Both warn and name the host.
      - A fact with another C(vmId) belongs to another VM and is always replaced.
      - Has no effect if the module runs as a facts module, because Ansible then does not run the action plugin.
    type: bool
    default: false
  raw:
    description:
      - Whether to keep every value of C(compute) and C(network) as text, as IMDS sent it. Otherwise documented booleans and quantities become
        booleans and integers.
    type: bool
    default: false
  required:
    description:
      - V(true) fails if IMDS does not answer.
      - V(false) returns an empty C(azure_imds) instead, for a fleet that is only partly in Azure and for use as a facts module.
      - With V(false), a warning appears if the firmware is that of an Azure VM. If the firmware can't be read, a warning appears if something else
        answered, for example a proxy with an error page. With any other firmware, a warning appears only if the Azure Arc agent is installed.
    type: bool
    default: true
  user_data:
    description:
      - V(false) excludes C(compute.userData) and C(compute.customData), because facts end up in caches and logs.
      - V(true) includes them and adds C(user_data_text).
    type: bool
    default: false
notes:
  - On a Windows host, the module does not work as a facts module. Ansible then names the module C(on_windows_hosts_use_a_task_and_no_facts_module) in its
    message.
  - Ansible does not read the variables C(azure_imds_*) for facts modules (C(ansible_facts_modules)). Use C(module_defaults) to set their options.
  - Zones are comparable only within a location, and fault and update domains only within a scale set or an availability set. Unrelated VMs can have
    the same numbers.
seealso:
  - plugin: imds.azure.metadata
    plugin_type: lookup
  - plugin: imds.azure.instances
    plugin_type: inventory
  - name: Azure Instance Metadata Service
    description: Microsoft's documentation of the service and of each field.
    link: https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service
"""

EXAMPLES = r"""
- name: Read the facts of the VM
  imds.azure.instance_facts:

- name: Show where the VM is
  ansible.builtin.debug:
    msg: >-
      {{ ansible_facts.azure_imds.compute.name }} is in {{ ansible_facts.azure_imds.compute.location }},
      zone {{ ansible_facts.azure_imds.compute.zone }},
      fault domain {{ ansible_facts.azure_imds.compute.platformFaultDomain }}

- name: Run a task in the public cloud only
  ansible.builtin.debug:
    msg: "Resource Manager is at {{ ansible_facts.azure_imds.cloud.resource_manager }}"
  when: ansible_facts.azure_imds.compute.azEnvironment is imds.azure.cloud('AzurePublicCloud')

- name: Read two parts of the fact, and continue without IMDS
  imds.azure.instance_facts:
    gather_subset:
      - tags
      - addresses
    required: false
"""

RETURN = r"""
incomplete:
  description: The parts that O(gather_subset) needs but the document lacks. Empty with O(complete=true), if IMDS supports it.
  returned: when IMDS answered
  type: list
  elements: str
  sample: [network]
ansible_facts:
  description: Facts of the VM, under one key.
  returned: success
  type: dict
  contains:
    azure_imds:
      description: The metadata of the VM. Empty with O(required=false) if IMDS does not answer.
      returned: success
      type: dict
      contains:
        api_version:
          description: The API version of the answer.
          returned: when IMDS answered
          type: str
          sample: '2025-04-07'
        service:
          description: V(imds) for an Azure VM, V(arc) for an Azure Arc-enabled server.
          returned: when IMDS answered
          type: str
          sample: imds
          version_added: 1.0.0
        resource_type:
          description: The type in C(compute.resourceId), for example C(Microsoft.HybridCompute/machines) of an Azure Arc-enabled server. Empty if the
            document has no C(resourceId), for example with an API version before 2019-06-04.
          returned: when IMDS answered
          type: str
          sample: Microsoft.Compute/virtualMachines
          version_added: 1.0.0
        compute:
          description:
            - The VM, with the names and the nesting of IMDS. Documented booleans are booleans, and documented quantities are integers (unless
              O(raw=true)). Identifiers such as C(zone), C(platformFaultDomain) and C(vmId) are text. A value that does not apply to the VM is an
              empty text.
            - Unknown fields are included, except fields whose names begin with C(__ansible_), because Ansible gives them a special meaning. The real
              IMDS has no such fields.
            - A lone surrogate (half of a UTF-16 pair), which can't be encoded as UTF-8, becomes C(U+FFFD).
          returned: when O(gather_subset) includes it and the document has it (documents of classic VMs do not)
          type: dict
          sample:
            azEnvironment: AzurePublicCloud
            location: westeurope
            name: web-0
            platformFaultDomain: '0'
            vmId: 02aab8a4-74ef-476e-8182-f6d2ba4166a6
            zone: '1'
        network:
          description: The VM's network interfaces, with the names and the nesting of IMDS.
          returned: when O(gather_subset) includes it and the document has it
          type: dict
          sample:
            interface:
              - ipv4:
                  ipAddress:
                    - privateIpAddress: 10.0.0.4
                      publicIpAddress: ''
                  subnet:
                    - address: 10.0.0.0
                      prefix: 24
                ipv6:
                  ipAddress: []
                macAddress: 000D3A123456
        cloud:
          description: The Azure cloud of the VM, from C(azEnvironment).
          returned: when O(gather_subset) has it
          type: dict
          contains:
            name:
              description: The canonical name, whatever casing IMDS uses. An unknown cloud keeps its own name.
              type: str
              returned: always
              sample: AzurePublicCloud
            resource_manager:
              description: URL of Azure Resource Manager. For an unknown cloud, this and the following values are empty.
              type: str
              returned: always
              sample: https://management.azure.com
            authority:
              description: URL of Microsoft Entra ID.
              type: str
              returned: always
              sample: https://login.microsoftonline.com
            key_vault_suffix:
              description: Domain of the key vaults.
              type: str
              returned: always
              sample: vault.azure.net
            storage_suffix:
              description: Domain of the storage accounts.
              type: str
              returned: always
              sample: core.windows.net
            attested_domain:
              description: Domain of the signers of attested documents.
              type: str
              returned: always
              sample: metadata.azure.com
        tags:
          description:
            - The VM's tags, with unchanged names and values. If IMDS repeats a name, the first value is used.
            - A name that begins with C(__ansible_) is left out, with a warning, because Ansible gives it a special meaning. C(compute.tagsList) has
              it.
            - API versions before 2019-06-04 have no C(tagsList). Their text form is split instead, with a warning. A semicolon in a value then ends
              the value, and the text after it can look like another tag. So a person who may set one tag can add any other tag.
          returned: when O(gather_subset) has it
          type: dict
          sample:
            Role: WebRole
        addresses:
          description: Addresses of all interfaces, IPv4 then IPv6, in the order of the document.
          returned: when O(gather_subset) has it
          type: dict
          contains:
            private:
              description: Private addresses.
              type: list
              elements: str
              returned: always
              sample: [10.0.0.4]
            public:
              description: Public addresses in the instance document, which lacks addresses of the Standard SKU.
              type: list
              elements: str
              returned: always
              sample: []
        extended:
          description: The values that IMDS adds to a complete document.
          returned: when O(complete=true), O(gather_subset) has all parts and IMDS supports C(extended=true)
          type: dict
          sample: {compute: {hasCustomData: false, ppsType: None}}
        gathered_at:
          description: The time of the query in UTC, by the clock of the VM. For a Windows host, by the clock of the controller.
          returned: when IMDS answered
          type: str
          sample: '2026-01-31T12:00:00Z'
        user_data_text:
          description:
            - The text of C(compute.userData). Line breaks and blanks within the base64 are ignored, gzip is decompressed, and a byte order mark is
              removed. The text is decoded as UTF-8, or as UTF-16 or UTF-32 if it has a byte order mark.
            - Empty, with a warning, if C(compute.userData) is anything else, for example an archive, or gzip of more than 4 MiB.
          returned: when O(user_data=true) and O(gather_subset) has C(compute)
          type: str
          sample: '#cloud-config'
"""

from ansible.module_utils.basic import AnsibleModule

# Modules are imported, not names: for "from m import name" Ansible searches for a file m/name.py.
from ansible_collections.imds.azure.plugins.module_utils import _errors, _gathered, _transport


def main() -> None:
    module = AnsibleModule(argument_spec=_gathered.argument_spec(), supports_check_mode=True)
    try:
        result, warnings = _gathered.gathered(module.params.__getitem__, _transport.http_transport)
    except _errors.ImdsError as exc:
        module.fail_json(msg=str(exc))
    for warning in warnings:
        module.warn(warning)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
