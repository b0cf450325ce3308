# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from imds_simulator import API_VERSIONS, Simulator, Vm, sample_fleet

NEWEST = API_VERSIONS[-1]

Get = Callable[..., requests.Response]


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    """The sample fleet without a limit. All tests of a module share it, because the start is slow."""
    with Simulator(rate_limit=0) as simulator:
        yield simulator


@pytest.fixture
def vm(simulator: Simulator) -> Vm:
    """A virtual machine of the sample fleet in its initial state."""
    vm = simulator["worker-1"]
    fresh = next(other for other in sample_fleet() if other.name == vm.name)
    vm.__dict__.update(fresh.__dict__, url=vm.url)
    return vm


@pytest.fixture(scope="module")
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


@pytest.fixture
def get(vm: Vm, session: requests.Session) -> Get:
    """Sends a valid request, unless the test changes it."""

    def get(
        path: str,
        *,
        version: str | None = NEWEST,
        text: bool = False,
        method: str = "GET",
        headers: dict[str, str] | None = None,
        timeout: float = 5,
        **options: Any,
    ) -> requests.Response:
        query = [f"api-version={version}"] if version else []
        query += ["format=text"] if text else []
        joint = "&" if "?" in path else "?"
        url = vm.url + path + (joint + "&".join(query) if query else "")
        sent = {"Metadata": "true"} if headers is None else headers
        return session.request(
            method, url, headers=sent, timeout=timeout, allow_redirects=False, **options
        )

    return get
