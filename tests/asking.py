"""A person at a data manager, which is served over the wire beside a true proxy manager."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import pytest

from data_manager import __main__ as data_manager
from data_manager.core.options import QueuePolicy
from proxy_manager import __main__ as proxy_manager
from scripted import ScriptedHost
from sluicegate.rpc.channel import connect
from sluicegate.rpc.refusals import Refusal, understanding
from sluicegate.rpc.tasks import beside
from sluicegate.rpc.tracing import Tracing
from sluicegate.v1 import data_manager_service_pb2 as pb
from sluicegate.v1 import data_manager_service_pb2_grpc as pb_grpc
from sluicegate.v1 import slice_pb2

REPOSITORY = slice_pb2.Repository(location="/repo")
ASSET = pb.Asset(asset_id="a", path=b"/data/\xff")


class Client:
    """A person at the data manager."""

    def __init__(
        self, stub: pb_grpc.DataManagerServiceStub, host: ScriptedHost | None, proxies: str
    ) -> None:
        self.stub = stub
        self.host = host
        self.proxies = proxies

    async def call(self, name: str, **fields: object):
        with understanding():
            return await getattr(self.stub, name)(getattr(pb, f"{name}Request")(**fields))

    async def refused(self, name: str, **fields: object) -> Refusal:
        with pytest.raises(Refusal) as refused:
            await self.call(name, **fields)
        return refused.value

    async def watch(self, name: str, **fields: object) -> list:
        with understanding():
            return [
                m async for m in getattr(self.stub, name)(getattr(pb, f"{name}Request")(**fields))
            ]

    async def begin(self, backup_id: str, asset_id: str = "a", **options: object) -> pb.Backup:
        """Makes a backup."""
        response = await self.call(
            "CreateBackup", backup_id=backup_id, asset_id=asset_id, repository=REPOSITORY,
            options=pb.BackupOptions(**options),
        )  # fmt: skip
        return response.backup

    async def backup(self, backup_id: str, asset_id: str = "a", **options: object) -> pb.Backup:
        """Makes one and waits for its end."""
        await self.begin(backup_id, asset_id, **options)
        return (await self.watch("WatchBackup", backup_id=backup_id))[-1].backup


@asynccontextmanager
async def services(
    directory: Path, places: int = 4, policy: QueuePolicy = QueuePolicy.FAIR, **host_is: object
) -> AsyncIterator[Client]:
    """A data manager and a proxy manager; with no place there is no host."""
    async with AsyncExitStack() as stack:
        enter = stack.enter_async_context
        [proxies] = await enter(proxy_manager.running(proxy_manager.Settings(("127.0.0.1:0",))))
        host = ScriptedHost(proxies, places, **host_is) if places else None
        if host:
            await enter(beside(host.run()))
            await asyncio.wait_for(host.attached.wait(), 10)
        settings = data_manager.Settings(
            ("127.0.0.1:0",), proxies, directory / "db", queue_policy=policy
        )
        [address] = await enter(data_manager.running(settings))
        channel = await enter(connect(address, Tracing()))
        yield Client(pb_grpc.DataManagerServiceStub(channel), host, proxies)
