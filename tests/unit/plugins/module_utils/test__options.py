# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Tests the shared options: their effects, and their documentation."""

from __future__ import annotations

import pathlib
import typing as t

import pytest
import yaml
from doubles import NETWORK, Always, Clock, Script, ok

from ansible_collections.imds.azure.plugins.doc_fragments._imds import ModuleDocFragment
from ansible_collections.imds.azure.plugins.module_utils._client import (
    DEFAULT_ENDPOINT,
)
from ansible_collections.imds.azure.plugins.module_utils._errors import (
    OptionError,
    TransportError,
    UnavailableError,
)
from ansible_collections.imds.azure.plugins.module_utils._firmware import firmware_says_azure
from ansible_collections.imds.azure.plugins.module_utils._options import (
    ENDPOINT_VARIABLE,
    client_from,
    shared_argument_spec,
)
from ansible_collections.imds.azure.plugins.module_utils._service import IMDS

NEWEST_TESTED, FLOOR = IMDS.newest, IMDS.floor

DEFAULTS = {name: entry["default"] for name, entry in shared_argument_spec().items()}
TAG = "7783-7084-3265-9085-8269-3286-77"
DOCUMENTED = yaml.safe_load(ModuleDocFragment.DOCUMENTATION)["options"]

DOCUMENT = {"compute": {"name": "web-1"}, "network": NETWORK}


def option(**given: t.Any) -> t.Callable[[str], t.Any]:
    return {**DEFAULTS, **given}.__getitem__


# The documentation


def test_the_fragment_matches_the_argument_spec() -> None:
    spec = {
        name: {key: value for key, value in entry.items() if key in ("type", "default", "choices")}
        for name, entry in shared_argument_spec().items()
    }
    documented = {
        name: {key: value for key, value in entry.items() if key != "description"}
        for name, entry in DOCUMENTED.items()
    }
    assert documented == spec


def test_the_fragment_names_the_versions_of_the_client() -> None:
    words = " ".join(DOCUMENTED["api_version"]["description"])
    assert NEWEST_TESTED in words
    assert FLOOR in words


@pytest.mark.parametrize(
    "fragment", [ModuleDocFragment.MODULES, ModuleDocFragment.MODULES_OWN_VERSION]
)
def test_the_fragments_of_modules_name_the_environment_variable(fragment: str) -> None:
    assert f"E({ENDPOINT_VARIABLE})" in fragment


def test_modules_read_the_environment_variable() -> None:
    fallback, names = shared_argument_spec()["endpoint"]["fallback"]
    assert (fallback.__name__, names) == ("env_fallback", [ENDPOINT_VARIABLE])


def test_plugins_read_the_options_from_other_sources_as_well() -> None:
    sources = yaml.safe_load(ModuleDocFragment.PLUGINS)["options"]
    assert sources.keys() == DOCUMENTED.keys()
    for name, entry in sources.items():
        assert entry["ini"] == [{"section": "azure_imds", "key": name}]
        assert entry["vars"] == [{"name": f"azure_imds_{name}"}]
    assert sources["endpoint"]["env"] == [{"name": ENDPOINT_VARIABLE}]


# The effects of the options


def test_a_client_by_the_defaults() -> None:
    with Script(
        (f"{DEFAULT_ENDPOINT}/metadata/instance?api-version={NEWEST_TESTED}", ok(DOCUMENT))
    ) as send:
        client_from(option(), send, Clock().system()).instance()


def test_a_client_by_other_options() -> None:
    with Script(
        ("http://127.0.0.1:8080/metadata/instance?api-version=2020-06-01", ok(DOCUMENT))
    ) as send:
        chosen = option(endpoint="http://127.0.0.1:8080/", api_version="2020-06-01")
        client_from(chosen, send, Clock().system()).instance()


def timeouts(clock: Clock, in_azure: bool | None, **given: t.Any) -> list[float]:
    send = Always(TransportError("silence"), clock, seconds=1e9)
    made = client_from(option(**given), send, clock.system(in_azure=in_azure))
    with pytest.raises(UnavailableError):
        made.instance()
    return send.timeouts


@pytest.mark.parametrize("in_azure", [True, None])
def test_times_are_those_of_the_options(in_azure: bool | None) -> None:
    assert timeouts(Clock(), in_azure, timeout="3", deadline=5) == [3.0, 1.0]


@pytest.mark.parametrize("endpoint", [DEFAULT_ENDPOINT, f"{DEFAULT_ENDPOINT}:80/"])
def test_off_azure_there_is_a_single_short_attempt(endpoint: str) -> None:
    clock = Clock()
    assert timeouts(clock, False, endpoint=endpoint) == [2.0]
    assert clock.now == 2.0


def test_off_azure_a_shorter_timeout_is_kept() -> None:
    assert timeouts(Clock(), False, timeout=0.5) == [0.5]


def test_off_azure_another_endpoint_has_the_usual_limits() -> None:
    assert len(timeouts(Clock(), False, endpoint="http://127.0.0.1:8080", timeout=1)) > 5


@pytest.mark.parametrize("name", ["timeout", "deadline"])
@pytest.mark.parametrize(
    "value",
    [
        0,
        -1,
        "",
        "soon",
        "nan",
        "inf",
        float("nan"),
        float("inf"),
        None,
        [],
        10**400,
        "1e999",
        "\ud800",
    ],
)
def test_invalid_times_are_refused(name: str, value: t.Any) -> None:
    with Script() as send, pytest.raises(OptionError, match=f"{name} must be a number of seconds"):
        client_from(option(**{name: value}), send, Clock().system())


@pytest.mark.parametrize(
    "given",
    [
        {"endpoint": "http://example.com"},
        {"endpoint": None},
        {"api_version": "newest"},
        {"api_version": 5},
    ],
)
def test_invalid_values_are_refused_before_any_request(
    given: dict[str, t.Any],
) -> None:
    with Script() as send, pytest.raises(OptionError):
        client_from(option(**given), send, Clock().system())


# The firmware


@pytest.mark.parametrize(
    ("content", "in_azure"),
    [
        (f"{TAG}\n".encode(), True),
        (TAG.encode(), True),
        (b"Default string\n", False),
        (b"", False),
        (b"\xff\xfe\x00", False),
        (f"x{TAG}\n".encode(), False),
    ],
)
def test_the_asset_tag_of_the_firmware(
    tmp_path: pathlib.Path, content: bytes, in_azure: bool
) -> None:
    tag = tmp_path / "chassis_asset_tag"
    tag.write_bytes(content)
    assert firmware_says_azure(str(tag)) is in_azure


def test_an_unreadable_firmware(tmp_path: pathlib.Path) -> None:
    assert firmware_says_azure(str(tmp_path / "none")) is None
    assert firmware_says_azure(str(tmp_path)) is None


def test_a_firmware_that_is_not_azures_makes_it_a_single_attempt(tmp_path: pathlib.Path) -> None:
    tag = tmp_path / "chassis_asset_tag"
    tag.write_text("To be filled by O.E.M.\n")
    send = Always(TransportError("silence"))
    system = Clock().system()._replace(in_azure=lambda: firmware_says_azure(str(tag)))
    with pytest.raises(UnavailableError, match="silence, after 1 attempt in"):
        client_from(option(), send, system).instance()
    assert send.timeouts == [2.0]
