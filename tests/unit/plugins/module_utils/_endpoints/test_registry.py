# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

import importlib
import pathlib
import typing as t

import pytest
from doubles import Always, Clock, client, refusal

from ansible_collections.imds.azure.plugins import module_utils
from ansible_collections.imds.azure.plugins.module_utils._client import Endpoint
from ansible_collections.imds.azure.plugins.module_utils._endpoints.registry import ENDPOINTS
from ansible_collections.imds.azure.plugins.plugin_utils._lookup.routes import ROOTS, ask_route
from imds_simulator import _routes

FOLDER = pathlib.Path(next(iter(module_utils.__path__)))
FILES = sorted(file.relative_to(FOLDER).as_posix() for file in FOLDER.rglob("*.py"))


@pytest.mark.parametrize("file", FILES)
def test_every_endpoint_is_registered(file: str) -> None:
    name = file[: -len(".py")].replace("/", ".")
    defined = vars(importlib.import_module(f"{module_utils.__name__}.{name}")).values()
    missing = [
        endpoint.path
        for endpoint in defined
        if isinstance(endpoint, Endpoint) and ENDPOINTS.get(endpoint.path) is not endpoint
    ]
    assert not missing, (
        f"add it to ENDPOINTS in plugins/module_utils/_endpoints/registry.py: {file}"
    )


@pytest.mark.parametrize("path", ENDPOINTS)
def test_the_first_segment_of_an_endpoint_is_known(path: str) -> None:
    root = path.partition("/")[0]
    assert root in ROOTS, f"add {root} to ROOTS in plugins/plugin_utils/_lookup/routes.py"
    assert root in _routes.ROOTS, (
        f"add {root} to ROOTS in tests/simulator/imds_simulator/_routes.py"
    )


@pytest.mark.parametrize("path", ENDPOINTS)
def test_the_lookup_sends_the_same_requests_as_the_module(path: str) -> None:
    def requests(ask: t.Callable[[t.Any], t.Any]) -> list[t.Any]:
        send = Always(refusal(404, "{}"), Clock())
        with pytest.raises(Exception) as caught:
            ask(client(send))
        return [*send.requests, str(caught.value)]

    by_lookup = requests(lambda made: ask_route(made, path))
    assert by_lookup == requests(lambda made: made.get(ENDPOINTS[path]))
