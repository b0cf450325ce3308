# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the tables of the guide."""

from __future__ import annotations

from faults.guide import PATH, written

PATH.write_text(written(PATH.read_text(encoding="utf-8")), encoding="utf-8")
