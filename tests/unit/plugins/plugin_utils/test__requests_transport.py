# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests only the transport with requests. test__transport.py tests the contract of both transports."""

from __future__ import annotations

import pytest
from doubles import RawServer, answering, http

from ansible_collections.imds.azure.plugins.module_utils._errors import OptionError
from ansible_collections.imds.azure.plugins.module_utils._transport import Request
from ansible_collections.imds.azure.plugins.plugin_utils import _requests_transport
from ansible_collections.imds.azure.plugins.plugin_utils._requests_transport import (
    requests_transport,
)


def test_a_connection_is_reused() -> None:
    send = requests_transport()
    with RawServer(answering(http(b"ok"), keep=True)) as server:
        for _count in range(5):
            assert send(Request("GET", server.url, {}), 5).body == b"ok"
        assert server.connections == 1


def test_each_transport_has_its_own_pool() -> None:
    with RawServer(answering(http(b"ok"), keep=True)) as server:
        for _count in range(2):
            assert requests_transport()(Request("GET", server.url, {}), 5).body == b"ok"
        assert server.connections == 2


def test_without_requests_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        _requests_transport, "_IMPORT_ERROR", ImportError("No module named 'requests'")
    )
    with pytest.raises(OptionError, match=r"pip install requests \(No module named 'requests'\)"):
        requests_transport()
