"""T25: a seal refers to nothing that is gone. What a prune took is told by slices, to be redone."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from backing import Cuts, back_up, copied, crawled, sealed
from commands import check_repository, restic
from container_agent.repository.blobs import BlobKind
from container_agent.repository.errors import RepositoryDamaged
from container_agent.repository.reading import BlobReader
from container_agent.repository.repository import Repository
from container_agent.repository.stores import LocalStore
from container_agent.session.seal import SlicesLost
from container_agent.session.tally import Tally
from repositories import SECRET, reopen
from sluicegate.v1 import slice_pb2
from trees import make_tree, write_file

FILES = 150


@pytest.fixture
def source(tmp_path: Path) -> bytes:
    """A tree of many small directories, and a file that is cut inside."""
    make_tree(tmp_path / "tree", FILES, large_bytes=3 << 20)
    return bytes(tmp_path / "tree")


def copy_all(
    source: bytes, location: Path, cuts: Cuts, parent: bytes = b"", only: Sequence[int] = ()
) -> list[slice_pb2.SliceRecord]:
    """The records of these slices, copied by a new session."""
    repository = reopen(location)
    return [
        slice_pb2.SliceRecord(
            span=cut.span,
            record_id=copied(source, cut.span, repository, Tally(), parent),
        )
        for number, cut in enumerate(cuts, 1)
        if not only or number in only
    ]


def data_packs(location: Path) -> set[Path]:
    return {path for path in (location / "data").rglob("*") if path.is_file()}


def forget_packs(location: Path, packs: set[Path]) -> None:
    """As a prune leaves it: neither the packs nor their names in an index."""
    for pack in packs:
        pack.unlink()
    restic(location, "rebuild-index")


def test_t25_what_a_prune_took_is_done_again_and_then_the_backup_is_whole(
    source: bytes, location: Path, tmp_path: Path
) -> None:
    cuts, _ = crawled(source, reopen(location), slice_files=20)
    records = copy_all(source, location, cuts)
    restic(location, "prune")
    with pytest.raises(SlicesLost, match="something is gone that they had stored") as lost:
        sealed(source, records, reopen(location), Tally())
    assert lost.value.numbers == list(range(1, len(cuts) + 1))
    assert reopen(location).snapshots() == []
    records = copy_all(source, location, cuts)
    sealed(source, records, reopen(location), Tally())
    check_repository(location)


def test_t25_only_the_slices_are_named_of_which_something_is_gone(
    source: bytes, location: Path
) -> None:
    cuts, _ = crawled(source, reopen(location), slice_files=20)
    first = copy_all(source, location, cuts[:3])
    kept = data_packs(location)
    middle = copy_all(source, location, cuts[3:4])
    lost_packs = data_packs(location) - kept
    rest = copy_all(source, location, cuts[4:])
    forget_packs(location, lost_packs)
    with pytest.raises(SlicesLost) as lost:
        sealed(source, [*first, *middle, *rest], reopen(location), Tally())
    assert 4 in lost.value.numbers and not {1, 2, 3} & set(lost.value.numbers)
    again = copy_all(source, location, cuts, b"", lost.value.numbers)
    redone = dict(zip(lost.value.numbers, again, strict=True))
    records = [redone.get(n, each) for n, each in enumerate([*first, *middle, *rest], 1)]
    sealed(source, records, reopen(location), Tally())
    check_repository(location)


def test_t25_a_tree_that_is_left_while_its_content_is_gone_is_followed(
    source: bytes, location: Path
) -> None:
    """Content of an earlier backup that was never sealed, found stored and then pruned."""
    cuts, _ = crawled(source, reopen(location), slice_files=40)
    copy_all(source, location, cuts)
    earlier = data_packs(location)
    names = tree_packs(location)
    cuts, _ = crawled(source, reopen(location), slice_files=50)
    records = copy_all(source, location, cuts)
    forget_packs(location, {pack for pack in earlier if pack.name not in names})
    with pytest.raises(SlicesLost, match="the data blob"):
        sealed(source, records, reopen(location), Tally())


def tree_packs(location: Path) -> set[str]:
    """The names of the packs that hold trees."""
    repository = reopen(location)
    listed = (line.split() for line in restic(location, "list", "blobs").splitlines() if line)
    trees = (bytes.fromhex(blob_id) for kind, blob_id in listed if kind == "tree")
    packs = (repository.pack_of(BlobKind.TREE, tree) for tree in trees)
    return {pack.hex() for pack in packs if pack is not None}


def test_t25_what_a_forgotten_parent_kept_is_missed(source: bytes, location: Path) -> None:
    parent = back_up(source, reopen(location), backup_id="first").snapshot_id
    cuts, found = crawled(source, reopen(location), slice_files=30)
    assert found == parent
    records = copy_all(source, location, cuts, parent)
    restic(location, "forget", parent.hex(), "--prune")
    with pytest.raises(SlicesLost) as lost:
        sealed(source, records, reopen(location), Tally(), "second", parent)
    assert lost.value.numbers == list(range(1, len(cuts) + 1))


class WatchedRepository(Repository):
    """One that counts the trees that its readers read."""

    trees = 0

    def reader(self) -> BlobReader:
        """Counts what is read by it."""
        return CountingReader(self, super().reader())


class CountingReader(BlobReader):
    """A reader that tells its repository of what it reads."""

    def __init__(self, repository: WatchedRepository, reader: BlobReader) -> None:
        self._watched = repository
        self._reader = reader

    def read_blob(self, kind: BlobKind, blob_id: bytes) -> bytes:
        """Counts it."""
        self._watched.trees += kind is BlobKind.TREE
        return self._reader.read_blob(kind, blob_id)


def trees_of_seal(
    source: bytes, location: Path, records: list[slice_pb2.SliceRecord], parent: bytes
) -> int:
    """How many trees a seal reads."""
    repository = WatchedRepository.open(LocalStore(str(location)), SECRET)
    assert isinstance(repository, WatchedRepository)
    repository.load_index()
    sealed(source, records, repository, Tally(), f"after-{parent.hex()[:8]}", parent)
    return repository.trees


def test_what_the_parent_keeps_is_not_read_by_the_seal(tmp_path: Path, location: Path) -> None:
    source = tmp_path / "tree"
    for number in range(40):
        directory = source / f"{number % 4}" / f"{number}"
        directory.mkdir(parents=True)
        write_file(bytes(directory / "file"), 1000, number)
    parent = back_up(bytes(source), reopen(location), backup_id="first").snapshot_id
    write_file(bytes(source / "2" / "2" / "new"), 1000, 7)
    cuts, _ = crawled(bytes(source), reopen(location), slice_files=30)
    records = copy_all(bytes(source), location, cuts, parent)
    changed = trees_of_seal(bytes(source), location, records, parent)
    every = trees_of_seal(bytes(source), location, records, b"")
    assert every > 30 and changed <= 2


def test_a_pack_that_is_gone_and_still_named_is_damage_that_doing_again_mends_not(
    source: bytes, location: Path
) -> None:
    cuts, _ = crawled(source, reopen(location), slice_files=40)
    copy_all(source, location, cuts)
    earlier = data_packs(location)
    cuts, _ = crawled(source, reopen(location), slice_files=50)
    records = copy_all(source, location, cuts)
    for pack in earlier:
        pack.unlink()
    with pytest.raises(RepositoryDamaged, match="restic repair index"):
        sealed(source, records, reopen(location), Tally())
