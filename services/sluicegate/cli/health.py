"""Whether the services serve, and the proxy hosts are there."""

import asyncio
import sys
from typing import NamedTuple

from sluicegate.cli.calls import CALL_SECONDS, proxy_manager
from sluicegate.cli.failures import ExitCode
from sluicegate.cli.host_tables import state_name
from sluicegate.cli.reporting import print_json
from sluicegate.cli.tables import print_table
from sluicegate.rpc.channel import connect
from sluicegate.rpc.health import is_serving
from sluicegate.rpc.refusals import Unreachable, understanding
from sluicegate.rpc.text import printable
from sluicegate.rpc.tracing import Tracing
from sluicegate.v1 import proxy_manager_service_pb2 as pb

ANSWER_SECONDS = 5.0
SERVING = "serving"
WELL = (SERVING, "attached", "leaving", "away")
COLOURS = {SERVING: "green", "attached": "green", "silent": "yellow", "lost": "red"}
COLOURS |= {"unreachable": "red", "not serving": "red"}


class Seen(NamedTuple):
    """What was seen of a service or of a proxy host."""

    name: str
    where: str
    state: str


def health(data: str, proxies: str, addresses: tuple[str, ...], *, as_json: bool) -> None:
    """Tells how the services are at the addresses, or else both managers and their hosts; ends the
    program with 1 unless all is well."""
    seen = asyncio.run(_at(addresses) if addresses else _everything(data, proxies))
    if as_json:
        for each in seen:
            print_json({"event": "health", **each._asdict()})
    else:
        print_table(Seen._fields, [tuple(map(printable, each)) for each in seen], COLOURS)
    if not all(each.state in WELL for each in seen):
        sys.stdout.flush()
        sys.exit(ExitCode.NOTHING)


async def _at(addresses: tuple[str, ...]) -> list[Seen]:
    return [await _service("service", address) for address in addresses]


async def _everything(data: str, proxies: str) -> list[Seen]:
    services = [
        await _service("data manager", data),
        await _service("proxy manager", proxies),
    ]
    return services + (await _hosts(proxies) if services[-1].state == SERVING else [])


async def _service(name: str, address: str) -> Seen:
    async with connect(address, Tracing()) as channel:
        try:
            serving = await is_serving(channel, timeout_seconds=ANSWER_SECONDS)
        except Unreachable:
            return Seen(name, address, "unreachable")
    return Seen(name, address, SERVING if serving else "not serving")


async def _hosts(proxies: str) -> list[Seen]:
    async with proxy_manager(proxies) as stub:
        with understanding():
            told = await stub.ListHosts(pb.ListHostsRequest(), timeout=CALL_SECONDS)
    return [Seen("proxy host", host.capacity.host_name, state_name(host)) for host in told.hosts]
