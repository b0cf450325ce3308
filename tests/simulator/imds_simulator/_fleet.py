# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Reads virtual machines from a file."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from os import PathLike
from pathlib import Path
from typing import Any

from imds_simulator._faults import PARTS, Fault
from imds_simulator._given import is_count, list_of, listed, refuse_unknown
from imds_simulator._identity import Identity
from imds_simulator._maintenance import Maintenance
from imds_simulator._presets import PRESETS
from imds_simulator._vm import Vm

_SAMPLE = Path(__file__).with_name("fleet.json")
_ARC_SAMPLE = Path(__file__).with_name("arc.json")
_SETTINGS = {item.name for item in fields(Vm) if item.init}


class FleetError(ValueError):
    """A message for the person who wrote the file."""


def sample_fleet() -> list[Vm]:
    """Eight virtual machines. Each call creates new ones."""
    return load_fleet(_SAMPLE)


def arc_fleet() -> list[Vm]:
    """Two Azure Arc-enabled servers. Each call creates new ones."""
    return load_fleet(_ARC_SAMPLE)


def load_fleet(path: str | PathLike[str]) -> list[Vm]:
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
        return _fleet(json.loads(text))
    except OSError as exc:
        raise FleetError(f"cannot read {path}: {exc.strerror}") from exc
    except json.JSONDecodeError as exc:
        raise FleetError(f"{path}, line {exc.lineno}, column {exc.colno}: {exc.msg}") from exc
    except UnicodeDecodeError as exc:
        raise FleetError(f"{path}: not UTF-8 at byte {exc.start}") from exc
    except RecursionError as exc:
        raise FleetError(f"{path}: nested too deep") from exc
    except ValueError as exc:
        raise FleetError(f"{path}: {exc}") from exc


def _fleet(value: Any) -> list[Vm]:
    """The machines of a list, or of an object with such a list in `vms`."""
    items = value.get("vms") if isinstance(value, dict) else value
    if not isinstance(items, list) or not items:
        raise ValueError('a fleet is a list of virtual machines, or {"vms": [...]}')
    vms = []
    for position, item in enumerate(items):
        try:
            vms.append(_vm(item, position))
        except ValueError as exc:
            raise ValueError(f"vms[{position}]: {exc}") from exc
    return vms


def _vm(item: Any, position: int) -> Vm:
    if not isinstance(item, dict):
        raise ValueError("a virtual machine is an object")
    if "document" not in item and ("compute" in item or "network" in item):
        return Vm(_own_name(item) or f"vm-{position}", item)
    refuse_unknown(item, _SETTINGS)
    document = item.get("document")
    if not isinstance(document, dict):
        raise ValueError("its document is not an object")
    settings = {name: _checked(name, item[name]) for name in item if name not in _NAMED}
    name = item.get("name", _own_name(document))
    if not isinstance(name, str) or not name:
        raise ValueError("it has no name")
    return Vm(name, document, **settings)


_NAMED = {"name", "document"}


def _own_name(document: dict[str, Any]) -> Any:
    compute = document.get("compute")
    return compute.get("name") if isinstance(compute, dict) else None


def _checked(name: str, value: Any) -> Any:
    if name in _READ:
        return _READ[name](name, value)
    what, is_right = _TYPES[name]
    if not is_right(value):
        raise ValueError(f"{name} is {what}")
    return value


def _identities(name: str, value: Any) -> list[Identity] | None:
    if value is None and name == "extension_identities":
        return None
    return list_of(name, value, Identity.from_json)


_READ: dict[str, Callable[[str, Any], Any]] = {
    "faults": lambda name, value: list_of(name, value, Fault.from_json),
    "maintenance": lambda _name, value: Maintenance.from_json(value),
    "identities": _identities,
    "extension_identities": _identities,
}


def _is_list_of_text(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _is_limit(value: Any) -> bool:
    return value is None or is_count(value)


def _is_port(value: Any) -> bool:
    return value is None or (is_count(value) and value < 65536)


def _are_routes(value: Any) -> bool:
    return isinstance(value, dict) and all(path.startswith("/metadata/") for path in value)


_TYPES: dict[str, tuple[str, Any]] = {
    "versions": ("a list of texts", _is_list_of_text),
    "unlisted_versions": ("a list of texts", _is_list_of_text),
    "legacy_versions": ("true or false", lambda value: isinstance(value, bool)),
    "versions_route": ("true or false", lambda value: isinstance(value, bool)),
    "routes": ("an object with a JSON value for each path", _are_routes),
    "request_ids": ("true or false", lambda value: isinstance(value, bool)),
    "preset": (f"one of {listed(PRESETS)}, or null", lambda v: v is None or v in PRESETS),
    "lost": ("a list of compute and network", lambda v: _is_list_of_text(v) and set(v) <= PARTS),
    "loadbalancer": ("an object or null", lambda value: isinstance(value, (dict, type(None)))),
    "stale_nonces": ("a whole number, 0 or more", is_count),
    "claims": ("an object", lambda value: isinstance(value, dict)),
    "rate_limit": ("a whole number, 0 or more, or null", _is_limit),
    "resources": ("a list of texts, or null", lambda v: v is None or _is_list_of_text(v)),
    "token_rate_limit": ("a whole number, 0 or more", is_count),
    "token_concurrency": ("a whole number, 0 or more", is_count),
    "extension_port": ("a port, 0 for any, or null", _is_port),
    "service": ("imds or arc", lambda value: value in ("imds", "arc")),
    "keys_folder": ("the name of a folder", lambda value: isinstance(value, str)),
    "confirms_identities": ("true or false", lambda value: isinstance(value, bool)),
}
