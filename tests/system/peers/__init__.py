# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Other programs that ask IMDS, run against the simulator: `make test-peers`.

They ask 169.254.169.254 and nothing else, so they run in network namespaces where that is the simulator, and out of
a root folder of their own: on the machine itself Ansible's setup would run those of them that it finds.
"""
