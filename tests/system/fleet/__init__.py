# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A fleet on one machine: network namespaces, each with its own sshd and its own IMDS.

`make test-fleet` runs the tests as root in new mount, network and process namespaces (see tests/tools/isolation.py).
They have no connection to other networks, and all their processes end with the first process.
"""
