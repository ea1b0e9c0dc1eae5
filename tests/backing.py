"""Backs up in this process: crawl, copies, seal, without a wire."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from container_agent.repository.blobs import BlobKind
from container_agent.repository.repository import Repository
from container_agent.repository.trees import Node, decode_tree
from container_agent.session.copy import copy
from container_agent.session.crawl import crawl
from container_agent.session.seal import seal
from container_agent.session.tally import Tally
from container_agent.session.walking import components_of
from sluicegate.v1 import outcome_pb2, slice_pb2

RANGE_BYTES = 1 << 20
Cuts = list[outcome_pb2.Cut]
Unread = set[tuple[bytes, int]]


@dataclass
class Backup:
    """What one backup did."""

    snapshot_id: bytes
    parent_id: bytes
    cuts: Cuts
    copied: list[Tally] = field(default_factory=list)
    sealed: Tally = field(default_factory=Tally)

    def total(self, name: str) -> int:
        """A count over all copies."""
        return sum(getattr(tally, name) for tally in self.copied)

    def unread(self) -> Unread:
        """All that was not read, with the reason."""
        return {
            (path, reason)
            for tally in (*self.copied, self.sealed)
            for path, reason, _ in tally.unread
        }


def crawled(
    source: bytes,
    repository: Repository,
    *,
    slice_bytes: int = 1 << 40,
    slice_files: int = 1_000_000,
    start: slice_pb2.Position | None = None,
    excludes: slice_pb2.Excludes | None = None,
    hostname: str = "",
) -> tuple[Cuts, bytes]:
    """The cuts of a crawl, and the parent it found."""
    cuts: Cuts = []

    def report(made: Sequence[outcome_pb2.Cut], _: bytes) -> None:
        cuts.extend(made)

    cutting = slice_pb2.Cutting(
        slice_bytes=slice_bytes, slice_files=slice_files, range_bytes=RANGE_BYTES
    )
    work = slice_pb2.CrawlWork(
        source=source,
        start=start or slice_pb2.Position(),
        cutting=cutting,
        excludes=excludes,
        hostname=hostname,
    )
    return cuts, crawl(work, repository, report, Tally())


def copied(
    source: bytes,
    span: slice_pb2.Span,
    repository: Repository,
    tally: Tally,
    parent: bytes = b"",
    excludes: slice_pb2.Excludes | None = None,
    policy: slice_pb2.ReadPolicy | None = None,
) -> bytes:
    """The record of a copied span."""
    work = slice_pb2.CopyWork(
        source=source,
        span=span,
        range_bytes=RANGE_BYTES,
        asset_path=source,
        parent_snapshot_id=parent.hex(),
        excludes=excludes,
        read_policy=policy,
    )
    return copy(work, repository, tally)


def sealed(
    source: bytes,
    records: Sequence[slice_pb2.SliceRecord],
    repository: Repository,
    tally: Tally,
    backup_id: str = "b",
    parent: bytes = b"",
    hostname: str = "",
) -> bytes:
    """The id of the repository snapshot that the records become."""
    work = slice_pb2.SealWork(
        source=source,
        asset_path=source,
        backup_id=backup_id,
        parent_snapshot_id=parent.hex(),
        start_time_ns=time.time_ns(),
        records=records,
        hostname=hostname,
    )
    return seal(work, repository, tally)


def back_up(
    source: bytes,
    repository: Repository,
    *,
    backup_id: str = "b",
    slice_bytes: int = 1 << 40,
    slice_files: int = 1_000_000,
    before_slice: Callable[[int], None] = lambda _: None,
    failed: Sequence[int] = (),
    excludes: slice_pb2.Excludes | None = None,
    hostname: str = "",
) -> Backup:
    """A whole backup. `before_slice` may do something to the tree; `failed` slices are left out."""
    cuts, parent = crawled(
        source,
        repository,
        slice_bytes=slice_bytes,
        slice_files=slice_files,
        excludes=excludes,
        hostname=hostname,
    )
    backup = Backup(b"", parent, cuts)
    records = []
    for number, made in enumerate(cuts):
        before_slice(number)
        record_id = b""
        if number not in failed:
            tally = Tally()
            backup.copied.append(tally)
            record_id = copied(source, made.span, repository, tally, parent, excludes)
        records.append(slice_pb2.SliceRecord(span=made.span, record_id=record_id))
    before_slice(len(cuts))
    backup.snapshot_id = sealed(
        source, records, repository, backup.sealed, backup_id, parent, hostname
    )
    return backup


def asset_node(repository: Repository, snapshot_id: bytes, source: bytes) -> Node:
    """The node of what was backed up; others may touch the directories above it meanwhile."""
    tree_id: bytes | None = repository.find_snapshot(snapshot_id.hex()).tree
    for name in components_of(source):
        assert tree_id is not None
        nodes = decode_tree(repository.read_blob(BlobKind.TREE, tree_id))
        (node,) = (node for node in nodes if node.name == name)
        tree_id = node.subtree
    return node
