#!/usr/bin/python
# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: instance_facts
short_description: Facts of an Azure VM from its Instance Metadata Service
version_added: 0.1.0
description:
  - Gives a playbook what an Azure VM knows about itself, from the Azure Instance Metadata Service (IMDS), as C(ansible_facts.azure_imds).
  - Takes one request to an address that only the VM itself can reach. No credentials, no Azure SDK and nothing to install on the managed
    node but Python 3.7 or newer.
author:
  - The imds.azure contributors (@imds-azure)
extends_documentation_fragment:
  - imds.azure._imds
  - imds.azure._imds.modules
  - imds.azure._attributes
  - imds.azure._attributes.reads
  - imds.azure._attributes.facts
  - imds.azure._attributes.actiongroup
options:
  gather_subset:
    description:
      - The parts of the fact to return. A name adds a part, C(!name) takes it away. Where every entry is a C(!name), all other parts are
        returned.
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
      - IMDS may answer with a part of its data where it can't reach one of the services that it asks itself. Where C(compute) or C(network) is
        missing or empty and O(gather_subset) needs it, IMDS is asked again, up to two times within O(deadline). If the part is still missing, the fact has
        what there is, with a warning that names the part. A document without both is an error.
      - V(true) adds C(extended=true) to the request. IMDS then answers in full or with an error, which is tried again until O(deadline) and then
        fails. A part that such an answer does not have does not exist, as C(compute) of a classic VM, and there is no warning.
      - C(extended=true) came with the version 2021-08-01. An IMDS that refuses it is asked without it, and one that ignores it answers as with V(false).
        Where a part is missing, the warning says so.
      - The variable C(azure_imds_complete) of the host sets it as well.
    type: bool
    default: false
  keep_fuller:
    description:
      - What to do where IMDS answered in part and the host has a fuller C(azure_imds) already, from this run or from the fact cache.
      - V(false) replaces it by the new fact, and V(true) returns the older fact as it is, with its C(gathered_at). Both warn and name the host.
      - A fact with another C(vmId) than the new one is that of another VM and is always replaced.
      - Does nothing as a facts module, because then Ansible does not run the action plugin.
    type: bool
    default: false
  raw:
    description:
      - Keep every value of C(compute) and C(network) as IMDS sent it, that is as text, instead of turning documented booleans and quantities
        into booleans and integers.
    type: bool
    default: false
  required:
    description:
      - V(true) fails where IMDS does not answer.
      - V(false) returns an empty C(azure_imds) there, for a fleet that is only partly in Azure and for use as a facts module.
      - With V(false) a warning says so where the firmware is that of an Azure VM. Where the firmware can't be read, a warning says so if something
        answered, for example the page of a proxy. Where the firmware is another one, there is no warning.
    type: bool
    default: true
  user_data:
    description:
      - V(false) leaves out C(compute.userData) and C(compute.customData), because facts end up in caches and logs.
      - V(true) keeps them and adds C(user_data_text).
    type: bool
    default: false
notes:
  - Ansible runs facts modules (C(ansible_facts_modules)) without reading the variables C(azure_imds_*). There C(module_defaults) sets options.
  - Zones mean something only within a location, and fault and update domains only within a scale set or an availability set. VMs that have
    nothing to do with each other can have the same numbers.
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
- name: Know the VM that this play runs on
  imds.azure.instance_facts:

- name: Say where it is
  ansible.builtin.debug:
    msg: >-
      {{ ansible_facts.azure_imds.compute.name }} is in {{ ansible_facts.azure_imds.compute.location }},
      zone {{ ansible_facts.azure_imds.compute.zone }},
      fault domain {{ ansible_facts.azure_imds.compute.platformFaultDomain }}

- name: Run a task in the public cloud only
  ansible.builtin.debug:
    msg: "Resource Manager is at {{ ansible_facts.azure_imds.cloud.resource_manager }}"
  when: ansible_facts.azure_imds.compute.azEnvironment is imds.azure.cloud('AzurePublicCloud')

- name: Keep the fact small, and go on where there is no IMDS
  imds.azure.instance_facts:
    gather_subset:
      - tags
      - addresses
    required: false
"""

RETURN = r"""
incomplete:
  description: The parts that the document of IMDS does not have though O(gather_subset) needs them. Empty with O(complete=true) where IMDS knows it.
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
      description: What IMDS says of the VM. Empty when O(required=false) and IMDS does not answer.
      returned: success
      type: dict
      contains:
        api_version:
          description: The version of IMDS that answered.
          returned: when IMDS answered
          type: str
          sample: '2025-04-07'
        compute:
          description:
            - The VM in the names and the nesting of IMDS. Documented booleans are booleans and documented quantities integers (unless O(raw=true));
              identifiers such as C(zone), C(platformFaultDomain) and C(vmId) are text; what does not apply to the VM is an empty text.
            - Fields that this collection does not know are passed through, except those whose name begins with C(__ansible_), which Ansible itself
              would take for a mark of its own. IMDS has none.
            - Half a character (a lone surrogate), which no file could hold, becomes C(U+FFFD).
          returned: when O(gather_subset) has it and the document does (those of classic VMs do not)
          type: dict
          sample:
            azEnvironment: AzurePublicCloud
            location: westeurope
            name: web-0
            platformFaultDomain: '0'
            vmId: 02aab8a4-74ef-476e-8182-f6d2ba4166a6
            zone: '1'
        network:
          description: The VM's network interfaces in the names and the nesting of IMDS.
          returned: when O(gather_subset) has it and the document does
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
              description: The canonical name, whatever the casing that IMDS uses. An unknown cloud keeps its own name.
              type: str
              returned: always
              sample: AzurePublicCloud
            resource_manager:
              description: URL of Azure Resource Manager; empty for an unknown cloud, as the ones below.
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
              description: Domain in whose name attested documents are signed.
              type: str
              returned: always
              sample: metadata.azure.com
        tags:
          description:
            - The VM's tags, names and values untouched. Where IMDS repeats a name, the first one counts.
            - A name that begins with C(__ansible_) is left out, with a warning, because Ansible itself would take it for a mark of its own.
              C(compute.tagsList) has it.
            - Versions before 2019-06-04 have no C(tagsList). Their text form is split instead, with a warning. There a value with a semicolon is cut
              short, and what is behind the semicolon can look like another tag. Somebody who may set one tag can add any other that way.
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
              description: Public addresses that the instance document has. Those of a Standard SKU are not in it.
              type: list
              elements: str
              returned: always
              sample: []
        extended:
          description: What IMDS adds to a whole document.
          returned: when O(complete=true), O(gather_subset) has all parts and IMDS knows C(extended=true)
          type: dict
          sample: {compute: {hasCustomData: false, ppsType: None}}
        gathered_at:
          description: When the VM was asked, by its own clock, in UTC.
          returned: when IMDS answered
          type: str
          sample: '2026-01-31T12:00:00Z'
        user_data_text:
          description:
            - The text of C(compute.userData). Line breaks and blanks within the base64 do not matter, gzip is inflated, and a byte order mark is not a
              part of the text. Text is UTF-8, or UTF-16 and UTF-32 with a byte order mark.
            - Empty, with a warning, when C(compute.userData) is something else, for example an archive, or gzip of more than 4 MiB.
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
        result, warnings = _gathered.gathered(
            module.params.__getitem__, _transport.http_transport
        )
    except _errors.ImdsError as exc:
        module.fail_json(msg=str(exc))
    for warning in warnings:
        module.warn(warning)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
