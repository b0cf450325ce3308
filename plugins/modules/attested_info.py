#!/usr/bin/python
# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: attested_info
short_description: Get the attested document of an Azure VM and verify it on the controller
version_added: 0.1.0
description:
  - Requests the attested document of a VM, which Azure signs, from its Azure Instance Metadata Service (IMDS), and verifies it on the controller. The
    module trusts no data of the VM without Azure's signature.
  - The task fails unless all of these conditions are met. The document has exactly one signer; the signature over its content is valid; a chain of
    currently valid certificates leads from the signer to a trusted root; the signer has the name of an Azure cloud; the document was made for the
    nonce of this request and is valid now; and it has every value of O(expect).
  - IMDS sometimes returns a cached document of an earlier request. The module then requests the document once more before the task fails.
  - The guide R(Attested documents,ansible_collections.imds.azure.docsite.attested_documents) explains what a verified document
    proves and what it does not prove.
author:
  - The imds.azure contributors (@imds-azure)
requirements:
  - cryptography 42 or newer, asn1crypto and certifi (on the controller), unless O(verify=false)
  - requests (on the controller), when O(fetch_intermediates=true)
extends_documentation_fragment:
  - imds.azure._imds
  - imds.azure._imds.modules
  - imds.azure._attributes
  - imds.azure._attributes.windows
  - imds.azure._attributes.reads
  - imds.azure._attributes.actiongroup
attributes:
  action:
    description: Indicates this has a corresponding action plugin so some parts of the options can be executed on the controller.
    support: full
  async:
    description: Supports being used with the C(async) keyword.
    support: none
options:
  nonce:
    description:
      - The nonce that the document has to contain, as proof that it answers this request. Up to 32 ASCII characters without blanks.
      - By default, the controller generates a random nonce. Set your own nonce only if another service verifies the document.
    type: str
  verify:
    description:
      - V(false) returns the signed document unchecked, so that another service can verify it. RV(verified) is then V(false).
    type: bool
    default: true
  intermediates:
    description:
      - PEM files, on the controller, with certificates between the signer and a root, in addition to those that come with this collection.
      - These certificates only connect a signer with a trusted root. They are not trusted by themselves.
      - Relative paths are searched as by M(ansible.builtin.copy), in the C(files) folder of the role and in the folder of the playbook.
    type: list
    elements: path
    default: []
  trusted_roots:
    description:
      - PEM files, on the controller, with the roots to trust instead of the default ones.
      - The default roots are Microsoft TLS RSA Root G2, which this collection includes, and DigiCert Global Root G2 and Microsoft RSA Root
        Certificate Authority 2017, as long as the Python library certifi includes them.
      - Relative paths are searched as in O(intermediates).
      - For this option and O(intermediates), only regular files of up to 16 MiB are read. In a world-writable folder, only files of this user, of root
        and of the folder's owner are read.
    type: list
    elements: path
    default: []
  fetch_intermediates:
    description:
      - V(true) lets the controller download a missing certificate between the signer and a root from Microsoft's PKI.
      - This is the only feature of this collection that uses the internet. The controller requests only C(http) and C(https) URLs of
        C(www.microsoft.com/pkiops/) and C(caissuers.microsoft.com), without a proxy and without following redirects. It downloads at most 4
        certificates of at most 64 KiB each. A downloaded certificate has to lead to a trusted root like any other.
    type: bool
    default: false
  expect:
    description:
      - The values that the document has to have, by the document's own names, for example C(vmId) and C(subscriptionId). If a name is missing or has
        another value, the task fails with RV(reason=unexpected_value). Use dictionaries for nested values, as in C(plan).
      - The casing of C(vmId) and C(subscriptionId) does not matter. All other values have to be equal.
      - The name C(cloud) selects the cloud of the signer. It accepts the name or an alias of a known Azure cloud, in any casing, like the test
        P(imds.azure.cloud#test). A document from another cloud fails with RV(reason=wrong_subject). Without C(cloud), all four clouds are accepted.
        An unknown name is refused, even as V(=NAME), because the signing domain of such a cloud is unknown.
      - An expectation that would compare nothing is refused before a request is sent, for example an empty dictionary or an empty variable. An empty
        text is allowed only for C(sku), C(licenseType) and the values of C(plan). With O(verify=false), nothing is compared, so O(expect) is refused.
      - Azure never signs the VM's name, tags, zone or addresses. The message of RV(reason=unexpected_value) lists the fields of the document.
    type: dict
    default: {}
  clock_skew:
    description:
      - The tolerated difference between the clocks of Azure and of the controller, in seconds, at most 3600.
    type: float
    default: 300.0
notes:
  - The module uses the clock of the controller. With a wrong clock, it treats every document as expired.
  - Classic VMs have only a C(vmId) in their documents. Documents of an O(api_version) before 2019-04-30 have no C(subscriptionId), those
    before 2019-11-01 no C(sku).
  - According to Microsoft's documentation, the certificates of signers in Azure China lead to DigiCert Global Root CA, which is not among the default
    roots. Set O(trusted_roots) and O(intermediates) there.
seealso:
  - module: imds.azure.instance_facts
  - name: Attested data
    description: Microsoft's documentation of the document.
    link: https://learn.microsoft.com/azure/virtual-machines/instance-metadata-service#attested-data
  - name: Azure Certificate Authority details
    description: Microsoft's list of its certificate authorities.
    link: https://learn.microsoft.com/azure/security/fundamentals/azure-certificate-authority-details
"""

EXAMPLES = r"""
- name: Get a verified document of this VM
  imds.azure.attested_info:
  register: attested

- name: Use the verified values
  ansible.builtin.debug:
    msg: "This is {{ attested.document.vmId }} of subscription {{ attested.document.subscriptionId }} in {{ attested.cloud }}"

- name: Hand out a secret only to the right VM
  block:
    - name: Verify that this is the VM of the inventory
      imds.azure.attested_info:
        expect:
          vmId: "{{ expected_vm_id }}"
          subscriptionId: "{{ expected_subscription_id }}"
          cloud: AzurePublicCloud

    - name: Write the secret
      ansible.builtin.copy:
        content: "{{ secret_of_this_vm }}"
        dest: /etc/myapp/secret
        mode: '0600'
      no_log: true

- name: Download a certificate that this collection does not include
  imds.azure.attested_info:
    fetch_intermediates: true

- name: Use downloaded certificates without internet access
  imds.azure.attested_info:
    intermediates:
      - azure-intermediates.pem

- name: Get the signed document for another service to verify
  imds.azure.attested_info:
    nonce: "{{ nonce_of_that_service }}"
    verify: false
  register: attested
"""

RETURN = r"""
verified:
  description: Whether the document has passed all checks. Never true in a failed result.
  returned: always
  type: bool
  sample: true
document:
  description: The signed values about the VM, with Azure's own names.
  returned: when verified
  type: dict
  sample:
    licenseType: ''
    nonce: 3f0c8b5a1d7e4296b8c05d1f7a6e4c21
    plan:
      name: ''
      product: ''
      publisher: ''
    sku: 22_04-lts-gen2
    subscriptionId: 5f0c1c9e-7a41-4d0e-9d55-2b8f3a6e1c70
    timeStamp:
      createdOn: 01/31/26 12:00:00 -0000
      expiresOn: 01/31/26 18:00:00 -0000
    vmId: 02aab8a4-74ef-476e-8182-f6d2ba4166a6
certificate:
  description: The certificate of the signer.
  returned: when verified
  type: dict
  contains:
    subject:
      description: Name of the signer.
      type: str
      returned: always
      sample: CN=metadata.azure.com,O=Microsoft Corporation,L=Redmond,ST=WA,C=US
    issuer:
      description: Name of the authority that issued the signer's certificate.
      type: str
      returned: always
      sample: CN=Microsoft TLS G2 RSA CA OCSP 02,O=Microsoft Corporation,C=US
    serial_number:
      description: Serial number, in hexadecimal digits.
      type: str
      returned: always
      sample: 330000000c4964a16f44203b2200000000000c
    sha256:
      description: Fingerprint of the certificate.
      type: str
      returned: always
      sample: 1e16fa37bf143e7ad494aa2ee922846a6d02434f1fdca413b78097a31c7b77f5
    not_before:
      description: The beginning of the certificate's validity, in UTC.
      type: str
      returned: always
      sample: '2026-01-15T06:06:23Z'
    not_after:
      description: The end of the certificate's validity, in UTC.
      type: str
      returned: always
      sample: '2026-07-14T06:06:23Z'
    dns_names:
      description: The alternative names of the signer.
      type: list
      elements: str
      returned: always
      sample: [westeurope.metadata.azure.com, metadata.azure.com]
    chain:
      description: Names of all certificates from the signer to the trusted root.
      type: list
      elements: str
      returned: always
      sample:
        - CN=metadata.azure.com,O=Microsoft Corporation,L=Redmond,ST=WA,C=US
        - CN=Microsoft TLS G2 RSA CA OCSP 02,O=Microsoft Corporation,C=US
        - CN=Microsoft TLS RSA Root G2,O=Microsoft Corporation,C=US
cloud:
  description: Name of the Azure cloud whose signer this is.
  returned: when verified
  type: str
  sample: AzurePublicCloud
signature:
  description: The signed document as IMDS sent it, a PKCS#7 message in base64.
  returned: when IMDS answered, unless RV(reason=malformed)
  type: str
  sample: MIILnQYJKoZIhvcNAQcC...
nonce:
  description: The nonce of the request.
  returned: when IMDS answered
  type: str
  sample: 3f0c8b5a1d7e4296b8c05d1f7a6e4c21
api_version:
  description: The version of IMDS that answered.
  returned: when IMDS answered
  type: str
  sample: '2025-04-07'
reason:
  description:
    - The reason why the document is not accepted. The message has details.
    - V(malformed) - the answer is not an attested document, or does not have exactly one signer.
    - V(bad_signature) - the signature does not match the content or the certificate.
    - V(wrong_subject) - the signer does not have the name of an Azure cloud, or not that of the expected cloud.
    - V(untrusted_chain) - no valid chain leads from the signer to a trusted root.
    - V(nonce_mismatch) - the document was made for another request.
    - V(expired) - the document or the certificate of its signer is not valid now, or the document has a lifetime of more than 24 hours (Azure's have 6).
    - V(unexpected_value) - the document does not have a value of O(expect).
  returned: when the document is not accepted
  type: str
  sample: nonce_mismatch
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.imds.azure.plugins.module_utils._endpoints.attested import (
    argument_spec,
    document_by_options,
    failure,
)
from ansible_collections.imds.azure.plugins.module_utils._errors import ImdsError
from ansible_collections.imds.azure.plugins.module_utils._options import client_from
from ansible_collections.imds.azure.plugins.module_utils._transport import http_transport


def main() -> None:
    # The action plugin of this module handles the options for the verification.
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    option = module.params.__getitem__
    try:
        result = document_by_options(option, client_from(option, http_transport))
    except ImdsError as exc:
        module.fail_json(**failure(exc))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
