"""What backups pass over and restores overwrite: asked for, stored, passed on and shown."""

from pathlib import Path

import pytest

from asking import ASSET, REPOSITORY, Client, services
from scripted import ScriptedHost
from sluicegate.rpc.refusals import InvalidMessage, Reason
from sluicegate.rpc.tasks import beside
from sluicegate.v1 import data_manager_service_pb2 as pb
from sluicegate.v1 import slice_pb2

EXCLUDES = slice_pb2.Excludes(
    patterns=[b"*.tmp", b"!b.tmp", b"/data/\xff/x"],
    insensitive_patterns=[b"cache"],
    if_present=[b".nobackup:no"],
    caches=True,
    one_file_system=True,
    larger_than_bytes=1 << 63,
)
POLICY = slice_pb2.ReadPolicy(
    denied=slice_pb2.UNREAD_ANSWER_FAIL_BACKUP, changed=slice_pb2.UNREAD_ANSWER_SKIP
)


async def test_excludes_and_read_policy_reach_every_slice_that_reads(client: Client):
    await client.call("CreateAsset", asset=ASSET)
    backup = await client.backup("b", excludes=EXCLUDES, read_policy=POLICY)
    assert backup.status.state == pb.RUN_STATE_SUCCEEDED
    assert (backup.options.excludes, backup.options.read_policy) == (EXCLUDES, POLICY)
    crawls = [s.crawl for s in client.host.slices if s.HasField("crawl")]
    copies = [s.copy for s in client.host.slices if s.HasField("copy")]
    assert len(copies) == 3
    assert all(work.excludes == EXCLUDES for work in (*crawls, *copies))
    assert all(work.read_policy == POLICY for work in copies)


async def test_a_backup_without_them_carries_neither(client: Client):
    await client.call("CreateAsset", asset=ASSET)
    backup = await client.backup("b", excludes=slice_pb2.Excludes())
    assert not backup.options.HasField("excludes") and not backup.options.HasField("read_policy")
    for slice_ in client.host.slices:
        assert not slice_.crawl.HasField("excludes") and not slice_.copy.HasField("excludes")
        assert not slice_.copy.HasField("read_policy")


async def test_they_outlive_a_restart(tmp_path: Path):
    async with services(tmp_path, places=0) as client:
        await client.call("CreateAsset", asset=ASSET)
        await client.begin("b", excludes=EXCLUDES, read_policy=POLICY)
    async with services(tmp_path) as client:
        last = (await client.watch("WatchBackup", backup_id="b"))[-1].backup
        assert (last.options.excludes, last.options.read_policy) == (EXCLUDES, POLICY)
        assert {
            s.copy.excludes.SerializeToString() for s in client.host.slices if s.copy.source
        } == {EXCLUDES.SerializeToString()}


async def test_the_same_id_with_other_excludes_is_another_backup(waiting: Client):
    await waiting.begin("b", excludes=EXCLUDES)
    await waiting.begin("b", excludes=EXCLUDES)
    for other in ({}, {"excludes": EXCLUDES, "read_policy": POLICY}):
        refusal = await waiting.refused(
            "CreateBackup", backup_id="b", asset_id="a", repository=REPOSITORY,
            options=pb.BackupOptions(**other),
        )  # fmt: skip
        assert refusal.reason is Reason.BACKUP_EXISTS


@pytest.mark.parametrize(
    ("excludes", "field", "said"),
    [
        ({"patterns": [b"a", b"[a"]}, "patterns[1]", "'[a' has a bracket that is not closed"),
        ({"insensitive_patterns": [b"/"]}, "insensitive_patterns[0]", "names nothing"),
        ({"patterns": [b"[z-a]"]}, "patterns[0]", "bad character range"),
        ({"if_present": [b":header"]}, "if_present[0]", "is no name of a file"),
        ({"if_present": [b"a/b"]}, "if_present[0]", "is no name of a file"),
        ({"patterns": [b""]}, "patterns[0]", "1 byte"),
    ],
)
async def test_what_means_nothing_is_refused_with_its_place(
    waiting: Client, excludes: dict, field: str, said: str
):
    refusal = await waiting.refused(
        "CreateBackup", backup_id="b", asset_id="a", repository=REPOSITORY,
        options=pb.BackupOptions(excludes=excludes),
    )  # fmt: skip
    assert isinstance(refusal, InvalidMessage)
    [(path, description)] = refusal.fields
    assert path == f"options.excludes.{field}"
    assert said in description


async def test_excludes_are_no_larger_than_each_slice_can_carry(tmp_path: Path):
    """The largest that are taken go through by sessions of many slices; a byte more is refused."""
    names = [b"%06d" % number + b"x" * 4000 for number in range(32)]
    room = (128 << 10) - slice_pb2.Excludes(patterns=names).ByteSize()
    largest = slice_pb2.Excludes(patterns=[*names, b"y" * (room - 3)])
    assert largest.ByteSize() == 128 << 10
    async with services(tmp_path, places=0) as client:
        await client.call("CreateAsset", asset=ASSET)
        options = pb.BackupOptions(excludes={"patterns": [*largest.patterns, b"z"]})
        refusal = await client.refused(
            "CreateBackup", backup_id="b", asset_id="a", repository=REPOSITORY, options=options
        )
        assert isinstance(refusal, InvalidMessage) and "128 KiB" in refusal.message
        orders = (pb.SLICE_ORDER_IN_ORDER, pb.SLICE_ORDER_LONGEST_FIRST)
        methods = (pb.METHOD_BATCH, pb.METHOD_CONTINUOUS)
        asked = [(method, order) for method in methods for order in orders]
        for number, (method, order) in enumerate(asked):
            await client.begin(
                f"b{number}", excludes=largest, method=method, order=order,
                slices_per_session=100, streams=1,
            )  # fmt: skip
        async with beside(ScriptedHost(client.proxies, 4, cuts=40).run()):
            for number in range(len(asked)):
                last = (await client.watch("WatchBackup", backup_id=f"b{number}"))[-1].backup
                assert last.status.state == pb.RUN_STATE_SUCCEEDED
                assert last.status.slices == pb.SliceCounts(done=42)


@pytest.mark.parametrize(
    ("asked", "passed"),
    [
        (slice_pb2.OVERWRITE_UNSPECIFIED, slice_pb2.OVERWRITE_ALWAYS),
        (slice_pb2.OVERWRITE_ALWAYS, slice_pb2.OVERWRITE_ALWAYS),
        (slice_pb2.OVERWRITE_IF_CHANGED, slice_pb2.OVERWRITE_IF_CHANGED),
        (slice_pb2.OVERWRITE_IF_NEWER, slice_pb2.OVERWRITE_IF_NEWER),
        (slice_pb2.OVERWRITE_NEVER, slice_pb2.OVERWRITE_NEVER),
    ],
)
async def test_what_a_restore_overwrites_reaches_all_its_slices(
    client: Client, asked: int, passed: int
):
    dry_run = asked == slice_pb2.OVERWRITE_NEVER
    plan = slice_pb2.RestorePlan(
        snapshot="latest",
        target=b"/to",
        overwrite=asked,
        dry_run=dry_run,
        drop_privileges=not dry_run,
    )
    await client.call("CreateRestore", restore_id="r", repository=REPOSITORY, plan=plan)
    last = (await client.watch("WatchRestore", restore_id="r"))[-1]
    assert last.status.state == pb.RUN_STATE_SUCCEEDED
    plans = [getattr(s, s.WhichOneof("work")).plan for s in client.host.slices]
    assert len(plans) == 5
    passed_on = {(plan.overwrite, plan.dry_run, plan.drop_privileges) for plan in plans}
    assert passed_on == {(passed, dry_run, not dry_run)}
    other = slice_pb2.RestorePlan(
        snapshot="latest", target=b"/to", overwrite=asked, dry_run=not dry_run
    )
    refusal = await client.refused(
        "CreateRestore", restore_id="r", repository=REPOSITORY, plan=other
    )
    assert refusal.reason is Reason.BACKUP_EXISTS
