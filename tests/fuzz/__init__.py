# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Coverage-guided fuzzing: bytes that lead to code that no bytes before them led to, for a while.

`python -m fuzz TARGET SECONDS FOLDER` (in tests) does it; `make fuzz` does it for every target.
"""
