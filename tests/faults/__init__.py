# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fault matrix: faults in the answers of IMDS, and the expected result of each.

The unit tests, the integration target `faults` and the guide `faults` all use this matrix.
`python3 -m faults` (in tests) writes the tables of the guide.
"""
