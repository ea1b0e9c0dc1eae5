"""Writes the content of restored files: small ones at once, large ones by two threads."""

import hashlib
import os
from collections.abc import Iterator

from container_agent.repository.blobs import BlobKind
from container_agent.repository.errors import BlobMissing, RepositoryDamaged
from container_agent.repository.repository import Repository
from container_agent.repository.trees import Node
from container_agent.session.restore_blobs import BlobMover, FileWritten
from container_agent.session.restore_nodes import metadata_of
from container_agent.session.tally import Tally
from container_agent.storage.walk import Components
from container_agent.storage.write import Target, raise_if_fatal
from container_agent.storage.write_entries import (
    create_file,
    finish_part,
    holes,
    open_part,
)
from container_agent.storage.write_metadata import give_metadata
from sluicegate.v1 import outcome_pb2

# A smaller file is read and written before a thread could have been woken for it.
AT_ONCE_BYTES = 256 << 10

Failure = OSError | BlobMissing | RepositoryDamaged


class FileRestorer:
    """Files of one slice. What befalls one file is listed, and the others go on."""

    def __init__(self, repository: Repository, target: Target, tally: Tally) -> None:
        self._repository = repository
        self._target = target
        self._tally = tally
        self._mover = BlobMover(repository, tally)

    def unwritten(self, path: Components, failure: Failure, hint: str = "") -> None:
        """Lists an entry that is not as it was, unless nothing more can be written at all."""
        if isinstance(failure, OSError):
            raise_if_fatal(failure)
            reason = outcome_pb2.UNREAD_REASON_IO_ERROR
            if isinstance(failure, PermissionError):
                reason = outcome_pb2.UNREAD_REASON_DENIED
            detail = failure.strerror or str(failure)
        else:
            reason, detail = outcome_pb2.UNREAD_REASON_IO_ERROR, str(failure)
        self._tally.list_unread(b"/".join(path), reason, detail + hint)

    def whole(self, above: Components, node: Node) -> None:
        """Writes a file with all that belongs to it."""
        self._tally.files += 1
        self._tally.seen_bytes += node.size
        path = (*above, node.name)
        try:
            if node.size <= AT_ONCE_BYTES:
                self._write_at_once(self._target.directory(above), node)
            else:
                self._write_soon(path, node)
        except (OSError, BlobMissing, RepositoryDamaged) as failure:
            self.unwritten(path, failure)

    def _write_at_once(self, directory: int, node: Node) -> None:
        blobs = [
            self._repository.read_blob(BlobKind.DATA, blob_id) for blob_id in node.content or ()
        ]
        file = create_file(directory, node.name)
        try:
            for data in blobs:
                view = memoryview(data)
                while view:
                    view = view[os.write(file, view) :]
                self._tally.read_bytes += len(data)
            give_metadata(file, metadata_of(node))
        finally:
            os.close(file)

    def _write_soon(self, path: Components, node: Node) -> None:
        places = list(self._places(node))
        file = FileWritten(create_file(self._target.directory(path[:-1]), node.name))
        for blob_id, offset, _ in places:
            self._mover.move(blob_id, file, offset)
        self._mover.then(lambda: self._complete(path, node, file))

    def _complete(self, path: Components, node: Node, file: FileWritten) -> None:
        """Ends a file whose blobs are all settled. One that is not whole is taken away again."""
        try:
            if file.failure is None:
                give_metadata(file.descriptor, metadata_of(node))
            else:
                os.unlink(node.name, dir_fd=self._target.directory(path[:-1]))
        except OSError as failure:
            file.failure = file.failure or failure
        finally:
            os.close(file.descriptor)
        if file.failure is not None:
            self.unwritten(path, file.failure)

    def _places(self, node: Node) -> Iterator[tuple[bytes, int, int]]:
        """Each blob of a file, with where it begins and ends in it."""
        offset = 0
        for blob_id in node.content or ():
            size = self._repository.size_of(BlobKind.DATA, blob_id)
            if size is None:
                raise BlobMissing(f"A part of the file is not in the repository: {blob_id.hex()}.")
            yield blob_id, offset, offset + size
            offset += size

    def span(self, above: Components, node: Node, first: int, last: int | None) -> None:
        """Writes the blobs of a large file that begin in a span. What fails is tried again, and
        then told, by the finish."""
        self._tally.seen_bytes += (node.size if last is None else last) - first
        try:
            places = list(self._places(node))
            size = places[-1][2]
            part = open_part(self._target.directory(above), part_name(node), size)
        except OSError as failure:
            raise_if_fatal(failure)
            return
        except BlobMissing:
            return
        file = FileWritten(part)
        for blob_id, offset, _ in places:
            if first <= offset and (last is None or offset < last):
                self._mover.move(blob_id, file, offset)
        self._mover.then(lambda: self._leave_part(file))

    def _leave_part(self, file: FileWritten) -> None:
        os.close(file.descriptor)
        if isinstance(file.failure, OSError):
            raise_if_fatal(file.failure)

    def finish_large(self, above: Components, node: Node) -> None:
        """Gives a large file its metadata and its name; what of it was not written is written."""
        self._tally.files += 1
        path, hint = (*above, node.name), ""
        try:
            places = list(self._places(node))
            directory = self._target.directory(above)
            file = FileWritten(open_part(directory, part_name(node), places[-1][2]))
            try:
                self._fill_holes(file, places)
                if file.failure is not None:
                    hint = f" What could be read of it is in {part_name(node).decode()} beside it."
                    raise file.failure
                give_metadata(file.descriptor, metadata_of(node))
                finish_part(directory, part_name(node), node.name)
            finally:
                os.close(file.descriptor)
        except (OSError, BlobMissing, RepositoryDamaged) as failure:
            self.unwritten(path, failure, hint)

    def _fill_holes(self, file: FileWritten, places: list[tuple[bytes, int, int]]) -> None:
        for hole, end in list(holes(file.descriptor, places[-1][2])):
            for blob_id, offset, stop in places:
                if offset < end and hole < stop:
                    self._mover.move(blob_id, file, offset)
        self._mover.settle()

    def settle(self) -> None:
        """Waits until every file is complete."""
        self._mover.settle()

    def close(self) -> None:
        """Ends the threads."""
        self._mover.close()


def part_name(node: Node) -> bytes:
    """The name under which several sessions write one large file, until it is whole."""
    content = hashlib.sha256(node.name)
    for blob_id in node.content or ():
        content.update(blob_id)
    return b".sluicegate-" + content.hexdigest()[:32].encode()
