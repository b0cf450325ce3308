# Copyright (c) 2026, the imds.azure contributors
# GNU General Public License v3.0+ (see LICENSES/GPL-3.0-or-later.txt or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""`imds-simulator`: serves a fleet until it is interrupted."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import shlex
import signal
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NoReturn

from imds_simulator import _inventory
from imds_simulator._api_versions import DOCUMENTED_VERSIONS
from imds_simulator._arc import KEYS_FOLDER, PORT, SERVICE, VERSIONS
from imds_simulator._fleet import FleetError, arc_fleet, load_fleet, sample_fleet
from imds_simulator._given import listed
from imds_simulator._presets import PRESETS, apply_preset
from imds_simulator._server import RATE_LIMIT, Server, SimulatorError
from imds_simulator._vm import Vm

_SHOWN = 20
IMDS_PORT = 8169


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        """Prints only one message, without the usage. --help prints the usage."""
        raise SimulatorError(message)


def main(arguments: Sequence[str] | None = None) -> int:
    try:
        options = _parser().parse_args(arguments)
        vms = _fleet(options)
        for vm in vms if options.preset else []:
            apply_preset(vm, options.preset)
        _allow_many_sockets()
        server = Server(
            vms,
            host=options.host,
            port=_first_port(options),
            addresses=options.addresses or options.service == SERVICE,
            rate_limit=options.rate_limit,
        )
        asyncio.run(_serve(server, options))
    except (FleetError, SimulatorError) as exc:
        print(f"imds-simulator: {exc}", file=sys.stderr)
        return 2
    return 0


def _fleet(options: argparse.Namespace) -> list[Vm]:
    sample = arc_fleet if options.service == SERVICE else sample_fleet
    vms = sample() if options.fleet is None else load_fleet(options.fleet)
    for vm in vms:
        vm.service = options.service or vm.service
        vm.keys_folder = options.keys or vm.keys_folder
    return vms


def _first_port(options: argparse.Namespace) -> int:
    if options.port is not None:
        return int(options.port)
    return PORT if options.service == SERVICE else IMDS_PORT


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="imds-simulator",
        description="Simulates the Azure Instance Metadata Service on loopback, for development and tests.",
    )
    add = parser.add_argument
    add(
        "--fleet",
        metavar="FILE",
        help="a JSON file with the virtual machines (default: eight sample machines)",
    )
    add(
        "--host",
        default="127.0.0.1",
        help="the loopback or link-local address to listen on (default: %(default)s)",
    )
    add(
        "--port",
        type=_port,
        help=f"the port of the first virtual machine; each other one gets the next port; 0: any (default: {IMDS_PORT}, or {PORT} with --service arc)",
    )
    add(
        "--addresses",
        action="store_true",
        help="give all virtual machines the same port, and each one its own address, beginning with --host",
    )
    add(
        "--endpoints",
        metavar="FILE",
        help="write the names and URLs of the virtual machines to this JSON file as soon as all of them listen",
    )
    add(
        "--inventory",
        metavar="FILE",
        type=_inventory_file,
        help="write an Ansible inventory of the virtual machines to this YAML file",
    )
    add(
        "--preset",
        metavar="WORD",
        choices=sorted(PRESETS),
        help=f"the state of all virtual machines: {listed(PRESETS)}",
    )
    add(
        "--rate-limit",
        metavar="N",
        type=_whole,
        default=RATE_LIMIT,
        help="the maximum number of requests a second for each virtual machine; 0: no limit (default: %(default)s)",
    )
    add(
        "--service",
        choices=("imds", SERVICE),
        help="the service of all virtual machines; arc: the agent of Azure Arc-enabled servers, with --addresses (default: as in the fleet file)",
    )
    add(
        "--keys",
        metavar="FOLDER",
        help=f"the folder to which the agents of Azure Arc-enabled servers write the keys for tokens (default: {KEYS_FOLDER})",
    )
    add("--quiet", action="store_true", help="print nothing")
    return parser


def _inventory_file(text: str) -> str:
    if not text.endswith(_inventory.ENDINGS):
        raise argparse.ArgumentTypeError(
            f"Ansible reads files whose names end in {', '.join(_inventory.ENDINGS)}, not {text!r}"
        )
    return text


def _whole(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"not a whole number: {text!r}")
    return int(text)


def _port(text: str) -> int:
    if (port := _whole(text)) > 65535:
        raise argparse.ArgumentTypeError(f"not a port: {text!r}")
    return port


async def _serve(server: Server, options: argparse.Namespace) -> None:
    stopping = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    # The endpoints are written last. So a program that waits for them also finds the inventory.
    wanted = {options.inventory: _inventory.inventory, options.endpoints: _inventory.endpoints}
    files = {Path(name): text for name, text in wanted.items() if name}
    if options.inventory:
        _inventory.check_own(Path(options.inventory))
    if options.endpoints:
        _inventory.remove(Path(options.endpoints))
    await server.start()
    try:
        vms = list(server.vms.values())
        for path, text in files.items():
            _inventory.write(path, text(vms))
        if not options.quiet:
            _introduce(vms, options.inventory)
        await stopping.wait()
    finally:
        await server.stop()


def _introduce(vms: list[Vm], inventory: str | None) -> None:
    rows = [(vm.name, vm.url, _where(vm)) for vm in vms[:_SHOWN]]
    lines = [f"IMDS of {len(vms)} virtual machine{'s' if len(vms) > 1 else ''}:", *_table(rows)]
    if len(vms) > _SHOWN:
        lines.append(f"  and {len(vms) - _SHOWN} more")
    url = f"{vms[0].url}/metadata/instance"
    is_arc = vms[0].service == SERVICE
    query = f"api-version={VERSIONS[-1] if is_arc else DOCUMENTED_VERSIONS[-1]}"
    lines += ["", f"curl -sH Metadata:true --noproxy '*' '{url}?{query}'"]
    if not is_arc:
        leaf = f"{url}/compute/location?{query}&format=text"
        lines.append(f"curl -sH Metadata:true --noproxy '*' '{leaf}'")
    if inventory:
        lines += [
            "",
            f"{inventory} is an inventory of them. What to run next, in another terminal:",
            f"ansible all -i {shlex.quote(inventory)} -m imds.azure.instance_facts",
            f"ansible-playbook -i {shlex.quote(inventory)} PLAYBOOK",
        ]
    lines += ["", "They are served until Ctrl-C."]
    print("\n".join(lines), flush=True)


def _table(rows: list[tuple[str, str, str]]) -> Iterable[str]:
    names = max(len(name) for name, _url, _where in rows)
    urls = max(len(url) for _name, url, _where in rows)
    return (f"  {name:<{names}}  {url:<{urls}}  {where}".rstrip() for name, url, where in rows)


def _where(vm: Vm) -> str:
    compute = vm.document.get("compute")
    if not isinstance(compute, dict):
        return ""
    zone = compute.get("zone")
    return f"{compute.get('location', '')}{f', zone {zone}' if zone else ''}"


def _allow_many_sockets() -> None:
    """Raises the limit of open files, because thousands of machines need more than the default."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


if __name__ == "__main__":
    sys.exit(main())
