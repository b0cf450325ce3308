# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# Only the documentation. The action plugin of the same name does the work.

from __future__ import annotations

DOCUMENTATION = r"""
module: snapshot
short_description: Write the facts of an Azure VM to a file on the controller
version_added: 0.1.0
description:
  - Writes C(azure_imds) of a host to C(FOLDER/INVENTORY_HOSTNAME.json) on the controller, for O(imds.azure.instances#inventory:sources=documents).
  - Replaces a file atomically, so a failure never destroys an older snapshot. If a link or a FIFO has the name of the file, it is replaced, and
    neither followed nor read.
  - The umask of the controller sets the permissions of the file.
  - Runs only on the controller and does not connect to the host.
author:
  - The imds.azure contributors (@imds-azure)
attributes:
  check_mode:
    description: Can run in C(check_mode) and return what it would return without it.
    support: full
  diff_mode:
    description: Returns details on what has changed when in diff mode.
    support: none
  idempotent:
    description: When run twice in a row outside check mode, with the same arguments, the second invocation indicates no change.
    support: full
    details:
      - C(changed) is V(false) if only C(gathered_at) differs. The file is written nevertheless, so that it has the new time.
  platform:
    description: Target OS or families that can be operated against.
    support: full
    platforms: posix
options:
  folder:
    description:
      - The folder of the files. It is created if it does not exist. A relative path starts at the folder in which Ansible was started.
      - Keep it outside any folder that is an inventory source, or begin its name with a dot, such as C(.snapshots). Ansible reads all other files in
        such a folder as inventory files. A warning appears if the folder is in such a place.
      - It may be a link, or a folder that a group can write to. It is refused if another user could have created it, for example a folder or a link
        in C(/tmp) that belongs neither to this user nor to root.
    type: path
    required: true
  azure_imds:
    description:
      - The fact to write. A fact that the inventory could not read is refused, for example one with a C(compute) that is not a dictionary, because
        such a file would break the inventory of the whole folder.
    type: dict
    required: true
  keep_fuller:
    description:
      - What to do if the existing snapshot has C(compute) or C(network) and the new fact lacks it, because IMDS returned an incomplete document.
        V(true) keeps the older snapshot, with its C(gathered_at). V(false) replaces it. In both cases a warning names the host.
      - A snapshot with another C(vmId) belongs to another VM and is always replaced.
    type: bool
    default: true
seealso:
  - module: imds.azure.instance_facts
  - plugin: imds.azure.instances
    plugin_type: inventory
"""

EXAMPLES = r"""
- name: Read the facts of the VM
  imds.azure.instance_facts:

- name: Write them to a snapshot
  imds.azure.snapshot:
    folder: snapshots
    azure_imds: "{{ ansible_facts.azure_imds }}"
"""

RETURN = r"""
path:
  description: The file of this host.
  returned: success
  type: str
  sample: /home/user/snapshots/web-0.json
"""
