"""A forget removes what its policy does not keep, in any number of tries, and nothing else."""

from pathlib import Path

import pytest

from commands import restic
from container_agent.repository.errors import RepositoryLocked, SnapshotUnknown
from container_agent.repository.forgetting import KeepsNothing
from container_agent.repository.repository import Repository
from container_agent.repository.snapshots import Snapshot
from container_agent.repository.stores import LocalStore
from container_agent.session.forget import forget
from container_agent.session.tally import Stopped, Tally
from repositories import SECRET, reopen
from sluicegate.v1 import maintenance_pb2

DAY_NS = 86_400 * 10**9
TREE = b'{"nodes":[]}\n'
CHECKPOINT = ("sluicegate", "checkpoint", "backup=7")
KEEP_TWO = maintenance_pb2.ForgetWork(policy=maintenance_pb2.RetentionPolicy(keep_last=2))
Told = list[maintenance_pb2.Verdict]


@pytest.fixture
def location(tmp_path: Path) -> Path:
    """A repository with five snapshots of a directory, one of another, and a checkpoint."""
    (tmp_path / "asset").mkdir()
    Repository.create(LocalStore(str(tmp_path / "repository")), SECRET)
    restic(tmp_path / "repository", "backup", tmp_path / "asset", "--tag", "real")
    repository = reopen(tmp_path / "repository")
    [made] = repository.snapshots()
    for day in range(1, 5):
        save(repository, made.tree, made.time_ns - day * DAY_NS, made.paths, made.hostname)
    save(repository, made.tree, made.time_ns, ("/other",), made.hostname)
    save(repository, made.tree, made.time_ns + 1, made.paths, made.hostname, CHECKPOINT)
    return tmp_path / "repository"


def save(repository, tree, time_ns, paths, hostname, tags=()) -> None:
    repository.save_snapshot(Snapshot(time_ns, tree, paths, hostname, tags=tags))


def forgotten(location: Path, work: maintenance_pb2.ForgetWork = KEEP_TWO) -> Told:
    told: Told = []
    forget(work, reopen(location), told.extend, Tally())
    return told


def ids(location: Path) -> set[bytes]:
    return {snapshot.snapshot_id for snapshot in reopen(location).snapshots()}


def test_what_is_told_is_what_is_there_then(location: Path):
    before = ids(location)
    told = forgotten(location)
    kept = {verdict.snapshot_id for verdict in told if verdict.reasons}
    assert len(told) == 6 and len(kept) == 3
    [checkpoint] = before - {verdict.snapshot_id for verdict in told}
    assert ids(location) == kept | {checkpoint}
    assert [verdict.group for verdict in told if verdict.reasons].count(told[0].group) in (1, 2)
    assert "no errors were found" in restic(location, "check")
    assert not list((location / "locks").iterdir())


def test_a_dry_run_changes_nothing_and_waits_for_nobody(location: Path):
    before = ids(location)
    work = maintenance_pb2.ForgetWork(policy=KEEP_TWO.policy, dry_run=True)
    with reopen(location).exclusive_lock():
        told = forgotten(location, work)
    assert sum(not verdict.reasons for verdict in told) == 3
    assert ids(location) == before


def test_nothing_is_removed_while_others_hold_the_repository(location: Path):
    before = ids(location)
    with reopen(location).shared_lock(), pytest.raises(RepositoryLocked):
        forgotten(location)
    assert ids(location) == before


def test_t24_a_policy_that_would_leave_nothing_of_a_group_removes_nothing_of_any(location: Path):
    before = ids(location)
    policy = maintenance_pb2.RetentionPolicy(keep_tags=[maintenance_pb2.TagList(tags=["real"])])
    with pytest.raises(KeepsNothing, match="/other, of which there are 1"):
        forgotten(location, maintenance_pb2.ForgetWork(policy=policy))
    assert ids(location) == before
    outright = maintenance_pb2.ForgetWork(policy=policy, allow_none=True)
    assert sum(bool(verdict.reasons) for verdict in forgotten(location, outright)) == 1
    assert len(ids(location)) == 2, "the real one, and the checkpoint"


@pytest.mark.parametrize("removals", range(4))
def test_one_that_died_halfway_is_done_again_and_ends_the_same(
    location: Path, monkeypatch, removals: int
):
    told: Told = []
    left = removals

    def dying(repository: Repository, snapshot_id: bytes) -> None:
        nonlocal left
        if not left:
            raise Stopped("dead")
        left -= 1
        remove(repository, snapshot_id)

    remove = Repository.remove_snapshot
    monkeypatch.setattr(Repository, "remove_snapshot", dying)
    if removals < 3:
        with pytest.raises(Stopped):
            forget(KEEP_TWO, reopen(location), told.extend, Tally())
    monkeypatch.undo()
    told += forgotten(location)
    last = {verdict.snapshot_id: bool(verdict.reasons) for verdict in told}
    assert sorted(last.values()) == [False] * 3 + [True] * 3
    assert {snapshot_id for snapshot_id, kept in last.items() if kept} <= ids(location)
    assert len(ids(location)) == 4


def test_snapshots_are_removed_by_name_alone(location: Path):
    [checkpoint] = [s for s in reopen(location).snapshots() if "checkpoint" in s.tags]
    before = ids(location)
    named = maintenance_pb2.ForgetWork(snapshots=[checkpoint.snapshot_id.hex()[:12]] * 2)
    [verdict] = forgotten(location, named)
    assert ids(location) == before - {verdict.snapshot_id}
    with pytest.raises(SnapshotUnknown):
        forgotten(location, maintenance_pb2.ForgetWork(snapshots=["0" * 64]))


def test_names_that_mean_nothing_are_told_of_though_others_hold_the_repository(location: Path):
    wrong = maintenance_pb2.ForgetWork(snapshots=["0" * 64])
    with reopen(location).shared_lock(), pytest.raises(SnapshotUnknown):
        forgotten(location, wrong)


def test_named_ones_that_an_earlier_try_removed_are_passed_over(location: Path):
    first, second, *_ = sorted(ids(location))
    names = maintenance_pb2.ForgetWork(snapshots=[first.hex(), second.hex()])
    forgotten(location, maintenance_pb2.ForgetWork(snapshots=[first.hex()]))
    told: Told = []
    forget(names, reopen(location), told.extend, Tally(), again=True)
    assert [verdict.snapshot_id for verdict in told] == [second]
    assert not {first, second} & ids(location)


def test_filters_and_groups_say_what_it_is_about(location: Path):
    before = len(ids(location))
    chosen = maintenance_pb2.SnapshotFilter(paths=["/other"])
    policy = maintenance_pb2.RetentionPolicy(keep_last=1)
    assert len(forgotten(location, maintenance_pb2.ForgetWork(policy=policy, filter=chosen))) == 1
    assert len(ids(location)) == before
    together = maintenance_pb2.SnapshotGrouping()
    work = maintenance_pb2.ForgetWork(policy=policy, grouping=together)
    told = forgotten(location, work)
    assert [len(told), sum(bool(verdict.reasons) for verdict in told)] == [6, 1]


def test_what_a_stranger_wrote_fits_into_a_message(location: Path):
    repository = reopen(location)
    tree = repository.snapshots()[0].tree
    paths = tuple(f"/{number}" + "\u00e9\ud800" * 5000 for number in range(200))
    save(repository, tree, 1 << 66, paths, "h" * 10**6, ("t" * 10**5,) * 1000)
    work = maintenance_pb2.ForgetWork(policy=KEEP_TWO.policy, dry_run=True)
    assert max(verdict.ByteSize() for verdict in forgotten(location, work)) < 400 << 10
