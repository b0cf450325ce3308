# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that all plugins share. Private to imds.azure.

They mirror plugins/module_utils/_options.py; a test compares the two.
"""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options:
  endpoint:
    description:
      - Base URL of IMDS, or V(arc) or V(auto).
      - V(arc) means V(http://127.0.0.1:40342), the metadata service of the agent on an Azure Arc-enabled server. Any other loopback address with the port 40342
        means the agent, too.
      - V(auto) means the agent if the firmware shows that the host is not in Azure and the agent is installed (C(/opt/azcmagent/bin/himds)). Otherwise it
        means IMDS.
      - Only link-local and loopback addresses are accepted. Anything else is refused before a packet is sent,
        because IMDS answers only inside its own VM.
      - The form is C(http://ADDRESS) or C(http://ADDRESS:PORT), with an IPv4 address, an IPv6 address in brackets, or V(localhost).
      - V(localhost) means 127.0.0.1, or ::1 if 127.0.0.1 refuses the connection. No resolver and no hosts file is used.
    type: str
    default: http://169.254.169.254
  api_version:
    description:
      - The API version of IMDS to use.
      - V(latest) means the newest version that this collection is tested with (2025-04-07). If IMDS does not know that version yet, older versions are tried.
        The first one is the newest version that the error message of IMDS offers, the next one is the newest version that V(/metadata/versions) lists, and
        the last one is 2017-12-01.
      - On an Azure Arc-enabled server, V(latest) means 2020-06-01. If the agent does not know that version, older versions are tried. The first one is the
        newest version that the agent offers, and the last one is 2019-08-15.
      - A date is used unchanged and never replaced.
    type: str
    default: latest
  timeout:
    description:
      - Seconds for one attempt, including connecting and reading. The limit also holds if the answer arrives byte by byte.
    type: float
    default: 10.0
  deadline:
    description:
      - Seconds for all attempts and the waits between them.
      - The status codes 408, 410, 429, 500, 502, 503 and 504, timeouts, connection errors and answers that are not JSON are retried, with exponential
        backoff and jitter. A C(Retry-After) of the service takes precedence. 410 means that IMDS is being updated; it is retried for 70 seconds. 404
        is retried for 30 seconds if every IMDS has the document, such as the instance document.
      - A connection that is refused or forbidden, or has no route, is retried for 15 seconds. Timeouts and resets are retried until the deadline.
      - If the firmware shows that the host is not in Azure, and the endpoint is the default one, there is a single attempt of 2 seconds. The same applies to
        the endpoint V(arc) if the agent is not installed.
    type: float
    default: 90.0
notes:
  - Requests never use a proxy, C(netrc), cookies or redirects, whatever the environment contains.
"""

    # For modules that request an instance document or an attested document.
    MODULES = r"""
options: {}
notes:
  - If the task does not set O(endpoint), O(api_version), O(timeout) or O(deadline), the variables C(azure_imds_endpoint), C(azure_imds_api_version),
    C(azure_imds_timeout) and C(azure_imds_deadline) of the host are used. With C(delegate_to), the variables of the delegated host are used.
  - Without C(azure_imds_endpoint), the environment variable E(AZURE_IMDS_ENDPOINT) of the managed node is used.
"""

    # For modules of tokens and events, whose API versions differ from those of instance documents.
    MODULES_OWN_VERSION = r"""
options: {}
notes:
  - If the task does not set O(endpoint), O(timeout) or O(deadline), the variables C(azure_imds_endpoint), C(azure_imds_timeout) and
    C(azure_imds_deadline) of the host are used. With C(delegate_to), the variables of the delegated host are used. C(azure_imds_api_version) is not used,
    because it is a version of instance documents.
  - Without C(azure_imds_endpoint), the environment variable E(AZURE_IMDS_ENDPOINT) of the managed node is used.
"""

    # For plugins of the controller that read instance documents.
    DOCUMENT = r"""
options:
  complete:
    description:
      - IMDS may return an incomplete document if it can't reach one of its own backend services. A document without C(compute) or
        C(network) is requested again, up to two times within O(deadline). If the part is still missing, the incomplete document is used, with a warning that
        names the part. A document without both parts is an error.
      - V(true) adds C(extended=true) to the request. IMDS then returns either the complete document or an error, which is retried until O(deadline).
        If a complete document lacks a part, that part does not exist, for example C(compute) of a classic VM, and there is no warning.
      - C(extended=true) exists since API version 2021-08-01. If IMDS refuses it, the request is sent without it. If IMDS ignores it, the result is as with
        V(false). If a part is missing in these cases, the warning mentions this.
    type: bool
    default: false
    ini:
      - section: azure_imds
        key: complete
    vars:
      - name: azure_imds_complete
"""

    # For plugins that run on the controller, which also read their options from the environment, ansible.cfg and variables.
    PLUGINS = r"""
options:
  endpoint:
    env:
      - name: AZURE_IMDS_ENDPOINT
    ini:
      - section: azure_imds
        key: endpoint
    vars:
      - name: azure_imds_endpoint
  api_version:
    ini:
      - section: azure_imds
        key: api_version
    vars:
      - name: azure_imds_api_version
  timeout:
    ini:
      - section: azure_imds
        key: timeout
    vars:
      - name: azure_imds_timeout
  deadline:
    ini:
      - section: azure_imds
        key: deadline
    vars:
      - name: azure_imds_deadline
"""
