# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The attributes that several modules share. Private to imds.azure."""

from __future__ import annotations


class ModuleDocFragment:
    DOCUMENTATION = r"""
options: {}
attributes:
  check_mode:
    description: Can run in C(check_mode) and return what it would return without it.
  diff_mode:
    description: Returns details on what has changed when in diff mode.
  idempotent:
    description: When run twice in a row outside check mode, with the same arguments, the second invocation indicates no change.
  platform:
    description: Target OS or families that can be operated against.
"""

    # For plugins that only read.
    READS = r"""
options: {}
attributes:
  check_mode:
    support: full
    details:
      - This action does not modify state.
  diff_mode:
    support: N/A
    details:
      - This action does not modify state.
  idempotent:
    support: full
    details:
      - This action does not modify state.
  platform:
    support: full
    platforms: posix
"""

    # For modules that also work on Windows hosts.
    WINDOWS = r"""
options: {}
attributes:
  platform:
    support: full
    platforms: posix, windows
    details:
      - On Windows hosts, this action sends its requests from the host by C(ansible.windows.win_uri).
      - The collection has not yet been run on Windows. The guide
        R(Windows hosts,ansible_collections.imds.azure.docsite.windows) describes the differences.
requirements:
  - the collection ansible.windows (on the controller), only for Windows hosts
notes:
  - On Windows hosts, C(async) is not supported, O(timeout) is rounded up to whole seconds, and E(AZURE_IMDS_ENDPOINT) is read from the C(environment) of
    the task.
"""

    FACTS = r"""
options: {}
attributes:
  facts:
    description: Action returns an C(ansible_facts) dictionary that will update existing host facts.
    support: full
"""

    ACTIONGROUP = r"""
options: {}
attributes:
  action_group:
    description: Use C(group/imds.azure.all) in C(module_defaults) to set defaults for this module.
    support: full
    membership:
      - imds.azure.all
"""
