# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the expiry dates of the certificates of the collection."""

from __future__ import annotations

import datetime
import typing as t
import warnings

import pytest

from ansible_collections.imds.azure.plugins.plugin_utils._attestation.certificates import (
    SHIPPED_INTERMEDIATES,
    SHIPPED_ROOTS,
)

ROWS = (*SHIPPED_ROOTS, *SHIPPED_INTERMEDIATES)
# This is enough time for a release with the successor.
YEAR = datetime.timedelta(days=365)


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("row", ROWS, ids=[row.name for row in ROWS])
def test_the_certificate_is_valid(row: t.Any) -> None:
    """Tests that no certificate has expired, because it verifies nothing and hides that its successor is missing."""
    end = datetime.datetime.strptime(row.expires, "%Y-%m-%dT%H:%M:%S%z")
    left = end - datetime.datetime.now(datetime.timezone.utc)
    assert left > datetime.timedelta(0), f"remove {row.name}, which has expired"
    if left < YEAR:
        warnings.warn(
            f"add the successor of {row.name}, which expires on {end:%Y-%m-%d}", stacklevel=1
        )
