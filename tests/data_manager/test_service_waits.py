"""ExplainWait over the wire: why a backup or a slice of it waits."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from asking import Client, services
from data_manager import __main__ as data_manager
from data_manager.core.explaining import WaitReason
from sluicegate.rpc.channel import connect
from sluicegate.rpc.refusals import Reason, Refusal
from sluicegate.rpc.tracing import Tracing
from sluicegate.v1 import data_manager_service_pb2 as pb
from sluicegate.v1.data_manager_service_pb2_grpc import DataManagerServiceStub


async def explained(
    client: Client, reason: int, backup_id: str = "b", slice_id: str = ""
) -> pb.ExplainWaitResponse:
    """The explanation, once the reason is in it."""
    deadline = time.monotonic() + 20
    while True:
        explanation = pb.ExplainWaitResponse()
        # A slice is unknown until it is cut.
        with suppress(Refusal):
            asked = {"backup_id": backup_id, "slice_id": slice_id}
            explanation = await client.call("ExplainWait", **asked)
        if reason in explanation.reasons:
            return explanation
        assert time.monotonic() < deadline, explanation
        await asyncio.sleep(0.01)


@asynccontextmanager
async def begun(
    directory: Path, *names: str, host: dict | None = None, places: int = 4, **options: object
) -> AsyncIterator[Client]:
    """Backups of as many assets of one primary storage."""
    async with services(directory, places, **(host or {})) as client:
        for name in names:
            asset = pb.Asset(asset_id=name, path=b"/data", primary_storage="nas")
            await client.call("CreateAsset", asset=asset)
            await client.begin(name, name, **options)
        yield client


async def test_what_is_over_does_not_wait(tmp_path: Path):
    async with begun(tmp_path, "b") as client:
        await client.watch("WatchBackup", backup_id="b")
        for slice_id in ("", "b:1"):
            explanation = await explained(client, pb.WAIT_REASON_OVER, slice_id=slice_id)
            assert list(explanation.reasons) == [pb.WAIT_REASON_OVER]


async def test_while_nothing_is_cut_it_is_crawled(tmp_path: Path):
    async with begun(tmp_path, "b", host={"idle": ["crawl"]}) as client:
        await explained(client, pb.WAIT_REASON_CRAWLING)
        await explained(client, pb.WAIT_REASON_RUNNING, slice_id="b:0")


async def test_while_its_place_is_being_made_it_is_reserved(tmp_path: Path):
    async with begun(tmp_path, "b", host={"mute": True}) as client:
        await explained(client, pb.WAIT_REASON_RESERVING)
        await explained(client, pb.WAIT_REASON_RESERVING, slice_id="b:0")


async def test_r54_within_its_parallel_setting_it_waits_for_itself(tmp_path: Path):
    asked = {"streams": 1, "slices_per_session": 1}
    async with begun(tmp_path, "b", host={"idle": ["copy"]}, **asked) as client:
        await explained(client, pb.WAIT_REASON_STREAMS)
        await explained(client, pb.WAIT_REASON_RUNNING, slice_id="b:1")
        last = await explained(client, pb.WAIT_REASON_STREAMS, slice_id="b:3")
        assert last.position == 1, "b:2 is before it"
        assert not last.blocking_backup_ids


async def test_r55_at_the_limit_of_its_storage_it_waits_for_others(tmp_path: Path):
    async with begun(tmp_path, host={"idle": ["crawl"]}) as client:
        storage = pb.PrimaryStorage(name="nas", streams=1)
        await client.call("LimitPrimaryStorage", primary_storage=storage)
        for name in ("a", "b"):
            asset = pb.Asset(asset_id=name, path=b"/data", primary_storage="nas")
            await client.call("CreateAsset", asset=asset)
        await client.begin("a", "a")
        await explained(client, pb.WAIT_REASON_CRAWLING, "a")
        await client.begin("b", "b")
        explanation = await explained(client, pb.WAIT_REASON_STORAGE_LIMIT)
        assert list(explanation.blocking_backup_ids) == ["a"]


async def test_without_a_host_there_is_no_place(tmp_path: Path):
    async with begun(tmp_path, "b", places=0) as client:
        explanation = await explained(client, pb.WAIT_REASON_NO_PLACE)
        assert explanation.predicted_start_seconds == -1


async def test_where_others_have_all_places_they_are_named(tmp_path: Path):
    async with begun(tmp_path, "a", places=1, host={"idle": ["crawl"]}) as client:
        await explained(client, pb.WAIT_REASON_CRAWLING, "a")
        await client.call("CreateAsset", asset=pb.Asset(asset_id="b", path=b"/other"))
        await client.begin("b", "b")
        explanation = await explained(client, pb.WAIT_REASON_LOWER_SHARE)
        assert pb.WAIT_REASON_NO_PLACE in explanation.reasons
        assert list(explanation.blocking_backup_ids) == ["a"]
        assert list(explanation.hosts) == ["no_place"]


async def test_what_failed_is_put_off_and_it_is_known_for_how_long(tmp_path: Path):
    async with begun(tmp_path, "b", host={"failing": ["copy"], "cuts": 1}) as client:
        explanation = await explained(client, pb.WAIT_REASON_DELAY, slice_id="b:1")
        assert explanation.reasons[0] == pb.WAIT_REASON_DELAY
        assert 0 <= explanation.predicted_start_seconds < 60


async def test_a_seal_that_failed_is_put_off(tmp_path: Path):
    async with begun(tmp_path, "b", host={"failing": ["seal"]}) as client:
        explanation = await explained(client, pb.WAIT_REASON_DELAY, slice_id="b:close")
        assert explanation.predicted_start_seconds >= 0
        assert explanation.position == 0


async def test_without_a_proxy_manager_it_is_not_reachable(tmp_path: Path):
    settings = data_manager.Settings(("127.0.0.1:0",), "127.0.0.1:1", tmp_path / "db")
    async with (
        data_manager.running(settings) as [address],
        connect(address, Tracing()) as channel,
    ):
        client = Client(DataManagerServiceStub(channel), None, "")
        await client.call("CreateAsset", asset=pb.Asset(asset_id="a", path=b"/a"))
        await client.begin("b")
        await explained(client, pb.WAIT_REASON_UNREACHABLE)


async def test_unknown_backups_and_slices_are_refused(tmp_path: Path):
    async with begun(tmp_path, "a", "b", places=0) as client:
        unknown = await client.refused("ExplainWait", backup_id="nobody")
        assert unknown.reason is Reason.RUN_UNKNOWN
        for slice_id in ("b:1", "a:0", "nonsense"):
            refusal = await client.refused("ExplainWait", backup_id="b", slice_id=slice_id)
            assert refusal.reason is Reason.SLICE_UNKNOWN


def test_every_reason_of_the_core_is_one_of_the_contract():
    names = [value.name for value in pb.WaitReason.DESCRIPTOR.values]
    told = {name.removeprefix("WAIT_REASON_").lower() for name in names}
    assert told - {"unspecified"} == set(WaitReason)
