"""Puts the content of files into the repository."""

import errno
import os
from collections.abc import Callable, Sequence
from hashlib import sha256
from time import monotonic
from typing import NamedTuple

from container_agent.repository.blobs import BlobKind
from container_agent.repository.chunking import Zeros, chunks, zeros_id
from container_agent.repository.writer import PackWriter
from container_agent.session.tally import Tally
from container_agent.storage.metadata import Attributes, attributes_of
from container_agent.storage.pace import Pace
from container_agent.storage.page_cache import Passage
from container_agent.storage.read import SMALL_BYTES, Holes, is_same, open_file, read_small

# How often a file is read that changes meanwhile, or whose reading fails with what may pass.
TRIES = 3
MAY_PASS = frozenset((errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EAGAIN))


class NotStored(Exception):
    """Backup storage failed, with `error`. It must not be taken for a fault of the file."""

    def __init__(self, error: OSError) -> None:
        super().__init__(str(error))
        self.error = error


class Content(NamedTuple):
    """Bytes of a file as they were read: their blobs, and the file as it was before."""

    status: os.stat_result
    attributes: Attributes
    size_bytes: int
    ids: Sequence[str]
    changed: bool


class ContentReader:
    """Reads files, in whole or in part, and has written what is new. Between two chunks of a large
    one it calls `look`, which may raise to stop it. It reads at most `bytes_per_second`, if that is
    not 0."""

    def __init__(
        self,
        writer: PackWriter,
        range_bytes: int,
        tally: Tally,
        look: Callable[[], None],
        bytes_per_second: int = 0,
    ) -> None:
        self._put = writer.put
        self._has = writer.has
        self._range_bytes = range_bytes
        self._tally = tally
        self._look = look
        self._pace = Pace(bytes_per_second, monotonic()) if bytes_per_second else None

    def read(self, directory: int, name: bytes, first: int = 0, last: int | None = None) -> Content:
        """The bytes from `first` to `last`, or to the end. A file that changes meanwhile is read
        anew, and at last kept as it was read. OSError when it cannot be read, NotStored when it
        cannot be written."""
        tries = TRIES
        while True:
            tries -= 1
            try:
                content = self._read_once(directory, name, first, last)
            except OSError as error:
                if not tries or error.errno not in MAY_PASS:
                    raise
            else:
                if not tries or not content.changed:
                    return content

    def _read_once(self, directory: int, name: bytes, first: int, last: int | None) -> Content:
        descriptor, status = open_file(directory, name)
        try:
            end = status.st_size if last is None else min(last, status.st_size)
            if end <= SMALL_BYTES and not first and last is None:
                size, ids = self._read_small(descriptor, end)
            else:
                size, ids = self._read_large(descriptor, status, first, end)
            attributes = attributes_of(descriptor)
            after = os.fstat(descriptor)
        finally:
            os.close(descriptor)
        changed = size != max(end - first, 0) or not is_same(status, after)
        return Content(status, attributes, size, ids, changed)

    def _read_small(self, descriptor: int, expected: int) -> tuple[int, Sequence[str]]:
        passage = Passage(descriptor, 0)
        data = read_small(descriptor, expected)
        size = len(data)
        passage.ended(size)
        self._count(size)
        return size, (self._store(data),) if size else ()

    def _read_large(
        self, descriptor: int, status: os.stat_result, first: int, end: int
    ) -> tuple[int, Sequence[str]]:
        """The blobs of a large file. What lies in holes is neither read nor hashed."""

        def read(offset: int, length: int) -> bytes:
            return os.pread(descriptor, length, offset)

        size, ids = 0, []
        holes, passage = Holes(descriptor, status), Passage(descriptor, first)
        for chunk in chunks(read, first, end, self._range_bytes, holes.end):
            self._look()
            if isinstance(chunk, Zeros):
                size += chunk.length
                ids.append(self._store_zeros(chunk.length))
                continue
            size += len(chunk)
            self._count(len(chunk))
            ids.append(self._store(chunk))
            passage.reached(first + size)
        passage.ended(first + size)
        return size, ids

    def _count(self, size: int) -> None:
        """Counts what was read, and waits as long as it should have taken."""
        self._tally.read_bytes += size
        if self._pace is not None and (seconds := self._pace.pause_seconds(size, monotonic())):
            # Whoever stops the session does not wait for it.
            self._tally.stopping.wait(seconds)
            self._tally.check()

    def _store_zeros(self, length: int) -> str:
        blob_id = zeros_id(length)
        if not self._has(BlobKind.DATA, blob_id):
            self._store(bytes(length))
        return blob_id.hex()

    def _store(self, data: bytes | memoryview) -> str:
        digest = sha256(data)
        try:
            self._put(BlobKind.DATA, digest.digest(), data)
        except OSError as error:
            raise NotStored(error) from error
        return digest.hexdigest()
