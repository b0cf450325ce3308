# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# The documentation of the action plugin of the same name, which does all of the work.

from __future__ import annotations

DOCUMENTATION = r"""
module: snapshot
short_description: Write the facts of an Azure VM to a file on the controller
version_added: 0.1.0
description:
  - Writes C(azure_imds) of a host to C(FOLDER/INVENTORY_HOSTNAME.json) on the controller, for O(imds.azure.instances#inventory:sources=documents).
  - A file is replaced as a whole or not at all, so an older snapshot is never lost to a failure. A link or a FIFO in its place is replaced, too, and
    neither followed nor read.
  - Who may read the file is decided by the umask of the controller, as for every new file.
  - Runs on the controller alone and does not connect to the host.
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
      - C(changed) is V(false) where nothing but C(gathered_at) differs. The file is written nevertheless, so that it tells its age.
  platform:
    description: Target OS or families that can be operated against.
    support: full
    platforms: posix
options:
  folder:
    description:
      - Where the files are. It is made where it is missing. A relative path counts from the folder that Ansible was started in.
      - Keep it outside of a folder that is an inventory source, or begin its name with a dot, such as C(.snapshots). Ansible reads all
        other files in such a folder as inventory files. A warning says so.
      - It may be a link, or a folder that a group writes to. It is refused if another user could have put it there, which is a folder or a link in C(/tmp) that
        belongs neither to this user nor to root.
    type: path
    required: true
  azure_imds:
    description:
      - The fact to write. A fact that could not be read again is refused, for example a part C(compute) that is no dictionary, because
        such a file would cost all VMs of its folder their inventory.
    type: dict
    required: true
  keep_fuller:
    description:
      - IMDS may answer in part. Where the snapshot that is there has C(compute) or C(network) and the new fact lacks it, V(true) keeps the older
        snapshot, with its C(gathered_at), and V(false) replaces it. Both warn and name the host.
      - A snapshot with another C(vmId) than the fact is that of another VM and is always replaced.
    type: bool
    default: true
seealso:
  - module: imds.azure.instance_facts
  - plugin: imds.azure.instances
    plugin_type: inventory
"""

EXAMPLES = r"""
- name: Know the VM
  imds.azure.instance_facts:

- name: Keep what it knows for an inventory
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
