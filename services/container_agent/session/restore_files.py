"""Writes the content of restored files: small ones at once, large ones by two threads."""

import hashlib
import os

from container_agent.repository.blobs import BlobKind
from container_agent.repository.errors import BlobMissing, RepositoryDamaged
from container_agent.repository.repository import Repository
from container_agent.session.restore_blobs import BlobMover, FileWritten
from container_agent.session.restore_entries import Entry
from container_agent.session.restore_existing import Existing, has_content, places_of
from container_agent.session.tally import Tally
from container_agent.storage.read import open_file
from container_agent.storage.walk import Components
from container_agent.storage.write import Target, raise_if_fatal
from container_agent.storage.write_entries import (
    create_file,
    create_new_file,
    finish_part,
    holes,
    is_there,
    open_part,
    write_sparse,
)
from container_agent.storage.write_metadata import Metadata, give_metadata
from container_agent.storage.zeros import HOLE_BYTES
from sluicegate.v1 import outcome_pb2

# A smaller file is read and written before a thread could have been woken for it.
AT_ONCE_BYTES = 256 << 10

NO_HOLE = (0, 0)

Failure = OSError | BlobMissing | RepositoryDamaged


class FileRestorer:
    """Files of one slice. What befalls one file is listed, and the others go on."""

    def __init__(
        self, repository: Repository, target: Target, existing: Existing, tally: Tally
    ) -> None:
        self._existing = existing
        self._repository = repository
        self._target = target
        self._tally = tally
        self._mover = BlobMover(repository, tally)
        self._small = repository.reader()

    def unwritten(self, path: Components, failure: Failure, hint: str = "") -> None:
        """Lists an entry that is not as it was, unless nothing more can be written at all."""
        if isinstance(failure, OSError):
            raise_if_fatal(failure)
            reason = outcome_pb2.UNREAD_REASON_IO_ERROR
            if isinstance(failure, PermissionError):
                reason = outcome_pb2.UNREAD_REASON_DENIED
            detail = failure.strerror or str(failure)
        else:
            reason, detail = outcome_pb2.UNREAD_REASON_DAMAGED, str(failure)
        self._tally.list_unread(b"/".join(path), reason, detail + hint)

    def whole(self, above: Components, entry: Entry) -> None:
        """Writes a file with all that belongs to it."""
        told, tally = entry.told, self._tally
        try:
            if self._existing.asks and self.stays(above, entry):
                return
            tally.files += 1
            tally.seen_bytes += told.size
            if told.size <= AT_ONCE_BYTES and (not told.content or len(told.content) == 1):
                tally.read_bytes += self._write_at_once(self._target.directory(above), entry)
            else:
                self._write_soon((*above, entry.name), entry)
        except (OSError, BlobMissing, RepositoryDamaged) as failure:
            self.unwritten((*above, entry.name), failure)

    def stays(self, above: Components, entry: Entry) -> bool:
        """Whether a file stays that is there already; it is counted."""
        stays = self._existing.stays(self._target.directory(above), entry)
        self._tally.unchanged_files += stays
        return stays

    def _create(self, directory: int, entry: Entry) -> int | None:
        """A new file in place of what has its name; None when that is the same and has got its
        metadata."""
        file = create_new_file(directory, entry.name)
        if file is not None:
            return file
        if not entry.is_hard_linked and self._is_the_same(directory, entry):
            return None
        return create_file(directory, entry.name)

    def _is_the_same(self, directory: int, entry: Entry) -> bool:
        if not self._existing.is_the_same(directory, entry, places_of(entry, self._repository)):
            return False
        self._tally.files -= 1
        self._tally.unchanged_files += 1
        return True

    def _write_at_once(self, directory: int, entry: Entry) -> int:
        """Writes a file of at most one blob. Returns its size."""
        content = entry.content()
        data = self._small.read_blob(BlobKind.DATA, content[0]) if content else b""
        metadata = entry.metadata()
        file = self._create(directory, entry)
        if file is None:
            return len(data)
        try:
            if data:
                write_whole(file, data, directory, entry.name)
            give_metadata(file, metadata, self._target.hands_on)
        finally:
            os.close(file)
        return len(data)

    def _write_soon(self, path: Components, entry: Entry) -> None:
        places, metadata = list(places_of(entry, self._repository)), entry.metadata()
        descriptor = self._create(self._target.directory(path[:-1]), entry)
        if descriptor is None:
            return
        file = FileWritten(descriptor)
        os.ftruncate(file.descriptor, length_of(places))
        for blob_id, offset, _ in places:
            self._mover.move(blob_id, file, offset)
        self._mover.then(lambda: self._complete(path, metadata, file))

    def _complete(self, path: Components, metadata: Metadata, file: FileWritten) -> None:
        """Ends a file whose blobs are all settled. One that is not whole is taken away again."""
        try:
            if file.failure is None:
                give_metadata(file.descriptor, metadata, self._target.hands_on)
            else:
                os.unlink(path[-1], dir_fd=self._target.directory(path[:-1]))
        except OSError as failure:
            file.failure = file.failure or failure
        finally:
            os.close(file.descriptor)
        if file.failure is not None:
            self.unwritten(path, file.failure)

    def span(self, above: Components, entry: Entry, first: int, last: int | None) -> None:
        """Writes the blobs of a large file that begin in a span. What fails is tried again, and
        then told, by the finish."""
        self._tally.seen_bytes += (entry.size if last is None else last) - first
        try:
            places = list(places_of(entry, self._repository))
            directory = self._target.directory(above)
            if self._existing.stays(directory, entry) or self._has_span(
                directory, entry, [p for p in places if is_within(p[1], first, last)]
            ):
                return
            part = open_part(directory, part_name(entry), length_of(places))
        except OSError as failure:
            raise_if_fatal(failure)
            return
        except BlobMissing:
            return
        file = FileWritten(part)
        for blob_id, offset, _ in places:
            if is_within(offset, first, last):
                self._mover.move(blob_id, file, offset)
        self._mover.then(lambda: self._leave_part(file))

    def _has_span(self, directory: int, entry: Entry, places: list[tuple[bytes, int, int]]) -> bool:
        """Whether the file that is there has these blobs already; the finish looks at all."""
        try:
            file, status = open_file(directory, entry.name)
        except OSError:
            return False
        try:
            end = min(places[-1][2], status.st_size) if places else 0
            return has_content(file, end, places)
        finally:
            os.close(file)

    def _leave_part(self, file: FileWritten) -> None:
        os.close(file.descriptor)
        if isinstance(file.failure, OSError):
            raise_if_fatal(file.failure)

    def finish_large(self, above: Components, entry: Entry) -> None:
        """Gives a large file its metadata and its name; what of it was not written is written."""
        path, hint = (*above, entry.name), ""
        try:
            if self.stays(above, entry):
                return
            self._tally.files += 1
            places = list(places_of(entry, self._repository))
            directory = self._target.directory(above)
            begun = is_there(directory, part_name(entry))
            if not begun and self._is_the_same(directory, entry):
                return
            file = FileWritten(open_part(directory, part_name(entry), length_of(places)))
            try:
                self._fill_holes(file, places)
                if file.failure is not None:
                    hint = f" What could be read of it is in {part_name(entry).decode()} beside it."
                    raise file.failure
                give_metadata(file.descriptor, entry.metadata(), only=True)
                finish_part(directory, part_name(entry), entry.name)
            finally:
                os.close(file.descriptor)
        except (OSError, BlobMissing, RepositoryDamaged) as failure:
            self.unwritten(path, failure, hint)

    def _fill_holes(self, file: FileWritten, places: list[tuple[bytes, int, int]]) -> None:
        """Writes every blob that has nothing written in some of its place: those of which no slice
        wrote, and those that hold zeros there."""
        empty = holes(file.descriptor, length_of(places))
        hole, end = next(empty, NO_HOLE)
        for blob_id, offset, stop in places:
            while end <= offset and hole < end:
                hole, end = next(empty, NO_HOLE)
            if offset < end and hole < stop:
                self._mover.move(blob_id, file, offset)
        self._mover.settle()

    def settle(self) -> None:
        """Waits until every file is complete."""
        self._mover.settle()

    def close(self) -> None:
        """Ends the threads."""
        self._mover.close()


def write_whole(file: int, data: bytes, directory: int, name: bytes) -> None:
    """Writes a file's only blob; a file that is not whole is taken away again."""
    try:
        write_sparse(file, data, 0)
        if data[-1] == 0 and len(data) >= HOLE_BYTES:
            os.ftruncate(file, len(data))
    except OSError:
        os.unlink(name, dir_fd=directory)
        raise


def is_within(offset: int, first: int, last: int | None) -> bool:
    """Whether a blob that begins there is one of a span's."""
    return first <= offset and (last is None or offset < last)


def length_of(places: list[tuple[bytes, int, int]]) -> int:
    """The size of a file, by its blobs."""
    return places[-1][2] if places else 0


def part_name(entry: Entry) -> bytes:
    """The name under which several sessions write one large file, until it is whole."""
    content = hashlib.sha256(entry.name)
    for blob_id in entry.content():
        content.update(blob_id)
    return b".sluicegate-" + content.hexdigest()[:32].encode()
