"""How backups may be asked for, and the limits of primary storages, over the wire."""

import subprocess
from pathlib import Path

import pytest

from asking import Client, services
from commands import BIN
from data_manager.core.options import QueuePolicy
from scripted import ScriptedHost
from sluicegate.rpc.options import QUEUE_POLICIES
from sluicegate.rpc.refusals import InvalidMessage, Reason
from sluicegate.rpc.tasks import beside
from sluicegate.v1 import data_manager_service_pb2 as pb

NAS = pb.Asset(asset_id="a", path=b"/data", primary_storage="nas")


@pytest.mark.parametrize("order", [pb.SLICE_ORDER_IN_ORDER, pb.SLICE_ORDER_LONGEST_FIRST])
@pytest.mark.parametrize(
    "method", [pb.METHOD_BATCH, pb.METHOD_PER_SLICE, pb.METHOD_CONTINUOUS, pb.METHOD_AUTO]
)
async def test_r92_a_backup_by_every_method_and_order(tmp_path: Path, method: int, order: int):
    async with services(tmp_path) as client:
        await client.call("CreateAsset", asset=NAS)
        asked = {"method": method, "order": order, "weight": 7, "priority": -3}
        backup = await client.backup("b", **asked)
        assert backup.status.state == pb.RUN_STATE_SUCCEEDED
        assert backup.status.slices == pb.SliceCounts(done=5)
        assert {name: getattr(backup.options, name) for name in asked} == asked
        drained = all(work.drain for work in client.host.worked)
        assert drained == (method in (pb.METHOD_BATCH, pb.METHOD_PER_SLICE))


@pytest.mark.parametrize(
    ("asked", "method"),
    [({}, pb.METHOD_AUTO), ({"slices_per_session": 3}, pb.METHOD_BATCH), ({"streams": 9}, 4)],
)
async def test_who_says_how_many_slices_a_session_has_means_batch(
    waiting: Client, asked: dict, method: int
):
    begun = await waiting.begin("b", **asked)
    assert begun.options.method == method
    assert (begun.options.order, begun.options.weight) == (pb.SLICE_ORDER_IN_ORDER, 1)
    assert begun.options.priority == 0


async def test_what_no_option_is_is_refused(waiting: Client):
    for asked in ({"method": 99}, {"order": 99}, {"weight": 1001}, {"priority": 1001}):
        refusal = await waiting.refused(
            "CreateBackup", backup_id="b", asset_id="a", repository={"location": "/r"},
            options=pb.BackupOptions(**asked),
        )  # fmt: skip
        assert isinstance(refusal, InvalidMessage)
        assert refusal.fields[0][0] == f"options.{next(iter(asked))}"


async def test_the_same_id_by_another_method_is_another_backup(waiting: Client):
    await waiting.begin("b")
    same = {"backup_id": "b", "asset_id": "a", "repository": {"location": "/repo"}}
    options = pb.BackupOptions(method=pb.METHOD_AUTO)
    await waiting.call("CreateBackup", **same, options=options)
    for other in ({"method": pb.METHOD_BATCH}, {"weight": 2}, {"priority": 1}, {"order": 2}):
        refusal = await waiting.refused("CreateBackup", **same, options=pb.BackupOptions(**other))
        assert refusal.reason is Reason.BACKUP_EXISTS


async def test_an_asset_tells_its_primary_storage(client: Client):
    assert (await client.call("CreateAsset", asset=NAS)).asset == NAS
    assert (await client.call("GetAsset", asset_id="a")).asset == NAS
    assert list((await client.call("ListAssets")).assets) == [NAS]
    moved = pb.Asset(asset_id="a", path=b"/data", primary_storage="other")
    assert (await client.refused("CreateAsset", asset=moved)).reason is Reason.ASSET_EXISTS


async def test_r55_primary_storages_are_limited_and_listed_by_name(tmp_path: Path):
    async with services(tmp_path, places=0) as client:
        for name, streams in (("nas-b", 4), ("nas-a", 2), ("nas-b", 0), ("nas-b", 0)):
            storage = pb.PrimaryStorage(name=name, streams=streams)
            await client.call("LimitPrimaryStorage", primary_storage=storage)
    async with services(tmp_path, places=0) as client:
        listed = (await client.call("ListPrimaryStorages")).primary_storages
        assert [(storage.name, storage.streams) for storage in listed] == [
            ("nas-a", 2), ("nas-b", 0),
        ]  # fmt: skip
        unnamed = await client.refused("LimitPrimaryStorage", primary_storage=pb.PrimaryStorage())
        assert isinstance(unnamed, InvalidMessage)


async def test_r26_under_the_policy_priority_the_most_important_is_done_first(tmp_path: Path):
    """Though it was the last that was asked for, and there is one place."""
    ended: dict[str, int] = {}
    async with services(tmp_path, places=0, policy=QueuePolicy.PRIORITY) as client:
        for name, priority in (("low", -5), ("high", 5)):
            await client.call("CreateAsset", asset=pb.Asset(asset_id=name, path=b"/data"))
            await client.begin(name, name, priority=priority, method=pb.METHOD_PER_SLICE)
        async with beside(ScriptedHost(client.proxies, 1, cuts=10).run()):
            for name in ("low", "high"):
                last = (await client.watch("WatchBackup", backup_id=name))[-1]
                ended[name] = last.backup.status.end_time_ns
    assert ended["high"] < ended["low"]


def test_a_queue_policy_that_there_is_not_is_refused_by_the_program(tmp_path: Path):
    done = subprocess.run(
        [BIN / "data-manager", "--database", tmp_path / "db", "--queue-policy", "nonsense"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert "first-come" in done.stderr


def test_the_programs_take_every_queue_policy_that_there_is():
    assert [word.replace("-", "_") for word in QUEUE_POLICIES] == list(QueuePolicy)
