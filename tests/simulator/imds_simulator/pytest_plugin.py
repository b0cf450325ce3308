# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The fixture `imds_simulator`, which pytest knows wherever this package is installed."""

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
        """A fleet file, machines, or nothing for the sample fleet; and the options of Simulator."""


@pytest.fixture
def imds_simulator() -> Iterator[Start]:
    """Starts simulators that end with the test."""
    with ExitStack() as stack:

        def start(
            fleet: str | PathLike[str] | Iterable[Vm] | None = None, /, **options: Any
        ) -> Simulator:
            vms = load_fleet(fleet) if isinstance(fleet, (str, PathLike)) else fleet
            return stack.enter_context(Simulator(vms, **options))

        yield start
