# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The fault matrix: what is done to IMDS' answers, and what has to come of it.

The unit tests, the integration target `faults` and the guide of the same name all take it from here.
`python3 -m faults` (in tests) writes the tables of the guide.
"""
