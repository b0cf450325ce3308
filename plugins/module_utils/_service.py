# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The metadata services: IMDS of an Azure VM, and the service of the Azure Arc agent. Private to imds.azure."""

from __future__ import annotations

import typing as t


class Service(t.NamedTuple):
    name: str  # azure_imds.service
    title: str  # for messages
    endpoint: str
    newest: str  # the newest version whose documents this collection is tested with
    floor: str  # the oldest version, which the client tries last
    parts: tuple[str, ...]  # the parts of its instance documents
    lists_versions: bool  # whether there is a list of versions at /metadata/versions


IMDS = Service(
    name="imds",
    title="IMDS",
    endpoint="http://169.254.169.254",
    newest="2025-04-07",
    # The oldest version that every kind of Azure knows, Azure Stack Hub included.
    floor="2017-12-01",
    parts=("compute", "network"),
    lists_versions=True,
)
# The agent of an Azure Arc-enabled server calls its service the Hybrid Instance Metadata Service.
ARC = Service(
    name="arc",
    title="the Azure Arc agent",
    endpoint="http://127.0.0.1:40342",
    newest="2020-06-01",
    floor="2019-08-15",
    parts=("compute",),
    lists_versions=False,
)

__all__ = ("ARC", "IMDS", "Service")
