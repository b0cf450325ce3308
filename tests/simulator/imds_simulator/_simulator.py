# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Runs the simulator in another process, in a thread with its own event loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterable, Iterator
from os import PathLike
from pathlib import Path
from types import TracebackType

from imds_simulator import _inventory
from imds_simulator._fleet import sample_fleet
from imds_simulator._server import RATE_LIMIT, Clock, Server
from imds_simulator._vm import Vm


class Simulator:
    """`with Simulator([Vm(...)]) as simulator:` serves each machine on its own loopback port."""

    def __init__(
        self,
        vms: Iterable[Vm] | None = None,
        *,
        rate_limit: int = RATE_LIMIT,
        host: str = "127.0.0.1",
        port: int = 0,
        addresses: bool = False,
        clock: Clock = time.monotonic,
    ) -> None:
        self._server = Server(
            sample_fleet() if vms is None else vms,
            host=host,
            port=port,
            addresses=addresses,
            rate_limit=rate_limit,
            clock=clock,
        )
        self._thread = threading.Thread(target=self._run, name="simulator", daemon=True)
        self._settled = threading.Event()
        self._error: BaseException | None = None

    @property
    def vms(self) -> list[Vm]:
        return list(self._server.vms.values())

    @property
    def endpoints(self) -> dict[str, str]:
        """The URL of each virtual machine, by its name."""
        return {vm.name: vm.url for vm in self.vms}

    def write_inventory(self, path: str | PathLike[str]) -> None:
        """An inventory for Ansible with all virtual machines."""
        _inventory.write(Path(path), _inventory.inventory(self.vms))

    def __getitem__(self, name: str) -> Vm:
        return self._server.vms[name]

    def __iter__(self) -> Iterator[Vm]:
        return iter(self.vms)

    def __len__(self) -> int:
        return len(self._server.vms)

    def start(self) -> None:
        self._thread.start()
        self._settled.wait()
        if self._error is not None:
            raise self._error

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopping.set)
        self._thread.join()

    def __enter__(self) -> Simulator:
        self.start()
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as exc:  # noqa: BLE001 - raised again in the thread that waits
            self._error = exc
        finally:
            self._settled.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        await self._server.start()
        self._settled.set()
        await self._stopping.wait()
        await self._server.stop()
