# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The listeners: each virtual machine has one, and all share one event loop."""

from __future__ import annotations

import asyncio
import copy
import dataclasses
import errno
import ipaddress
import os
import time
from collections.abc import Awaitable, Callable, Iterable

from aiohttp import web

from imds_simulator import _wire
from imds_simulator._arc import SERVICE
from imds_simulator._control import control, is_control
from imds_simulator._extension import extension
from imds_simulator._faults import take
from imds_simulator._messages import Answer, Request
from imds_simulator._routes import answer, is_for_tokens
from imds_simulator._vm import Vm

RATE_LIMIT = 5
Clock = Callable[[], float]
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Handler = Callable[[Vm, web.BaseRequest], Awaitable[web.StreamResponse]]


class SimulatorError(Exception):
    """A message for the person who starts the simulator."""


class Server:
    """Serves virtual machines until `stop`."""

    def __init__(
        self,
        vms: Iterable[Vm],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        addresses: bool = False,
        rate_limit: int = RATE_LIMIT,
        clock: Clock = time.monotonic,
    ) -> None:
        self.vms: dict[str, Vm] = {}
        for vm in vms:
            if self.vms.setdefault(vm.name, vm) is not vm:
                raise SimulatorError(f"two virtual machines have the name {vm.name!r}")
        self._host = _host(host)
        self._port = port
        self._addresses = addresses
        self._rate_limit = rate_limit
        self._clock = clock
        self._runners: list[web.ServerRunner] = []

    async def start(self) -> None:
        try:
            for index, vm in enumerate(self.vms.values()):
                await self._listen(vm, index)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        runners, self._runners = self._runners, []
        await asyncio.gather(*(runner.cleanup() for runner in runners))

    async def _listen(self, vm: Vm, index: int) -> None:
        host, port = self._place(index)
        at = await self._serve(vm, self._handle, host, port)
        vm.url = f"http://{_netloc(host, at)}"
        if self._addresses:
            self._port = at
        if vm.extension_port is not None:
            at = await self._serve(vm, self._handle_extension, host, vm.extension_port)
            vm.extension_url = f"http://{_netloc(host, at)}"

    async def _serve(self, vm: Vm, handler: _Handler, host: _Address, port: int) -> int:
        """Begins to listen, and returns the port."""

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            return await handler(vm, request)

        # aiohttp cancels the handler, so that a slow answer ends when the client closes the connection.
        server = web.Server(handle, handler_cancellation=True, access_log=None)
        # Does not wait for the rest of an answer, because it may be endless.
        runner = web.ServerRunner(server, shutdown_timeout=0.05)
        await runner.setup()
        self._runners.append(runner)
        site = web.TCPSite(runner, str(host), port)
        try:
            await site.start()
        except (OSError, OverflowError) as exc:
            advice = ""
            if isinstance(exc, OSError) and exc.errno == errno.EADDRINUSE:
                advice = ". Stop the program that uses it, maybe another simulator, or choose another --port"
            raise SimulatorError(
                f"cannot listen on {_netloc(host, port)} for {vm.name!r}: {_reason(exc)}{advice}"
            ) from exc
        return int(site.port)

    def _place(self, index: int) -> tuple[_Address, int]:
        if not self._addresses:
            return self._host, self._port + index if self._port else 0
        host = self._host + index
        if not _is_local(host):
            raise SimulatorError(f"too many virtual machines for addresses from {self._host} on")
        return host, self._port

    async def _handle(self, vm: Vm, http: web.BaseRequest) -> web.StreamResponse:
        request = await self._received(http)
        if is_control(request):
            return _wire.response(control(vm, request))
        vm.requests.append(request)
        if vm.service == SERVICE:
            # Assumption: the agent of an Azure Arc-enabled server has no limits.
            return await self._answer(vm, http, request, True)
        if not is_for_tokens(request):
            limit = self._rate_limit if vm.rate_limit is None else vm.rate_limit
            return await self._answer(vm, http, request, vm.limit.allows(request.time, limit))
        with vm.token_requests.entered() as busy:
            limit = vm.token_concurrency
            # Assumption: a request that one limit refuses does not count for the other limit.
            fits = (not limit or busy <= limit) and vm.token_limit.allows(
                request.time, vm.token_rate_limit
            )
            return await self._answer(vm, http, request, fits)

    async def _handle_extension(self, vm: Vm, http: web.BaseRequest) -> web.StreamResponse:
        """Answers a request of the extension. Assumption: the extension has no limits."""
        request = await self._received(http)
        vm.requests.append(request)
        return await _send(vm, http, request, lambda machine: extension(machine, request))

    async def _received(self, http: web.BaseRequest) -> Request:
        return Request.parse(
            http.method,
            http.raw_path,
            [(name.decode("latin-1"), value.decode("latin-1")) for name, value in http.raw_headers],
            await http.content.read(),
            self._clock(),
        )

    async def _answer(
        self, vm: Vm, http: web.BaseRequest, request: Request, fits: bool
    ) -> web.StreamResponse:
        vm.throttled += not fits
        return await _send(
            vm, http, request, lambda machine: answer(machine, request, throttled=not fits)
        )


async def _send(
    vm: Vm, http: web.BaseRequest, request: Request, normal: Callable[[Vm], Answer]
) -> web.StreamResponse:
    def sound_answer(machine: Vm) -> Answer:
        return dataclasses.replace(normal(machine), request_id=vm.request_ids)

    fault = take(vm.faults, request)
    if fault is None:
        sound = sound_answer(vm)
        await asyncio.sleep(sound.seconds)
        vm.bytes_sent += len(sound.body)
        return _wire.send(http, sound)
    machine = vm
    if fault.parts:
        machine = copy.copy(vm)
        machine.lost = fault.parts
    return await _wire.send_spoilt(http, fault, lambda: sound_answer(machine))


def _host(text: str) -> _Address:
    try:
        host = ipaddress.ip_address(text)
    except ValueError as exc:
        raise SimulatorError(f"not an IP address: {text!r}") from exc
    if not _is_local(host):
        raise SimulatorError(f"not a loopback or link-local address: {text}; no other is served")
    return host


def _is_local(host: _Address) -> bool:
    return host.is_loopback or host.is_link_local


def _netloc(host: _Address, port: int) -> str:
    return f"[{host}]:{port}" if host.version == 6 else f"{host}:{port}"


def _reason(exc: OSError | OverflowError) -> str:
    if isinstance(exc, OSError) and exc.errno:
        return os.strerror(exc.errno)
    return str(exc)
