"""A verify finds whatever is not as it was written, and says where."""

import os
import shutil
from collections.abc import Callable
from contextlib import closing
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import pytest

from commands import restic
from container_agent.repository.blobs import BlobKind
from container_agent.repository.errors import SnapshotUnknown
from container_agent.session import verify as verify_module
from container_agent.session.tally import Stopped, Tally
from container_agent.session.verify import References, verify
from container_agent.session.verify_packs import PacksToVerify, verify_packs
from restore.restoring import backed_up, damage, opened, verified
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


def rewrite(path: Path, change: Callable[[bytes], bytes]) -> None:
    """Puts other bytes into a file that is not meant to be written."""
    content = path.read_bytes()
    path.unlink()
    path.write_bytes(change(content))


def test_a_whole_repository_is_read_to_its_last_byte(location):
    tally = verified(opened(location))
    assert tally.read_bytes == sum(path.stat().st_size for path in packs_of(location))
    assert tally.blobs > 100
    assert not tally.unread_count


def test_one_snapshot_is_read_alone(location):
    repository = opened(location)
    every, latest = verified(repository), verified(repository, "latest")
    assert 0 < latest.blobs < every.blobs
    with pytest.raises(SnapshotUnknown):
        verified(repository, "0000")


@pytest.fixture
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few packs are cut into several slices, too."""
    monkeypatch.setattr(verify_module, "PACKS_PER_SLICE", 1)


@pytest.mark.usefixtures("small_slices")
@pytest.mark.parametrize("parts", [1, 3, 7])
def test_all_parts_together_read_every_pack_once(location, parts):
    repository = opened(location)
    read = [verified(repository, part=(k, parts)).read_bytes for k in range(1, parts + 1)]
    assert sum(read) == verified(repository).read_bytes
    assert parts == 1 or max(read) < sum(read)
    assert verified(repository, part=(parts + 1, parts)).read_bytes == read[0]


@pytest.mark.usefixtures("small_slices")
def test_cuts_lie_end_to_end_and_go_on_where_they_broke_off(location):
    repository, cuts, rest = opened(location), [], []
    verify(slice_pb2.VerifyWork(), repository, lambda made, _: cuts.extend(made), Tally())
    assert len(cuts) == len(packs_of(location))
    assert not cuts[0].span.start.path and not cuts[-1].span.HasField("stop")
    for before, after in pairwise(cuts):
        assert before.span.stop == after.span.start
    again = slice_pb2.VerifyWork(start=cuts[1].span.stop)
    verify(again, repository, lambda made, _: rest.extend(made), Tally())
    assert rest == cuts[2:]


@pytest.mark.parametrize("place", [0.0, 0.3, 0.99])
def test_a_flipped_bit_is_found(location, place):
    pack = packs_of(location)[0]

    def flip(content: bytes) -> bytes:
        at = int(len(content) * place)
        return content[:at] + bytes((content[at] ^ 1,)) + content[at + 1 :]

    rewrite(pack, flip)
    assert f"pack {pack.name}" in damage(verified(opened(location)))


@pytest.mark.parametrize("left_bytes", [0, 10, 1000])
def test_a_truncated_pack_is_found(location, left_bytes):
    pack = packs_of(location)[-1]
    rewrite(pack, lambda content: content[:left_bytes])
    assert f"pack {pack.name}" in damage(verified(opened(location)))


def test_swapped_packs_are_found(location):
    one, other = packs_of(location)[:2]
    one.rename(location / "aside")
    other.rename(one)
    (location / "aside").rename(other)
    found = damage(verified(opened(location)))
    assert f"pack {one.name}" in found and f"pack {other.name}" in found


def test_a_missing_pack_is_found(location):
    gone = packs_of(location)[0]
    gone.unlink()
    assert f"pack {gone.name}" in damage(verified(opened(location)))


def test_a_missing_index_is_found(location):
    os.unlink(sorted((location / "index").iterdir())[0])
    assert "is in no pack" in damage(verified(opened(location)))


def test_a_pack_that_is_in_no_index_yet_is_no_damage(location):
    """A backup writes its packs before the index that names them."""
    repository = opened(location)
    indexes = frozenset((location / "index").iterdir())
    with closing(repository.writer()) as writer:
        data = os.urandom(1000)
        writer.put(BlobKind.DATA, sha256(data).digest(), data)
        writer.flush()
    [newest] = frozenset((location / "index").iterdir()) - indexes
    newest.unlink()
    assert not verified(opened(location)).unread_count


def test_damage_elsewhere_does_not_concern_a_snapshot(location):
    repository = opened(location)
    references = References(repository, Tally())
    references.follow([repository.find_snapshot("latest").tree])
    foreign = [p for p in packs_of(location) if bytes.fromhex(p.name) not in references.packs]
    assert foreign
    rewrite(foreign[0], lambda content: content[:-1])
    assert not verified(opened(location), "latest").unread_count
    assert damage(verified(opened(location)))


def test_every_damaged_pack_is_named(location):
    packs = packs_of(location)
    for pack in packs:
        rewrite(pack, lambda content: content[:-1])
    found = damage(verified(opened(location)))
    assert all(f"pack {pack.name}" in found for pack in packs)


@pytest.mark.parametrize("work", ["verify", "verify_packs"])
def test_a_verify_stops_when_told(location, work):
    tally = Tally()
    tally.stopping.set()
    repository = opened(location)
    with pytest.raises(Stopped):
        if work == "verify":
            verify(slice_pb2.VerifyWork(), repository, lambda *_: None, tally)
        else:
            packs = PacksToVerify(repository)
            verify_packs(slice_pb2.VerifyPacksWork(), repository, packs, tally)
