"""COPY: reads a span of the snapshot, and stores its content and its record."""

import errno
import os
import stat
from contextlib import closing
from hashlib import sha256

from container_agent.repository.blobs import BlobKind
from container_agent.repository.repository import Repository
from container_agent.repository.writer import PackWriter
from container_agent.session.content import Content, ContentReader, NotStored
from container_agent.session.directories import Directories
from container_agent.session.parents import ParentFiles, ids_in, parent_of
from container_agent.session.records import RecordWriter
from container_agent.session.tally import Tally
from container_agent.session.walking import (
    Walking,
    check_root,
    components_of,
    list_changed,
    list_error,
    place_of,
    stop_of,
)
from container_agent.session.words import Piece, Word, lost_piece, name_of
from container_agent.storage.metadata import (
    NO_ATTRIBUTES,
    Attributes,
    attributes_of,
    directory_node,
    file_node,
    file_start,
    name_text,
    other_node,
)
from container_agent.storage.read import stamp_of
from container_agent.storage.walk import (
    ALREADY,
    CLOSED,
    ENTER,
    FILE,
    LEAVE,
    OTHER,
    PIECE,
    Components,
    Directory,
)
from sluicegate.v1 import slice_pb2

# What was added is counted for people, who see no more of it than this.
COUNT_EVENTS = 64
# Settled events are handed on, in batches, lest a slice that lies in one directory fill the memory.
SETTLED_EVENTS = 32 * COUNT_EVENTS


def copy(work: slice_pb2.CopyWork, repository: Repository, tally: Tally) -> bytes:
    """Stores the span and returns its record's id; all of it is durable then.

    Files that cannot be read are listed in the tally and left out, unless the policy for their
    class is another. Raises SourceLost when the root is gone.
    """
    if work.HasField("read_policy"):
        tally.policy = work.read_policy
    with closing(repository.writer()) as writer:
        copying = Copying(work, repository, writer, tally)
        try:
            record_id = copying.run()
        except NotStored as failure:
            raise failure.error from failure
        if tally.unread_count:
            check_root(work.source)
        writer.flush()
        copying.count_added()
    return record_id


class Copying:
    """One slice as it is copied."""

    def __init__(
        self,
        work: slice_pb2.CopyWork,
        repository: Repository,
        writer: PackWriter,
        tally: Tally,
    ) -> None:
        self._writer = writer
        self._tally = tally
        asset_path = components_of(work.asset_path)
        self._root_name = asset_path[-1] if asset_path else b""
        start, stop = place_of(work.span.start), stop_of(work.span)
        self._walking = Walking(work.source, start, stop, tally, work.excludes)
        self._content = ContentReader(
            writer, work.range_bytes, tally, self._look, work.bytes_per_second
        )
        self._parent_files = ParentFiles(repository)
        self._parents = [parent_of(repository, work.parent_snapshot_id, asset_path)]
        self._word = Word(self._put_tree, Directories(work.source, self._root_name).node)
        self._record = RecordWriter(self._put_data)

    def run(self) -> bytes:
        """Copies, and stores the record."""
        tally = self._tally
        steps = {
            ALREADY: self._already,
            ENTER: self._enter,
            LEAVE: self._leave,
            FILE: self._file,
            OTHER: self._other,
            PIECE: self._piece,
        }
        for number, (kind, directory, name) in enumerate(self._walking):
            tally.check()
            if not number % COUNT_EVENTS:
                self.count_added()
                if not number % SETTLED_EVENTS:
                    self._hand_on()
            steps[kind](directory, name)
        self._hand_on()
        self._record.add(self._word.events())
        return bytes.fromhex(self._record.finish())

    def _look(self) -> None:
        self._tally.check()
        self.count_added()

    def count_added(self) -> None:
        """Counts what the writer has added so far."""
        self._tally.added_bytes = self._writer.added_bytes
        self._tally.blobs = self._writer.added_blobs

    def _hand_on(self) -> None:
        self._word.settle()
        self._record.add(self._word.settled)
        self._word.settled.clear()

    def _put_tree(self, tree: bytes) -> str:
        return self._put(BlobKind.TREE, tree)

    def _put_data(self, data: bytes) -> str:
        return self._put(BlobKind.DATA, data)

    def _put(self, kind: BlobKind, data: bytes) -> str:
        digest = sha256(data)
        self._writer.put(kind, digest.digest(), data)
        return digest.hexdigest()

    def _label(self, directory: Directory, name: bytes) -> bytes:
        """The name that an entry's node has: the root's is that of the asset."""
        return self._root_name if directory.path is None else name

    def _already(self, directory: Directory, _: bytes) -> None:
        name = directory.name if directory.path else self._root_name
        self._parents.append(self._parents[-1].below(name))

    def _enter(self, directory: Directory, _: bytes) -> None:
        self._already(directory, b"")
        path, status = directory.path or (), directory.status
        if status is None:
            self._word.open(name_of(path), None)
            return
        self._tally.directories += 1
        attributes = NO_ATTRIBUTES
        if directory.descriptor != CLOSED:
            attributes = attributes_of(directory.descriptor)
        self._list_problem(path, attributes)
        name = name_text(directory.name if path else self._root_name)
        self._word.open(name_of(path), directory_node(name, status, attributes.field))

    def _leave(self, _: Directory, __: bytes) -> None:
        self._parents.pop()
        self._word.close()

    def _file(self, directory: Directory, name: bytes) -> None:
        label = self._label(directory, name)
        if self._parents[-1].has(label) and self._is_as_told(directory, name, label):
            return
        content = self._content_of(directory, name, label, 0, None)
        if content is not None:
            self._tally.files += 1
            status, attributes, size_bytes, ids, _ = content
            self._word.node(file_node(name_text(label), status, size_bytes, attributes.field, ids))

    def _is_as_told(self, directory: Directory, name: bytes, label: bytes) -> bool:
        """Takes over the node of a file of which the parent tells, word for word, what is to be
        told now. False when it must be looked at closely."""
        try:
            status = os.stat(name, dir_fd=directory.descriptor, follow_symlinks=False)
        except OSError:
            return False
        start = file_start(name_text(label), status, status.st_size)
        end = self._parents[-1].end_of(label, start)
        if end is None or not self._parent_files.are_there(map(bytes.fromhex, ids_in(end[1]))):
            return False
        self._tally.files += 1
        self._tally.unchanged_files += 1
        self._tally.seen_bytes += status.st_size
        self._word.node((start + end[0]).encode())
        return True

    def _piece(self, directory: Directory, name: bytes) -> None:
        path = directory.below(name)
        first, last = self._walking.bounds(path)
        label = self._label(directory, name)
        content = self._content_of(directory, name, label, first, last)
        ends = {"first": not first, "last": last is None}
        if content is None:
            self._word.piece(lost_piece(name_of(path), **ends))
            return
        if not first:
            self._tally.files += 1
        attributes = content.attributes.field
        node = file_node(name_text(label), content.status, content.size_bytes, attributes, ())
        stamp = stamp_of(content.status)
        ids = tuple(content.ids)
        self._word.piece(Piece(name_of(path), node, stamp, content.size_bytes, ids, **ends))

    def _content_of(
        self, directory: Directory, name: bytes, label: bytes, first: int, last: int | None
    ) -> Content | None:
        """The content of a file, from the parent or as read; None when it could not be."""
        descriptor, content = directory.descriptor, None
        known = self._parents[-1].get(label)
        try:
            if descriptor == CLOSED:
                raise FileNotFoundError(errno.ENOENT, "its directory has vanished")
            if known is not None:
                status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                content = self._parent_files.unchanged(known, status, first, last)
            if content is not None:
                self._tally.unchanged_files += not first
            else:
                content = self._content.read(descriptor, name, first, last)
        except OSError as error:
            list_error(self._tally, directory.below(name), error)
            return None
        self._tally.seen_bytes += content.size_bytes
        if content.changed:
            list_changed(self._tally, directory.below(name))
        if content.attributes.problem is not None:
            self._list_problem(directory.below(name), content.attributes)
        return content

    def _other(self, directory: Directory, name: bytes) -> None:
        """A link, a pipe, a socket or a device; or what has become a file meanwhile."""
        path, descriptor = directory.below(name), directory.descriptor
        try:
            status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            if stat.S_ISREG(status.st_mode):
                self._file(directory, name)
                return
            if stat.S_ISDIR(status.st_mode):
                raise FileNotFoundError(errno.ENOENT, "has become a directory")
            link = stat.S_ISLNK(status.st_mode)
            target = os.readlink(name, dir_fd=descriptor) if link else b""
        except OSError as error:
            list_error(self._tally, path, error)
            return
        attributes = attributes_of(f"/proc/self/fd/{descriptor}/{os.fsdecode(name)}")
        self._list_problem(path, attributes)
        self._tally.others += 1
        label = name_text(self._label(directory, name))
        self._word.node(other_node(label, status, attributes.field, target))

    def _list_problem(self, path: Components, attributes: Attributes) -> None:
        if attributes.problem is not None:
            list_error(self._tally, path, attributes.problem)
