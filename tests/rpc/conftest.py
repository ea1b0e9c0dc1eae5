"""What the tests of `sluicegate.rpc` share: a small service behind a real server."""

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import grpc
import pytest

from sluicegate.rpc.channel import connect
from sluicegate.rpc.refusals import Reason, Refusal
from sluicegate.rpc.server import Served, Server
from sluicegate.rpc.tracing import Tracing
from sluicegate.v1 import proxy_manager_service_pb2 as pb
from sluicegate.v1 import proxy_manager_service_pb2_grpc as pb_grpc

NAME = "sluicegate.v1.ProxyManagerService"


class Proxies(pb_grpc.ProxyManagerServiceServicer):
    """Does with a call what its session id says."""

    def __init__(self) -> None:
        self.entered = asyncio.Event()
        self.go_on = asyncio.Event()
        self.seen: list[str] = []

    async def Capacity(self, request, context):
        return pb.CapacityResponse(sessions=7)

    async def WatchCapacity(self, request, context):
        yield pb.WatchCapacityResponse(capacity=pb.CapacityResponse(sessions=1))
        raise Refusal(Reason.ASSET_BUSY, "too many watchers", watchers="1")

    async def Drain(self, request, context):
        self.seen.append(request.session_id)
        if request.session_id in Reason.__members__:
            raise Refusal(Reason(request.session_id), "it is\nso", session=request.session_id)
        if request.session_id == "bug":
            raise ValueError("a bug\nof ours")
        if request.session_id == "group":
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._refuse())
        return pb.DrainResponse()

    async def _refuse(self):
        raise Refusal(Reason.SESSION_UNKNOWN, "raised by a task")

    async def Cancel(self, request, context):
        self.entered.set()
        await self.go_on.wait()
        return pb.CancelResponse()

    async def SliceDone(self, request_iterator, context):
        async for request in request_iterator:
            self.seen.append(request.WhichOneof("event"))
            yield pb.SliceDoneResponse()


@dataclass
class Running:
    """A server, its servicer, its address, and a client of it."""

    server: Server
    proxies: Proxies
    address: str
    channel: grpc.aio.Channel
    stub: pb_grpc.ProxyManagerServiceStub


@asynccontextmanager
async def running(
    listen: str = "127.0.0.1:0", tracing: Tracing | None = None, client: Tracing | None = None
) -> AsyncIterator[Running]:
    """The small service, served for real."""
    tracing = tracing or Tracing()
    proxies = Proxies()
    served = Served(proxies, pb_grpc.add_ProxyManagerServiceServicer_to_server, NAME)
    server = Server([served], [listen], tracing)
    [address] = await server.start()
    async with connect(address, client or tracing) as channel:
        yield Running(server, proxies, address, channel, pb_grpc.ProxyManagerServiceStub(channel))
        await server.stop(0)


@pytest.fixture
async def service() -> AsyncIterator[Running]:
    async with running() as found:
        yield found


@pytest.fixture
async def serve() -> AsyncIterator[Callable]:
    """Serves the small service as the test asks."""
    async with AsyncExitStack() as stack:

        async def start(**options) -> Running:
            return await stack.enter_async_context(running(**options))

        yield start


@pytest.fixture(autouse=True)
def untraced(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("OTEL_")]:
        monkeypatch.delenv(name)
