# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
from __future__ import annotations

DOCUMENTATION = r"""
module: scheduled_events
short_description: Report maintenance of an Azure VM when it is scheduled, starts and ends
version_added: 0.1.0
author:
  - The imds.azure contributors (@imds-azure)
description:
  - An event source for ansible-rulebook that polls the Azure Instance Metadata Service (IMDS) for scheduled events.
  - It runs on the machine of ansible-rulebook. So it reads the events of B(that VM), and those of the other VMs of its availability set or placement group.
  - Emits one event for each appearance, each change of the status and each disappearance of a scheduled event. Events that exist when the source
    starts appear at that time.
  - The text in an event is untrusted. Rules pass it to playbooks, where Ansible evaluates templates. So curly brackets become round ones, and control
    characters become blanks. An event can't choose the hosts of C(run_playbook).
  - If IMDS does not answer correctly, the source logs this and keeps polling, with an exponential backoff of up to 16 seconds. It never reports an
    event as disappeared because of a failure. An empty answer with status 200, and one whose C(Events) are V(null), mean that there are no events.
options:
  interval:
    description: Seconds from one request to the next, at least 1, because IMDS answers only 5 requests a second for all clients together.
    type: float
    default: 10.0
  resource:
    description:
      - Emit only events that name this resource, in any casing. The default is the name of this VM in its instance document.
      - V(*) selects all events that IMDS lists.
    type: str
  endpoint:
    description:
      - Base URL of IMDS. Only link-local and loopback addresses are accepted.
      - V(arc) and V(auto) are accepted as in the modules. Azure Arc has no events, so the source ends with an error if the endpoint is the agent of an
        Azure Arc-enabled server.
      - V(localhost) means 127.0.0.1, or ::1 if 127.0.0.1 refuses the connection. No resolver and no hosts file is used.
      - If the option is not set, the environment variable E(AZURE_IMDS_ENDPOINT) is used.
    type: str
    default: http://169.254.169.254
  api_version:
    description: The API version of the scheduled events. V(latest) means 2020-07-01.
    type: str
    default: latest
  timeout:
    description: Seconds for one request. The first request has 130 seconds, because it may have to enable the service.
    type: float
    default: 10.0
"""

EXAMPLES = r"""
- name: Prepare for maintenance
  hosts: all
  sources:
    - name: maintenance
      imds.azure.scheduled_events:
        interval: 5
  rules:
    - name: A reboot is announced
      condition: event.change == "appeared" and event.scheduled_event.EventType == "Reboot"
      action:
        run_playbook:
          name: drain.yml
          extra_vars:
            event_id: "{{ event.scheduled_event.EventId }}"
"""

RETURN = r"""
change:
  description: V(appeared), V(status_changed) or V(disappeared).
  type: str
scheduled_event:
  description:
    - The event in the form of RV(imds.azure.scheduled_events_info#module:events). For an event that has disappeared, this is its last state. An event
      that disappears while it is V(Scheduled) was cancelled, unless it started and ended between two requests.
    - Curly brackets in its texts become round ones, because Ansible would evaluate them as templates. Azure's own texts have no curly brackets.
  type: dict
previous_status:
  description: The previous status of the event. Empty if the event has just appeared.
  type: str
incarnation:
  description: IMDS' counter of changes.
  type: int
resource:
  description: The name of this VM in events, or the value of the option C(resource).
  type: str
"""

import asyncio
import contextlib
import functools
import importlib
import json
import logging
import os
import pathlib
import random
import sys
import threading
import time
import types
import typing as t

if t.TYPE_CHECKING:
    from ansible_collections.imds.azure.plugins.module_utils import (
        _client,
        _errors,
        _options,
        _retry,
        _transport,
    )
    from ansible_collections.imds.azure.plugins.module_utils._endpoints import scheduled_events

T = t.TypeVar("T")
_LOG = logging.getLogger("imds.azure.scheduled_events")
_CORE = "_imds_azure_core"
_SHORTEST_INTERVAL = 1.0
_MOST_EVENTS = 1000
_BRACKETS = {"{": "(", "}": ")"}


def _import_core() -> None:
    """Makes the collection's module_utils importable by their path.

    ansible-rulebook runs this file without Ansible's import system, and from any folder.
    """
    folder = pathlib.Path(__file__).resolve().parents[4] / "plugins" / "module_utils"
    package = types.ModuleType(_CORE)
    package.__path__ = [str(folder)]
    sys.modules.setdefault(_CORE, package)


if not t.TYPE_CHECKING:
    _import_core()
    _client = importlib.import_module(f"{_CORE}._client")
    _errors = importlib.import_module(f"{_CORE}._errors")
    scheduled_events = importlib.import_module(f"{_CORE}._endpoints.scheduled_events")
    _options = importlib.import_module(f"{_CORE}._options")
    _retry = importlib.import_module(f"{_CORE}._retry")
    _transport = importlib.import_module(f"{_CORE}._transport")


class Queue(t.Protocol):
    """The queue from which ansible-rulebook reads events."""

    async def put(self, item: dict[str, t.Any], /) -> None:
        """Adds an event."""


class System(t.NamedTuple):
    """The functions of the machine that the source needs. Tests replace them."""

    clock: t.Callable[[], float] = time.monotonic
    sleep: t.Callable[[float], t.Awaitable[None]] = asyncio.sleep
    jitter: t.Callable[[], float] = random.random


async def main(queue: Queue, args: dict[str, t.Any]) -> None:
    """Emits changes until the source is cancelled."""
    await watch(queue, checked_options(args), System())


async def watch(queue: Queue, options: dict[str, t.Any], system: System) -> None:
    client = _options.client_from(options.__getitem__, _transport.http_transport, attempts=1)
    interval: float = options["interval"]
    resource = options["resource"] or await with_retries(
        functools.partial(scheduled_events.own_name, client), interval, system
    )
    _LOG.info("watching the scheduled events of %s", _errors.printable(resource))
    seen: list[scheduled_events.Event] = []
    ask = functools.partial(scheduled_events.scheduled_events, client)
    while True:
        begun = system.clock()
        document = (await with_retries(ask, interval, system)).data
        present = scheduled_events.about(
            scheduled_events.shaped_events(document, time.time()), resource
        )
        if len(present) > _MOST_EVENTS:
            _LOG.warning(
                "IMDS lists %d events; all after %d are left out", len(present), _MOST_EVENTS
            )
            present = present[:_MOST_EVENTS]
        for change in scheduled_events.changes(seen, present):
            await queue.put(payload(change, document, resource))
        seen = present
        # The interval is measured from request to request, but with a pause of at least a second.
        await system.sleep(max(_SHORTEST_INTERVAL, begun + interval - system.clock()))


def payload(
    change: scheduled_events.Change, document: dict[str, t.Any], resource: str
) -> dict[str, t.Any]:
    """The data that conditions of rules read as `event`."""
    return {
        "change": change.change,
        "scheduled_event": harmless(change.event),
        "previous_status": harmless(change.previous_status),
        "incarnation": scheduled_events.incarnation_of(document),
        "resource": harmless(resource),
    }


def harmless(value: t.Any) -> t.Any:
    """The value without template syntax and control characters in its texts.

    A rule passes fields of events to playbooks as extra variables, and Ansible evaluates templates in these.
    """
    if isinstance(value, str):
        # Such a header can define other delimiters, so it is not enough to replace curly brackets.
        return "".join(map(_harmless_character, value)).replace("#jinja2:", "# jinja2:")
    if isinstance(value, list):
        return [harmless(item) for item in value]
    if isinstance(value, dict):
        return {harmless(key): harmless(item) for key, item in value.items()}
    return value


def _harmless_character(character: str) -> str:
    return _BRACKETS.get(character) or (character if character.isprintable() else " ")


def checked_options(args: dict[str, t.Any]) -> dict[str, t.Any]:
    """All options with their values; an invalid option ends the source with a message."""
    limits = _client.Limits()
    defaults: dict[str, t.Any] = {
        "api_version": _client.LATEST,
        "endpoint": os.environ.get(_options.ENDPOINT_VARIABLE) or _client.DEFAULT_ENDPOINT,
        "interval": 10.0,
        "resource": None,
        "timeout": limits.timeout,
    }
    # ansible-rulebook adds its own arguments for every source.
    given = {name: value for name, value in args.items() if not name.startswith("eda_")}
    unknown = [name for name in given if name not in defaults]
    if unknown:
        raise _errors.OptionError(
            f"the source has no option {_errors.listed(unknown)}: the options are {_errors.listed(defaults)}"
        )
    options = {**defaults, **{name: value for name, value in given.items() if value is not None}}
    options["interval"] = _options.seconds("interval", options["interval"])
    if options["interval"] < _SHORTEST_INTERVAL:
        raise _errors.OptionError(
            f"interval must be at least {_SHORTEST_INTERVAL:g} second, not {options['interval']:g}: "
            "IMDS answers only 5 requests a second"
        )
    if not isinstance(options["resource"], (str, type(None))):
        raise _errors.OptionError("resource must be the name of a VM, or '*' for all events")
    return {**options, "deadline": limits.deadline}


async def with_retries(ask: t.Callable[[], T], interval: float, system: System) -> T:
    """The answer, after any number of failures. A failure of the service never ends the source, unless it has no events."""
    failures = 0
    while True:
        try:
            answer = await in_thread(ask)
        except (_errors.OptionError, _errors.AbsentError):
            raise
        except _errors.ImdsError as exc:
            failures += 1
            wait = max(interval, _retry.backoff(failures, system.jitter()))
            _LOG.warning("%s. The next request is in %.3g s", str(exc).rstrip("."), wait)
            await system.sleep(wait)
        else:
            if failures:
                _LOG.info("IMDS answers again, after %d failed requests", failures)
            return answer


async def in_thread(function: t.Callable[[], T]) -> T:
    """The result of a blocking function, without blocking the loop.

    It runs in its own thread: with a thread of the loop's pool, the process could not end while a request
    hangs.
    """
    loop = asyncio.get_running_loop()
    result: asyncio.Future[T] = loop.create_future()

    def run() -> None:
        try:
            value = function()
        except BaseException as exc:  # noqa: BLE001 - raised again in the coroutine that waits for the result
            finish(result.set_exception, exc)
        else:
            finish(result.set_result, value)

    def finish(settle: t.Callable[..., None], value: t.Any) -> None:
        # The loop may be closed, or the source may be cancelled.
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(lambda: None if result.done() else settle(value))

    threading.Thread(target=run, name="scheduled_events", daemon=True).start()
    return await result


if __name__ == "__main__":
    # Without ansible-rulebook, print the events.
    class Printer:
        async def put(self, item: dict[str, t.Any], /) -> None:
            print(json.dumps(item), flush=True)

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(main(Printer(), {}))
