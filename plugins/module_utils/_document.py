# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Parses instance documents, and converts their values to types.

Pure functions over plain data. Private to imds.azure.
"""

from __future__ import annotations

import json
import math
import re
import typing as t

from . import _errors

# IMDS nests eight levels deep. The limit keeps all code that recurses over a document (this
# code, JSON encoders, Ansible) below Python's recursion limit.
MAX_DEPTH = 64
_TOO_DEEP = f"it nests deeper than {MAX_DEPTH} levels"

_BOOLEANS = {
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}
_INTEGER = re.compile(r"-?[0-9]{1,18}\Z")

# Ansible's own JSON readers convert an object with such a key: into a vault, an unsafe text
# or a value of another type. The code calls such a key a mark.
MARK = "__ansible_"
# The parts of an instance document.
PARTS = ("compute", "network")
# Keys whose values are lists. A null instead means that there is none.
_LISTS = frozenset(
    ("dataDisks", "interface", "ipAddress", "ipAddressBlock", "publicKeys", "subnet")
)
# Escapes that may encode a part of a mark (`\u005f` is an underscore) or a lone surrogate.
_ESCAPES = re.compile(r"\\u(?:00[567]|[dD][89a-fA-F])")

# Converts the value of a field to its documented type.
_Converter = t.Callable[[t.Any], t.Any]


def _boolean(value: t.Any) -> t.Any:
    return _BOOLEANS.get(value, value) if isinstance(value, str) else value


def _integer(value: t.Any) -> t.Any:
    return int(value) if isinstance(value, str) and _INTEGER.match(value) else value


def _object(converters: t.Mapping[str, _Converter]) -> _Converter:
    """A converter that returns a copy of an object with these values converted. It shares all other values with the object."""

    def convert(value: t.Any) -> t.Any:
        if not isinstance(value, dict):
            return value
        copy = dict(value)
        for key, converted in converters.items():
            if key in value:
                copy[key] = converted(value[key])
        return copy

    return convert


def _each(converter: _Converter) -> _Converter:
    def convert(value: t.Any) -> t.Any:
        return [converter(element) for element in value] if isinstance(value, list) else value

    return convert


_SUBNETS = _each(_object({"prefix": _integer}))
_ADDRESSES = _object({"subnet": _SUBNETS, "ipAddressBlock": _SUBNETS})
_DISK = _object(
    {
        "bytesPerSecondThrottle": _integer,
        "diskCapacityBytes": _integer,
        "diskSizeGB": _integer,
        "isSharedDisk": _boolean,
        "isUltraDisk": _boolean,
        "lun": _integer,
        "opsPerSecondThrottle": _integer,
        "writeAcceleratorEnabled": _boolean,
        "encryptionSettings": _object({"enabled": _boolean}),
    }
)
_STORAGE = {
    "dataDisks": _each(_DISK),
    "osDisk": _DISK,
    "resourceDisk": _object({"size": _integer}),
}
_SECURITY = {
    "encryptionAtHost": _boolean,
    "secureBootEnabled": _boolean,
    "virtualTpmEnabled": _boolean,
}

# The fields that are documented as booleans or quantities.
# Identifiers that look like numbers (zone, fault and update domains) stay text.
_TYPED = {
    "compute": _object(
        {
            "isHostCompatibilityLayerVm": _boolean,
            "isVmInStandbyPool": _boolean,
            "additionalCapabilities": _object({"hibernationEnabled": _boolean}),
            "osProfile": _object({"disablePasswordAuthentication": _boolean}),
            "securityProfile": _object(_SECURITY),
            "storageProfile": _object(_STORAGE),
        }
    ),
    "network": _object(
        {"interface": _each(_object({"ipv4": _ADDRESSES, "ipv6": _ADDRESSES}))},
    ),
}


def parse_json(body: bytes) -> t.Any:
    """The data of a JSON answer or file; raises ValueError with a reason that quotes no content."""
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise ValueError(f"byte {exc.start} is not UTF-8") from None
    return parse_json_text(text[1:] if text.startswith("\ufeff") else text)


def parse_json_text(text: str) -> t.Any:
    """The same for a text that was decoded from UTF-8."""
    data = decode_json(text)
    check_depth(text, data)
    return data


def decode_json(text: str) -> t.Any:
    """The data of a JSON text without marks and lone surrogates; a part of parse_json_text.

    The limit of nesting is only checked if the text has to be cleaned.
    """
    try:
        data = _DECODER.decode(text)
    except RecursionError:
        raise ValueError(_TOO_DEEP) from None
    if _is_harmless(text):
        return data
    check_depth(text, data)
    return cleaned(data)


def _is_harmless(text: str) -> bool:
    """Whether the text needs no cleaning, as nearly all documents."""
    return MARK not in text and not ("\\" in text and _ESCAPES.search(text))


def cleaned(data: t.Any) -> t.Any:
    """A copy in plain types, without marks and lone surrogates."""
    # Imported here because only unusual documents need it.
    from . import _ansible_marks

    return _ansible_marks.cleaned(data, MARK)


def check_depth(text: str, data: t.Any) -> None:
    # With fewer brackets than the limit, a text can't nest deeper. This is enough for most documents.
    if text.count("[") + text.count("{") > MAX_DEPTH and _deeper_than(data, MAX_DEPTH):
        raise ValueError(_TOO_DEEP)


def _no_constant(name: str) -> t.NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):  # Python reads it, but JSON can't represent it.
        raise ValueError("a number is too large")
    return number


def _bounded(text: str) -> int:
    # The limit of newer Python versions. Older ones lack it, and their time grows with the square of the digits.
    if len(text.lstrip("-")) > 4300:
        raise ValueError("a number is too large")
    return int(text)


# Created once, because a fleet has many documents.
_DECODER = json.JSONDecoder(parse_constant=_no_constant, parse_float=_finite, parse_int=_bounded)


def children(value: t.Any) -> t.Iterable[t.Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _deeper_than(data: t.Any, limit: int) -> bool:
    level = [data]
    for _depth in range(limit + 1):
        level = [child for value in level for child in children(value)]
    return bool(level)


def instance_document(data: t.Any) -> dict[str, t.Any]:
    """The data as an instance document; raises MalformedError that names its actual type."""
    if not isinstance(data, dict):
        raise _errors.MalformedError(f"it is {kind_of(data)}, not an instance document")
    for name in PARTS:
        if not isinstance(data.get(name), (dict, type(None))):
            raise _errors.MalformedError(f"its {name!r} is {kind_of(data[name])}, not an object")
    return data


def missing_parts(document: dict[str, t.Any]) -> list[str]:
    """The parts that are absent, null or empty. A network without an interface is empty."""
    found = (_has_compute(document), _has_interface(document))
    return [name for name, is_there in zip(PARTS, found) if not is_there]


def has_parts(document: dict[str, t.Any]) -> bool:
    """Whether the document has at least one of its parts."""
    return _has_compute(document) or _has_interface(document)


def _has_compute(document: dict[str, t.Any]) -> bool:
    return any(part(document, "compute").values())


def _has_interface(document: dict[str, t.Any]) -> bool:
    return any(_dicts(part(document, "network").get("interface")))


def kind_of(value: t.Any) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a boolean"
    names: dict[type, str] = {dict: "an object", list: "a list", str: "a text"}
    return names.get(type(value), "a number")


def typed(name: str, part: dict[str, t.Any]) -> dict[str, t.Any]:
    """A copy of `compute` or `network` with documented booleans and quantities converted to their types.

    The copy shares all other values with the original.
    """
    return t.cast("dict[str, t.Any]", _TYPED[name](part))


def without_nulls(value: t.Any) -> t.Any:
    """A copy with "" for each null, because IMDS uses both for a value that does not apply, and [] for the null of a list."""
    if value is None:
        return ""
    if isinstance(value, dict):
        return {key: without_null(key, child) for key, child in value.items()}
    if isinstance(value, list):
        return [without_nulls(child) for child in value]
    return value


def without_null(key: str, value: t.Any) -> t.Any:
    """The same for the value of a key."""
    return [] if value is None and key in _LISTS else without_nulls(value)


def folded(name: str) -> str:
    """The text in one casing, because Azure ignores the casing of names of tags, and of names and IDs of resources.

    A letter that does not survive the change to lower case and back, such as the Kelvin sign, stays unchanged: Azure does not treat it as a k.
    """
    if name.isascii():
        return name.lower()
    return "".join(sign.lower() if sign.lower().upper() == sign else sign for sign in name)


def part(document: dict[str, t.Any], name: str) -> dict[str, t.Any]:
    """`compute` or `network` of a document; classic VMs lack one or both."""
    value = document.get(name)
    return value if isinstance(value, dict) else {}


def vm_id_of(document: dict[str, t.Any]) -> str:
    """The vmId in lower case, because Azure ignores its casing; "" if there is none."""
    return str(part(document, "compute").get("vmId") or "").lower()


def tags_of(compute: dict[str, t.Any]) -> tuple[dict[str, t.Any], bool]:
    """Tags as a dict, and whether they had to be split from the old text form.

    IMDS should not repeat a name; if it does, the first value is used. Names that are marks are left out.
    """
    tags: dict[str, t.Any] = {}
    pairs, guessed = _tag_pairs(compute)
    for name, value in pairs:
        if not name.startswith(MARK):
            tags.setdefault(name, value)
    return tags, guessed


def marked_tags(compute: dict[str, t.Any]) -> list[str]:
    """The tag names that tags_of leaves out."""
    return [name for name, _value in _tag_pairs(compute)[0] if name.startswith(MARK)]


def _tag_pairs(compute: dict[str, t.Any]) -> tuple[list[tuple[str, t.Any]], bool]:
    listed_tags = compute.get("tagsList")
    if isinstance(listed_tags, list):
        return [
            (tag["name"], "" if tag.get("value") is None else tag["value"])
            for tag in listed_tags
            if isinstance(tag, dict) and isinstance(tag.get("name"), str)
        ], False
    text = compute.get("tags")
    if not isinstance(text, str) or not text:
        return [], False
    # "name:value;name:value" without quoting: a ";" within a value ends the value and can start
    # another tag.
    pairs = (pair.partition(":") for pair in text.split(";"))
    return [(name, value) for name, _colon, value in pairs if name], True


def addresses_of(network: dict[str, t.Any]) -> dict[str, list[str]]:
    """Private and public addresses: IPv4 then IPv6, each in the order of the document."""
    interfaces = _dicts(network.get("interface"))
    entries = [
        entry
        for family in ("ipv4", "ipv6")
        for interface in interfaces
        for entry in _dicts(part(interface, family).get("ipAddress"))
    ]
    return {
        "private": _texts(entries, "privateIpAddress"),
        "public": _texts(entries, "publicIpAddress"),
    }


def _dicts(value: t.Any) -> list[dict[str, t.Any]]:
    return (
        [element for element in value if isinstance(element, dict)]
        if isinstance(value, list)
        else []
    )


def _texts(entries: list[dict[str, t.Any]], key: str) -> list[str]:
    return [entry[key] for entry in entries if isinstance(entry.get(key), str) and entry[key]]


__all__ = (
    "MARK",
    "MAX_DEPTH",
    "PARTS",
    "addresses_of",
    "check_depth",
    "children",
    "cleaned",
    "decode_json",
    "folded",
    "has_parts",
    "instance_document",
    "kind_of",
    "marked_tags",
    "missing_parts",
    "parse_json",
    "parse_json_text",
    "part",
    "tags_of",
    "typed",
    "vm_id_of",
    "without_null",
    "without_nulls",
)
