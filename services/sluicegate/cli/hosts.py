"""Proxy hosts, as an operator sees and steers them."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

from google.protobuf.message import Message

from sluicegate.cli.calls import CALL_SECONDS, answer, proxy_manager
from sluicegate.cli.failures import CommandError
from sluicegate.cli.host_tables import host_lines, host_object, print_hosts, print_sessions
from sluicegate.cli.reporting import print_json
from sluicegate.cli.sizes import show_seconds
from sluicegate.v1 import proxy_manager_service_pb2 as pb

if TYPE_CHECKING:
    from sluicegate.v1.proxy_manager_service_pb2_grpc import ProxyManagerServiceAsyncStub as Stub

POLL_SECONDS = 1.0
M = TypeVar("M", bound=Message)


def show_all(address: str, *, as_json: bool) -> None:
    """Lists the hosts that the proxy manager knows."""
    found = asyncio.run(_asked(address, _all))
    if as_json:
        for host in found.hosts:
            print_json(host_object(host))
    else:
        print_hosts(found.hosts)


def show(address: str, name: str, *, as_json: bool) -> None:
    """Shows a host, and its sessions."""
    found = asyncio.run(_asked(address, lambda stub: _one(stub, name)))
    if as_json:
        print_json(host_object(found.host, found.sessions))
        return
    print("\n".join(host_lines(found.host)))
    if found.sessions:
        print()
        print_sessions(found.sessions)


def limit(address: str, name: str, sessions: int) -> None:
    """Sets how many sessions a host takes."""
    request = pb.SetHostLimitRequest(host_name=name, sessions_max=sessions)
    asyncio.run(_asked(address, lambda stub: stub.SetHostLimit(request, timeout=CALL_SECONDS)))


def drain(address: str, name: str, wait_seconds: float | None) -> None:
    """Has a host take no more sessions; waits as long as said until it has none."""
    try:
        asyncio.run(_drain(address, name, wait_seconds))
    except TimeoutError:
        raise CommandError(
            f"{name} drains, and has sessions after {show_seconds(wait_seconds or 0)};"
            f" `sluicegate hosts {name}` shows them"
        ) from None


def resume(address: str, name: str) -> None:
    """Has a host take sessions again."""
    request = pb.ResumeHostRequest(host_name=name)
    asyncio.run(_asked(address, lambda stub: stub.ResumeHost(request, timeout=CALL_SECONDS)))


def remove(address: str, name: str) -> None:
    """Forgets a host."""
    request = pb.RemoveHostRequest(host_name=name)
    asyncio.run(_asked(address, lambda stub: stub.RemoveHost(request, timeout=CALL_SECONDS)))


def announce(address: str) -> None:
    """Tells all who wait that capacity was added."""
    request = pb.AnnounceCapacityRequest()
    asyncio.run(_asked(address, lambda stub: stub.AnnounceCapacity(request, timeout=CALL_SECONDS)))


async def _asked(address: str, call: "Callable[[Stub], Awaitable[M]]") -> M:
    async with proxy_manager(address) as stub:
        return await answer(lambda: call(stub))


def _all(stub: "Stub") -> Awaitable[pb.ListHostsResponse]:
    return stub.ListHosts(pb.ListHostsRequest(), timeout=CALL_SECONDS)


def _one(stub: "Stub", name: str) -> Awaitable[pb.GetHostResponse]:
    return stub.GetHost(pb.GetHostRequest(host_name=name), timeout=CALL_SECONDS)


async def _drain(address: str, name: str, wait_seconds: float | None) -> None:
    async with proxy_manager(address) as stub:
        request = pb.DrainHostRequest(host_name=name)
        await answer(lambda: stub.DrainHost(request, timeout=CALL_SECONDS))
        if wait_seconds is not None:
            async with asyncio.timeout(wait_seconds):
                while (await answer(lambda: _one(stub, name))).sessions:
                    await asyncio.sleep(POLL_SECONDS)
