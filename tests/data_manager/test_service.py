"""Every method of DataManagerService over the wire, against a true proxy manager."""

import asyncio
from pathlib import Path

import grpc
import pytest

from asking import ASSET, REPOSITORY, Client, services
from data_manager import __main__ as data_manager
from otlp import receiving
from sluicegate.rpc.refusals import InvalidMessage, Reason, Refusal
from sluicegate.v1 import data_manager_service_pb2 as pb
from sluicegate.v1 import outcome_pb2, slice_pb2


async def test_r15_assets_are_made_known_listed_and_forgotten(client: Client):
    assert (await client.call("CreateAsset", asset=ASSET)).asset == ASSET
    assert (await client.call("CreateAsset", asset=ASSET)).asset == ASSET
    assert (await client.call("GetAsset", asset_id="a")).asset == ASSET
    other = pb.Asset(asset_id="a", path=b"/other")
    assert (await client.refused("CreateAsset", asset=other)).reason is Reason.ASSET_EXISTS
    await client.call("DeleteAsset", asset_id="a")
    assert (await client.refused("GetAsset", asset_id="a")).reason is Reason.ASSET_UNKNOWN
    assert (await client.refused("DeleteAsset", asset_id="a")).reason is Reason.ASSET_UNKNOWN


async def test_assets_come_in_pages(client: Client):
    for number in range(5):
        await client.call("CreateAsset", asset=pb.Asset(asset_id=f"a{number}", path=b"/x"))
    pages, token = [], ""
    while not pages or token:
        page = await client.call("ListAssets", page_size=2, page_token=token)
        token = page.next_page_token
        pages.append([asset.asset_id for asset in page.assets])
    assert pages == [["a0", "a1"], ["a2", "a3"], ["a4"]]


async def test_a_page_is_never_larger_than_a_message(client: Client):
    for number in range(300):
        asset = pb.Asset(asset_id=f"a{number:03}", path=b"/" + b"x" * 4095)
        await client.call("CreateAsset", asset=asset)
    first = await client.call("ListAssets", page_size=1000)
    rest = await client.call("ListAssets", page_size=1000, page_token=first.next_page_token)
    assert len(first.assets) + len(rest.assets) == 300
    assert first.next_page_token and not rest.next_page_token


async def test_a_backup_is_watched_to_its_end(client: Client):
    await client.call("CreateAsset", asset=ASSET)
    backup = await client.backup("b", streams=2, slices_per_session=1)
    assert backup.status.state == pb.RUN_STATE_SUCCEEDED
    assert backup.snapshot_id == "72" * 32
    assert backup.parent_snapshot_id == "70" * 32
    assert backup.status.slices == pb.SliceCounts(done=5)
    assert backup.status.crawled
    assert (backup.status.total_bytes, backup.status.total_files) == (30, 3)
    assert 1 <= backup.status.streams_peak <= 2
    assert backup.options == pb.BackupOptions(
        method=pb.METHOD_BATCH, streams=2, slices_per_session=1, slice_bytes=128 << 20,
        slice_files=5_000, range_bytes=64 << 20, order=pb.SLICE_ORDER_IN_ORDER, weight=1,
        storage_wait_seconds=86_400,
    )  # fmt: skip
    assert (await client.call("GetBackup", backup_id="b")).backup == backup
    assert (await client.call("ListBackups")).backups == [backup]
    await client.call("CancelBackup", backup_id="b")


async def test_sessions_get_what_the_contract_says(client: Client):
    await client.call("CreateAsset", asset=ASSET)
    await client.backup("b", slice_bytes=1 << 20, slices_per_session=8)
    works = {s.WhichOneof("work"): s for s in client.host.slices}
    assert works["crawl"].crawl.source == ASSET.path
    assert works["crawl"].crawl.cutting.slice_bytes == 1 << 20
    assert works["copy"].copy.parent_snapshot_id == "70" * 32
    assert works["copy"].copy.span.start.path == b"0002"
    assert not works["copy"].copy.span.HasField("stop")
    assert works["seal"].seal.backup_id == "b"
    assert [r.record_id for r in works["seal"].seal.records] == [b"r" * 32] * 3
    assert not works["seal"].seal.partial
    assert all(work.drain for work in client.host.worked)
    assert {work.repository.location for work in client.host.worked} == {"/repo"}


async def test_restore_and_verify(client: Client):
    plan = slice_pb2.RestorePlan(snapshot="latest", target=b"/to", include=b"/x")
    await client.call("CreateRestore", restore_id="r", repository=REPOSITORY, plan=plan)
    last = (await client.watch("WatchRestore", restore_id="r"))[-1]
    assert last.status.state == pb.RUN_STATE_SUCCEEDED
    assert last.snapshot_id == "70" * 32
    works = {s.WhichOneof("work"): s for s in client.host.slices}
    plans = {kind: getattr(slice_, kind).plan.snapshot for kind, slice_ in works.items()}
    assert plans == {
        "restore_crawl": "latest", "restore": "70" * 32, "restore_finish": "70" * 32,
    }  # fmt: skip
    await client.call("CreateVerify", verify_id="v", repository=REPOSITORY)
    last = (await client.watch("WatchVerify", verify_id="v"))[-1]
    assert last.status.state == pb.RUN_STATE_SUCCEEDED
    assert last.status.counts.files == 1, "what a verify reads is its opening's"


async def test_what_was_verified_is_remembered(client: Client):
    drill = slice_pb2.VerifyWork(snapshot="latest", restore_files=3)
    for verify_id, work in (("v1", slice_pb2.VerifyWork()), ("v2", drill)):
        await client.call("CreateVerify", verify_id=verify_id, repository=REPOSITORY, verify=work)
        await client.watch("WatchVerify", verify_id=verify_id)
    first = await client.call("ListVerifies", page_size=1)
    [newest] = first.verifies
    assert (newest.verify_id, newest.verify) == ("v2", drill)
    assert newest.status.state == pb.RUN_STATE_SUCCEEDED and newest.status.end_time_ns
    rest = await client.call("ListVerifies", page_token=first.next_page_token)
    assert [verify.verify_id for verify in rest.verifies] == ["v1"] and not rest.next_page_token
    got = await client.call("GetVerify", verify_id="v2")
    assert got.verify == newest
    unknown = await client.refused("GetVerify", verify_id="v3")
    assert unknown.reason is Reason.RUN_UNKNOWN


async def test_r14_backups_of_a_set_of_assets_begin_by_one_request(client: Client):
    for asset in (ASSET, pb.Asset(asset_id="b", path=b"/else")):
        await client.call("CreateAsset", asset=asset)

    def of(*assets: str, streams: int = 2) -> list[pb.CreateBackupRequest]:
        return [
            pb.CreateBackupRequest(
                backup_id=f"b-{asset}", asset_id=asset, repository=REPOSITORY,
                options=pb.BackupOptions(streams=streams),
            )
            for asset in assets
        ]  # fmt: skip

    refused = await client.refused("CreateBackups", backups=of("a", "nobody"))
    assert refused.reason is Reason.ASSET_UNKNOWN
    assert not (await client.call("ListBackups")).backups, "none has begun"
    for _ in range(2):
        await client.call("CreateBackups", backups=of("a", "b"))
    for asset, path in (("a", b"/data/\xff"), ("b", b"/else")):
        last = (await client.watch("WatchBackup", backup_id=f"b-{asset}"))[-1].backup
        assert (last.status.state, last.path) == (pb.RUN_STATE_SUCCEEDED, path)
    other = await client.refused("CreateBackups", backups=of("a", streams=3))
    assert other.reason is Reason.BACKUP_EXISTS
    assert isinstance(await client.refused("CreateBackups"), InvalidMessage)


async def test_what_was_restored_is_remembered(client: Client):
    for restore_id, target in (("r1", b"/to"), ("r2", b"/else/\xff")):
        plan = slice_pb2.RestorePlan(snapshot="latest", target=target, include=b"/x", dry_run=True)
        await client.call("CreateRestore", restore_id=restore_id, repository=REPOSITORY, plan=plan)
        await client.watch("WatchRestore", restore_id=restore_id)
    first = await client.call("ListRestores", page_size=1)
    [newest] = first.restores
    assert (newest.restore_id, newest.plan.target, newest.plan.dry_run) == (
        "r2", b"/else/\xff", True,
    )  # fmt: skip
    assert newest.plan.snapshot == newest.snapshot_id == "70" * 32, "latest is the one it was then"
    assert newest.status.state == pb.RUN_STATE_SUCCEEDED and newest.status.end_time_ns
    rest = await client.call("ListRestores", page_token=first.next_page_token)
    assert [restore.restore_id for restore in rest.restores] == ["r1"] and not rest.next_page_token
    assert (await client.call("GetRestore", restore_id="r2")).restore == newest
    unknown = await client.refused("GetRestore", restore_id="b1")
    assert unknown.reason is Reason.RUN_UNKNOWN


async def test_an_asset_is_busy_while_a_backup_of_it_runs(waiting: Client):
    await waiting.call("CreateBackup", backup_id="b", asset_id="a", repository=REPOSITORY)
    assert (await waiting.refused("DeleteAsset", asset_id="a")).reason is Reason.ASSET_BUSY
    await waiting.call("CancelBackup", backup_id="b")
    await waiting.call("DeleteAsset", asset_id="a")


async def test_what_waits_is_cancelled_at_once(waiting: Client):
    plan = slice_pb2.RestorePlan(snapshot="latest", target=b"/to")
    await waiting.call("CreateBackup", backup_id="b", asset_id="a", repository=REPOSITORY)
    await waiting.call("CreateRestore", restore_id="r", repository=REPOSITORY, plan=plan)
    await waiting.call("CreateVerify", verify_id="v", repository=REPOSITORY)
    listed = (await waiting.call("ListBackups")).backups
    assert [backup.status.state for backup in listed] == [pb.RUN_STATE_RUNNING]
    for kind, field in (
        ("Backup", "backup_id"),
        ("Restore", "restore_id"),
        ("Verify", "verify_id"),
    ):
        run_id = field[0]
        await waiting.call(f"Cancel{kind}", **{field: run_id})
        last = (await waiting.watch(f"Watch{kind}", **{field: run_id}))[-1]
        status = last.backup.status if kind == "Backup" else last.status
        assert status.state == pb.RUN_STATE_CANCELLED
        assert status.failure == outcome_pb2.FAILURE_REASON_UNSPECIFIED


async def test_unknown_runs_and_runs_of_another_kind_are_refused(waiting: Client):
    await waiting.call("CreateVerify", verify_id="v", repository=REPOSITORY)
    for name, field in (
        ("GetBackup", "backup_id"), ("CancelBackup", "backup_id"), ("CancelRestore", "restore_id"),
    ):  # fmt: skip
        for run_id in ("unknown", "v"):
            refusal = await waiting.refused(name, **{field: run_id})
            assert refusal.reason is Reason.RUN_UNKNOWN
    with pytest.raises(Refusal) as refused:
        await waiting.watch("WatchBackup", backup_id="unknown")
    assert refused.value.reason is Reason.RUN_UNKNOWN


async def test_the_same_id_in_other_words_is_refused(waiting: Client):
    same = {"backup_id": "b", "asset_id": "a", "repository": REPOSITORY}
    first = await waiting.call("CreateBackup", **same)
    again = await waiting.call("CreateBackup", **same, options=pb.BackupOptions(streams=4))
    assert again.backup.status.start_time_ns == first.backup.status.start_time_ns
    other = await waiting.refused("CreateBackup", **same, options=pb.BackupOptions(streams=5))
    assert other.reason is Reason.BACKUP_EXISTS
    assert "choose another id" in other.message
    verify = await waiting.refused("CreateVerify", verify_id="b", repository=REPOSITORY)
    assert verify.reason is Reason.BACKUP_EXISTS


async def test_what_cannot_be_is_said_field_by_field(waiting: Client):
    same = {"backup_id": "b", "asset_id": "a", "repository": REPOSITORY}
    refusal = await waiting.refused("CreateBackup", **same, options=pb.BackupOptions(slice_bytes=9))
    assert isinstance(refusal, InvalidMessage)
    assert refusal.fields[0][0] == "options.slice_bytes"
    unknown = await waiting.refused("CreateBackup", **{**same, "asset_id": "nobody"})
    assert unknown.reason is Reason.ASSET_UNKNOWN
    for token in ("x", "1", "-1:b", "9" * 40 + ":b"):
        refusal = await waiting.refused("ListBackups", page_token=token)
        assert refusal.reason is Reason.INVALID


async def test_backups_come_newest_first_in_pages(waiting: Client):
    for number in range(5):
        await waiting.call(
            "CreateBackup", backup_id=f"b{number}", asset_id="a", repository=REPOSITORY
        )
    pages, token = [], ""
    while not pages or token:
        page = await waiting.call("ListBackups", page_size=2, page_token=token)
        token = page.next_page_token
        pages.append([backup.backup_id for backup in page.backups])
    assert pages == [["b4", "b3"], ["b2", "b1"], ["b0"]]


async def test_the_slices_of_a_backup_come_in_walk_order_in_pages(client: Client):
    await client.call("CreateAsset", asset=ASSET)
    await client.backup("b", streams=2, slices_per_session=1)
    found, token = [], ""
    while not found or token:
        page = await client.call("ListSlices", backup_id="b", page_size=2, page_token=token)
        token = page.next_page_token
        found += page.slices
    assert [(each.slice_id, each.number) for each in found] == [("b:1", 1), ("b:2", 2), ("b:3", 3)]
    assert all(each.attempts == 1 and each.predicted_ms for each in found)
    assert found[0].start_path == b"" and found[1].start_path < found[2].start_path


async def test_slices_of_nothing_and_tokens_of_nobody_are_refused(client: Client):
    unknown = await client.refused("ListSlices", backup_id="nobody")
    assert unknown.reason is Reason.RUN_UNKNOWN
    await client.call("CreateAsset", asset=ASSET)
    await client.backup("b")
    for token in ("x", "-1", "9" * 19):
        refusal = await client.refused("ListSlices", backup_id="b", page_token=token)
        assert refusal.reason is Reason.INVALID


async def test_a_watch_begins_at_once_and_is_told_when_the_service_ends(tmp_path: Path):
    async with services(tmp_path, places=0) as client:
        await client.call("CreateAsset", asset=ASSET)
        await client.call("CreateBackup", backup_id="b", asset_id="a", repository=REPOSITORY)
        call = client.stub.WatchBackup(pb.WatchBackupRequest(backup_id="b"))
        first = await call.read()
        assert first.backup.status.state == pb.RUN_STATE_RUNNING
        reading = asyncio.ensure_future(call.read())
    with pytest.raises((grpc.aio.AioRpcError, asyncio.CancelledError)):
        await reading


async def test_a_restart_remembers_what_was_asked_for(tmp_path: Path):
    async with services(tmp_path, places=0) as client:
        await client.call("CreateAsset", asset=ASSET)
        await client.call("CreateBackup", backup_id="b", asset_id="a", repository=REPOSITORY)
    async with services(tmp_path) as client:
        last = (await client.watch("WatchBackup", backup_id="b"))[-1]
        assert last.backup.status.state == pb.RUN_STATE_SUCCEEDED


async def test_one_trace_a_backup(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with receiving() as receiver:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.endpoint)
        async with services(tmp_path) as client:
            await client.call("CreateAsset", asset=ASSET)
            await client.backup("b", slices_per_session=1)
            parents = {s.traceparent for work in client.host.worked for s in work.slices}
        [root] = receiver.named("backup")
        sessions = receiver.named("session")
        assert len(sessions) == 5
        assert {span.trace_id for span in sessions} == {root.trace_id}
        assert {span.parent_id for span in sessions} == {root.span_id}
        assert {parent.split("-")[2] for parent in parents} == {s.span_id for s in sessions}
        reserves = receiver.named("reserve")
        assert reserves and {span.parent_id for span in reserves} == {root.span_id}
        assert not root.failed


async def test_a_database_that_cannot_be_used_is_said(tmp_path: Path):
    settings = data_manager.Settings(("127.0.0.1:0",), "127.0.0.1:1", tmp_path / "no" / "db")
    with pytest.raises(data_manager.DatabaseUnusable, match="No such file or directory"):
        async with data_manager.running(settings):
            pass
