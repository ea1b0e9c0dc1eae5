"""The index: where each blob lies, as the repository's index files tell it, held compactly."""

import struct
import threading
from collections.abc import Iterable
from typing import Any, NamedTuple

from container_agent.repository.blobs import BlobKind, Place
from container_agent.repository.errors import RepositoryDamaged
from container_agent.repository.index_table import Table, TableBuilder, key_of
from container_agent.repository.packs import PackedBlob

KINDS = {kind.word: kind for kind in BlobKind}
# restic keeps an index file well below 8 MiB; a blob takes about 150 bytes in it.
BLOBS_PER_FILE = 40_000
# What was added takes several times the room of a row until it becomes one.
ADDED_MIN = 20_000
ADDED_PART = 8

WrittenPack = tuple[bytes, list[PackedBlob]]


class State(NamedTuple):
    """The two halves of an index, which change together."""

    table: Table
    added: dict[bytes, Place]


class Index:
    """All blobs that the repository's indexes name, and those that this session has added.

    About 50 bytes a blob. Several threads may look things up while others add.
    """

    def __init__(self) -> None:
        self._state = State(TableBuilder().build(), {})
        self._changing = threading.Lock()

    def load(self, documents: Iterable[dict[str, Any]]) -> None:
        """Takes in index files anew; RepositoryDamaged when one is none. What was added stays."""
        builder = TableBuilder()
        for document in documents:
            add_document(builder, document)
        table = builder.build()
        with self._changing:
            added = self._state.added.items()
            missing = {key: place for key, place in added if table.find(key) is None}
            self._state = State(table, missing)

    def find(self, kind: BlobKind, blob_id: bytes) -> Place | None:
        """Where a blob lies, or None."""
        key = key_of(kind, blob_id)
        state = self._state
        return state.added.get(key) or state.table.find(key)

    def places(self, kind: BlobKind, blob_id: bytes) -> list[Place]:
        """Every place where a blob lies; two sessions may have stored it at once."""
        key = key_of(kind, blob_id)
        state = self._state
        found = state.table.find_all(key)
        if (added := state.added.get(key)) is not None:
            found.insert(0, added)
        return found

    def add(self, packs: Iterable[WrittenPack]) -> None:
        """Takes in packs that have just been written and named."""
        with self._changing:
            table, added = self._state
            for pack_id, blobs in packs:
                for blob in blobs:
                    place = Place(pack_id, blob.offset, blob.length, blob.uncompressed_length)
                    added[key_of(blob.kind, blob.blob_id)] = place
            if len(added) > max(ADDED_MIN, len(table) // ADDED_PART):
                self._state = State(merged(table, added), {})

    def pack_ids(self) -> frozenset[bytes]:
        """Every pack that is named."""
        table, added = self._state
        return frozenset(table.packs) | {place.pack_id for place in added.copy().values()}


def merged(table: Table, added: dict[bytes, Place]) -> Table:
    """A table with the rows of both."""
    builder = TableBuilder(table)
    for key, place in added.items():
        builder.add(key, builder.number_of(place.pack_id), *place[1:])
    return builder.build()


def add_document(builder: TableBuilder, document: dict[str, Any]) -> None:
    """Takes in one index file."""
    try:
        for pack in document["packs"] or ():
            number = builder.number_of(bytes.fromhex(pack["id"]))
            for blob in pack["blobs"]:
                builder.add(
                    key_of(KINDS[blob["type"]], bytes.fromhex(blob["id"])),
                    number,
                    blob["offset"],
                    blob["length"],
                    blob.get("uncompressed_length", 0),
                )
    except (KeyError, TypeError, ValueError, struct.error) as error:
        raise RepositoryDamaged(f"An index file is damaged: {error!r}.") from error


def encode_blob(blob: PackedBlob) -> dict[str, Any]:
    """A blob as an index file names it."""
    entry = {
        "id": blob.blob_id.hex(),
        "type": blob.kind.word,
        "offset": blob.offset,
        "length": blob.length,
    }
    if blob.uncompressed_length:
        entry["uncompressed_length"] = blob.uncompressed_length
    return entry


def encode_index(packs: Iterable[WrittenPack]) -> dict[str, Any]:
    """An index file's document that names these packs."""
    return {
        "packs": [
            {"id": pack_id.hex(), "blobs": [encode_blob(blob) for blob in blobs]}
            for pack_id, blobs in packs
        ]
    }
