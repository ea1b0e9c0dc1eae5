"""The index file of a host says what the index files say, or that it is broken."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from container_agent.repository import index_making
from container_agent.repository.blobs import BlobKind, Place
from container_agent.repository.index_documents import encode_index
from container_agent.repository.index_file import BLOCK_BYTES, IndexFile, IndexFileBroken, ids_in
from container_agent.repository.index_making import make_index_file
from container_agent.repository.index_rows import RowCiphers
from indexes import PACKS, Packs, places_in, some_packs

SECRET, NAMES = bytes(range(32)), [b"n" * 32, b"a" * 32]


def made(path: Path, packs: Packs, base: IndexFile | None = None) -> IndexFile:
    """The file of these packs, each named by an index file, and of a base's."""
    told = (encode_index([pack]) for pack in packs.items())
    make_index_file(path, SECRET, base, NAMES, told)
    return IndexFile(path, SECRET)


def told_by(file: IndexFile, blobs) -> dict[tuple[BlobKind, bytes], set[Place]]:
    """Every place of blobs, as the file tells it."""
    return {blob: set(file.find_all(*blob)) for blob in blobs}


# Files are synced, and disks are slow at times.
@settings(deadline=None)
@given(PACKS, PACKS, st.sampled_from([1, 40, index_making.SPILL_BYTES]))
def test_it_says_what_the_index_files_say_also_when_made_in_two_steps(
    tmp_path_factory, before, after, spill_bytes
):
    directory = tmp_path_factory.mktemp("index")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(index_making, "SPILL_BYTES", spill_bytes)
        base = made(directory / "index", before)
        file = made(directory / "index", after, base)
    expected = places_in(before, after)
    assert told_by(file, expected) == expected
    assert told_by(base, places_in(before)) == places_in(before)
    assert all(file.find(*blob) in places for blob, places in expected.items())
    for kind, blob_id in expected:
        other = (BlobKind(1 - kind), blob_id)
        assert other in expected or file.find(*other) is None
    assert set(ids_in(file.pack_ids())) == before.keys() | after.keys()
    assert file.names == set(NAMES)


def test_a_blob_in_more_packs_than_a_block_has_rows_is_found_in_all(tmp_path):
    [(_, [blob])] = some_packs(1, packs=1, blobs=1).items()
    packs = {pack_id: [blob] for pack_id in some_packs(2, packs=200)} | some_packs(3, packs=40)
    file = made(tmp_path / "index", packs)
    expected = places_in(packs)
    assert told_by(file, expected) == expected
    assert len(file.find_all(blob.kind, blob.blob_id)) == 200


def test_every_flipped_byte_is_noticed_and_never_answered_by(tmp_path):
    packs = some_packs(1)
    blobs = places_in(packs)
    path = tmp_path / "index"
    made(path, packs)
    whole = path.read_bytes()
    path.chmod(0o600)
    for at in range(len(whole)):
        path.write_bytes(whole[:at] + bytes((whole[at] ^ 1 << at % 8,)) + whole[at + 1 :])
        with pytest.raises(IndexFileBroken):
            file = IndexFile(path, SECRET)
            for blob, places in blobs.items():
                assert set(file.find_all(*blob)) == places
            file.pack_ids()


def test_a_part_of_it_or_more_than_it_is_none(tmp_path):
    path = tmp_path / "index"
    made(path, some_packs(1))
    whole = path.read_bytes()
    path.chmod(0o600)
    for wrong in [whole[:length] for length in range(0, len(whole), 97)] + [whole + b"\0"]:
        path.write_bytes(wrong)
        with pytest.raises(IndexFileBroken):
            IndexFile(path, SECRET)


def test_blocks_of_two_files_cannot_be_mixed(tmp_path):
    """Not even of two of one repository, with the same rows."""
    made(tmp_path / "one", some_packs(1))
    made(tmp_path / "two", some_packs(1))
    one, two = ((tmp_path / name).read_bytes() for name in ("one", "two"))
    blocks = range(0, len(one), BLOCK_BYTES)
    assert one[BLOCK_BYTES : 2 * BLOCK_BYTES] == two[BLOCK_BYTES : 2 * BLOCK_BYTES]
    (tmp_path / "one").chmod(0o600)
    for at in (blocks[0], blocks[-1]):
        mixed = one[:at] + two[at : at + BLOCK_BYTES] + one[at + BLOCK_BYTES :]
        (tmp_path / "one").write_bytes(mixed)
        with pytest.raises(IndexFileBroken):
            IndexFile(tmp_path / "one", SECRET)


def test_that_of_another_repository_is_none(tmp_path):
    made(tmp_path / "index", some_packs(1))
    with pytest.raises(IndexFileBroken, match="another repository"):
        IndexFile(tmp_path / "index", bytes(32))


def test_it_tells_nobody_else_what_is_backed_up(tmp_path):
    """Neither ids, by which known contents could be recognised, nor lengths."""
    packs = some_packs(1)
    made(tmp_path / "index", packs)
    file = (tmp_path / "index").read_bytes()
    for kind, blob_id in places_in(packs):
        assert blob_id[:8] not in file and blob_id[-8:] not in file
        assert RowCiphers(bytes(32)).key_of(kind, blob_id) not in file
    for length in (999).to_bytes(4, "little"), (999).to_bytes(4, "big"):
        assert file.count(length) < 3
    assert os.stat(tmp_path / "index").st_mode & 0o077 == 0
