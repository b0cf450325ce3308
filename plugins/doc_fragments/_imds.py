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
      - Base URL of IMDS, or one of the words V(arc) and V(auto).
      - V(arc) stands for V(http://127.0.0.1:40342), where the agent of an Azure Arc-enabled server answers. So does any loopback address with that port.
      - V(auto) stands for IMDS where the firmware is that of an Azure VM, for the agent where the firmware is another one and the agent is installed
        (C(/opt/azcmagent/bin/himds)), and for IMDS everywhere else.
      - Only link-local and loopback addresses are accepted. Anything else is refused before a packet is sent,
        because IMDS answers only inside its own VM.
      - Written as C(http://ADDRESS) or C(http://ADDRESS:PORT), with an IPv4 address, an IPv6 address in brackets, or V(localhost).
      - V(localhost) stands for 127.0.0.1, and for ::1 where 127.0.0.1 refuses the connection. No resolver and no hosts file is asked for it.
    type: str
    default: http://169.254.169.254
  api_version:
    description:
      - The version of IMDS to ask for.
      - V(latest) stands for the newest version that this collection is tested with (2025-04-07). Where IMDS does not know it yet,
        the newest version that IMDS offers and that is not newer is used, then the newest of its V(/metadata/versions), then 2017-12-01.
      - On an Azure Arc-enabled server it stands for 2020-06-01, then the newest version that its agent offers and that is not newer, then 2019-08-15.
      - A date is used as it is and never replaced.
    type: str
    default: latest
  timeout:
    description:
      - Seconds for one attempt, connecting and reading together. A server that drips bytes cannot outlast it.
    type: float
    default: 10.0
  deadline:
    description:
      - Seconds for all attempts and the waits between them.
      - The answers 408, 410, 429, 500, 502, 503 and 504, timeouts, connection errors and answers that are not JSON are tried again, with
        waits that grow and are partly random; a C(Retry-After) of the service wins. 410 means that IMDS is being updated and is
        tried again for 70 seconds. 404 is tried again for 30 seconds where the document always exists.
      - A connection that is refused or forbidden, or has no route, is tried again for 15 seconds. Timeouts and resets have the whole deadline.
      - Where the firmware says that the host is not in Azure, and the default endpoint is asked, there is a single attempt of 2 seconds. The same holds
        for V(arc) where the agent is not installed.
    type: float
    default: 90.0
notes:
  - Requests never use a proxy, C(netrc), cookies or redirects, whatever the environment says.
"""

    # For modules that ask for an instance document or an attested document.
    MODULES = r"""
options: {}
notes:
  - Where the task does not give O(endpoint), O(api_version), O(timeout) or O(deadline), the variables C(azure_imds_endpoint), C(azure_imds_api_version),
    C(azure_imds_timeout) and C(azure_imds_deadline) of the host do. With C(delegate_to) the variables of the delegated host count.
  - Where there is no C(azure_imds_endpoint) either, the environment variable E(AZURE_IMDS_ENDPOINT) of the managed node counts.
"""

    # For modules of tokens and events, whose versions are not those of instance documents.
    MODULES_OWN_VERSION = r"""
options: {}
notes:
  - Where the task does not give O(endpoint), O(timeout) or O(deadline), the variables C(azure_imds_endpoint), C(azure_imds_timeout) and
    C(azure_imds_deadline) of the host do. With C(delegate_to) the variables of the delegated host count. C(azure_imds_api_version) does not count here,
    because it is a version of instance documents.
  - Where there is no C(azure_imds_endpoint) either, the environment variable E(AZURE_IMDS_ENDPOINT) of the managed node counts.
"""

    # For plugins of the controller that read instance documents.
    DOCUMENT = r"""
options:
  complete:
    description:
      - IMDS may answer with a part of its data where it can't reach one of the services that it asks itself. A document without C(compute) or
        C(network) is asked for again, up to two times within O(deadline). If the part is still missing, there is what there is, with a warning that names
        the part. A document without both is an error.
      - V(true) adds C(extended=true) to the request. IMDS then answers in full or with an error, which is tried again until O(deadline) and then
        fails. A part that such an answer does not have does not exist, as C(compute) of a classic VM, and there is no warning.
      - C(extended=true) came with the version 2021-08-01. An IMDS that refuses it is asked without it, and one that ignores it answers as with V(false).
        Where a part is missing, the warning says so.
    type: bool
    default: false
    ini:
      - section: azure_imds
        key: complete
    vars:
      - name: azure_imds_complete
"""

    # For plugins that run on the controller: where else the options come from.
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
