"""The index file of a host: what a repository's indexes name, sorted, memory-mapped, and shared by
all sessions of the host. It is a copy that can be made anew, and is believed in nothing that its
tags do not prove.

    head       one block: magic, version, file id, counts; its last bytes are the tag of the whole
               head and of the directory
    rows       blocks of rows in order of their keys, filled up with zeros
    packs      blocks of the ids of packs, by number
    directory  of each block of rows the first 8 bytes of its first key; the tag of each block of
               rows and packs; the names of the index files whose blobs these are, in order
"""

import hashlib
import hmac
import mmap
import os
import struct
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from container_agent.repository.blobs import BlobKind, Place
from container_agent.repository.index_documents import ID_BYTES
from container_agent.repository.index_rows import ROW_BYTES, RowCiphers, rows_in

MAGIC = b"sluicegate index"
VERSION = 1
# Magic, version, file id, rows, packs, index files; in the order of this machine.
HEAD = struct.Struct("=16sI16sQQQ")
FILE_ID_BYTES = 16
# What is checked when a row of it is first read: 2 µs for 2 KiB, where 10 million rows have 4 MB of
# fences and tags.
BLOCK_BYTES = 2048
ROWS_PER_BLOCK = BLOCK_BYTES // ROW_BYTES
IDS_PER_BLOCK = BLOCK_BYTES // ID_BYTES
FENCE_BYTES = 8
TAG_BYTES = 16
HEAD_TAG_BYTES = 32


class IndexFileBroken(Exception):
    """The file is not what was made: cut short, changed, of another repository or version."""


@dataclass(frozen=True)
class Counts:
    """How much of what a file holds, and hence where it lies."""

    rows: int
    packs: int
    names: int

    @property
    def row_blocks(self) -> int:
        """Blocks of rows."""
        return -(-self.rows // ROWS_PER_BLOCK)

    @property
    def blocks(self) -> int:
        """Blocks of rows and of packs."""
        return self.row_blocks + -(-self.packs // IDS_PER_BLOCK)

    @property
    def directory(self) -> int:
        """Where the directory begins."""
        return (1 + self.blocks) * BLOCK_BYTES

    @property
    def file_bytes(self) -> int:
        """How long the file is."""
        fences, tags = self.row_blocks * FENCE_BYTES, self.blocks * TAG_BYTES
        return self.directory + fences + tags + self.names * ID_BYTES


class Tagger:
    """The tags of one file, which no other file has; only who knows the secret can make them."""

    def __init__(self, secret: bytes, file_id: bytes) -> None:
        self._blocks = hmac.digest(secret, b"blocks" + file_id, "sha256")
        self._whole = hmac.digest(secret, b"whole" + file_id, "sha256")

    def block(self, number: int, block: bytes) -> bytes:
        """The tag of a block. All are of one length, and half of the hash is not told, so that the
        key before them makes it a tag."""
        said = b"".join((self._blocks, number.to_bytes(8), block))
        return hashlib.sha256(said).digest()[:TAG_BYTES]

    def whole(self, head: bytes, directory: bytes) -> bytes:
        """The tag of what every session reads."""
        return hmac.digest(self._whole, head + directory, "sha256")


class IndexFile:
    """An open index file; for any thread. Each block is checked when it is first read.

    IndexFileBroken when it is not as it was made, FileNotFoundError when there is none.
    """

    def __init__(self, path: Path, secret: bytes) -> None:
        self._map, self.status = mapped(path)
        self.counts, self._tagger, directory = opened(self._map, secret)
        self._ciphers = RowCiphers(secret)
        fences_end = self.counts.row_blocks * FENCE_BYTES
        names = fences_end + self.counts.blocks * TAG_BYTES
        # Copies: what was checked stays as it was.
        self._fences = array("Q", directory[:fences_end])
        self._tags = directory[fences_end:names]
        self._checked = bytearray(self.counts.blocks)
        self.names = frozenset(ids_in(directory[names:]))

    def find(self, kind: BlobKind, blob_id: bytes) -> Place | None:
        """Where a blob lies, or None."""
        return next(self._places(kind, blob_id), None)

    def find_all(self, kind: BlobKind, blob_id: bytes) -> list[Place]:
        """Every place of a blob."""
        return list(self._places(kind, blob_id))

    def _places(self, kind: BlobKind, blob_id: bytes) -> Iterator[Place]:
        key = self._ciphers.key_of(kind, blob_id)
        fence, fences = int.from_bytes(key[:FENCE_BYTES]), self._fences
        # Rows with one key may begin in the last block whose first key is less.
        number = max(0, bisect_left(fences, fence) - 1)
        while number < len(fences) and fences[number] <= fence:
            yield from self._places_in(number, key)
            number += 1

    def _places_in(self, number: int, key: bytes) -> Iterator[Place]:
        start = self._check(number)
        last = min(self.counts.rows, (number + 1) * ROWS_PER_BLOCK)
        stop = BLOCK_BYTES + last * ROW_BYTES
        at = start
        while (at := self._map.find(key, at, stop)) >= 0:
            # What looks like a key amid rows is none.
            if (at - start) % ROW_BYTES:
                at += 1
                continue
            pack, *place = self._ciphers.place_of(self._map[at : at + ROW_BYTES])
            yield Place(self.pack_id(pack), *place)
            at += ROW_BYTES

    def pack_id(self, number: int) -> bytes:
        """The id of a pack."""
        block, place = divmod(number, IDS_PER_BLOCK)
        at = self._check(self.counts.row_blocks + block) + place * ID_BYTES
        return self._map[at : at + ID_BYTES]

    def pack_ids(self) -> bytes:
        """The ids of all packs by number, end to end."""
        blocks = range(self.counts.row_blocks, self.counts.blocks)
        packs = b"".join(map(self._block, blocks))
        return packs[: self.counts.packs * ID_BYTES]

    def rows_from(self, first: int, stop: int) -> Iterator[bytes]:
        """The rows whose keys' first byte is at least `first` and below `stop`, in order."""
        number = max(0, bisect_left(self._fences, first << 8 * (FENCE_BYTES - 1)) - 1)
        for block in range(number, self.counts.row_blocks):
            if self._fences[block] >> 8 * (FENCE_BYTES - 1) >= stop:
                return
            left = (self.counts.rows - block * ROWS_PER_BLOCK) * ROW_BYTES
            yield from (row for row in rows_in(self._block(block)[:left]) if first <= row[0] < stop)

    def _block(self, number: int) -> bytes:
        at = self._check(number)
        return self._map[at : at + BLOCK_BYTES]

    def _check(self, number: int) -> int:
        """Where a block begins, once it is known to be as it was made."""
        at = (1 + number) * BLOCK_BYTES
        if not self._checked[number]:
            tag = self._tags[number * TAG_BYTES : (number + 1) * TAG_BYTES]
            if not hmac.compare_digest(
                self._tagger.block(number, self._map[at : at + BLOCK_BYTES]), tag
            ):
                raise IndexFileBroken(f"block {number} is not as it was made")
            self._checked[number] = 1
        return at


def mapped(path: Path) -> tuple[mmap.mmap, os.stat_result]:
    """A file as memory, which all who map it share, and which file it is."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        status = os.fstat(descriptor)
        if status.st_size < BLOCK_BYTES:
            raise IndexFileBroken("it is too short")
        return mmap.mmap(descriptor, 0, access=mmap.ACCESS_READ), status
    finally:
        os.close(descriptor)


def opened(file: mmap.mmap, secret: bytes) -> tuple[Counts, Tagger, bytes]:
    """What a file says of itself, and its directory, as the tag proves them."""
    head = file[: BLOCK_BYTES - HEAD_TAG_BYTES]
    magic, version, file_id, *counted = HEAD.unpack_from(head)
    counts = Counts(*counted)
    if (magic, version) != (MAGIC, VERSION) or counts.file_bytes != len(file):
        raise IndexFileBroken("it is of another format or length")
    tagger, directory = Tagger(secret, file_id), file[counts.directory :]
    if not hmac.compare_digest(
        tagger.whole(head, directory), file[BLOCK_BYTES - HEAD_TAG_BYTES : BLOCK_BYTES]
    ):
        raise IndexFileBroken("its head is not as it was made, or it is another repository's")
    return counts, tagger, directory


def ids_in(ids: bytes) -> Iterator[bytes]:
    """The ids of a string of them."""
    return (ids[at : at + ID_BYTES] for at in range(0, len(ids), ID_BYTES))
