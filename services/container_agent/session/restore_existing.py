"""What lies in a target already, and whether it stays."""

import os
import stat
from collections.abc import Iterable, Iterator
from hashlib import sha256

from container_agent.repository.blobs import BlobKind
from container_agent.repository.errors import BlobMissing
from container_agent.repository.repository import Repository
from container_agent.session.restore_entries import Entry, time_of
from container_agent.storage.read import open_file
from container_agent.storage.write_metadata import give_metadata
from sluicegate.v1 import slice_pb2

# Each blob of a file, with where it begins and ends in it.
Places = Iterable[tuple[bytes, int, int]]
READ_BYTES = 1 << 20


def places_of(entry: Entry, repository: Repository) -> Iterator[tuple[bytes, int, int]]:
    """Each blob of a file, with where it begins and ends in it. BlobMissing where there is none."""
    offset = 0
    for blob_id in entry.content():
        size = repository.size_of(BlobKind.DATA, blob_id)
        if size is None:
            raise BlobMissing(f"A part of the file is not in the repository: {blob_id.hex()}.")
        yield blob_id, offset, offset + size
        offset += size


class Existing:
    """Judges single entries of an open directory by the policy of a restore.

    A file that has other names is never given anything: they may lie outside the target.
    """

    def __init__(self, plan: slice_pb2.RestorePlan) -> None:
        self._policy = plan.overwrite
        self._dry_run = plan.dry_run
        # Whether the status of what is there matters at all.
        self.asks = plan.overwrite > slice_pb2.OVERWRITE_ALWAYS

    def stays(self, directory: int, entry: Entry) -> bool:
        """Whether what has an entry's name stays, going by its status. Asks nothing of the file
        system where everything gives way."""
        if not self.asks:
            return False
        try:
            status = os.stat(entry.name, dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:
            return False
        if self._policy == slice_pb2.OVERWRITE_NEVER:
            return True
        try:
            mtime_ns = time_of(entry.told.mtime)
        except ValueError:
            return False
        if self._policy == slice_pb2.OVERWRITE_IF_NEWER:
            return mtime_ns <= status.st_mtime_ns
        if not entry.is_file or not stat.S_ISREG(status.st_mode):
            return False
        same = mtime_ns == status.st_mtime_ns and entry.size == status.st_size
        return same and self._completed(directory, entry)

    def _completed(self, directory: int, entry: Entry) -> bool:
        """Completes a file of that size and time. A device that came in its place does not stay."""
        try:
            file, status = open_file(directory, entry.name)
        except OSError:
            return False
        try:
            return status.st_nlink > 1 or self._give_metadata(file, entry)
        finally:
            os.close(file)

    def is_the_same(self, directory: int, entry: Entry, places: Places) -> bool:
        """Whether a file has the very content of the entry; if so, it is given its metadata."""
        try:
            file, status = open_file(directory, entry.name)
        except OSError:
            return False
        try:
            same = status.st_nlink == 1 and has_content(file, status.st_size, places)
            return same and self._give_metadata(file, entry)
        finally:
            os.close(file)

    def _give_metadata(self, file: int, entry: Entry) -> bool:
        """Gives a file whose content stays its metadata. False when it takes none, as a read-only
        one does not from who is not root: then a new one must come in its place."""
        if self._dry_run:
            return True
        try:
            give_metadata(file, entry.metadata(), only=True)
        except OSError:
            return False
        return True


def has_content(file: int, size: int, places: Places) -> bool:
    """Whether an open file is of these blobs, no longer and no shorter."""
    end = 0
    for blob_id, start, end in places:
        if end > size or digest_of(file, start, end) != blob_id:
            return False
    return end == size


def digest_of(file: int, start: int, end: int) -> bytes:
    """The SHA-256 of some bytes of a file."""
    digest = sha256()
    while start < end and (data := os.pread(file, min(READ_BYTES, end - start), start)):
        digest.update(data)
        start += len(data)
    return digest.digest()
