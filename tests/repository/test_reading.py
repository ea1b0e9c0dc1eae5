"""Small blobs are read many at a time where they lie together, and never but as they were."""

import hashlib
import random
from contextlib import suppress
from pathlib import Path

import pytest

from container_agent.repository.blobs import BlobKind
from container_agent.repository.errors import BlobMissing, RepositoryDamaged
from container_agent.repository.packs import open_blob, seal_blob, verify_blob
from container_agent.repository.repository import Repository
from container_agent.repository.stores import LocalStore
from repositories import SECRET, put

COUNT = 300


class CountedStore(LocalStore):
    """A directory that notes how much is read of packs at a time."""

    def __init__(self, location: Path) -> None:
        super().__init__(str(location))
        self.reads: list[int] = []

    def read_range(self, name: str, offset: int, length: int, ahead: int = 0) -> bytes:
        data = super().read_range(name, offset, length, ahead)
        self.reads.append(len(data))
        return data


@pytest.fixture
def store(location: Path) -> CountedStore:
    return CountedStore(location)


@pytest.fixture
def contents() -> list[bytes]:
    """Such as compress and such as do not, in the order in which they are stored."""
    rng = random.Random(7)
    return [rng.randbytes(rng.randrange(9000)) + b"text" * rng.randrange(999) for _ in range(COUNT)]


@pytest.fixture
def ids(repository: Repository, contents: list[bytes]) -> list[bytes]:
    writer = repository.writer()
    stored = [put(writer, BlobKind.DATA, content) for content in contents]
    writer.flush()
    writer.close()
    return stored


def opened(store: CountedStore) -> Repository:
    repository = Repository.open(store, SECRET)
    repository.load_index()
    return repository


def harm(location: Path, change: bytes | None = None) -> None:
    """Cuts every pack short, or takes it away."""
    for pack in (location / "data").rglob("*"):
        if pack.is_file():
            pack.unlink()
            if change is not None:
                pack.write_bytes(change)


def test_neighbours_are_read_together(store, ids, contents):
    reader = opened(store).reader()
    assert [reader.read_blob(BlobKind.DATA, blob_id) for blob_id in ids] == contents
    assert len(store.reads) < COUNT // 20 and max(store.reads) <= 512 << 10


def test_of_what_is_scattered_no_more_is_read_than_it_is_long(store, ids, contents):
    reader = opened(store).reader()
    for number in reversed(range(COUNT)):
        assert reader.read_blob(BlobKind.DATA, ids[number]) == contents[number]
    assert len(store.reads) == COUNT and max(store.reads) < 14_000


def test_large_blobs_are_read_alone(store, repository):
    large = random.Random(8).randbytes(1 << 20)
    writer = repository.writer()
    ids = [put(writer, BlobKind.DATA, data) for data in (b"before", large, b"behind")]
    writer.flush()
    writer.close()
    reader = opened(store).reader()
    assert [len(reader.read_blob(BlobKind.DATA, blob_id)) for blob_id in ids] == [6, 1 << 20, 6]


@pytest.mark.parametrize(("left", "failure"), [(b"", RepositoryDamaged), (None, BlobMissing)])
def test_what_is_not_there_is_said_and_what_is_in_another_pack_is_read(
    location, store, repository, ids, contents, left, failure
):
    reader = opened(store).reader()
    harm(location, left)
    with pytest.raises(failure):
        reader.read_blob(BlobKind.DATA, ids[0])
    again = Repository.open(store, SECRET)
    writer = again.writer()
    put(writer, BlobKind.DATA, contents[0])
    writer.flush()
    writer.close()
    assert opened(store).reader().read_blob(BlobKind.DATA, ids[0]) == contents[0]


@pytest.mark.parametrize("data", [b"a" * 5000, random.Random(9).randbytes(5000), b""])
def test_no_flipped_bit_changes_what_is_read_and_a_verify_finds_each(repository, data):
    sealer = repository._sealer
    blob_id = hashlib.sha256(data).digest()
    sealed, length = seal_blob(sealer, BlobKind.DATA, blob_id, data)[2:]
    verify_blob(sealer, blob_id, sealed, length)
    for at in (0, 15, 16, len(sealed) // 2, len(sealed) - 17, len(sealed) - 16, len(sealed) - 1):
        harmed = bytearray(sealed)
        harmed[at] ^= 4
        with suppress(RepositoryDamaged):
            assert open_blob(sealer, blob_id, bytes(harmed), length) == data
        with pytest.raises(RepositoryDamaged):
            verify_blob(sealer, blob_id, bytes(harmed), length)


@pytest.mark.parametrize("length", [0, 5000])
def test_what_is_too_short_to_be_sealed_is_damaged(repository, length):
    for size in (0, 15, 31):
        with pytest.raises(RepositoryDamaged, match="too short"):
            open_blob(repository._sealer, bytes(32), bytes(size), length)
