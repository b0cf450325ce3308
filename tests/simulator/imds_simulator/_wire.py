# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""Sends an answer with aiohttp, with or without a fault."""

from __future__ import annotations

import asyncio
import socket
import struct
import uuid
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from http import HTTPStatus

from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from multidict import CIMultiDict

from imds_simulator._faults import Fault
from imds_simulator._messages import Answer

_SERVER = "IMDS/150.870.65.1854"
_DRIP_INTERVAL = 0.05
_MEBIBYTE = bytes(1024 * 1024).replace(b"\0", b"x")


class _Sent(web.StreamResponse):
    """Tells aiohttp that the answer is already written, and that the connection ends."""

    async def prepare(self, _request: web.BaseRequest) -> AbstractStreamWriter | None:
        raise ConnectionResetError


def response(answer: Answer) -> web.StreamResponse:
    return web.Response(status=answer.status, body=answer.body, headers=_headers(answer))


def send(request: web.BaseRequest, answer: Answer) -> web.StreamResponse:
    """Sends the answer. Writes it without aiohttp if aiohttp would add a header."""
    if not answer.foreign:
        return response(answer)
    _Wire(request).write(_head(answer) + answer.body)
    return _Sent()


async def send_spoilt(
    request: web.BaseRequest, fault: Fault, normal: Callable[[], Answer]
) -> web.StreamResponse:
    """Sends the faulty answer. `normal` is called at the time of the answer, after any delay."""
    if fault.kind == "delay":
        await asyncio.sleep(fault.seconds or 0)
    if fault.kind == "oversize":
        return await _oversize(request, fault)
    answer = fault.spoils(normal())
    if fault.kind in _BY_HAND:
        await _BY_HAND[fault.kind](_Wire(request), fault, answer)
        return _Sent()
    return send(request, answer)


class _Wire:
    """The connection itself, for bytes that aiohttp can't write."""

    def __init__(self, request: web.BaseRequest) -> None:
        self._request = request

    def write(self, data: bytes) -> None:
        # The transport is None after the client closed the connection.
        if self._request.transport is not None:
            self._request.transport.write(data)

    async def drip(self, data: bytes, bytes_per_second: float) -> None:
        size = max(1, int(bytes_per_second * _DRIP_INTERVAL))
        for start in range(0, len(data), size):
            if start:
                await asyncio.sleep(size / bytes_per_second)
            self.write(data[start : start + size])

    def reset(self) -> None:
        """Closes the connection with a reset, because a socket without linger time drops the connection at once."""
        transport = self._request.transport
        if transport is not None:
            linger = struct.pack("ii", 1, 0)
            sock: socket.socket = transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            transport.abort()

    async def wait_for_client_to_go(self) -> None:
        """Waits until the server cancels the handler, which happens when the connection is lost."""
        await asyncio.Event().wait()


async def _hang(wire: _Wire, _fault: Fault, _answer: Answer) -> None:
    await wire.wait_for_client_to_go()


async def _reset(wire: _Wire, fault: Fault, answer: Answer) -> None:
    if fault.after_bytes is not None:
        wire.write(_head(answer) + answer.body[: fault.after_bytes])
    wire.reset()


async def _close(_wire: _Wire, _fault: Fault, _answer: Answer) -> None:
    """Does nothing, because the connection is closed anyway."""


async def _truncate(wire: _Wire, fault: Fault, answer: Answer) -> None:
    wire.write(_head(answer) + _part(fault, answer))


async def _stall(wire: _Wire, fault: Fault, answer: Answer) -> None:
    wire.write(_head(answer) + _part(fault, answer))
    await wire.wait_for_client_to_go()


async def _drip(wire: _Wire, fault: Fault, answer: Answer) -> None:
    wire.write(_head(answer))
    await wire.drip(answer.body, fault.bytes_per_second or 1)


async def _drip_headers(wire: _Wire, fault: Fault, answer: Answer) -> None:
    await wire.drip(_head(answer), fault.bytes_per_second or 1)
    wire.write(answer.body)


async def _endless_headers(wire: _Wire, fault: Fault, answer: Answer) -> None:
    wire.write(_head(answer)[:-2])
    count = 0
    while True:
        count += 1
        await wire.drip(f"X-Filler-{count}: {count}\r\n".encode(), fault.bytes_per_second or 1000)
        await asyncio.sleep(_DRIP_INTERVAL)


async def _raw(wire: _Wire, fault: Fault, _answer: Answer) -> None:
    wire.write(fault.body_bytes or b"")


_BY_HAND: dict[str, Callable[[_Wire, Fault, Answer], Awaitable[None]]] = {
    "hang": _hang,
    "reset": _reset,
    "close": _close,
    "truncate": _truncate,
    "stall": _stall,
    "drip": _drip,
    "drip_headers": _drip_headers,
    "endless_headers": _endless_headers,
    "raw": _raw,
}


async def _oversize(request: web.BaseRequest, fault: Fault) -> web.StreamResponse:
    """A document of one huge text. It has no Content-Length: aiohttp sends it in chunks."""
    answer = Answer(fault.status or 200, headers=tuple(fault.headers.items()))
    response = web.StreamResponse(status=answer.status, headers=_headers(answer))
    try:
        await response.prepare(request)
        await response.write(b'{"compute":{"name":"')
        left = int((fault.mebibytes or 0) * len(_MEBIBYTE))
        while left > 0:
            await response.write(_MEBIBYTE[:left])
            left -= len(_MEBIBYTE)
        await response.write(b'"}}')
        await response.write_eof()
    except ConnectionResetError:  # The client has closed the connection.
        return _Sent()
    return response


def _headers(answer: Answer) -> CIMultiDict[str]:
    """The headers of each answer. Assumption: all answers of IMDS have them. Some captures of tokens lack the request ID."""
    headers = CIMultiDict({"Content-Type": answer.content_type, "Date": formatdate(usegmt=True)})
    if not answer.foreign:
        headers["Server"] = _SERVER
        if answer.request_id:
            headers["x-ms-request-id"] = str(uuid.uuid4())
    headers.update(answer.headers)
    return headers


def _head(answer: Answer) -> bytes:
    """The status line and the headers of an answer that aiohttp does not write."""
    try:
        reason = HTTPStatus(answer.status).phrase
    except ValueError:
        reason = ""
    headers = _headers(answer)
    headers["Content-Length"] = str(len(answer.body))
    headers["Connection"] = "close"
    lines = [f"HTTP/1.1 {answer.status} {reason}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def _part(fault: Fault, answer: Answer) -> bytes:
    size = len(answer.body) // 2 if fault.after_bytes is None else fault.after_bytes
    return answer.body[:size]
