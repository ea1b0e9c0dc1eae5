"""DataManagerService, translated: nothing is decided here."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from data_manager.assets import Assets
from data_manager.core.events import CancelAsked, StorageLimited
from data_manager.core.model import Request, RunKind, Standing
from data_manager.driver import Driver
from data_manager.maintenance import (
    maintenance_answer,
    maintenance_request,
    maintenance_token,
    verdict_of,
    verdict_token,
)
from data_manager.store import Store
from data_manager.translation import (
    PAGE_SIZE,
    asset_message,
    asset_of,
    backup_message,
    backup_request,
    backup_token,
    explanation_message,
    number_of_token,
    page,
    place_of_token,
    restore_answer,
    restore_request,
    restore_token,
    slice_message,
    slice_token,
    verify_answer,
    verify_request,
    verify_token,
)
from data_manager.waits import Waits
from sluicegate.rpc.refusals import Reason, Refusal
from sluicegate.rpc.server import Served
from sluicegate.v1 import data_manager_service_pb2 as pb
from sluicegate.v1 import data_manager_service_pb2_grpc as pb_grpc

Context = Any  # the stubs' own context type exists for type checkers only


class DataManagerService(pb_grpc.DataManagerServiceServicer):
    """DataManagerService over a driver and a store."""

    def __init__(self, driver: Driver, store: Store) -> None:
        self._driver = driver
        self._store = store
        self._assets = Assets(store, driver)
        self._waits = Waits(store, driver)

    async def CreateAsset(
        self, request: pb.CreateAssetRequest, context: Context
    ) -> pb.CreateAssetResponse:
        asset = await self._assets.create(asset_of(request.asset))
        return pb.CreateAssetResponse(asset=asset_message(asset))

    async def GetAsset(self, request: pb.GetAssetRequest, context: Context) -> pb.GetAssetResponse:
        asset = await self._assets.get(request.asset_id)
        return pb.GetAssetResponse(asset=asset_message(asset))

    async def ListAssets(
        self, request: pb.ListAssetsRequest, context: Context
    ) -> pb.ListAssetsResponse:
        most = request.page_size or PAGE_SIZE
        found = await self._assets.after(request.page_token, most + 1)
        messages = [asset_message(asset) for asset in found]
        taken, token = page(messages, most, lambda asset: asset.asset_id)
        return pb.ListAssetsResponse(assets=taken, next_page_token=token)

    async def DeleteAsset(
        self, request: pb.DeleteAssetRequest, context: Context
    ) -> pb.DeleteAssetResponse:
        await self._assets.delete(request.asset_id)
        return pb.DeleteAssetResponse()

    async def LimitPrimaryStorage(
        self, request: pb.LimitPrimaryStorageRequest, context: Context
    ) -> pb.LimitPrimaryStorageResponse:
        storage = request.primary_storage
        await self._driver.submit(StorageLimited(storage.name, storage.streams))
        return pb.LimitPrimaryStorageResponse()

    async def ListPrimaryStorages(
        self, request: pb.ListPrimaryStoragesRequest, context: Context
    ) -> pb.ListPrimaryStoragesResponse:
        storages = (await self._store.storages()).items()
        found = [pb.PrimaryStorage(name=name, streams=streams) for name, streams in storages]
        return pb.ListPrimaryStoragesResponse(primary_storages=found)

    async def CreateBackup(
        self, request: pb.CreateBackupRequest, context: Context
    ) -> pb.CreateBackupResponse:
        wanted = await self._wanted(request)
        standing = await self._driver.begin(request.backup_id, wanted)
        return pb.CreateBackupResponse(backup=backup_message(standing))

    async def CreateBackups(
        self, request: pb.CreateBackupsRequest, context: Context
    ) -> pb.CreateBackupsResponse:
        wanted = [await self._wanted(backup) for backup in request.backups]
        for backup, run in zip(request.backups, wanted, strict=True):
            await self._driver.begin(backup.backup_id, run)
        return pb.CreateBackupsResponse()

    async def GetBackup(
        self, request: pb.GetBackupRequest, context: Context
    ) -> pb.GetBackupResponse:
        standing = await self._standing(RunKind.BACKUP, request.backup_id)
        return pb.GetBackupResponse(backup=backup_message(standing))

    async def ListBackups(
        self, request: pb.ListBackupsRequest, context: Context
    ) -> pb.ListBackupsResponse:
        most = request.page_size or PAGE_SIZE
        found = await self._listed(RunKind.BACKUP, request.page_token, most)
        taken, token = page(list(map(backup_message, found)), most, backup_token)
        return pb.ListBackupsResponse(backups=taken, next_page_token=token)

    async def ListSlices(
        self, request: pb.ListSlicesRequest, context: Context
    ) -> pb.ListSlicesResponse:
        await self._standing(RunKind.BACKUP, request.backup_id)
        most = request.page_size or PAGE_SIZE
        number = number_of_token(request.page_token)
        found = await self._store.slices_after(request.backup_id, number, most + 1)
        taken, token = page(list(map(slice_message, found)), most, slice_token)
        return pb.ListSlicesResponse(slices=taken, next_page_token=token)

    async def WatchBackup(
        self, request: pb.WatchBackupRequest, context: Context
    ) -> AsyncIterator[pb.WatchBackupResponse]:
        async for standing in self._watch(RunKind.BACKUP, request.backup_id):
            yield pb.WatchBackupResponse(backup=backup_message(standing))

    async def ExplainWait(
        self, request: pb.ExplainWaitRequest, context: Context
    ) -> pb.ExplainWaitResponse:
        await self._standing(RunKind.BACKUP, request.backup_id)
        return explanation_message(await self._waits.explain(request.backup_id, request.slice_id))

    async def CancelBackup(
        self, request: pb.CancelBackupRequest, context: Context
    ) -> pb.CancelBackupResponse:
        await self._cancel(RunKind.BACKUP, request.backup_id)
        return pb.CancelBackupResponse()

    async def CreateRestore(
        self, request: pb.CreateRestoreRequest, context: Context
    ) -> pb.CreateRestoreResponse:
        await self._driver.begin(request.restore_id, restore_request(request))
        return pb.CreateRestoreResponse()

    async def GetRestore(
        self, request: pb.GetRestoreRequest, context: Context
    ) -> pb.GetRestoreResponse:
        standing = await self._standing(RunKind.RESTORE, request.restore_id)
        return pb.GetRestoreResponse(restore=restore_answer(standing))

    async def ListRestores(
        self, request: pb.ListRestoresRequest, context: Context
    ) -> pb.ListRestoresResponse:
        most = request.page_size or PAGE_SIZE
        found = await self._listed(RunKind.RESTORE, request.page_token, most)
        taken, token = page(list(map(restore_answer, found)), most, restore_token)
        return pb.ListRestoresResponse(restores=taken, next_page_token=token)

    async def WatchRestore(
        self, request: pb.WatchRestoreRequest, context: Context
    ) -> AsyncIterator[pb.WatchRestoreResponse]:
        async for standing in self._watch(RunKind.RESTORE, request.restore_id):
            seen = restore_answer(standing)
            yield pb.WatchRestoreResponse(status=seen.status, snapshot_id=seen.snapshot_id)

    async def CancelRestore(
        self, request: pb.CancelRestoreRequest, context: Context
    ) -> pb.CancelRestoreResponse:
        await self._cancel(RunKind.RESTORE, request.restore_id)
        return pb.CancelRestoreResponse()

    async def CreateVerify(
        self, request: pb.CreateVerifyRequest, context: Context
    ) -> pb.CreateVerifyResponse:
        await self._driver.begin(request.verify_id, verify_request(request))
        return pb.CreateVerifyResponse()

    async def GetVerify(
        self, request: pb.GetVerifyRequest, context: Context
    ) -> pb.GetVerifyResponse:
        standing = await self._standing(RunKind.VERIFY, request.verify_id)
        return pb.GetVerifyResponse(verify=verify_answer(standing))

    async def ListVerifies(
        self, request: pb.ListVerifiesRequest, context: Context
    ) -> pb.ListVerifiesResponse:
        most = request.page_size or PAGE_SIZE
        found = await self._listed(RunKind.VERIFY, request.page_token, most)
        taken, token = page(list(map(verify_answer, found)), most, verify_token)
        return pb.ListVerifiesResponse(verifies=taken, next_page_token=token)

    async def WatchVerify(
        self, request: pb.WatchVerifyRequest, context: Context
    ) -> AsyncIterator[pb.WatchVerifyResponse]:
        async for standing in self._watch(RunKind.VERIFY, request.verify_id):
            seen = verify_answer(standing)
            yield pb.WatchVerifyResponse(status=seen.status, snapshot_id=seen.snapshot_id)

    async def CancelVerify(
        self, request: pb.CancelVerifyRequest, context: Context
    ) -> pb.CancelVerifyResponse:
        await self._cancel(RunKind.VERIFY, request.verify_id)
        return pb.CancelVerifyResponse()

    async def CreateMaintenance(
        self, request: pb.CreateMaintenanceRequest, context: Context
    ) -> pb.CreateMaintenanceResponse:
        await self._driver.begin(request.maintenance_id, maintenance_request(request))
        return pb.CreateMaintenanceResponse()

    async def GetMaintenance(
        self, request: pb.GetMaintenanceRequest, context: Context
    ) -> pb.GetMaintenanceResponse:
        standing = await self._standing(RunKind.MAINTENANCE, request.maintenance_id)
        return pb.GetMaintenanceResponse(maintenance=maintenance_answer(standing))

    async def ListMaintenances(
        self, request: pb.ListMaintenancesRequest, context: Context
    ) -> pb.ListMaintenancesResponse:
        most = request.page_size or PAGE_SIZE
        found = await self._listed(RunKind.MAINTENANCE, request.page_token, most)
        taken, token = page(list(map(maintenance_answer, found)), most, maintenance_token)
        return pb.ListMaintenancesResponse(maintenances=taken, next_page_token=token)

    async def ListVerdicts(
        self, request: pb.ListVerdictsRequest, context: Context
    ) -> pb.ListVerdictsResponse:
        await self._standing(RunKind.MAINTENANCE, request.maintenance_id)
        most, after = request.page_size or PAGE_SIZE, bytes.fromhex(request.page_token)
        found = await self._store.verdicts_after(request.maintenance_id, after, most + 1)
        taken, token = page(list(map(verdict_of, found)), most, verdict_token)
        return pb.ListVerdictsResponse(verdicts=taken, next_page_token=token)

    async def WatchMaintenance(
        self, request: pb.WatchMaintenanceRequest, context: Context
    ) -> AsyncIterator[pb.WatchMaintenanceResponse]:
        async for standing in self._watch(RunKind.MAINTENANCE, request.maintenance_id):
            yield pb.WatchMaintenanceResponse(maintenance=maintenance_answer(standing))

    async def CancelMaintenance(
        self, request: pb.CancelMaintenanceRequest, context: Context
    ) -> pb.CancelMaintenanceResponse:
        await self._cancel(RunKind.MAINTENANCE, request.maintenance_id)
        return pb.CancelMaintenanceResponse()

    async def _wanted(self, request: pb.CreateBackupRequest) -> Request:
        asset = await self._assets.get(request.asset_id)
        # Ten thousand patterns take half a second to judge.
        return await asyncio.to_thread(backup_request, request, asset)

    async def _standing(self, kind: RunKind, run_id: str) -> Standing:
        standing = await self._driver.watches.standing(run_id)
        if standing is None or standing.run.request.kind is not kind:
            raise Refusal(Reason.RUN_UNKNOWN, f"no {kind} is called {run_id}", run_id=run_id)
        return standing

    async def _listed(self, kind: RunKind, token: str, most: int) -> list[Standing]:
        """The runs of a page, and one more if there are more."""
        time_ns, run_id = place_of_token(token)
        found = await self._store.standings_before(kind, time_ns, run_id, most + 1)
        return list(map(self._driver.watches.listed, found))

    async def _watch(self, kind: RunKind, run_id: str) -> AsyncIterator[Standing]:
        await self._standing(kind, run_id)
        async for standing in self._driver.watches.watch(run_id):
            yield standing

    async def _cancel(self, kind: RunKind, run_id: str) -> None:
        await self._standing(kind, run_id)
        await self._driver.submit(CancelAsked(run_id))


def served(driver: Driver, store: Store) -> Served:
    """The service, as a server takes it."""
    return Served(
        DataManagerService(driver, store),
        pb_grpc.add_DataManagerServiceServicer_to_server,
        pb.DESCRIPTOR.services_by_name["DataManagerService"].full_name,
    )
