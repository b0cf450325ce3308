# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests which proxy settings would apply to a request to IMDS."""

from __future__ import annotations

import pytest

from ansible_collections.imds.azure.plugins.module_utils._diagnosis import proxies

IMDS = "169.254.169.254"
PROXY = "http://proxy:3128"


@pytest.mark.parametrize("name", ["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"])
def test_variables_that_apply(name: str) -> None:
    assert proxies.catches("here", {name: PROXY}, IMDS) == [
        proxies.Catch("here", name, PROXY, "", proxies.NOWHERE)
    ]


@pytest.mark.parametrize("name", ["https_proxy", "HTTPS_PROXY", "ftp_proxy", "no_proxy"])
def test_variables_that_do_not_apply(name: str) -> None:
    assert proxies.catches("here", {name: PROXY}, IMDS) == []


def test_an_empty_variable_does_not_apply() -> None:
    assert (
        proxies.catches("here", {"http_proxy": "", "HTTP_PROXY": PROXY}, IMDS)[0].variable
        == "HTTP_PROXY"
    )


@pytest.mark.parametrize(
    ("no_proxy", "exempt"),
    [
        ("", "nowhere"),
        ("localhost,127.0.0.1", "nowhere"),
        ("169.254.169.254", "everywhere"),
        ("localhost, 169.254.169.254 ,x", "everywhere"),
        ("localhost 169.254.169.254", "everywhere"),
        ("*", "everywhere"),
        ("localhost,*", "somewhere"),
        ("169.254.0.0/16", "somewhere"),
        ("169.254.", "somewhere"),
        ("169.254.*", "somewhere"),
        (".169.254.169.254", "somewhere"),
        ("169.254.169.254:80", "somewhere"),
        ("10.0.0.0/8", "nowhere"),
        ("169.254.169.25", "nowhere"),
        ("256.0.0.0/8,/,:,.", "nowhere"),
    ],
)
def test_exemption(no_proxy: str, exempt: str) -> None:
    assert proxies.exemption(no_proxy, IMDS) == exempt


def test_the_lower_case_no_proxy_takes_precedence() -> None:
    variables = {"http_proxy": PROXY, "no_proxy": "x", "NO_PROXY": IMDS}
    assert proxies.catches("here", variables, IMDS)[0].no_proxy == "x"
    assert proxies.catches("here", {**variables, "no_proxy": ""}, IMDS) == []


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("http_proxy=http://p:1\n", {"http_proxy": "http://p:1"}),
        (
            'export HTTP_PROXY="http://p:1"; export no_proxy=a,b',
            {"HTTP_PROXY": "http://p:1", "no_proxy": "a,b"},
        ),
        ("# http_proxy=http://p:1\n;all_proxy=x", {}),
        (
            "[Manager]\nDefaultEnvironment=\"http_proxy=http://p:1\" 'ALL_PROXY=socks5://s'",
            {"http_proxy": "http://p:1", "ALL_PROXY": "socks5://s"},
        ),
        ("http_proxy=a\nhttp_proxy=b\n", {"http_proxy": "b"}),
        ("my_http_proxy=a\nhttp_proxy_port=1\n", {}),
        ("http_proxy = http://p:1\n", {"http_proxy": "http://p:1"}),
        # A quoted value may contain any character.
        ('http_proxy="http://me:a;b\'c d@p:1"', {"http_proxy": "http://me:a;b'c d@p:1"}),
        ("http_proxy='http://me:a;b\"c d@p:1'", {"http_proxy": 'http://me:a;b"c d@p:1'}),
        (
            'Environment="http_proxy=http://me:a;b c@p:1" "no_proxy=a b"',
            {"http_proxy": "http://me:a;b c@p:1", "no_proxy": "a b"},
        ),
        ("export 'ALL_PROXY=http://me:a;b@p'", {"ALL_PROXY": "http://me:a;b@p"}),
        ('http_proxy="http://p:1\n', {"http_proxy": "http://p:1"}),
    ],
)
def test_assignments(text: str, found: dict[str, str]) -> None:
    assert proxies.assignments(text) == found


def test_passwords_are_not_shown() -> None:
    for url, shown in (
        ("http://me:secret@p:1", "http://***@p:1"),
        ("http://me:se/cr@et@p:1", "http://***@p:1"),
        ("me:secret@p:1", "***@p:1"),
        ("http://p:1", "http://p:1"),
        ("http://p.example:3128/", "http://p.example:3128/"),
        ("socks5h://[fe80::1%eth0]:1", "socks5h://[fe80::1%eth0]:1"),
        ("http://a\nme:secret@p:1", "http://***@p:1"),
        # Cut off within the password, or not a URL.
        ("http://me:secret", "***"),
        ("http://me:secret one", "***"),
        ("secret;", "***"),
    ):
        assert proxies.catches("here", {"http_proxy": url}, IMDS)[0].value == shown


def test_extended_no_proxy_lets_the_address_through_everywhere() -> None:
    for no_proxy in ("", "localhost", "169.254.0.0/16, x"):
        assert proxies.exemption(proxies.extended(no_proxy, IMDS), IMDS) == "everywhere"
