# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Detects by firmware and files, without the network, whether this machine is in Azure or Azure Arc-enabled. Private to imds.azure."""

from __future__ import annotations

import os

_CHASSIS_ASSET_TAG = "/sys/class/dmi/id/chassis_asset_tag"
AZURE_TAG = "7783-7084-3265-9085-8269-3286-77"
# All clients of Microsoft detect the Azure Arc agent by this file.
ARC_AGENT = "/opt/azcmagent/bin/himds"


def firmware_says_azure(path: str = _CHASSIS_ASSET_TAG) -> bool | None:
    """Whether the chassis asset tag is Azure's; None if it can't be read (in most containers)."""
    try:
        with open(path, encoding="ascii", errors="replace") as tag:
            return tag.read().strip() == AZURE_TAG
    except OSError:
        return None


def has_arc_agent(path: str = ARC_AGENT) -> bool:
    """Whether the agent that makes a machine an Azure Arc-enabled server is installed."""
    return os.path.exists(path)


__all__ = ("ARC_AGENT", "AZURE_TAG", "firmware_says_azure", "has_arc_agent")
