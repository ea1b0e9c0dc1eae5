"""The index: where each blob lies, as the repository's index files tell it, held compactly."""

import threading
from collections.abc import Iterable
from typing import Annotated, Literal, NamedTuple

import msgspec

from container_agent.repository.blobs import BlobKind, Place
from container_agent.repository.errors import RepositoryDamaged
from container_agent.repository.index_table import ROW, Table, TableBuilder, key_of
from container_agent.repository.packs import PackedBlob

ID_BYTES = 32
Word = Literal["data", "tree"]
WORDS: tuple[Word, Word] = ("data", "tree")
KINDS = {word: kind for kind, word in enumerate(WORDS)}
# restic keeps an index file well below 8 MiB; a blob takes about 150 bytes in it.
BLOBS_PER_FILE = 40_000
# What was added takes several times the room of a row until it becomes one.
ADDED_MIN = 20_000
ADDED_PART = 8

WrittenPack = tuple[bytes, list[PackedBlob]]
Id = Annotated[str, msgspec.Meta(min_length=64, max_length=64)]
Bytes = Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)]


class ToldBlob(msgspec.Struct, gc=False, omit_defaults=True):
    """A blob as an index file names it."""

    id: Id
    type: Word
    offset: Bytes
    length: Bytes
    uncompressed_length: Bytes = 0


class ToldPack(msgspec.Struct, gc=False):
    """A pack as an index file names it."""

    id: Id
    blobs: list[ToldBlob]


class Told(msgspec.Struct, gc=False):
    """An index file. Reading it into types checks it, and takes a sixth of the time of objects."""

    packs: list[ToldPack] | None


_index_files = msgspec.json.Decoder(Told)


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

    def load(self, documents: Iterable[bytes]) -> None:
        """Takes in the JSON of index files anew; RepositoryDamaged when one is none. What was
        added stays."""
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
        table, added = self._state
        if added and (place := added.get(key)) is not None:
            return place
        return table.find(key)

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
    builder.add_rows(
        ROW.pack(key[:-1], key[-1], builder.number_of(place.pack_id), *place[1:])
        for key, place in added.items()
    )
    return builder.build()


def add_document(builder: TableBuilder, document: bytes) -> None:
    """Takes in one index file."""
    try:
        for pack in _index_files.decode(document).packs or ():
            (pack_id,) = ids_of([pack.id])
            builder.add_rows(rows_of(pack.blobs, builder.number_of(pack_id)))
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise RepositoryDamaged(f"An index file is damaged: {error!r}.") from error


def rows_of(blobs: list[ToldBlob], pack: int) -> list[bytes]:
    """The rows of a pack's blobs."""
    row, kinds = ROW.pack, KINDS
    return [
        row(blob_id, kinds[b.type], pack, b.offset, b.length, b.uncompressed_length)
        for blob_id, b in zip(ids_of([b.id for b in blobs]), blobs, strict=True)
    ]


def ids_of(told: list[str]) -> list[bytes]:
    """Ids of 64 characters each as bytes; ValueError when there is one that is none."""
    ids = bytes.fromhex("".join(told))
    if len(ids) != ID_BYTES * len(told):
        raise ValueError("spaces in an id")
    return [ids[at : at + ID_BYTES] for at in range(0, len(ids), ID_BYTES)]


def encode_index(packs: Iterable[WrittenPack]) -> bytes:
    """The JSON of an index file that names these packs."""
    told = [ToldPack(pack_id.hex(), list(map(told_of, blobs))) for pack_id, blobs in packs]
    return msgspec.json.encode(Told(told))


def told_of(blob: PackedBlob) -> ToldBlob:
    """A blob as an index file names it."""
    kind, blob_id, offset, length, uncompressed_length = blob
    return ToldBlob(blob_id.hex(), WORDS[kind], offset, length, uncompressed_length)
