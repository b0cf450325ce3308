# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the simulator with other programs that query IMDS: `make test-peers`.

They query only 169.254.169.254, so they run in network namespaces where the simulator has this address. They are
installed in their own root folder, because Ansible's module setup runs some of them if they are installed on the machine.
"""
