"""restic and we work on one bucket, each with what the other wrote."""

import os
from pathlib import Path

import pytest

from commands import environment, run
from container_agent.repository.blobs import BlobKind
from container_agent.repository.locations import store_at
from container_agent.repository.repository import Repository
from container_agent.session.maintain import maintain
from container_agent.session.restic import Restic
from container_agent.session.tally import Tally
from repositories import SECRET, put
from sluicegate.v1 import maintenance_pb2


def restic(location: str, *arguments: object, code: int = 0) -> str:
    """Debian's restic on a bucket, without its cache."""
    return run(
        "restic", "--no-cache", "-r", location, *arguments, code=code, env=environment()
    ).stdout


@pytest.fixture
def asset(tmp_path: Path) -> Path:
    """A few files."""
    (tmp_path / "asset").mkdir()
    for number in range(5):
        (tmp_path / "asset" / f"{number}").write_bytes(bytes([number]) * 100_000)
    return tmp_path / "asset"


def test_restic_works_with_what_we_made(location: str, asset: Path, tmp_path: Path):
    Repository.create(store_at(location), SECRET)
    repository = Repository.open(store_at(location), SECRET)
    with repository.shared_lock():
        writer = repository.writer()
        put(writer, BlobKind.DATA, b"stored by us" * 10_000)
        writer.flush()
        writer.close()
    restic(location, "backup", asset)
    assert "no errors were found" in restic(location, "check", "--read-data")
    restic(location, "restore", "latest", "--target", tmp_path / "to")
    at = tmp_path / "to" / str(asset).lstrip("/")
    assert [file.read_bytes() for file in sorted(at.iterdir())] == [
        file.read_bytes() for file in sorted(asset.iterdir())
    ]


def test_we_read_what_restic_made(location: str, asset: Path):
    restic(location, "init")
    restic(location, "backup", asset)
    repository = Repository.open(store_at(location), SECRET)
    repository.load_index()
    [snapshot] = repository.snapshots()
    assert snapshot.paths == (str(asset),)
    assert repository.read_blob(BlobKind.TREE, snapshot.tree)
    reports = [repository.verify_pack(pack) for pack in repository.packs()]
    assert len(reports) == 2 and not any(report.errors for report in reports)
    assert sum(report.blobs for report in reports) > 5


def test_prune_and_check_find_the_bucket_and_its_credentials(location: str, asset: Path):
    Repository.create(store_at(location), SECRET)
    for _ in range(2):
        restic(location, "backup", "--force", asset)
        (asset / "0").write_bytes(os.urandom(200_000))
    repository, tally = Repository.open(store_at(location), SECRET), Tally()
    newest = repository.snapshots()[-1].snapshot_id.hex()
    forget = maintenance_pb2.ForgetWork(
        snapshots=[newest], prune=maintenance_pb2.PruneWork(max_unused="0")
    )
    work = maintenance_pb2.MaintainWork(forget=forget)
    maintain(work, repository, Restic(location, SECRET), list, tally)
    assert tally.told.startswith("removed ") and "removed 0 blobs" not in tally.told
    work = maintenance_pb2.MaintainWork(check=maintenance_pb2.CheckWork(read_data=True))
    maintain(work, repository, Restic(location, SECRET), list, tally)
    assert tally.told == "no errors were found"
    assert store_at(location).names("locks") == []


def test_neither_removes_data_while_the_other_writes(location: str):
    Repository.create(store_at(location), SECRET)
    with Repository.open(store_at(location), SECRET).shared_lock():
        restic(location, "prune", code=1)
    restic(location, "prune")
    assert store_at(location).names("locks") == []
