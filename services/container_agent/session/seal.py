"""SEAL: joins the records of a backup into one repository snapshot, its commit point."""

import re
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256

from container_agent.repository.blobs import BlobKind
from container_agent.repository.identity import local_identity
from container_agent.repository.repository import Repository
from container_agent.repository.snapshots import Snapshot, path_text
from container_agent.repository.writer import PackWriter
from container_agent.session.directories import Directories, some_directory_node
from container_agent.session.parents import parent_of
from container_agent.session.records import read_record
from container_agent.session.stored import BlobGone, Stored
from container_agent.session.tally import Tally
from container_agent.session.walking import (
    SourceLost,
    components_of,
    list_changed,
    place_of,
    stop_of,
)
from container_agent.session.words import Event, Word, tree_of, word_of_nothing
from container_agent.storage.metadata import with_subtree
from sluicegate.rpc.text import printable
from sluicegate.v1 import outcome_pb2, slice_pb2

LOST = (
    "Of {count:,} slices something is gone that they had stored ({told}), as by a prune while no"
    " session ran; they are done again."
)
SUBTREE = re.compile(rb',"subtree":"([0-9a-f]{64})"}$')


class SlicesLost(Exception):
    """Of some slices not all is there any more that they have stored; `numbers` are their places
    among the records, from 1. They must be done again."""

    def __init__(self, numbers: list[int], message: str) -> None:
        super().__init__(message)
        self.numbers = numbers


def seal(work: slice_pb2.SealWork, repository: Repository, tally: Tally) -> bytes:
    """The id of the backup's repository snapshot: of the one that is there already, or of a new
    one. Slices without a record are listed.

    SlicesLost, and no snapshot, where something is gone that it would refer to.
    """
    tag = f"backup={work.backup_id}"
    for snapshot in repository.snapshots():
        if tag in snapshot.tags:
            return snapshot.snapshot_id
    with closing(repository.writer()) as writer:
        tree_id = Sealing(work, repository, writer, tally).run()
        writer.flush()
        tally.added_bytes, tally.blobs = writer.added_bytes, writer.added_blobs
    tally.check()
    tags = ["sluicegate", tag]
    if work.partial or tally.unread_count:
        tags.append("partial")
    who = local_identity()
    return repository.save_snapshot(
        Snapshot(
            time_ns=work.start_time_ns,
            tree=tree_id,
            paths=(path_text(work.asset_path),),
            hostname=work.hostname or who.hostname,
            username=who.username,
            uid=who.uid,
            gid=who.gid,
            parent=bytes.fromhex(work.parent_snapshot_id) or None,
            tags=tuple(tags),
        )
    )


class Sealing:
    """The records of one backup as they become its tree."""

    def __init__(
        self,
        work: slice_pb2.SealWork,
        repository: Repository,
        writer: PackWriter,
        tally: Tally,
    ) -> None:
        self._work = work
        self._repository = repository
        self._writer = writer
        self._tally = tally
        self._path = components_of(work.asset_path)
        self._root_name = self._path[-1] if self._path else b""
        parent = parent_of(repository, work.parent_snapshot_id, self._path)
        self._stored = Stored(repository, parent, self._root_name, tally)

    def run(self) -> bytes:
        """Stores all trees that are missing yet, and returns the id of the topmost."""
        word = self._joined()
        for path in word.torn:
            list_changed(self._tally, path[1:])
        nodes = list(word.events())
        if len(nodes) != 1 or not isinstance(nodes[0], bytes):
            raise SourceLost(
                f"Nothing of {printable(self._work.source)} could be read; see that it is there, "
                "then back up again."
            )
        return self._top(nodes[0])

    def _joined(self) -> Word:
        """The words of all records as one. Once one is lost the others are only looked at."""
        word = Word(self._put_tree, Directories(self._work.source, self._root_name).node)
        lost: list[int] = []
        told = ""
        for number, record in enumerate(self._work.records, 1):
            self._tally.check()
            events = self._stored.checked(self._events(record))
            try:
                if lost:
                    deque(events, maxlen=0)
                else:
                    word.feed(events)
            except BlobGone as gone:
                told = told or str(gone)
                lost.append(number)
                self._stored.lose_place()
        if lost:
            raise SlicesLost(lost, LOST.format(count=len(lost), told=told))
        return word

    def _events(self, record: slice_pb2.SliceRecord) -> Iterator[Event]:
        if record.record_id:
            return read_record(record.record_id, self._stored.read)
        detail = "all from here on, up to "
        detail += printable(record.span.stop.path) if record.span.HasField("stop") else "the end"
        path, reason = record.span.start.path, outcome_pb2.UNREAD_REASON_SLICE_FAILED
        self._tally.list_unread(path, reason, detail)
        return word_of_nothing(place_of(record.span.start), stop_of(record.span))

    def _top(self, root: bytes) -> bytes:
        """The tree that leads to the root by the asset's absolute path."""
        if not self._path:
            subtree = SUBTREE.search(root)
            assert subtree is not None, "the root of a file system is a directory"
            return bytes.fromhex(subtree[1].decode("ascii"))
        node = root
        for depth in range(len(self._path) - 1, 0, -1):
            tree_id = self._put_tree(tree_of([node]))
            above = some_directory_node(b"/" + b"/".join(self._path[:depth]), self._path[depth - 1])
            node = with_subtree(above, tree_id)
        return bytes.fromhex(self._put_tree(tree_of([node])))

    def _put_tree(self, tree: bytes) -> str:
        digest = sha256(tree)
        self._writer.put(BlobKind.TREE, digest.digest(), tree)
        return digest.hexdigest()
