"""Files with holes: backed up without reading the holes, restored with them."""

import hashlib
import os
import random
import time
from pathlib import Path

import pytest

from backing import back_up
from commands import restic
from container_agent.repository.chunking import Zeros, chunks
from container_agent.repository.repository import Repository
from container_agent.session.crawl import sparse_size
from container_agent.session.cutting import SparseSize
from container_agent.storage.read import Holes
from container_agent.storage.write_entries import write_sparse
from container_agent.storage.zeros import HOLE_BYTES, data_runs
from repositories import reopen
from restore.restoring import plan_for, restore_all

KIB, MIB, TIB = 1 << 10, 1 << 20, 1 << 40
RANGE_BYTES = 64 * MIB


def make_sparse(path: Path, size: int, islands: list[tuple[int, int]], seed: int = 3) -> None:
    """A file of holes but for islands of random data: where each is, and how long."""
    rng = random.Random(seed)
    with open(path, "wb") as file:
        for offset, length in islands:
            file.seek(offset)
            file.write(rng.randbytes(length))
        file.truncate(size)


def random_islands(rng: random.Random, size: int) -> list[tuple[int, int]]:
    return sorted(
        (rng.randrange(size - MIB), rng.choice([1, 4 * KIB, 100 * KIB, MIB]))
        for _ in range(rng.randrange(4))
    )


def blobs_of(path: Path, start: int, stop: int, sparse: bool) -> list[str]:
    """The ids of the blobs of a file, its holes passed over or read."""
    with open(path, "rb") as file:
        number = file.fileno()
        holes = Holes(number, os.fstat(number))

        def read(offset: int, length: int) -> bytes:
            return os.pread(number, length, offset)

        told = [holes.end] if sparse else []
        return [
            hashlib.sha256(bytes(c.length) if isinstance(c, Zeros) else c).hexdigest()
            for c in chunks(read, start, stop, RANGE_BYTES, *told)
        ]


@pytest.mark.parametrize("seed", range(8))
def test_holes_become_the_blobs_that_their_zeros_would_become(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    size = rng.choice([70 * MIB, 128 * MIB, 150 * MIB + 7, 9 * MIB])
    path = tmp_path / "sparse"
    make_sparse(path, size, random_islands(rng, size), seed)
    for start in {0, RANGE_BYTES if size > RANGE_BYTES else 0}:
        assert blobs_of(path, start, size, True) == blobs_of(path, start, size, False)


def test_a_terabyte_of_holes_is_backed_up_and_restored_in_seconds(
    tmp_path: Path, location: Path, repository: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("backing.RANGE_BYTES", RANGE_BYTES)
    source = tmp_path / "tree"
    source.mkdir()
    islands = [(0, 4 * KIB), (TIB // 2 + 5, 100 * KIB), (TIB - 300 * MIB, 4 * KIB)]
    make_sparse(source / "large", TIB, islands)
    begun = time.process_time()
    done = back_up(bytes(source), repository, slice_bytes=4 * MIB)
    restored = tmp_path / "restored"
    assert not restore_all(reopen(location), plan_for(restored)).unread
    assert time.process_time() - begun < 20
    assert not done.unread()
    assert done.total("seen_bytes") == TIB
    assert done.total("read_bytes") < 100 * MIB
    assert len(done.cuts) < 20
    one, other = source / "large", Path(f"{restored}{source}/large")
    assert os.stat(other).st_size == TIB
    assert os.stat(other).st_blocks <= os.stat(one).st_blocks * 1.05
    with open(one, "rb") as left, open(other, "rb") as right:
        for offset, length in islands:
            left.seek(offset - 8 if offset else 0)
            right.seek(left.tell())
            assert left.read(length + 16) == right.read(length + 16)


def test_what_was_sparse_is_so_again_and_restic_reads_the_same(
    tmp_path: Path, location: Path, repository: Repository
) -> None:
    source = tmp_path / "tree"
    source.mkdir()
    for number in range(6):
        rng = random.Random(number)
        size = rng.choice([5 * KIB, 300 * KIB, 5 * MIB, 40 * MIB])
        islands = [(rng.randrange(size), rng.randrange(20 * KIB)) for _ in range(3)]
        make_sparse(source / f"f{number}", size, sorted(islands), number)
    (source / "hole alone").touch()
    os.truncate(source / "hole alone", 3 * MIB)
    assert not back_up(bytes(source), repository, slice_bytes=2 * MIB).unread()
    restic(location, "check", "--read-data")
    restic(location, "restore", "latest", "--target", tmp_path / "theirs")
    assert not restore_all(reopen(location), plan_for(tmp_path / "ours")).unread
    for file in source.iterdir():
        ours = Path(f"{tmp_path}/ours{file}")
        assert file.read_bytes() == ours.read_bytes()
        assert file.read_bytes() == Path(f"{tmp_path}/theirs{file}").read_bytes()
        assert os.stat(ours).st_blocks <= os.stat(file).st_blocks * 1.05 + 8


def test_a_file_that_ends_within_a_hole_is_not_made_longer(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    make_sparse(path, 40 * MIB, [(0, 4096)])
    with open(path, "rb+") as file:
        holes = Holes(file.fileno(), os.fstat(file.fileno()))
        os.truncate(path, 10 * MIB)
        assert holes.end(8 * MIB) == 10 * MIB
        assert holes.end(20 * MIB) == 20 * MIB


def test_a_size_knows_the_data_of_each_range(tmp_path: Path) -> None:
    make_sparse(tmp_path / "sparse", 5 * MIB, [(MIB, 8192), (3 * MIB - 4096, 8192)])
    directory = os.open(tmp_path, os.O_RDONLY)
    size = sparse_size(directory, b"sparse", MIB)
    os.close(directory)
    assert isinstance(size, SparseSize) and size == 5 * MIB
    assert size.ranges == [0, 8192, 4096, 4096, 0]


@pytest.mark.parametrize("seed", range(30))
def test_long_zeros_are_not_written_and_nothing_else_is_left_out(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    data = b"".join(
        bytes(rng.choice([1, 2047, 4095, 4096, 9000, 300_000]))
        + rng.randbytes(rng.choice([0, 1, 5000]))
        for _ in range(rng.randrange(1, 6))
    ) + rng.randbytes(1)
    with open(tmp_path / "file", "wb") as file:
        written = write_sparse(file.fileno(), data, 77)
        os.ftruncate(file.fileno(), 77 + len(data))
    assert (tmp_path / "file").read_bytes()[77:] == data
    assert written == sum(stop - start for start, stop in data_runs(data))
    for start, stop in data_runs(data):
        assert bytes(HOLE_BYTES * 2) not in data[start:stop]
    assert not list(data_runs(bytes(100_000)))
