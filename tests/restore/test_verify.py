"""A verify finds whatever is not as it was written, and says where."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from commands import restic
from container_agent.repository.errors import RepositoryDamaged, SnapshotUnknown
from container_agent.repository.repository import Repository
from container_agent.session.tally import Stopped, Tally
from container_agent.session.verify import Faults, References, verify
from restore.restoring import backed_up, opened
from sluicegate.v1 import slice_pb2
from trees import make_tree


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository of two snapshots and several packs."""
    place = tmp_path_factory.mktemp("verify")
    make_tree(place / "first", 50, 40 << 20)
    backed_up(place / "first", place / "repository")
    make_tree(place / "second", 60, seed=100)
    restic(place / "repository", "backup", place / "second")
    return place / "repository"


@pytest.fixture
def location(whole: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(whole, tmp_path / "repository"))


def packs_of(location: Path) -> list[Path]:
    """The packs, the largest first."""
    packs = [path for path in (location / "data").rglob("*") if path.is_file()]
    return sorted(packs, key=lambda path: -path.stat().st_size)


def verified(repository: Repository, snapshot: str = "") -> Tally:
    tally = Tally()
    verify(slice_pb2.VerifyWork(snapshot=snapshot), repository, tally)
    return tally


def rewrite(path: Path, change: Callable[[bytes], bytes]) -> None:
    """Puts other bytes into a file that is not meant to be written."""
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(change(content))


def test_a_whole_repository_is_read_to_its_last_byte(location):
    tally = verified(opened(location))
    assert tally.read_bytes == sum(path.stat().st_size for path in packs_of(location))
    assert tally.blobs > 100


def test_one_snapshot_is_read_alone(location):
    repository = opened(location)
    every, latest = verified(repository), verified(repository, "latest")
    assert 0 < latest.blobs < every.blobs
    with pytest.raises(SnapshotUnknown):
        verified(repository, "0000")


@pytest.mark.parametrize("place", [0.0, 0.3, 0.99])
def test_a_flipped_bit_is_found(location, place):
    pack = packs_of(location)[0]

    def flip(content: bytes) -> bytes:
        at = int(len(content) * place)
        return content[:at] + bytes((content[at] ^ 1,)) + content[at + 1 :]

    rewrite(pack, flip)
    with pytest.raises(RepositoryDamaged, match=pack.name[:16]):
        verified(opened(location))


@pytest.mark.parametrize("left_bytes", [0, 10, 1000])
def test_a_truncated_pack_is_found(location, left_bytes):
    pack = packs_of(location)[-1]
    rewrite(pack, lambda content: content[:left_bytes])
    with pytest.raises(RepositoryDamaged):
        verified(opened(location))


def test_swapped_packs_are_found(location):
    one, other = packs_of(location)[:2]
    one.rename(location / "aside")
    other.rename(one)
    (location / "aside").rename(other)
    with pytest.raises(RepositoryDamaged) as found:
        verified(opened(location))
    assert one.name[:16] in str(found.value) and other.name[:16] in str(found.value)


def test_a_missing_pack_is_found(location):
    gone = packs_of(location)[0]
    gone.unlink()
    with pytest.raises(RepositoryDamaged, match=gone.name[:16]):
        verified(opened(location))


def test_a_missing_index_is_found(location):
    os.unlink(sorted((location / "index").iterdir())[0])
    with pytest.raises(RepositoryDamaged, match="is in no"):
        verified(opened(location))


def test_damage_elsewhere_does_not_concern_a_snapshot(location):
    repository = opened(location)
    references = References(repository, Tally(), Faults())
    references.follow([repository.find_snapshot("latest").tree])
    foreign = [p for p in packs_of(location) if bytes.fromhex(p.name) not in references.packs]
    assert foreign
    rewrite(foreign[0], lambda content: content[:-1])
    verified(opened(location), "latest")
    with pytest.raises(RepositoryDamaged):
        verified(opened(location))


def test_many_faults_are_one_line(location):
    for pack in packs_of(location):
        rewrite(pack, lambda content: content[:-1])
    with pytest.raises(RepositoryDamaged) as found:
        verified(opened(location))
    assert "\n" not in str(found.value) and len(str(found.value)) < 1000
    assert "more" in str(found.value)


def test_a_verify_stops_when_told(location):
    tally = Tally()
    tally.stopping.set()
    with pytest.raises(Stopped):
        verify(slice_pb2.VerifyWork(), opened(location), tally)
