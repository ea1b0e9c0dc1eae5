"""Two hundred generated trees: backed up in slices of any size, sound, and restored as they were by
us and by restic; those that restic backed up by us, and each on top of the other."""

import os
import random
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from backing import back_up
from commands import restic, sluicegate
from compare import describe, differences, fuller
from container_agent.repository.repository import Repository
from container_agent.repository.stores import LocalStore
from generated_trees import GeneratedTree
from repositories import SECRET, reopen
from restore.restoring import cuts_of, finish, plan_for, restore_all, restore_slices
from sluicegate.v1 import slice_pb2

TREES_AT_ONCE = 5
METHODS = ["batch", "per-slice", "continuous", "auto"]
MIB = 1 << 20


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """A repository that restic finds sound when all is done."""
    memory = "/dev/shm" if os.path.isdir("/dev/shm") else None
    with TemporaryDirectory(dir=memory) as above:
        location = Path(above) / "repository"
        Repository.create(LocalStore(str(location)), SECRET)
        yield location
        assert "no errors were found" in restic(location, "check", "--read-data")


def make(above: Path, seed: int, plain: bool) -> Path:
    """Five trees in one directory."""
    root = above / "asset"
    root.mkdir()
    for number in range(TREES_AT_ONCE):
        GeneratedTree(b"%b/t%d" % (bytes(root), number), seed * TREES_AT_ONCE + number, plain)
    os.utime(root, ns=(seed, seed))
    return root


def is_the_same(source: Path, restored: Path) -> None:
    """Compares strictly, holes and all."""
    place = f"{restored}{source}"
    assert differences(describe(source), describe(place)) == []
    assert fuller(str(source), place) == []


def restored_by_us(location: Path, target: Path, rng: random.Random, snapshot: str) -> None:
    """Restores in slices of random sizes, in any order."""
    repository = reopen(location)
    plan = plan_for(target, snapshot=snapshot)
    cutting = slice_pb2.Cutting(
        slice_bytes=rng.choice([1 << 16, MIB, 64 * MIB]),
        slice_files=rng.choice([1, 7, 1000]),
        range_bytes=rng.choice([MIB, 4 * MIB]),
    )
    cuts = cuts_of(repository, plan, cutting)
    rng.shuffle(cuts)
    assert restore_slices(repository, plan, cuts, cutting.range_bytes).unread == []
    assert finish(repository, plan, cutting.range_bytes).unread == []


def restored_by_restic(location: Path, target: Path, snapshot: str) -> None:
    restic(location, "restore", snapshot, "--target", target)


def changed(source: Path, seed: int) -> None:
    """One more tree, and one less."""
    GeneratedTree(b"%b/more" % bytes(source), seed + 10_000, plain=True)
    (source / "t0").rename(source / "renamed")


@pytest.mark.parametrize("seed", range(34))
def test_r44_a_generated_tree_comes_back_as_it_was(seed: int, place: Path, tmp_path: Path) -> None:
    rng, plain = random.Random(seed), seed % 2 == 0
    source = make(tmp_path, seed, plain)
    done = back_up(
        bytes(source),
        reopen(place),
        backup_id=f"g{seed}",
        slice_bytes=rng.choice([1 << 16, MIB, 16 * MIB]),
        slice_files=rng.choice([1, 5, 40, 1000]),
    )
    assert not done.unread()
    restored_by_us(place, tmp_path / "ours", rng, done.snapshot_id.hex())
    is_the_same(source, tmp_path / "ours")
    if plain:
        restored_by_restic(place, tmp_path / "theirs", done.snapshot_id.hex())
        found = differences(describe(source), describe(f"{tmp_path}/theirs{source}"))
        assert found == []


@pytest.mark.parametrize("seed", range(100, 103))
def test_what_restic_backed_up_is_restored_and_gone_on_from(
    seed: int, place: Path, tmp_path: Path
) -> None:
    source = make(tmp_path, seed, plain=True)
    restic(place, "backup", source)
    restored_by_us(place, tmp_path / "first", random.Random(seed), "latest")
    is_the_same(source, tmp_path / "first")
    changed(source, seed)
    done = back_up(bytes(source), reopen(place), backup_id=f"g{seed}", slice_files=11)
    assert done.parent_id and done.total("unchanged_files") > 0
    restored_by_restic(place, tmp_path / "second", done.snapshot_id.hex())
    assert differences(describe(source), describe(f"{tmp_path}/second{source}")) == []


@pytest.mark.parametrize("seed", range(200, 203))
def test_restic_goes_on_from_what_we_backed_up(seed: int, place: Path, tmp_path: Path) -> None:
    source = make(tmp_path, seed, plain=True)
    back_up(bytes(source), reopen(place), backup_id=f"g{seed}", slice_files=13)
    changed(source, seed)
    restic(place, "backup", source)
    restored_by_us(place, tmp_path / "ours", random.Random(seed), "latest")
    is_the_same(source, tmp_path / "ours")


@pytest.mark.parametrize("method", METHODS)
def test_the_command_brings_a_generated_tree_back_by_every_method(
    method: str, place: Path, tmp_path: Path
) -> None:
    rng = random.Random(method)
    source = make(tmp_path, 300 + METHODS.index(method), plain=False)
    streams = ("--streams", rng.choice([1, 2, 4]))
    sizes = ("--slice-bytes", rng.choice(["64KiB", "1MiB", "8MiB"]))
    sluicegate("backup", source, "--repo", place, "--method", method, *streams, *sizes)
    sluicegate("restore", "latest", "--repo", place, "--to", tmp_path / "out", *streams)
    is_the_same(source, tmp_path / "out")


def test_a_tree_is_restored_over_another_and_nothing_of_that_is_left_in_it(
    place: Path, tmp_path: Path
) -> None:
    first = make(tmp_path, 400, plain=False)
    one = back_up(bytes(first), reopen(place), backup_id="o1").snapshot_id.hex()
    for path in first.iterdir():
        path.rename(tmp_path / path.name)
    first.rmdir()
    second = make(tmp_path, 400, plain=False)
    for path in sorted(second.rglob("*")):
        if not path.is_symlink() and path.is_dir():
            for name in os.listxattr(path):
                os.removexattr(path, name)
            os.utime(path, ns=(5, 5))
    other = back_up(bytes(second), reopen(place), backup_id="o2").snapshot_id.hex()
    for snapshot in (one, other):
        assert not restore_all(reopen(place), plan_for(tmp_path / "out", snapshot=snapshot)).unread
    is_the_same(second, tmp_path / "out")


def test_trees_deeper_than_descriptors_and_longer_than_paths_are_restored(
    place: Path, tmp_path: Path
) -> None:
    names = [b"d"] * 450 + [b"n" * 200] * 20
    (tmp_path / "deep").mkdir()
    at = os.open(tmp_path / "deep", os.O_RDONLY)
    for depth, name in enumerate(names):
        os.mkdir(name, dir_fd=at)
        below = os.open(name, os.O_RDONLY, dir_fd=at)
        os.close(os.open(b"z%d" % depth, os.O_CREAT | os.O_WRONLY, dir_fd=at))
        os.utime(at, ns=(depth, depth))
        os.close(at)
        at = below
    os.close(at)
    done = back_up(bytes(tmp_path / "deep"), reopen(place), backup_id="deep", slice_files=100)
    plan = plan_for(tmp_path / "out", snapshot=done.snapshot_id.hex())
    assert not restore_all(reopen(place), plan).unread
    at = os.open(f"{tmp_path}/out{tmp_path}/deep", os.O_RDONLY)
    for depth, name in enumerate(names):
        assert os.fstat(at).st_mtime_ns == depth
        assert sorted(os.listdir(at)) == sorted([os.fsdecode(name), f"z{depth}"])
        below = os.open(name, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(at)
