"""A backup as restic sees it: whole, restorable, and no different from its own."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from backing import back_up
from commands import restic
from compare import describe, differences
from container_agent.repository.blobs import BlobKind
from container_agent.repository.repository import Repository
from container_agent.repository.trees import decode_tree, encode_tree
from repositories import reopen
from trees import make_tree, write_file

# Debian's restic knows no raw targets, and writes U+FFFD for what is no UTF-8.
RAW_TARGET = b"odd/link not utf-8"
MIB = 1 << 20


@pytest.fixture
def source(tmp_path: Path) -> bytes:
    """A tree with one of everything, and a file that is cut inside."""
    make_tree(tmp_path / "tree", 150, large_bytes=5 * MIB)
    return bytes(tmp_path / "tree")


def test_r44_what_many_slices_stored_is_restored_whole_by_restic(
    source: bytes, location: Path, repository: Repository, tmp_path: Path
) -> None:
    done = back_up(source, repository, slice_bytes=2 * MIB, slice_files=17)
    assert len(done.cuts) > 10
    assert not done.unread()
    restic(location, "check", "--read-data")
    restic(location, "restore", "latest", "--target", tmp_path / "out")
    restored = describe(bytes(tmp_path / "out") + source)
    found = differences(describe(source), restored)
    assert [line for line in found if not line.startswith(repr(RAW_TARGET))] == []


def nodes_at(repository: Repository, tree_id: str) -> dict[str, dict[str, Any]]:
    """The nodes of a tree as they are stored, but for the device, which newer versions of restic
    write for hard links alone, and for targets, which newer versions write raw as well."""
    blob = repository.read_blob(BlobKind.TREE, bytes.fromhex(tree_id))
    nodes = json.loads(blob)["nodes"]
    for node in nodes:
        node.pop("device_id", None)
        node.pop("linktarget_raw", None)
    return {node["name"]: node for node in nodes}


def asset_tree(repository: Repository, tree_id: str, source: bytes) -> str:
    """The tree of the asset; others may touch the directories above it meanwhile."""
    for name in os.fsdecode(source)[1:].split("/"):
        tree_id = nodes_at(repository, tree_id)[name]["subtree"]
    return tree_id


def assert_same_trees(repository: Repository, one: str, other: str, large: list[str]) -> None:
    """Compares two trees node by node. What the other has as the content of larger files, which
    may be cut otherwise, goes to `large`."""
    left, right = nodes_at(repository, one), nodes_at(repository, other)
    assert left.keys() == right.keys()
    for name, node in left.items():
        twin = right[name]
        if node["type"] == "dir":
            assert_same_trees(repository, node.pop("subtree"), twin.pop("subtree"), large)
        if node.get("size", 0) > 512 << 10:
            del node["content"]
            large += twin.pop("content")
        assert list(node.items()) == list(twin.items())


def test_restic_stores_the_same_nodes_and_no_small_file_anew(
    source: bytes, location: Path, repository: Repository
) -> None:
    back_up(source, repository, slice_files=40)
    before = data_blobs(location)
    restic(location, "backup", "--force", source)
    both = reopen(location)
    ours, theirs = both.snapshots()
    trees = [asset_tree(both, snapshot.tree.hex(), source) for snapshot in (ours, theirs)]
    # The only file above 512 KiB is cut into other blobs by another chunker.
    large: list[str] = []
    assert_same_trees(both, trees[0], trees[1], large)
    assert data_blobs(location) - before <= set(large)
    told = restic(location, "diff", ours.snapshot_id.hex(), theirs.snapshot_id.hex())
    assert "Files:           0 new,     0 removed" in told
    assert "Others:          0 new,     0 removed" in told


def data_blobs(location: Path) -> set[str]:
    """The ids of all data blobs as restic lists them."""
    listed = (line.split() for line in restic(location, "list", "blobs").split("\n") if line)
    return {blob_id for kind, blob_id in listed if kind == "data"}


def test_nodes_are_encoded_as_the_repository_encodes_them(
    source: bytes, repository: Repository
) -> None:
    done = back_up(source, repository, slice_files=30)
    waiting, seen = [repository.find_snapshot(done.snapshot_id.hex()).tree], 0
    while waiting:
        blob = repository.read_blob(BlobKind.TREE, waiting.pop())
        nodes = decode_tree(blob)
        assert encode_tree(nodes) == blob
        waiting += [node.subtree for node in nodes if node.subtree is not None]
        seen += len(nodes)
    assert seen > 150


def test_r15_a_single_file_is_an_asset(
    location: Path, repository: Repository, tmp_path: Path
) -> None:
    file = tmp_path / "alone"
    write_file(bytes(file), 3 * MIB + 5, 1)
    done = back_up(bytes(file), repository, slice_bytes=MIB)
    assert len(done.cuts) == 4
    restic(location, "check", "--read-data")
    restic(location, "restore", "latest", "--target", tmp_path / "out")
    assert Path(f"{tmp_path}/out{file}").read_bytes() == file.read_bytes()


def test_an_empty_directory_is_an_asset(
    location: Path, repository: Repository, tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    done = back_up(bytes(tmp_path / "empty"), repository)
    assert len(done.cuts) == 1
    restic(location, "check")
    assert "/empty" in restic(location, "ls", "latest")


def test_sealing_twice_makes_one_snapshot(
    source: bytes, location: Path, repository: Repository
) -> None:
    first = back_up(source, repository, backup_id="twice")
    second = back_up(source, repository, backup_id="twice")
    assert first.snapshot_id == second.snapshot_id
    (snapshot,) = json.loads(restic(location, "snapshots", "--json"))
    assert snapshot["tags"] == ["sluicegate", "backup=twice"]
