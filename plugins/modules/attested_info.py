#!/usr/bin/python
# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: attested_info
short_description: The attested document of an Azure VM, verified on the controller
version_added: 0.1.0
description:
  - Asks the Azure Instance Metadata Service (IMDS) of a VM for its attested document, which Azure signs, and verifies that on the controller.
    The VM is what is being checked, so nothing that the VM says about itself is believed without Azure's signature.
  - The task fails unless everything holds. The document has exactly one signer; the signature over its content is good; a chain of certificates
    leads from the signer to a trusted root and is valid now; the signer has the name of an Azure cloud; the document was made for the nonce of
    this very request and is neither too old nor too new; and every value of O(expect) is in it.
  - A document that IMDS made for an earlier request (it was seen to answer out of a cache) is fetched once more before the task fails.
  - What a verified document proves, and what it does not, is said in the guide to attested documents of this collection.
author:
  - The imds.azure contributors (@imds-azure)
requirements:
  - cryptography 42 or newer, asn1crypto and certifi (on the controller), unless O(verify=false)
  - requests (on the controller), when O(fetch_intermediates=true)
extends_documentation_fragment:
  - imds.azure._imds
  - imds.azure._imds.modules
  - imds.azure._attributes
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
      - What the document has to contain, to be known as the answer to this request and no older one. Up to 32 ASCII characters without blanks.
      - By default a fresh and random one is made on the controller, which is what is wanted nearly always.
    type: str
  verify:
    description:
      - V(false) returns the signed document without looking into it, for somebody else to verify. RV(verified) is V(false) then.
    type: bool
    default: true
  intermediates:
    description:
      - PEM files, on the controller, with certificates between the signer and a root, in addition to those that come with this collection.
      - Certificates of these files are links and never trusted by themselves.
      - Relative paths are looked for as by M(ansible.builtin.copy), in the C(files) of the role and beside the playbook.
    type: list
    elements: path
    default: []
  trusted_roots:
    description:
      - PEM files, on the controller, with the roots to trust instead of the default ones.
      - By default DigiCert Global Root G2 and Microsoft RSA Root Certificate Authority 2017 are trusted, for as long as the Python library certifi
        has them, and Microsoft TLS RSA Root G2, which comes with this collection.
      - Relative paths are looked for as in O(intermediates).
      - Only regular files of up to 16 MiB are read. In a folder that everybody can write to, only those of this user, of root and of the folder's owner are.
    type: list
    elements: path
    default: []
  fetch_intermediates:
    description:
      - V(true) lets the controller fetch a certificate that is missing between the signer and a root, from Microsoft's PKI.
      - This is the only thing in this collection that goes to the internet. Only C(http) and C(https) URLs of C(www.microsoft.com/pkiops/)
        and C(caissuers.microsoft.com) are asked, without a proxy and without following redirects, for at most 64 KiB and 4 certificates.
        What is fetched has to lead to a trusted root like any other certificate.
    type: bool
    default: false
  expect:
    description:
      - What the document has to say, by its own names, for example C(vmId) and C(subscriptionId). A document that does not have a name, or
        another value for it, fails with RV(reason=unexpected_value). Values below another one, as in C(plan), are given as dictionaries.
      - C(vmId) and C(subscriptionId) are compared without regard to casing, everything else has to be equal.
      - The name C(cloud) is about the signer. It takes the name of a known Azure cloud in any casing or by any alias, as the test P(imds.azure.cloud#test)
        does, and a document from another cloud fails with RV(reason=wrong_subject). Without it all four clouds are accepted. An unknown name is
        refused, also as V(=NAME), because the name that such a cloud signs documents in is not known.
      - What compares nothing is refused before anything is sent, for example an empty dictionary or a value that came to nothing. Empty texts
        are values only for C(sku), C(licenseType) and the values of C(plan). With O(verify=false) nothing is compared, so O(expect) is refused.
      - Azure never signs the VM's name, tags, zone or addresses. The message of RV(reason=unexpected_value) lists what the document has.
    type: dict
    default: {}
  clock_skew:
    description:
      - Seconds, at most 3600, by which the clocks of Azure and of the controller may differ when the times in the document are compared with now.
    type: float
    default: 300.0
notes:
  - The time that counts is that of the controller. A controller with a wrong clock sees every document as expired.
  - Classic VMs have only a C(vmId) in their documents. Documents of an O(api_version) before 2019-04-30 have no C(subscriptionId), those
    before 2019-11-01 no C(sku).
  - In China documents were said to lead to DigiCert Global Root CA, which is not among the default roots. Give O(trusted_roots) and
    O(intermediates) there.
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
- name: Have Azure say which VM this is
  imds.azure.attested_info:
  register: attested

- name: Use what is proven now
  ansible.builtin.debug:
    msg: "This is {{ attested.document.vmId }} of subscription {{ attested.document.subscriptionId }} in {{ attested.cloud }}"

- name: Hand out a secret only to the VM that it is meant for
  block:
    - name: Is this the VM that the inventory says it is?
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

- name: Accept a certificate authority that this collection does not have yet
  imds.azure.attested_info:
    fetch_intermediates: true

- name: The same without the internet, with files that somebody else fetched
  imds.azure.attested_info:
    intermediates:
      - azure-intermediates.pem

- name: Only collect the signed document, for another service to verify
  imds.azure.attested_info:
    nonce: "{{ nonce_of_that_service }}"
    verify: false
  register: attested
"""

RETURN = r"""
verified:
  description: Whether everything about the document holds. Never true in a result that failed.
  returned: always
  type: bool
  sample: true
document:
  description: What Azure says about the VM, in its own names.
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
  description: Who signed the document.
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
      description: When the certificate begins to be valid, in UTC.
      type: str
      returned: always
      sample: '2026-01-15T06:06:23Z'
    not_after:
      description: When it ends.
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
    - Why the document proves nothing. The message says more.
    - V(malformed) - it is no attested document, or has another number of signers than one.
    - V(bad_signature) - the signature does not fit the content, or the certificate.
    - V(wrong_subject) - the signer has no name of an Azure cloud, or that of another cloud than expected.
    - V(untrusted_chain) - no valid chain leads from the signer to a trusted root.
    - V(nonce_mismatch) - the document was made for another request.
    - V(expired) - the document or the certificate of its signer is not valid now, or the document claims to be for more than 24 hours (Azure gives 6).
    - V(unexpected_value) - a value of O(expect) is not in it.
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
    # The options that are about verifying are used up by the action of this name.
    module = AnsibleModule(argument_spec=argument_spec(), supports_check_mode=True)
    option = module.params.__getitem__
    try:
        result = document_by_options(option, client_from(option, http_transport))
    except ImdsError as exc:
        module.fail_json(**failure(exc))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
