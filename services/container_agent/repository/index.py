"""The index: where each blob lies, as the repository's index files tell it, held compactly."""

import struct
from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Any, NamedTuple

from container_agent.repository.blobs import BlobKind, Place
from container_agent.repository.errors import RepositoryDamaged
from container_agent.repository.packs import PackedBlob

# Blob id and kind, by which rows are sorted; then pack number, offset, length, plain length.
ROW = struct.Struct(">32sBIIII")
KEY_BYTES = 33
BUCKETS = 1 << 16
UINT32_MAX = (1 << 32) - 1
# restic keeps an index file well below 8 MiB; a blob takes about 150 bytes in it.
BLOBS_PER_FILE = 40_000


class Row(NamedTuple):
    """One row of the index."""

    kind: BlobKind
    blob_id: bytes
    place: Place


class _Table:
    """Rows sorted by their keys. The first two bytes of a key, which is a hash, say nearly where
    it is: that halves what a look-up costs."""

    def __init__(self, rows: list[bytes]) -> None:
        counts = [0] * BUCKETS
        for row in rows:
            counts[row[0] << 8 | row[1]] += 1
        self._starts = array("I", accumulate(counts, initial=0))
        self.rows = b"".join(rows)

    def __len__(self) -> int:
        return len(self.rows) // ROW.size

    def __getitem__(self, number: int) -> bytes:
        start = number * ROW.size
        return self.rows[start : start + KEY_BYTES]

    def find(self, key: bytes) -> int | None:
        """Where the row of a key begins, or None."""
        bucket = key[0] << 8 | key[1]
        start, stop = self._starts[bucket], self._starts[bucket + 1]
        number = bisect_left(self, key, start, stop)
        return number * ROW.size if number < stop and self[number] == key else None


class Index:
    """All blobs that the repository's indexes name, and those that this session has added.

    About 50 bytes a blob. Several threads may look things up while one adds.
    """

    def __init__(self) -> None:
        self._packs: list[bytes] = []
        self._pack_numbers: dict[bytes, int] = {}
        self._table = _Table([])
        self._added: dict[bytes, Place] = {}

    def load(self, documents: Iterable[dict[str, Any]]) -> None:
        """Takes in index files anew; RepositoryDamaged when one is none. What was added stays."""
        rows = [row for document in documents for row in self._rows_of(document)]
        rows.sort()
        self._table = _Table(rows)

    def _rows_of(self, document: dict[str, Any]) -> Iterator[bytes]:
        try:
            for pack in document["packs"] or ():
                number = self._number_of(bytes.fromhex(pack["id"]))
                for blob in pack["blobs"]:
                    yield ROW.pack(
                        bytes.fromhex(blob["id"]),
                        BlobKind[blob["type"].upper()],
                        number,
                        blob["offset"],
                        blob["length"],
                        blob.get("uncompressed_length", 0),
                    )
        except (KeyError, TypeError, ValueError, struct.error) as error:
            raise RepositoryDamaged(f"An index file is damaged: {error!r}.") from error

    def _number_of(self, pack_id: bytes) -> int:
        number = self._pack_numbers.setdefault(pack_id, len(self._packs))
        if number == len(self._packs):
            self._packs.append(pack_id)
        return number

    def find(self, kind: BlobKind, blob_id: bytes) -> Place | None:
        """Where a blob lies, or None."""
        key = blob_id + bytes((kind,))
        if (added := self._added.get(key)) is not None:
            return added
        table = self._table
        start = table.find(key)
        if start is None:
            return None
        _, _, pack, offset, length, uncompressed = ROW.unpack_from(table.rows, start)
        return Place(self._packs[pack], offset, length, uncompressed)

    def add(self, pack_id: bytes, blobs: Iterable[PackedBlob]) -> None:
        """Takes in a pack that has just been written."""
        for blob in blobs:
            place = Place(pack_id, blob.offset, blob.length, blob.uncompressed_length)
            self._added[blob.blob_id + bytes((blob.kind,))] = place

    def pack_ids(self) -> frozenset[bytes]:
        """Every pack that is named."""
        return frozenset(self._packs) | {place.pack_id for place in self._added.values()}

    def rows(self) -> Iterator[Row]:
        """Every row of the files, by blob id."""
        for blob_id, kind, pack, *place in ROW.iter_unpack(self._table.rows):
            yield Row(BlobKind(kind), blob_id, Place(self._packs[pack], *place))

    def __len__(self) -> int:
        return len(self._table) + len(self._added)


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


def encode_index(packs: Iterable[tuple[bytes, list[PackedBlob]]]) -> dict[str, Any]:
    """An index file's document that names these packs."""
    return {
        "packs": [
            {"id": pack_id.hex(), "blobs": [encode_blob(blob) for blob in blobs]}
            for pack_id, blobs in packs
        ]
    }
