# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The machines of the fleet, with the documents of their IMDS and with the special properties of each machine."""

from __future__ import annotations

import copy
import typing as t
import uuid

from imds_simulator import sample_fleet

AZURE = "7783-7084-3265-9085-8269-3286-77"
FOREIGN = "Somebody Else's Cloud"
BUSY = {"kind": "status", "status": 429, "times": 2}
THROTTLED = {"kind": "status", "status": 429}
# Values that a tag can have, and that must stay texts.
HOSTILE = "{{ 6 * 7 }}; {% raw %}:"

Imds = t.Literal["answers", "none", "dropped"]


class Machine(t.NamedTuple):
    name: str  # in the inventory
    location: str
    zone: str
    fault_domain: str
    address: str
    tag: str | None = AZURE  # of the chassis; None if the firmware has no tag
    imds: Imds = "answers"
    faults: tuple[dict[str, t.Any], ...] = ()
    is_up: bool = True

    @property
    def vm(self) -> str:
        """The name of the VM, which differs from the name of the host."""
        return f"vm-{self.name.partition('.')[0]}"

    @property
    def namespace(self) -> str:
        return f"imds-{self.name.partition('.')[0]}"

    @property
    def document(self) -> dict[str, t.Any]:
        document = copy.deepcopy(sample_fleet()[0].document)
        document["compute"].update(
            name=self.vm,
            location=self.location,
            zone=self.zone,
            platformFaultDomain=self.fault_domain,
            vmId=str(uuid.uuid5(uuid.NAMESPACE_DNS, self.name)),
            tagsList=[{"name": "Role", "value": "Web"}, {"name": "Note", "value": HOSTILE}],
        )
        (nic, *_others) = document["network"]["interface"]
        nic["ipv4"]["ipAddress"] = [{"privateIpAddress": self.address, "publicIpAddress": ""}]
        document["network"]["interface"] = [nic]
        return document


def _machine(kind: str, number: int, **special: t.Any) -> Machine:
    location, first = {"web": ("westeurope", 11), "db": ("northeurope", 31)}[kind]
    return Machine(
        name=f"{kind}-{number}.example.net",
        location=location,
        zone=str(number % 3 + 1),
        fault_domain=str(number % 2),
        address=f"10.88.0.{first + number}",
        **special,
    )


FLEET = (
    *(_machine("web", number) for number in range(6)),
    _machine("web", 6, faults=(BUSY,)),
    _machine("web", 7, faults=(THROTTLED,)),
    *(_machine("db", number) for number in range(3)),
    _machine("db", 3, tag=None),
    _machine("db", 4, imds="none"),
    _machine("db", 5, tag=FOREIGN, imds="dropped"),
    _machine("db", 6, is_up=False),
)
WEST = tuple(machine for machine in FLEET if machine.location == "westeurope")
THROTTLED_ONE, NO_IMDS, ELSEWHERE, DOWN = FLEET[7], FLEET[12], FLEET[13], FLEET[14]
FAILING = (THROTTLED_ONE, NO_IMDS, ELSEWHERE, DOWN)
GOOD = tuple(machine for machine in FLEET if machine not in FAILING)


def names(machines: t.Iterable[Machine]) -> set[str]:
    return {machine.name for machine in machines}
