"""The index finds what the index files name and what the session added, and nothing else."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from container_agent.repository import index as index_module
from container_agent.repository import index_table
from container_agent.repository.blobs import BlobKind
from container_agent.repository.errors import RepositoryDamaged
from container_agent.repository.index import Index
from container_agent.repository.index_documents import encode_index
from container_agent.repository.index_file import IndexFile
from container_agent.repository.index_making import make_index_file
from container_agent.repository.index_table import table_of
from indexes import PACKS, Packs, places_in

SECRET = bytes(range(32))


def never(file: IndexFile) -> None:
    """Mends nothing, as nothing is broken."""
    raise AssertionError(file)


def documents_of(packs: Packs) -> list[bytes]:
    return [encode_index([pack]) for pack in packs.items()]


# Files are synced, and disks are slow at times.
@settings(deadline=None)
@given(PACKS, PACKS, PACKS, st.booleans())
def test_it_finds_what_was_loaded_and_added_and_nothing_else(
    tmp_path_factory, in_file, loaded, added, small
):
    path = tmp_path_factory.mktemp("index") / "index"
    make_index_file(path, SECRET, None, [], documents_of(in_file))
    index = Index(never)
    with pytest.MonkeyPatch.context() as patched:
        if small:
            patched.setattr(index_module, "ADDED_MIN", 0)
            patched.setattr(index_table, "LOOSE_MAX", 3)
        index.load(IndexFile(path, SECRET), table_of(documents_of(loaded)))
        index.add(added.items())
    expected = places_in(in_file, loaded, added)
    for (kind, blob_id), places in expected.items():
        assert index.find(kind, blob_id) in places
        assert set(index.places(kind, blob_id)) <= places
        assert index.find(BlobKind(1 - kind), blob_id) is None or (
            (BlobKind(1 - kind), blob_id) in expected
        )
    for (kind, blob_id), places in places_in(in_file, loaded).items():
        assert places <= set(index.places(kind, blob_id))
    assert index.find(BlobKind.DATA, b"?" * 32) is None or (BlobKind.DATA, b"?" * 32) in expected
    # A session never adds a blob twice; of a blob in two added packs the later one counts.
    last = {blob[:2]: pack_id for pack_id, packed in added.items() for blob in packed}
    named = in_file.keys() | loaded.keys() | set(last.values())
    assert named <= index.pack_ids() <= in_file.keys() | loaded.keys() | added.keys()


BLOB = {"id": "0" * 64, "type": "data", "offset": 0, "length": 40}


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"packs": [{}]},
        {"packs": [{"id": "xy", "blobs": []}]},
        {"packs": [{"id": "00", "blobs": [{"id": "00", "type": "data"}]}]},
        {"packs": [{"id": "00", "blobs": [{"id": "", "type": "odd", "offset": 0, "length": 1}]}]},
        {"packs": [{"id": "00", "blobs": [{"id": "00", "type": "data", "offset": -1}]}]},
        {"packs": 5},
        {"packs": [{"id": "0" * 64, "blobs": [BLOB | {"id": "0 " * 32}]}]},
        {"packs": [{"id": "0 " * 32, "blobs": [BLOB]}]},
        {"packs": [{"id": "x" * 64, "blobs": [BLOB]}]},
    ],
)
def test_what_is_no_index_is_damage(tmp_path, document):
    told = json.dumps(document).encode()
    with pytest.raises(RepositoryDamaged, match="index file"):
        table_of([told])
    with pytest.raises(RepositoryDamaged, match="index file"):
        make_index_file(tmp_path / "index", SECRET, None, [], [told])
    assert list(tmp_path.iterdir()) == []
