"""Runs as the data manager knows them: how each kind is begun, watched and stopped."""

import hashlib
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct
from msgspec.structs import replace

from sluicegate.v1 import data_manager_service_pb2 as pb
from sluicegate.v1 import maintenance_pb2, slice_pb2

if TYPE_CHECKING:
    from sluicegate.v1.data_manager_service_pb2_grpc import DataManagerServiceAsyncStub as Stub

CALL_SECONDS = 30.0
PAGE_VERDICTS = 1000
TERMINAL = frozenset(
    {pb.RUN_STATE_SUCCEEDED, pb.RUN_STATE_PARTIAL, pb.RUN_STATE_FAILED, pb.RUN_STATE_CANCELLED}
)


class Standing(Struct, frozen=True):
    """How a run stands. One with `dry_run` has written nothing, and counts what it would write.
    `verdicts` are those of a forget that is over, `parts` the standings of a set, each with its
    path."""

    status: pb.RunStatus
    snapshot_id: str = ""
    parent_snapshot_id: str = ""
    dry_run: bool = False
    verdicts: tuple[maintenance_pb2.Verdict, ...] = ()
    parts: "tuple[tuple[bytes, Standing], ...]" = ()

    @property
    def terminal(self) -> bool:
        """True when nothing will change any more."""
        return self.status.state in TERMINAL


class Run(Protocol):
    """A backup, a restore, a verify or a maintenance."""

    @property
    def run_id(self) -> str:
        """Names it, chosen here, so that asking twice begins it once."""
        ...

    async def create(self, stub: "Stub") -> None:
        """Begins it."""
        ...

    def watch(self, stub: "Stub") -> AsyncIterator[Standing]:
        """How it stands, whenever that changes, until it is terminal."""
        ...

    async def cancel(self, stub: "Stub") -> None:
        """Stops it."""
        ...


class BackupRun(Struct, frozen=True):
    """A backup of one path. The path's asset is made known on the way."""

    run_id: str
    path: bytes
    repository: str
    options: pb.BackupOptions

    async def create(self, stub: "Stub") -> None:
        await stub.CreateAsset(self.asset_request(), timeout=CALL_SECONDS)
        await stub.CreateBackup(self.backup_request(), timeout=CALL_SECONDS)

    def asset_request(self) -> pb.CreateAssetRequest:
        """Makes its path's asset known."""
        return pb.CreateAssetRequest(asset=pb.Asset(asset_id=asset_id(self.path), path=self.path))

    def backup_request(self) -> pb.CreateBackupRequest:
        """Begins it."""
        return pb.CreateBackupRequest(
            backup_id=self.run_id,
            asset_id=asset_id(self.path),
            repository=slice_pb2.Repository(location=self.repository),
            options=self.options,
        )

    async def watch(self, stub: "Stub") -> AsyncIterator[Standing]:
        async for seen in stub.WatchBackup(pb.WatchBackupRequest(backup_id=self.run_id)):
            backup = seen.backup
            yield Standing(backup.status, backup.snapshot_id, backup.parent_snapshot_id)

    async def cancel(self, stub: "Stub") -> None:
        request = pb.CancelBackupRequest(backup_id=self.run_id)
        await stub.CancelBackup(request, timeout=CALL_SECONDS)


class RestoreRun(Struct, frozen=True):
    """A restore of a repository snapshot, or of a part of one."""

    run_id: str
    repository: str
    plan: slice_pb2.RestorePlan
    streams: int

    async def create(self, stub: "Stub") -> None:
        request = pb.CreateRestoreRequest(
            restore_id=self.run_id,
            repository=slice_pb2.Repository(location=self.repository),
            plan=self.plan,
            streams=self.streams,
        )
        await stub.CreateRestore(request, timeout=CALL_SECONDS)

    async def watch(self, stub: "Stub") -> AsyncIterator[Standing]:
        async for seen in stub.WatchRestore(pb.WatchRestoreRequest(restore_id=self.run_id)):
            yield Standing(seen.status, seen.snapshot_id, dry_run=self.plan.dry_run)

    async def cancel(self, stub: "Stub") -> None:
        request = pb.CancelRestoreRequest(restore_id=self.run_id)
        await stub.CancelRestore(request, timeout=CALL_SECONDS)


class VerifyRun(Struct, frozen=True):
    """A verify of a whole repository or of a part of it, or a restore drill."""

    run_id: str
    repository: str
    work: slice_pb2.VerifyWork
    streams: int

    async def create(self, stub: "Stub") -> None:
        request = pb.CreateVerifyRequest(
            verify_id=self.run_id,
            repository=slice_pb2.Repository(location=self.repository),
            verify=self.work,
            streams=self.streams,
        )
        await stub.CreateVerify(request, timeout=CALL_SECONDS)

    async def watch(self, stub: "Stub") -> AsyncIterator[Standing]:
        async for seen in stub.WatchVerify(pb.WatchVerifyRequest(verify_id=self.run_id)):
            yield Standing(seen.status, seen.snapshot_id)

    async def cancel(self, stub: "Stub") -> None:
        request = pb.CancelVerifyRequest(verify_id=self.run_id)
        await stub.CancelVerify(request, timeout=CALL_SECONDS)


class MaintenanceRun(Struct, frozen=True):
    """A maintenance of a repository. At its end it tells what a forget judged."""

    run_id: str
    repository: str
    work: maintenance_pb2.MaintainWork

    async def create(self, stub: "Stub") -> None:
        request = pb.CreateMaintenanceRequest(
            maintenance_id=self.run_id,
            repository=slice_pb2.Repository(location=self.repository),
            work=self.work,
        )
        await stub.CreateMaintenance(request, timeout=CALL_SECONDS)

    async def watch(self, stub: "Stub") -> AsyncIterator[Standing]:
        request = pb.WatchMaintenanceRequest(maintenance_id=self.run_id)
        async for seen in stub.WatchMaintenance(request):
            standing = Standing(seen.maintenance.status, dry_run=self.work.forget.dry_run)
            if standing.terminal and self.work.HasField("forget"):
                standing = replace(standing, verdicts=await self._verdicts(stub))
            yield standing

    async def _verdicts(self, stub: "Stub") -> tuple[maintenance_pb2.Verdict, ...]:
        found: list[maintenance_pb2.Verdict] = []
        request = pb.ListVerdictsRequest(maintenance_id=self.run_id, page_size=PAGE_VERDICTS)
        while True:
            page = await stub.ListVerdicts(request, timeout=CALL_SECONDS)
            found += page.verdicts
            request.page_token = page.next_page_token
            if not page.next_page_token:
                return tuple(found)

    async def cancel(self, stub: "Stub") -> None:
        request = pb.CancelMaintenanceRequest(maintenance_id=self.run_id)
        await stub.CancelMaintenance(request, timeout=CALL_SECONDS)


def asset_id(path: bytes) -> str:
    """The id under which a path is known to a data manager: the same for the same path."""
    return f"path-{hashlib.sha256(path).hexdigest()[:32]}"
