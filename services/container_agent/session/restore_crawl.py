"""RESTORE_CRAWL: cuts a repository snapshot into slices to restore."""

import time
from collections.abc import Iterator
from contextlib import closing
from functools import lru_cache

from container_agent.repository.blobs import BlobKind
from container_agent.repository.chunking import MAXIMUM_BYTES, MINIMUM_BYTES, zeros_id
from container_agent.repository.repository import Repository
from container_agent.session.crawl import CUTS_AT_ONCE, SOON_SECONDS, TELL_SECONDS, Report
from container_agent.session.cutting import SparseSize, cut
from container_agent.session.restore_entries import Told
from container_agent.session.restore_links import HardLinks
from container_agent.session.restore_walk import Reach, Selection
from container_agent.session.tally import Tally
from container_agent.session.walking import place_of
from container_agent.storage.walk import Components
from container_agent.storage.write import Target
from sluicegate.v1 import outcome_pb2, slice_pb2


def restore_crawl(
    work: slice_pb2.RestoreCrawlWork, repository: Repository, report_cuts: Report, tally: Tally
) -> bytes:
    """Tells the cuts from `work.start` on while it walks. Returns the snapshot's id.

    A snapshot or path that is not there, and a target that cannot be made, are found out here,
    before anything is written.
    """
    selection = Selection(repository, work.plan)
    if not work.plan.dry_run:
        with closing(Target(work.plan.target)) as target:
            target.check(selection.names())
    snapshot_id = selection.snapshot.snapshot_id
    start = place_of(work.start)
    waiting: list[outcome_pb2.Cut] = []
    tell_time, tell_seconds = 0.0, SOON_SECONDS
    sizes = Sizes(repository, work.cutting.range_bytes)
    for made in cut(entries(selection, Reach(start), tally, sizes), start, work.cutting):
        waiting.append(made)
        now = time.monotonic()
        if len(waiting) >= CUTS_AT_ONCE or now >= tell_time:
            report_cuts(waiting, snapshot_id)
            waiting, tell_time = [], now + tell_seconds
            tell_seconds = min(2 * tell_seconds, TELL_SECONDS)
    if waiting:
        report_cuts(waiting, snapshot_id)
    return snapshot_id


class Sizes:
    """How much there is to write of a file: what is known to be zeros is not written."""

    def __init__(self, repository: Repository, range_bytes: int) -> None:
        self._repository = repository
        self._range_bytes = range_bytes

    def of(self, told: Told) -> int:
        """The size of a file. The finish writes hard-linked ones."""
        if told.links > 1 and told.inode:
            return 0
        size = told.size
        if size <= self._range_bytes or not told.content or zero_blobs().isdisjoint(told.content):
            return size
        return SparseSize.of(size, self._ranges(size, told.content))

    def _ranges(self, size: int, content: list[str]) -> list[int]:
        """The bytes of the blobs that begin in each range, but for those of zeros."""
        ranges = [0] * -(-size // self._range_bytes)
        offset, zeros = 0, zero_blobs()
        for blob_id in content:
            length = self._repository.size_of(BlobKind.DATA, bytes.fromhex(blob_id)) or 0
            if blob_id not in zeros and offset < size:
                ranges[offset // self._range_bytes] += length
            offset += length
        return ranges


@lru_cache(1)
def zero_blobs() -> frozenset[str]:
    """The ids of the blobs that long holes become: ours, and those of restic."""
    return frozenset(zeros_id(length).hex() for length in (MINIMUM_BYTES, MAXIMUM_BYTES))


def entries(
    selection: Selection, reach: Reach, tally: Tally, sizes: Sizes
) -> Iterator[tuple[Components, int]]:
    """The entries in reach with what a slice has to write of each, counted. The bytes of a
    hard-linked file are written once, and so counted once."""
    links = HardLinks()
    for above, run in selection.runs(reach):
        tally.check()
        for name, told in run:
            size = 0
            if told.type == "file":
                tally.files += 1
                linked = told.links > 1 and told.inode
                if not linked or links.meet(told, (*above, name)) is None:
                    tally.seen_bytes += told.size
                size = sizes.of(told)
            elif told.type == "dir":
                tally.directories += 1
            else:
                tally.others += 1
            yield (*above, name), size
