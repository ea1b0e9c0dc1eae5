"""RESTORE_CRAWL: cuts a repository snapshot into slices to restore."""

import time
from collections.abc import Iterator
from contextlib import closing

from container_agent.repository.repository import Repository
from container_agent.session.crawl import CUTS_AT_ONCE, SOON_SECONDS, TELL_SECONDS, Report
from container_agent.session.cutting import cut
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
    with closing(Target(work.plan.target)) as target:
        target.check(selection.names())
    snapshot_id = selection.snapshot.snapshot_id
    start = place_of(work.start)
    waiting: list[outcome_pb2.Cut] = []
    tell_time, tell_seconds = 0.0, SOON_SECONDS
    for made in cut(entries(selection, Reach(start), tally), start, work.cutting):
        waiting.append(made)
        now = time.monotonic()
        if len(waiting) >= CUTS_AT_ONCE or now >= tell_time:
            report_cuts(waiting, snapshot_id)
            waiting, tell_time = [], now + tell_seconds
            tell_seconds = min(2 * tell_seconds, TELL_SECONDS)
    if waiting:
        report_cuts(waiting, snapshot_id)
    return snapshot_id


def entries(selection: Selection, reach: Reach, tally: Tally) -> Iterator[tuple[Components, int]]:
    """The entries in reach with what a slice has to write of each, counted. The finish writes
    hard-linked files."""
    for above, run in selection.runs(reach):
        tally.check()
        for name, told in run:
            size = 0
            if told.type == "file":
                tally.files += 1
                tally.seen_bytes += told.size
                size = 0 if told.links > 1 and told.inode else told.size
            elif told.type == "dir":
                tally.directories += 1
            else:
                tally.others += 1
            yield (*above, name), size
