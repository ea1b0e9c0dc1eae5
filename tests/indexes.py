"""Indexes by chance, and what they say."""

import random
from collections.abc import Mapping
from pathlib import Path

from hypothesis import strategies as st

from container_agent.repository import documents
from container_agent.repository.blobs import BlobKind, Place
from container_agent.repository.crypto import MasterKey, Sealer
from container_agent.repository.index_documents import encode_index
from container_agent.repository.keys import open_key
from container_agent.repository.packs import PackedBlob
from container_agent.repository.repository import Repository
from container_agent.repository.stores import LocalStore
from repositories import SECRET

IDS = st.binary(min_size=32, max_size=32)
LENGTHS = st.integers(32, (1 << 32) - 1)
PACKED = st.builds(
    PackedBlob, st.sampled_from(BlobKind), IDS, LENGTHS, LENGTHS, st.just(0) | LENGTHS
)
PACKS = st.dictionaries(IDS, st.lists(PACKED, min_size=1, max_size=8), max_size=4)

Packs = Mapping[bytes, list[PackedBlob]]


def places_in(*named: Packs) -> dict[tuple[BlobKind, bytes], set[Place]]:
    """Every place of every blob."""
    places: dict[tuple[BlobKind, bytes], set[Place]] = {}
    for packs in named:
        for pack_id, packed in packs.items():
            for kind, blob_id, *place in packed:
                places.setdefault((kind, blob_id), set()).add(Place(pack_id, *place))
    return places


def some_packs(seed: int, packs: int = 5, blobs: int = 20) -> Packs:
    """Packs that are always the same, of blobs of both kinds."""
    chance = random.Random(seed)
    return {
        chance.randbytes(32): [
            PackedBlob(chance.choice(list(BlobKind)), chance.randbytes(32), at * 1000, 999, 0)
            for at in range(blobs)
        ]
        for _ in range(packs)
    }


def name_in_index(location: Path, packs: Packs) -> str:
    """Writes an index file into a repository; its name. The packs do not exist."""
    store = LocalStore(str(location))
    sealer = Sealer(MasterKey.of(key_of(store)))
    return documents.save_json(store, sealer, "index", encode_index(packs.items())).hex()


def opened(store: LocalStore, cache: Path | None) -> Repository:
    """A repository with its index, in a cache if there is one."""
    repository = Repository.open(store, b"", key_of(store), cache)
    repository.load_index()
    return repository


def key_of(store: LocalStore) -> bytes:
    """The master key of a repository; deriving it takes a third of a second."""
    location = str(store)
    if location not in _keys:
        _keys[location] = open_key(store, SECRET).secret
    return _keys[location]


_keys: dict[str, bytes] = {}
