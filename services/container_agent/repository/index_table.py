"""A sorted table of fixed-width rows: a blob's key, and where it lies."""

import struct
from array import array
from bisect import bisect_left
from itertools import accumulate

from container_agent.repository.blobs import BlobKind, Place

# Blob id and kind, by which rows are sorted; then pack number, offset, length, plain length.
ROW = struct.Struct(">33sIIII")
KEY_BYTES = 33
BUCKETS = 1 << 16
PARTS = 1 << 8


def key_of(kind: BlobKind, blob_id: bytes) -> bytes:
    """What a row is found by."""
    return blob_id + bytes((kind,))


class Table:
    """Rows sorted by their keys. The first two bytes of a key, which is a hash, say nearly where
    it is: that halves what a look-up costs."""

    def __init__(self, packs: list[bytes], rows: bytearray, counts: "array[int]") -> None:
        self.packs = packs
        self.rows = rows
        self._starts = array("I", accumulate(counts, initial=0))

    def __len__(self) -> int:
        return len(self.rows) // ROW.size

    def __getitem__(self, number: int) -> bytearray:
        start = number * ROW.size
        return self.rows[start : start + KEY_BYTES]

    def find(self, key: bytes) -> Place | None:
        """Where a blob lies, or None."""
        bucket = key[0] << 8 | key[1]
        stop = self._starts[bucket + 1]
        number = bisect_left(self, key, self._starts[bucket], stop)
        return self._place(number) if number < stop and self[number] == key else None

    def find_all(self, key: bytes) -> list[Place]:
        """Every place of a blob."""
        bucket = key[0] << 8 | key[1]
        stop = self._starts[bucket + 1]
        number = bisect_left(self, key, self._starts[bucket], stop)
        found = []
        while number < stop and self[number] == key:
            found.append(self._place(number))
            number += 1
        return found

    def _place(self, number: int) -> Place:
        _, pack, offset, length, uncompressed = ROW.unpack_from(self.rows, number * ROW.size)
        return Place(self.packs[pack], offset, length, uncompressed)


class TableBuilder:
    """Rows on their way into a table. They are sorted part by part: as objects, all at once, they
    would take twice the room of the table."""

    def __init__(self, table: Table | None = None) -> None:
        self._packs: list[bytes] = []
        self._pack_numbers: dict[bytes, int] = {}
        self._parts = [bytearray() for _ in range(PARTS)]
        self._counts = array("I", bytes(BUCKETS * 4))
        if table is not None:
            self._take(table)

    def _take(self, table: Table) -> None:
        for pack_id in table.packs:
            self.number_of(pack_id)
        for start in range(0, len(table.rows), ROW.size):
            self._add_row(table.rows[start : start + ROW.size])

    def number_of(self, pack_id: bytes) -> int:
        """The number of a pack in the rows."""
        number = self._pack_numbers.setdefault(pack_id, len(self._packs))
        if number == len(self._packs):
            self._packs.append(pack_id)
        return number

    def add(self, key: bytes, pack: int, offset: int, length: int, uncompressed: int) -> None:
        """Adds a blob; struct.error or ValueError when it is none."""
        if len(key) != KEY_BYTES:
            raise ValueError(f"a blob id of {len(key) - 1} bytes")
        self._add_row(ROW.pack(key, pack, offset, length, uncompressed))

    def _add_row(self, row: bytes | bytearray) -> None:
        self._parts[row[0]] += row
        self._counts[row[0] << 8 | row[1]] += 1

    def build(self) -> Table:
        """The table. The builder is empty then."""
        rows = bytearray()
        for number, part in enumerate(self._parts):
            self._parts[number] = bytearray()
            starts = range(0, len(part), ROW.size)
            # The same row may come twice, where two index files name one pack.
            rows += b"".join(sorted(bytes(part[start : start + ROW.size]) for start in starts))
        return Table(self._packs, rows, self._counts)
