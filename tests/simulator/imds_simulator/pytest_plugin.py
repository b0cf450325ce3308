# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fixture `imds_simulator`. pytest finds it if this package is installed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from os import PathLike
from typing import Any, Protocol

import pytest

from imds_simulator import Simulator, Vm, load_fleet


class Start(Protocol):
    def __call__(
        self, fleet: str | PathLike[str] | Iterable[Vm] | None = None, /, **options: Any
    ) -> Simulator:
        """Starts a simulator for a fleet file or for machines, by default for the sample fleet, with the options of Simulator."""


@pytest.fixture
def imds_simulator() -> Iterator[Start]:
    """Starts simulators, and stops them at the end of the test."""
    with ExitStack() as stack:

        def start(
            fleet: str | PathLike[str] | Iterable[Vm] | None = None, /, **options: Any
        ) -> Simulator:
            vms = load_fleet(fleet) if isinstance(fleet, (str, PathLike)) else fleet
            return stack.enter_context(Simulator(vms, **options))

        yield start
