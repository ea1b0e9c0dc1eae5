"""A sorted table of fixed-width rows: a blob's key, and where it lies."""

import struct
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import islice

from container_agent.repository.blobs import BlobKind, Place
from container_agent.repository.index_documents import (
    ID_BYTES,
    KINDS,
    ToldBlob,
    decode_index,
    ids_of,
)

# Blob id and kind, by which rows are sorted; then pack number, offset, length, plain length.
ROW = struct.Struct(">32sBIIII")
ROW_BYTES = ROW.size
# Rows are found by the first bits of their keys, which are hashes: so many rows share them.
BUCKET_ROWS = 16
BUCKET_BITS_MAX = 16
# Rows as objects take several times their room in a table; beyond this they are packed.
LOOSE_MAX = 100_000
PARTS = 1 << 8


def key_of(kind: BlobKind, blob_id: bytes) -> bytes:
    """What a row is found by."""
    return blob_id + KIND_BYTES[kind]


# By kind: a table, as an enumeration is slow to hash.
KIND_BYTES = tuple(bytes((kind,)) for kind in BlobKind)


class Table:
    """Rows sorted by their keys. The first bits of a key say nearly where it is, and the few rows
    that share them are searched as one string."""

    def __init__(
        self, packs: list[bytes], rows: bytearray, starts: "array[int]", bits: int
    ) -> None:
        self.packs = packs
        self.rows = rows
        self._starts = starts
        self._shift = 16 - bits

    def __len__(self) -> int:
        return len(self.rows) // ROW_BYTES

    def find(self, key: bytes) -> Place | None:
        """Where a blob lies, or None."""
        bucket = (key[0] << 8 | key[1]) >> self._shift
        starts = self._starts
        at = self.rows.find(key, starts[bucket], starts[bucket + 1])
        if at < 0:
            return None
        if at % ROW_BYTES:
            at = self._search(key, at + 1, starts[bucket + 1])
        return None if at < 0 else self._place(at)

    def find_all(self, key: bytes) -> list[Place]:
        """Every place of a blob."""
        bucket = (key[0] << 8 | key[1]) >> self._shift
        at, stop = self._starts[bucket], self._starts[bucket + 1]
        found = []
        while (at := self._search(key, at, stop)) >= 0:
            found.append(self._place(at))
            at += ROW_BYTES
        return found

    def _search(self, key: bytes, at: int, stop: int) -> int:
        """Where the first row with the key begins, or -1; what looks like it amid rows is none."""
        rows = self.rows
        at = rows.find(key, at, stop)
        while at >= 0 and at % ROW_BYTES:
            at = rows.find(key, at + 1, stop)
        return at

    def _place(self, at: int) -> Place:
        _, _, pack, offset, length, uncompressed = ROW.unpack_from(self.rows, at)
        return Place(self.packs[pack], offset, length, uncompressed)


class TableBuilder:
    """Rows on their way into a table. Many are sorted part by part: as objects, all at once, they
    would take twice the room of the table."""

    def __init__(self, table: Table | None = None) -> None:
        self._packs: list[bytes] = []
        self._pack_numbers: dict[bytes, int] = {}
        self._loose: list[bytes] = []
        self._parts: list[bytearray] = []
        self._count = 0
        if table is not None:
            self._take(table)

    def __len__(self) -> int:
        return self._count

    def _take(self, table: Table) -> None:
        for pack_id in table.packs:
            self.number_of(pack_id)
        self.add_rows(rows_in(table.rows))

    def number_of(self, pack_id: bytes) -> int:
        """The number of a pack in the rows."""
        number = self._pack_numbers.setdefault(pack_id, len(self._packs))
        if number == len(self._packs):
            self._packs.append(pack_id)
        return number

    def add_document(self, document: bytes) -> None:
        """Adds what an index file names; RepositoryDamaged when it is none."""
        for pack in decode_index(document):
            self.add_rows(rows_of(pack.blobs, self.number_of(ids_of([pack.id]))))

    def add_rows(self, rows: Iterable[bytes]) -> None:
        """Adds blobs, each a packed `ROW`."""
        coming = iter(rows)
        while some := list(islice(coming, LOOSE_MAX)):
            self._loose += some
            self._count += len(some)
            if len(self._loose) >= LOOSE_MAX:
                self._pack_loose()

    def _pack_loose(self) -> None:
        parts = self._parts = self._parts or [bytearray() for _ in range(PARTS)]
        for row in self._loose:
            parts[row[0]] += row
        self._loose = []

    def build(self) -> Table:
        """The table. The builder is empty then."""
        if self._parts:
            self._pack_loose()
        bits = min(BUCKET_BITS_MAX, max(8, (self._count // BUCKET_ROWS).bit_length()))
        rows, starts = bytearray(), array("Q")
        for first, some in self._sorted():
            starts.extend(starts_in(some, first, len(rows), bits))
            rows += b"".join(some)
        starts.append(len(rows))
        self._count = 0
        return Table(self._packs, rows, starts, bits)

    def _sorted(self) -> Iterator[tuple[range, list[bytes]]]:
        """Rows in order, with the first bytes that theirs are among.

        The same row may come twice, where two index files name one pack.
        """
        if not self._parts:
            self._loose.sort()
            yield range(PARTS), self._loose
            self._loose = []
        for number, part in enumerate(self._parts):
            self._parts[number] = bytearray()
            yield range(number, number + 1), sorted(rows_in(part))


def table_of(documents: Iterable[bytes]) -> Table:
    """All that index files name; RepositoryDamaged when one is none."""
    builder = TableBuilder()
    for document in documents:
        builder.add_document(document)
    return builder.build()


def rows_of(blobs: list[ToldBlob], pack: int) -> list[bytes]:
    """The rows of a pack's blobs."""
    row, kinds, ids = ROW.pack, KINDS, ids_of([b.id for b in blobs])
    return [
        row(ids[at : at + ID_BYTES], kinds[b.type], pack, b.offset, b.length, b.uncompressed_length)
        for at, b in zip(range(0, len(ids), ID_BYTES), blobs, strict=True)
    ]


def rows_in(rows: bytearray) -> Iterator[bytes]:
    """The rows of a string of them."""
    return (bytes(rows[at : at + ROW_BYTES]) for at in range(0, len(rows), ROW_BYTES))


def starts_in(rows: list[bytes], first: range, base: int, bits: int) -> Iterator[int]:
    """Where each bucket of some first bytes begins in a table, of rows that begin there at
    `base`."""
    at = 0
    for bucket in range(first.start << bits - 8, first.stop << bits - 8):
        at = bisect_left(rows, (bucket << 16 - bits).to_bytes(2, "big"), at)
        yield base + at * ROW_BYTES
