# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Fleets for the map, as instance documents. They are equal in each run."""

from __future__ import annotations

import random
import typing as t

# A tag with all texts that a page could interpret as markup.
HOSTILE = (
    "</script><img src=x onerror=\"document.title='owned'\"> <!-- {{ 7 * 7 }} & ' \u2028 ]]> 東京"
)
LOCATIONS = ("westeurope", "northeurope", "eastus2", "usgovvirginia", "japaneast")
ROLES = ("web", "db", "cache", "queue", "worker", "batch", "gateway")


def fleet(size: int) -> list[dict[str, t.Any]]:
    """This number of VMs. Most of them are in the first locations and roles, as in real fleets."""
    draw = random.Random(size)
    return [vm(draw, number, size) for number in range(size)]


def vm(draw: random.Random, number: int, size: int) -> dict[str, t.Any]:
    location = LOCATIONS[min(int(draw.expovariate(1.0)), 4) if size > 5 else number % 2]
    role = ROLES[min(int(draw.expovariate(0.6)), 6)]
    tags = {
        "Role": role,
        "Env": draw.choice(("prod", "prod", "stage", "dev")),
        "Team": f"team-{draw.randrange(18)}",
    }
    if draw.random() < 0.3:
        tags["Backup"] = ""
    if number == 3:
        tags["Note"] = HOSTILE
        tags[HOSTILE] = "its name"
    return {
        "compute": {
            "azEnvironment": "AzureUSGovernmentCloud"
            if location.startswith("usgov")
            else "AzurePublicCloud",
            "location": location,
            "name": f"{role}-{number:04}",
            "platformFaultDomain": str(draw.randrange(3)) if draw.random() > 0.02 else "",
            # Two sets with the same name in two resource groups are different sets.
            "resourceGroupName": "shop" if number % 3 else "shop-2",
            "tags": "",
            "tagsList": [{"name": name, "value": value} for name, value in tags.items()],
            "vmId": f"00000000-0000-4000-8000-{number:012}",
            "vmScaleSetName": role if role in ("web", "worker") else "",
            "vmSize": draw.choice(("Standard_D2s_v5", "Standard_D4s_v5", "Standard_E8s_v5")),
            "zone": "" if location == "usgovvirginia" else str(draw.choice((1, 1, 2, 3))),
        }
    }


def shop() -> list[dict[str, t.Any]]:
    """A handmade fleet: a zone that is too full, two clouds, an edge zone and two subscriptions."""
    own = {"location": "westeurope", "subscriptionId": "sub-1", "resourceGroupName": "shop"}
    own |= {"azEnvironment": "AzurePublicCloud", "vmScaleSetName": "web"}
    host = {"id": "/subscriptions/sub-1/resourceGroups/shop/x/hostGroups/racks/hosts/h1"}
    places: list[dict[str, t.Any]] = [
        *({"zone": "1", "platformFaultDomain": str(number % 3)} for number in range(6)),
        *({"zone": "2", "platformFaultDomain": str(number % 3)} for number in range(3)),
        {"zone": "3", "platformFaultDomain": "0", "resourceGroupName": "shop-2"},
        {"zone": "", "platformFaultDomain": "1", "vmScaleSetName": ""},
        {
            "zone": "",
            "vmScaleSetName": "",
            "extendedLocation": {"type": "EdgeZone", "name": "paris1"},
        },
        {"azEnvironment": "AzureUSGovernmentCloud", "location": "usgovvirginia", "zone": "1"},
        {"location": "eastus2", "zone": "1", "physicalZone": "eastus2-az1", "host": host},
        {"location": "eastus2", "zone": "1", "subscriptionId": "sub-2"},
    ]
    return [
        {"compute": {**own, "name": f"web-{number:02}", "vmId": f"{number}", **place}}
        for number, place in enumerate(places)
    ]


def lost(size: int) -> list[dict[str, t.Any]]:
    """VMs with only a name."""
    return [{"compute": {"name": f"lost-{number}"}} for number in range(size)]
