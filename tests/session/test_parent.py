"""The parent: what has not changed is taken over and not read."""

import os
import time
from pathlib import Path

import pytest

from backing import asset_node, back_up, crawled
from commands import restic
from container_agent.repository.blobs import BlobKind
from container_agent.repository.repository import Repository
from container_agent.repository.snapshots import Snapshot
from container_agent.repository.times import format_second
from container_agent.repository.trees import decode_tree
from repositories import reopen
from trees import make_tree, write_file

MIB = 1 << 20


@pytest.fixture
def source(tmp_path: Path) -> bytes:
    """A tree with one of everything, and a file that is cut inside."""
    make_tree(tmp_path / "tree", 60, large_bytes=4 * MIB)
    return bytes(tmp_path / "tree")


@pytest.mark.parametrize("slice_files", [7, 1000])
def test_unchanged_files_are_not_read_again(
    source: bytes, location: Path, repository: Repository, slice_files: int
) -> None:
    first = back_up(source, repository, backup_id="1", slice_files=slice_files)
    assert first.parent_id == b""
    write_file(source + b"/d00/e000/file-00007.dat", 5000, 99)
    again = reopen(location)
    second = back_up(source, again, backup_id="2", slice_files=slice_files, slice_bytes=MIB)
    assert second.parent_id == first.snapshot_id
    assert second.total("read_bytes") == 5000
    assert second.total("files") == first.total("files")
    assert second.total("unchanged_files") == first.total("files") - 1
    parent = again.find_snapshot(second.snapshot_id.hex()).parent
    assert parent == first.snapshot_id


def test_a_backup_with_nothing_new_adds_no_tree_of_the_asset(
    source: bytes, location: Path, repository: Repository
) -> None:
    first = back_up(source, repository, backup_id="1")
    again = reopen(location)
    second = back_up(source, again, backup_id="2", slice_files=9)
    assert second.total("read_bytes") == 0
    one, other = (asset_node(again, done.snapshot_id, source) for done in (first, second))
    assert one == other


def test_the_parent_is_that_of_the_host_that_is_named_whoever_crawls(
    source: bytes, location: Path, repository: Repository
) -> None:
    first = back_up(source, repository, backup_id="1", hostname="elsewhere")
    assert repository.find_snapshot(first.snapshot_id.hex()).hostname == "elsewhere"
    again = reopen(location)
    assert crawled(source, again)[1] == b""
    second = back_up(source, again, backup_id="2", hostname="elsewhere")
    assert second.parent_id == first.snapshot_id
    assert second.total("read_bytes") == 0
    told = restic(location, "backup", "--verbose", "--host", "elsewhere", os.fsdecode(source))
    assert f"using parent snapshot {second.snapshot_id.hex()[:8]}" in told


@pytest.mark.parametrize("change", ["size", "mtime", "ctime", "inode"])
def test_whatever_of_the_stamp_changes_the_file_is_read(
    location: Path, repository: Repository, tmp_path: Path, change: str
) -> None:
    file = tmp_path / "tree" / "file"
    file.parent.mkdir()
    file.write_bytes(b"before")
    os.utime(file, ns=(5, 5))
    back_up(bytes(tmp_path / "tree"), repository, backup_id="1")
    match change:
        case "size":
            file.write_bytes(b"after it")
        case "mtime":
            os.utime(file, ns=(6, 6))
        case "ctime":
            file.write_bytes(b"after!")
        case "inode":
            file.rename(tmp_path / "old")
            file.write_bytes(b"after!")
    if change != "mtime":
        os.utime(file, ns=(5, 5))
    second = back_up(bytes(tmp_path / "tree"), reopen(location), backup_id="2")
    assert second.total("unchanged_files") == 0
    assert second.total("read_bytes") == file.stat().st_size


def test_a_file_is_read_when_its_blobs_are_gone(
    location: Path, repository: Repository, tmp_path: Path
) -> None:
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "file").write_bytes(b"content")
    back_up(bytes(tmp_path / "tree"), repository, backup_id="1")
    for kept in (location / "index").iterdir():
        kept.unlink()
    second = back_up(bytes(tmp_path / "tree"), reopen(location), backup_id="2")
    assert second.total("unchanged_files") == 0
    assert second.total("read_bytes") == 7


def test_the_parent_is_the_last_snapshot_of_the_same_path_and_host(
    source: bytes, location: Path, repository: Repository
) -> None:
    first = back_up(source, repository, backup_id="1")
    own = repository.find_snapshot(first.snapshot_id.hex())
    later = own.time_ns + 10**12
    for paths, hostname in (((os.fsdecode(source),), "another"), (("/another",), own.hostname)):
        repository.save_snapshot(Snapshot(later, own.tree, paths, hostname))
    _, parent = crawled(source, repository)
    assert parent == first.snapshot_id


def test_a_parent_that_tells_times_of_another_zone_is_understood(
    source: bytes, location: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = back_up(source, repository, backup_id="1")
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("TZ", "XYZ-5:30")
        time.tzset()
        format_second.cache_clear()
        second = back_up(source, reopen(location), backup_id="2")
    time.tzset()
    format_second.cache_clear()
    assert second.total("read_bytes") == 0
    assert second.total("unchanged_files") == first.total("files")


def test_a_mode_that_was_changed_is_told(
    location: Path, repository: Repository, tmp_path: Path
) -> None:
    (tmp_path / "tree").mkdir()
    file = tmp_path / "tree" / "file"
    file.write_bytes(b"content")
    back_up(bytes(tmp_path / "tree"), repository, backup_id="1")
    file.chmod(0o600)
    again = reopen(location)
    second = back_up(bytes(tmp_path / "tree"), again, backup_id="2")
    root = asset_node(again, second.snapshot_id, bytes(tmp_path / "tree"))
    assert root.subtree is not None
    (node,) = decode_tree(again.read_blob(BlobKind.TREE, root.subtree))
    assert node.mode == 0o600
