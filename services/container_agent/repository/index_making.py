"""Makes the index file of a host, in memory that does not grow with the repository."""

import os
import tempfile
from array import array
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from container_agent.repository.files import FILE_MODE, pieces, sync_directory, write_all
from container_agent.repository.index_documents import ID_BYTES, decode_index, ids_of
from container_agent.repository.index_file import (
    BLOCK_BYTES,
    FENCE_BYTES,
    FILE_ID_BYTES,
    HEAD,
    HEAD_TAG_BYTES,
    MAGIC,
    TAG_BYTES,
    VERSION,
    Counts,
    IndexFile,
    Tagger,
)
from container_agent.repository.index_rows import ROW_BYTES, RowCiphers, rows_in

# Rows are sorted in parts, by the first byte of their keys.
PARTS = 256
# So much of all parts waits in memory before it is spilled.
SPILL_BYTES = 32 << 20


class CacheUnusable(Exception):
    """The cache directory does not take the file: it is full, read-only, or gone."""


@contextmanager
def cached() -> Iterator[None]:
    """Says of the cache what the system says, so that nobody thinks it of backup storage."""
    try:
        yield
    except OSError as error:
        raise unusable(error) from error


def unusable(error: OSError) -> CacheUnusable:
    """What the system says, of the cache."""
    return CacheUnusable(error.strerror or str(error))


class Spill:
    """Rows by parts, most of them in a file that nobody else sees and that ends with this."""

    def __init__(self, directory: Path) -> None:
        with cached():
            self._file = tempfile.TemporaryFile(dir=directory)  # noqa: SIM115  # closed in close()
        self._descriptor = self._file.fileno()
        self._parts = [bytearray() for _ in range(PARTS)]
        self._waiting_bytes = 0
        self._end = 0
        # Of each part, where pieces of it lie.
        self._spilled: list[list[tuple[int, int]]] = [[] for _ in range(PARTS)]

    def add(self, rows: list[bytes]) -> None:
        """Takes in rows."""
        parts = self._parts
        for row in rows:
            parts[row[0]] += row
        self._waiting_bytes += len(rows) * ROW_BYTES
        if self._waiting_bytes >= SPILL_BYTES:
            self._write()

    def _write(self) -> None:
        with cached():
            os.lseek(self._descriptor, self._end, os.SEEK_SET)
            write_all(self._descriptor, [bytes(part) for part in self._parts])
        for part, spilled in zip(self._parts, self._spilled, strict=True):
            spilled.append((self._end, len(part)))
            self._end += len(part)
            part.clear()
        self._waiting_bytes = 0

    def part(self, number: int) -> bytes:
        """All rows of a part, in no order."""
        with cached():
            read = [p for piece in self._spilled[number] for p in pieces(self._descriptor, *piece)]
        return b"".join([*read, self._parts[number]])

    def close(self) -> None:
        """Lets the file go."""
        self._file.close()


class IndexFileWriter:
    """Writes an index file from its rows in order."""

    def __init__(self, descriptor: int, secret: bytes) -> None:
        self._descriptor = descriptor
        self._file_id = os.urandom(FILE_ID_BYTES)
        self._tagger = Tagger(secret, self._file_id)
        self._fences, self._tags = array("Q"), bytearray()
        self._left = b""
        self.rows = 0
        # The head is written last; a file that was not finished has none.
        self._write([bytes(BLOCK_BYTES)])

    def add(self, rows: bytes) -> None:
        """Takes in rows that come next."""
        self.rows += len(rows) // ROW_BYTES
        whole = self._left + rows
        end = len(whole) - len(whole) % BLOCK_BYTES
        self._left = whole[end:]
        self._add_blocks(whole[:end], fenced=True)

    def finish(self, packs: bytes, names: Iterable[bytes]) -> None:
        """Writes all else; durable on return."""
        if self._left:
            self._add_blocks(self._left.ljust(BLOCK_BYTES, b"\0"), fenced=True)
        self._add_blocks(packs.ljust(-(-len(packs) // BLOCK_BYTES) * BLOCK_BYTES, b"\0"))
        told = sorted(names)
        directory = b"".join([self._fences.tobytes(), self._tags, *told])
        counts = Counts(self.rows, len(packs) // ID_BYTES, len(told))
        fields = HEAD.pack(MAGIC, VERSION, self._file_id, counts.rows, counts.packs, counts.names)
        head = fields.ljust(BLOCK_BYTES - HEAD_TAG_BYTES, b"\0")
        self._write([directory])
        with cached():
            os.lseek(self._descriptor, 0, os.SEEK_SET)
        self._write([head, self._tagger.whole(head, directory)])
        with cached():
            os.fsync(self._descriptor)

    def _add_blocks(self, blocks: bytes, *, fenced: bool = False) -> None:
        for at in range(0, len(blocks), BLOCK_BYTES):
            block = blocks[at : at + BLOCK_BYTES]
            if fenced:
                self._fences.append(int.from_bytes(block[:FENCE_BYTES]))
            self._tags += self._tagger.block(len(self._tags) // TAG_BYTES, block)
        self._write([blocks])

    def _write(self, parts: list[bytes]) -> None:
        with cached():
            write_all(self._descriptor, parts)


def make_index_file(
    path: Path,
    secret: bytes,
    base: IndexFile | None,
    names: Iterable[bytes],
    documents: Iterable[bytes],
) -> None:
    """Makes the file of a base's rows and those of further index files, durably; `names` are all.

    For one maker at a time. What a maker left that was killed is written over. CacheUnusable;
    RepositoryDamaged, or what storage says, when an index file cannot be read; IndexFileBroken
    when the base is.
    """
    ciphers, packs = RowCiphers(secret), bytearray(b"" if base is None else base.pack_ids())
    spill = Spill(path.parent)
    try:
        for document in documents:
            add_document(spill, ciphers, packs, document)
        with aside(path) as descriptor:
            writer = IndexFileWriter(descriptor, secret)
            for number in range(PARTS):
                rows = rows_in(spill.part(number))
                if base is not None:
                    rows += base.rows_from(number, number + 1)
                rows.sort()
                writer.add(b"".join(rows))
            writer.finish(bytes(packs), names)
    finally:
        spill.close()


def add_document(spill: Spill, ciphers: RowCiphers, packs: bytearray, document: bytes) -> None:
    """Takes in one index file."""
    told = decode_index(document)
    first = len(packs) // ID_BYTES
    packs += ids_of([pack.id for pack in told])
    spill.add(
        ciphers.rows_of([(number, b) for number, p in enumerate(told, first) for b in p.blobs])
    )


@contextmanager
def aside(path: Path) -> Iterator[int]:
    """A new file that gets its name at the end of the block, if that is a good one."""
    made = path.with_suffix(".new")
    with cached():
        made.unlink(missing_ok=True)
        descriptor = os.open(made, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, FILE_MODE)
    try:
        yield descriptor
        with cached():
            made.rename(path)
            sync_directory(path.parent)
    except BaseException:
        with suppress(OSError):
            made.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)
