# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares a VM with the requirements of a play. Pure; private to imds.azure."""

from __future__ import annotations

import typing as t

from ansible.module_utils.common.validation import check_type_dict

from ansible_collections.imds.azure.plugins.module_utils._clouds import same_cloud
from ansible_collections.imds.azure.plugins.module_utils._document import tags_of
from ansible_collections.imds.azure.plugins.module_utils._errors import (
    OptionError,
    listed,
    printable,
)
from ansible_collections.imds.azure.plugins.module_utils._facts import service_of
from ansible_collections.imds.azure.plugins.module_utils._service import ARC, IMDS
from ansible_collections.imds.azure.plugins.plugin_utils._placement.location import (
    folded,
    one_spelling,
    part_of,
    place_of,
    text_of,
)
from ansible_collections.imds.azure.plugins.plugin_utils._wanted_clouds import wanted_cloud

SERVICES = (IMDS.name, ARC.name)


class Mismatch(t.NamedTuple):
    """One requirement that a VM does not meet, as texts."""

    what: str  # the requirement's name: clouds, locations, zones, tags, scale_sets, services
    required: str
    actual: str  # "" if the VM has no value

    @property
    def message(self) -> str:
        own = f"has {self.actual}" if self.actual else "has no known value"
        return f"{self.what} requires {self.required}, and this host {own}"

    def to_dict(self) -> dict[str, str]:
        return {**self._asdict(), "message": self.message}


def mismatches(facts: t.Any, **requirements: t.Any) -> list[Mismatch]:
    """The requirements that the VM of azure_imds does not meet. Empty requirements are ignored."""
    unknown = sorted(set(requirements) - set(_CHECKS))
    if unknown:
        raise OptionError(
            f"there is no requirement {listed(unknown)}: choose from {listed(_CHECKS)}"
        )
    found = (check(facts, requirements.get(what)) for what, check in _CHECKS.items())
    return [mismatch for mismatch in found if mismatch]


_Same = t.Callable[[str, str], bool]
_Check = t.Callable[[t.Any, t.Any], "Mismatch | None"]


def _one_of(what: str, field: str, same: _Same, meaning: t.Callable[[str], str] = str) -> _Check:
    def check(facts: t.Any, required: t.Any) -> Mismatch | None:
        names = [meaning(name) for name in _texts(what, required)]
        actual: str = getattr(place_of(part_of(facts, "compute")), field)
        if not names or (actual and any(same(actual, name) for name in names)):
            return None
        return Mismatch(what, " or ".join(map(printable, names)), printable(actual))

    return check


def _locations(facts: t.Any, required: t.Any) -> Mismatch | None:
    """Checks the location. A VM in an edge zone needs the name of the edge zone."""
    names = _texts("locations", required)
    place = place_of(part_of(facts, "compute"))
    if not names or (place.site and any(_same_spelling(place.site, name) for name in names)):
        return None
    more = f", an edge zone of {place.location}" if place.edge_zone else ""
    return Mismatch("locations", " or ".join(map(printable, names)), printable(place.site + more))


def _services(facts: t.Any, required: t.Any) -> Mismatch | None:
    """Checks the service, which compute shows. A fact of an earlier version of this collection has no key `service`."""
    names = _texts("services", required)
    unknown = [name for name in names if name not in SERVICES]
    if unknown:
        raise OptionError(f"services has no {listed(unknown)}: choose from {listed(SERVICES)}")
    compute = part_of(facts, "compute")
    actual = service_of(dict(compute)) if compute else text_of(facts.get("service"))
    if not names or actual in names:
        return None
    return Mismatch("services", " or ".join(names), printable(actual))


def _cloud_meant(name: str) -> str:
    """The user's name for the cloud, because messages quote it; without the equals sign of `=NAME`."""
    cloud = wanted_cloud(name)
    return cloud.name if name.strip().startswith("=") else name


def _texts(what: str, required: t.Any) -> list[str]:
    values = _entries(required)
    if not all(_is_plain(value) and text_of(value) for value in values):
        raise OptionError(f"{what} must be a list of texts, not {printable(str(required))!r}")
    return [text_of(value) for value in values]


def _entries(required: t.Any) -> list[t.Any]:
    """The value as a list, as for module options: a single value and a text with commas are lists as well."""
    if isinstance(required, str):
        return [value.strip() for value in required.split(",")] if required else []
    if isinstance(required, (list, tuple)):
        return list(required)
    return [] if required is None else [required]


def _is_plain(value: t.Any) -> bool:
    return isinstance(value, (str, int, float)) and not isinstance(value, bool)


def _same_spelling(one: str, other: str) -> bool:
    return one_spelling(one) == one_spelling(other)


# The first api-version with a list of tags. Earlier versions return all tags as one text.
_FIRST_WITH_LIST = "2019-06-04"
_ONE_TEXT = (
    "only a text of all its tags, in which the value of one tag can look like another tag. "
    f"The api-version {_FIRST_WITH_LIST} and later ones list the tags"
)


def _tags(facts: t.Any, required: t.Any) -> Mismatch | None:
    is_forgeable = _come_from_one_text(facts)
    tags = {} if is_forgeable else part_of(facts, "tags")
    missing: list[str] = []
    actual: list[str] = []
    for name, wanted in _dictionary("tags", required).items():
        if isinstance(wanted, list) and not wanted:
            raise OptionError(
                f"tags: {printable(text_of(name))} has an empty list, which no tag meets"
            )
        values = [_tag_text(value) for value in (wanted if isinstance(wanted, list) else [wanted])]
        # Azure ignores the casing of tag names, but not that of values.
        own = {key: text_of(tags[key]) for key in tags if folded(key) == folded(name)}
        if own and (wanted is None or set(own.values()) & set(values)):
            continue
        missing.append(_shown(text_of(name), [] if wanted is None else values))
        actual.extend(_shown(key, [value]) for key, value in own.items())
    if not missing:
        return None
    return Mismatch(
        "tags", " and ".join(missing), _ONE_TEXT if is_forgeable else " and ".join(actual)
    )


def _come_from_one_text(facts: t.Any) -> bool:
    """Whether `tags` were split from a text, judged by compute or, without compute, by the api-version."""
    compute = part_of(facts, "compute")
    if compute:
        return tags_of(compute)[1]
    version = facts.get("api_version") if isinstance(facts, t.Mapping) else None
    return isinstance(version, str) and version < _FIRST_WITH_LIST


def _tag_text(value: t.Any) -> str:
    # YAML reads unquoted true and false as booleans, but tags are texts.
    return str(value).lower() if isinstance(value, bool) else text_of(value)


def _dictionary(what: str, required: t.Any) -> dict[t.Any, t.Any]:
    """The value as a dictionary, as for module options: a text may be JSON or K=V pairs."""
    try:
        found = check_type_dict(required) if isinstance(required, str) and required else required
    except (TypeError, ValueError):
        found = required
    if found and not isinstance(found, t.Mapping):
        raise OptionError(f"{what} must be a dictionary, not {printable(str(required))!r}")
    return dict(found or {})


def _shown(name: str, values: list[str]) -> str:
    return printable(name) + ("=" + " or ".join(map(printable, values)) if values else "")


_CHECKS: dict[str, _Check] = {
    "clouds": _one_of("clouds", "cloud", same_cloud, _cloud_meant),
    "locations": _locations,
    "zones": _one_of("zones", "zone", str.__eq__),
    "tags": _tags,
    "scale_sets": _one_of("scale_sets", "scale_set", _same_spelling),
    "services": _services,
}
REQUIREMENTS = tuple(_CHECKS)

__all__ = ("REQUIREMENTS", "Mismatch", "mismatches")
