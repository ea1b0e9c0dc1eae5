"""What the tests of the command share: a data manager that does as it is told, over the wire."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from sluicegate.rpc.refusals import Reason, Refusal
from sluicegate.rpc.server import Served, Server
from sluicegate.rpc.tracing import Tracing
from sluicegate.v1 import data_manager_service_pb2 as pb
from sluicegate.v1 import data_manager_service_pb2_grpc as pb_grpc
from sluicegate.v1 import maintenance_pb2

NAME = "sluicegate.v1.DataManagerService"


@dataclass
class ScriptedRuns(pb_grpc.DataManagerServiceServicer):
    """Keeps what it is asked, and shows of every run what the test puts into `statuses`."""

    statuses: asyncio.Queue[pb.RunStatus] = field(default_factory=asyncio.Queue)
    asked: list[object] = field(default_factory=list)
    refusal: Refusal | None = None
    verdicts: list[maintenance_pb2.Verdict] = field(default_factory=list)

    async def CreateAsset(self, request, context):
        self.asked.append(request)
        return pb.CreateAssetResponse(asset=request.asset)

    async def CreateBackup(self, request, context):
        self.asked.append(request)
        if self.refusal:
            raise self.refusal
        return pb.CreateBackupResponse()

    async def WatchBackup(self, request, context):
        async for status in self._shown():
            ids = {"snapshot_id": "ab" * 32, "parent_snapshot_id": "cd" * 32}
            yield pb.WatchBackupResponse(backup=pb.Backup(status=status, **ids))

    async def CancelBackup(self, request, context):
        self.asked.append(request)
        return pb.CancelBackupResponse()

    async def CreateRestore(self, request, context):
        self.asked.append(request)
        return pb.CreateRestoreResponse()

    async def WatchRestore(self, request, context):
        async for status in self._shown():
            yield pb.WatchRestoreResponse(status=status, snapshot_id="ab" * 32)

    async def CreateVerify(self, request, context):
        self.asked.append(request)
        return pb.CreateVerifyResponse()

    async def WatchVerify(self, request, context):
        async for status in self._shown():
            yield pb.WatchVerifyResponse(status=status)

    async def CreateMaintenance(self, request, context):
        self.asked.append(request)
        return pb.CreateMaintenanceResponse()

    async def WatchMaintenance(self, request, context):
        async for status in self._shown():
            yield pb.WatchMaintenanceResponse(maintenance=pb.Maintenance(status=status))

    async def ListVerdicts(self, request, context):
        """One a page."""
        at = int.from_bytes(bytes.fromhex(request.page_token))
        more = at + 1 < len(self.verdicts)
        token = (at + 1).to_bytes(32).hex() if more else ""
        return pb.ListVerdictsResponse(verdicts=self.verdicts[at : at + 1], next_page_token=token)

    async def CancelMaintenance(self, request, context):
        self.asked.append(request)
        return pb.CancelMaintenanceResponse()

    async def _shown(self):
        while True:
            status = await self.statuses.get()
            if status.message == "hang up":
                raise Refusal(Reason.SHUTTING_DOWN, "ending")
            yield status
            if status.state >= pb.RUN_STATE_SUCCEEDED:
                return

    def will_show(self, *statuses: pb.RunStatus) -> None:
        for status in statuses:
            self.statuses.put_nowait(status)


@dataclass
class Scripted:
    """The scripted data manager and where it serves."""

    runs: ScriptedRuns
    address: str


@pytest.fixture
async def data_manager(tmp_path: Path) -> AsyncIterator[Scripted]:
    runs = ScriptedRuns()
    served = Served(runs, pb_grpc.add_DataManagerServiceServicer_to_server, NAME)
    server = Server([served], [f"unix:{tmp_path}/data"], Tracing(), reflection=False)
    [address] = await server.start()
    yield Scripted(runs, address)
    await server.stop(0)


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the person who runs the tests gets in."""
    for name in list(os.environ):
        if name.startswith(("SLUICEGATE_", "RESTIC_", "OTEL_")):
            monkeypatch.delenv(name)
